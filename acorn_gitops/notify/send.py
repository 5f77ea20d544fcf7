"""Sends a message by a route. Comes in: a route of acorn.yaml with its address resolved, a message. Goes out:
why it was not taken. Callers: `reconcile.alerting`.

An address is a secret: it is in no error, and neither is what a server answers beyond its code.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from acorn_gitops.confine import http
from acorn_gitops.confine.text import one_line
from acorn_gitops.notify.message import Message, Sending

WAYS: Final = ("webhook", "slack", "teams", "feishu", "dingtalk", "wecom")
"""Ways of our own that go over HTTP, each a module of this room with `sending`."""
HOSTS: Final = {
    "hooks.slack.com": "slack",
    "open.feishu.cn": "feishu",
    "open.larksuite.com": "feishu",
    "oapi.dingtalk.com": "dingtalk",
    "qyapi.weixin.qq.com": "wecom",
}
"""By host, the way that it takes."""
_ENDS: Final = {".logic.azure.com": "teams", ".powerplatform.com": "teams"}


class Target(NamedTuple):
    """Where a message goes. `way`: one of `WAYS`, `mail`, or `apprise`."""

    way: str
    address: str
    secret: str = ""
    sender: str = ""
    """Of mail: who it is from."""
    server: str = ""
    """Of mail: through which server."""


def way_of(address: str) -> str:
    """The way that an address takes by its host; empty where nobody knows."""
    try:
        host = (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
    ended = next((way for end, way in _ENDS.items() if host.endswith(end)), "")
    return HOSTS.get(host, ended)


def send(message: Message, target: Target) -> str:
    """Send once. Answers why it was not taken; empty where it was."""
    if target.way == "mail":
        from acorn_gitops.notify.mail import send_mail

        return send_mail(message, target.server, target.address, sender=target.sender)
    if target.way == "apprise":
        return _by_apprise(message, target.address)
    make: Callable[[Message, str, str], Sending] = import_module(f"acorn_gitops.notify.{target.way}").sending
    if not target.address.startswith(("https://", "http://")):
        return "its address does not begin with https://"
    what = make(message, target.address, target.secret)
    client = http.Client({"user-agent": "acorn-gitops"}, [target.address, target.secret], 20.0)
    try:
        answer = client.request("POST", what.url, what.headers, what.body)
    except http.NoAnswer as error:
        return one_line(str(error), 200)
    finally:
        client.close()
    return one_line(what.why_not(answer.status, answer.body), 200)


def _by_apprise(message: Message, address: str) -> str:
    """Everything else, by the library of that name."""
    try:
        import apprise
    except ImportError:
        return "apprise is not installed: pip install 'acorn-gitops[notify]'"
    sender = apprise.Apprise()
    if not sender.add(address):
        return "apprise knows no such address"
    kinds = {"error": "failure", "warning": "warning", "resolved": "success"}
    taken = sender.notify(title=message.title, body=message.text, notify_type=kinds[message.level])
    return "" if taken else "apprise says that it was not taken"
