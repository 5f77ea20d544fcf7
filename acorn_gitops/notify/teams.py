"""Microsoft Teams' Workflows: an adaptive card of at most 28 KB. Callers: `send`."""

from __future__ import annotations

import orjson

from acorn_gitops.notify.message import Message, Sending, by_status, cut_to


def sending(message: Message, url: str, secret: str) -> Sending:
    """The address is the secret."""
    colour = {"error": "Attention", "warning": "Warning", "resolved": "Good"}[message.level]
    body = [
        {"type": "TextBlock", "text": message.title, "weight": "Bolder", "color": colour, "wrap": True},
        {
            "type": "TextBlock",
            "text": cut_to("\n".join(f"- {_safe(line)}" for line in message.lines), 20_000),
            "wrap": True,
        },
    ]
    actions = [{"type": "Action.OpenUrl", "title": "The job", "url": message.link}] if message.link else []
    card = {"type": "AdaptiveCard", "version": "1.4", "body": body, "actions": actions}
    content = {
        "type": "message",
        "attachments": [
            {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        ],
    }
    return Sending(url, {"content-type": "application/json"}, orjson.dumps(content), why_not=by_status)


def _safe(text: str) -> str:
    """Cards read Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_[]()<>#" else c for c in text)
