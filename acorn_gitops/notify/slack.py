"""Slack's incoming webhooks. Callers: `send`.

`&`, `<` and `>` are escaped, which also takes the power out of `<!channel>`; a section has at most 3,000
letters.
"""

from __future__ import annotations

import orjson

from acorn_gitops.notify.message import Message, Sending, cut_to


def sending(message: Message, url: str, secret: str) -> Sending:
    """The address is the secret."""
    title = _safe(message.title)
    lines = "\n".join(f"• {_safe(line)}" for line in message.lines)
    blocks: list[dict[str, object]] = [
        {"type": "header", "text": {"type": "plain_text", "text": message.title[:150]}},
        {"type": "section", "text": {"type": "mrkdwn", "text": cut_to(lines, 2_900) or title}},
    ]
    if message.link:
        blocks.append(
            {"type": "context", "elements": [{"type": "mrkdwn", "text": f"<{message.link}|The job>"}]}
        )
    body = orjson.dumps({"text": title, "blocks": blocks})
    return Sending(url, {"content-type": "application/json"}, body, why_not=_why_not)


def _safe(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _why_not(status: int, body: bytes) -> str:
    return "" if status == 200 and body.strip() == b"ok" else f"HTTP {status} {body[:100]!r}"
