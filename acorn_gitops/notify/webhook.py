"""A webhook of one's own: JSON, signed as Standard Webhooks say, and as GitHub signs. Callers: `send`."""

from __future__ import annotations

import base64
import hashlib
import hmac

import orjson

from acorn_gitops.notify.message import Message, Sending, by_status


def sending(message: Message, url: str, secret: str) -> Sending:
    """`secret`: text, or `whsec_` and base64; empty sends unsigned."""
    content = {
        "type": "acorn.alert",
        "level": message.level,
        "project": message.project,
        "environment": message.environment,
        "title": message.title,
        "lines": list(message.lines),
        "link": message.link,
    }
    body = orjson.dumps(content)
    headers = {
        "content-type": "application/json",
        "webhook-id": message.id,
        "webhook-timestamp": str(message.at),
    }
    if secret:
        key = _key(secret)
        signed = b".".join((message.id.encode(), str(message.at).encode(), body))
        headers["webhook-signature"] = f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"
        headers["x-acorn-signature-256"] = f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"
    return Sending(url, headers, body, why_not=by_status)


def _key(secret: str) -> bytes:
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        return secret.encode()
