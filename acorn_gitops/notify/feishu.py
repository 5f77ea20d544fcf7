"""Feishu and Lark bots: a card, signed where the bot asks for it. Callers: `send`.

The signature is HMAC-SHA256 of nothing under the key `SECONDS\\nSECRET`. A refusal is a 200 with a `code`.
"""

from __future__ import annotations

import base64
import hmac

import orjson

from acorn_gitops.notify.message import Message, Sending, by_code, cut_to


def signature(seconds: int, secret: str) -> str:
    """As the bot computes it."""
    return base64.b64encode(hmac.digest(f"{seconds}\n{secret}".encode(), b"", "sha256")).decode()


def sending(message: Message, url: str, secret: str) -> Sending:
    """`secret`: what the bot's page shows below signature verification; empty where it asks for none."""
    colour = {"error": "red", "warning": "orange", "resolved": "green"}[message.level]
    lines = "\n".join(f"- {_safe(line)}" for line in message.lines)
    told = cut_to(lines, 15_000) + (f"\n[The job]({message.link})" if message.link else "")
    card = {
        "schema": "2.0",
        "header": {"title": {"tag": "plain_text", "content": message.title}, "template": colour},
        "body": {"elements": [{"tag": "markdown", "content": told}]},
    }
    content: dict[str, object] = {"msg_type": "interactive", "card": card}
    if secret:
        content |= {"timestamp": str(message.at), "sign": signature(message.at, secret)}
    return Sending(url, {"content-type": "application/json"}, orjson.dumps(content), why_not=by_code("code"))


def _safe(text: str) -> str:
    """Cards read Markdown, and `<at>` calls people."""
    return text.replace("<", "&#60;").replace("*", "&#42;").replace("[", "&#91;").replace("`", "&#96;")
