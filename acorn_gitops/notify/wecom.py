"""WeCom bots: Markdown of at most 4,096 bytes. Callers: `send`."""

from __future__ import annotations

import orjson

from acorn_gitops.notify.message import Message, Sending, by_code, cut_to


def sending(message: Message, url: str, secret: str) -> Sending:
    """The address is the secret."""
    lines = "\n".join(f"- {_safe(line)}" for line in message.lines)
    link = f"\n[The job]({message.link})" if message.link else ""
    text = cut_to(f"### {_safe(message.title)}\n{lines}", 3_900 - len(link.encode())) + link
    body = orjson.dumps({"msgtype": "markdown_v2", "markdown_v2": {"content": text}})
    return Sending(url, {"content-type": "application/json"}, body, why_not=by_code("errcode"))


def _safe(text: str) -> str:
    return "".join(f"\\{c}" if c in "\\`*_[]<>#" else c for c in text)
