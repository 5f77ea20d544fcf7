"""DingTalk bots: Markdown, signed where the bot asks for it. Callers: `send`.

The signature is HMAC-SHA256 of `MILLISECONDS\\nSECRET` under the secret, in the address. A refusal is a 200
with an `errcode`.
"""

from __future__ import annotations

import base64
import hmac
from urllib.parse import quote_plus

import orjson

from acorn_gitops.notify.message import Message, Sending, by_code, cut_to


def signature(milliseconds: int, secret: str) -> str:
    """As the bot computes it, as it stands in the address."""
    signed = hmac.digest(secret.encode(), f"{milliseconds}\n{secret}".encode(), "sha256")
    return quote_plus(base64.b64encode(signed))


def sending(message: Message, url: str, secret: str) -> Sending:
    """`secret`: what the bot's page shows (SEC…); empty where it goes by a keyword."""
    lines = "\n".join(f"- {_safe(line)}" for line in message.lines)
    link = f"\n\n[The job]({message.link})" if message.link else ""
    text = f"### {_safe(message.title)}\n{cut_to(lines, 15_000)}{link}"
    body = orjson.dumps({"msgtype": "markdown", "markdown": {"title": message.title[:100], "text": text}})
    if secret:
        stamp = message.at * 1_000
        url = f"{url}{'&' if '?' in url else '?'}timestamp={stamp}&sign={signature(stamp, secret)}"
    return Sending(url, {"content-type": "application/json"}, body, why_not=by_code("errcode"))


def _safe(text: str) -> str:
    """Markdown, in which `@` calls people."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#" else c for c in text.replace("@", "@\u2060"))
