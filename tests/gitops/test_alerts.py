"""What routes promise arrives: once, again when it grows, once more when it is over; signed, bounded, and never from a
pull request."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.model.finding import AcornError
from acorn_gitops.notify import dingtalk, feishu, send
from acorn_gitops.notify.message import Message, cut_to
from acorn_gitops.reconcile.alerting import Alert, Told, news, target_of
from tests.borders.clone import git, published
from tests.borders.server import Exchange, Server
from tests.repository import PROJECT, Repository, sku, storefront

ROUTES = "  routes: {{ops: {{{route}}}}}\n"
MONITOR = {
    "signal": "price-drift",
    "route": "ops",
    "runbook": "docs/prices.md",
    "severity": "page",
    "failAt": 1,
}


@pytest.fixture
def hook() -> Iterator[Server]:
    with Server(lambda exchange: exchange.answer(b"ok", kind="text/plain")) as made:
        yield made


def team(
    path: Path, route: str = 'kind: webhook, target: "env:HOOK", secret: "env:HOOK_SECRET"'
) -> Repository:
    """Two listings, a monitor of their prices, a route; applied."""
    store = storefront()
    store["spec"]["monitors"] = [MONITOR]
    made = Repository(path, store, sku(), sku("MUG-RED", "12.90"))
    (made.path / "acorn.yaml").write_text(PROJECT + ROUTES.format(route=route))
    made.apply()
    return made


def disturb(made: Repository, what: str) -> None:
    assert made.run("sandbox", "disturb", what).code == 0


def bodies(hook: Server) -> list[Any]:
    return [json.loads(one.body) for one in hook.asked]


def test_an_alert_arrives_once_again_when_it_grows_and_once_more_when_it_is_over(
    tmp_path: Path, hook: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", f"{hook.url}/h")
    monkeypatch.setenv("HOOK_SECRET", "s3cret-of-the-hook")
    made = team(tmp_path / "r")
    assert made.run("drift", "--alert").code == 0
    assert hook.asked == []
    disturb(made, "amz-de/listing/KTL-17-BLK.price=44.90")
    first = made.run("drift", "--alert", "--detailed-exitcode")
    assert first.code == 2
    assert "sent to ops" in first.err
    (told,) = bodies(hook)
    assert told["level"] == "warning"
    assert "amz-de/listing/KTL-17-BLK" in told["lines"][0]
    assert "see docs/prices.md" in told["lines"][0]
    made.run("drift", "--alert")
    assert len(hook.asked) == 1
    disturb(made, "amz-de/listing/MUG-RED.price=10.00")
    made.run("drift", "--alert")
    assert len(hook.asked) == 2
    made.apply()
    made.run("drift", "--alert")
    assert bodies(hook)[2]["level"] == "resolved"
    made.run("drift", "--alert")
    assert len(hook.asked) == 3


def test_without_alert_it_is_said_that_nothing_was_sent(
    tmp_path: Path, hook: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", hook.url)
    monkeypatch.setenv("HOOK_SECRET", "s3cret-of-the-hook")
    made = team(tmp_path / "r")
    disturb(made, "amz-de/listing/KTL-17-BLK.price=44.90")
    said = made.run("drift")
    assert "not sent: 1 alert for ops" in said.err
    assert hook.asked == []


def test_what_was_not_taken_is_told_again(
    tmp_path: Path, hook: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", f"{hook.url}/very-secret-path")
    monkeypatch.setenv("HOOK_SECRET", "s3cret-of-the-hook")
    made = team(tmp_path / "r")
    disturb(made, "amz-de/listing/KTL-17-BLK.price=44.90")
    hook.behave = lambda exchange: exchange.answer({"echo": exchange.asked.path}, 500)
    said = made.run("drift", "--alert", "--detailed-exitcode")
    assert said.code == 1
    assert "ops was not told: HTTP 500" in said.err
    assert "very-secret-path" not in said.out + said.err
    hook.behave = lambda exchange: exchange.answer(b"ok", kind="text/plain")
    assert "sent to ops" in made.run("drift", "--alert").err


PLANTED: list[Any] = [
    {"routes": {"ops": {"MON-007 Store/amz-de": ["error", 10**9, "x"]}}},
    {"routes": {"ops": {"MON-007 Store/amz-de": ["error", float("inf"), "x"]}}},
    {"routes": {"ops": ["x"]}},
    [],
]


@pytest.mark.parametrize("planted", PLANTED, ids=["tracked", "endless", "list", "nothing"])
def test_what_a_pull_request_says_was_told_is_not_believed(
    tmp_path: Path, hook: Server, monkeypatch: pytest.MonkeyPatch, planted: Any
) -> None:
    monkeypatch.setenv("HOOK", hook.url)
    monkeypatch.setenv("HOOK_SECRET", "s3cret-of-the-hook")
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    made = team(tmp_path / "r")
    published(tmp_path, made)
    disturb(made, "amz-de/listing/KTL-17-BLK.price=44.90")
    file = made.path / ".acorn" / "sandbox" / "alerts.json"
    file.write_text(json.dumps(planted).replace("Infinity", "1e999"))
    git(made.path, "add", "-f", str(file))
    git(made.path, "commit", "-qm", "planted")
    said = made.run("drift", "--alert")
    assert "what was told before is not believed" in " ".join(said.err.split())
    assert len(hook.asked) == 1


@pytest.mark.parametrize("content", ['{"routes": {"ops": {"a": ["error", 1e999, "x"]}}}', "{", "[" * 100_000])
def test_a_memory_that_cannot_be_read_is_none(
    tmp_path: Path, hook: Server, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setenv("HOOK", hook.url)
    monkeypatch.setenv("HOOK_SECRET", "s3cret-of-the-hook")
    made = team(tmp_path / "r")
    disturb(made, "amz-de/listing/KTL-17-BLK.price=44.90")
    (made.path / ".acorn" / "sandbox" / "alerts.json").write_text(content)
    assert "sent to ops" in made.run("drift", "--alert").err
    assert made.run("drift", "--alert").err.count("sent to") == 0


def test_a_webhook_is_signed_as_standard_webhooks_say(
    tmp_path: Path, hook: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = b"0123456789abcdef01234567"
    monkeypatch.setenv("HOOK", hook.url)
    monkeypatch.setenv("HOOK_SECRET", f"whsec_{base64.b64encode(key).decode()}")
    seen: list[dict[str, str]] = []

    def behave(exchange: Exchange) -> None:
        seen.append({k.lower(): v for k, v in exchange.handler.headers.items()})
        exchange.answer(b"", 204)

    hook.behave = behave
    made = team(tmp_path / "r")
    assert made.run("alert", "test", "ops").code == 0
    heads, body = seen[0], hook.asked[0].body
    signed = f"{heads['webhook-id']}.{heads['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert heads["webhook-signature"] == f"v1,{wanted}"
    assert heads["x-acorn-signature-256"] == "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()


def test_a_team_is_told_once_by_all_its_machines(
    tmp_path: Path, hook: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was told is on the ledger's branch: a job that remembers nothing does not tell it again."""
    monkeypatch.setenv("HOOK", hook.url)
    monkeypatch.setenv("HOOK_SECRET", "s3cret-of-the-hook")
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    store = storefront()
    store["spec"]["monitors"] = [MONITOR]
    made = Repository(tmp_path / "r", store, sku())
    (made.path / "acorn.yaml").write_text(
        PROJECT + ROUTES.format(route='kind: webhook, target: "env:HOOK", secret: "env:HOOK_SECRET"')
    )
    published(tmp_path, made)
    made.apply()
    disturb(made, "amz-de/listing/KTL-17-BLK.price=44.90")
    assert made.run("drift", "--alert").code == 0
    for file in (made.path / ".acorn").rglob("alerts.json"):
        file.unlink()
    assert made.run("drift", "--alert").code == 0
    assert len(hook.asked) == 1
    assert "sandbox/alerts.json" in git(tmp_path / "team.git", "ls-tree", "-r", "--name-only", "acorn-ledger")
    assert made.run("state", "pull").code == 0


def test_an_address_in_acorn_yaml_counts_only_as_the_default_branch_says_it(
    tmp_path: Path, hook: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    made = team(tmp_path / "r", f'kind: webhook, target: "{hook.url}"')
    alone = made.run("alert", "test", "ops")
    assert (alone.code, hook.asked) == (1, [])
    published(tmp_path, made)
    git(made.path, "fetch", "-q", "origin", "+main:refs/remotes/origin/main")
    assert made.run("alert", "test", "ops").code == 0
    with Server(lambda exchange: exchange.answer(b"")) as theirs:
        project = made.path / "acorn.yaml"
        project.write_text(project.read_text().replace(hook.url, theirs.url))
        assert made.run("alert", "test", "ops").code == 1
        assert theirs.asked == []


def test_a_strangers_change_sends_nothing(
    tmp_path: Path, hook: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", hook.url)
    monkeypatch.setenv("HOOK_SECRET", "s3cret-of-the-hook")
    made = team(tmp_path / "r")
    monkeypatch.setenv("ACORN_UNTRUSTED", "1")
    assert made.run("alert", "test", "ops").code == 4
    disturb_untold = made.run("drift", "--alert")
    assert disturb_untold.code == 4
    assert hook.asked == []


NOW = 1599360473
NEWS = Message("acorn_1", NOW, "error", "shop · production: 1 alert", ("MON-007: <!channel> @all `x` *y* [z](w)",), "https://forge.example/1")  # fmt: skip


def test_signatures_are_those_that_the_bots_compute() -> None:
    assert feishu.signature(1599360473, "demo") == "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="
    assert dingtalk.signature(1599360473000, "demo") == "eblRZvilBzXa6Ce18IeBM4pMy1rYNWKicaCg6VMwQe0%3D"


@pytest.mark.parametrize(
    ("way", "taken", "refused"),
    [
        ("slack", (200, b"ok"), (200, b"no_service")),
        ("teams", (202, b""), (400, b"")),
        ("feishu", (200, b'{"code": 0}'), (200, b'{"code": 19021, "msg": "sign match fail"}')),
        ("dingtalk", (200, b'{"errcode": 0}'), (200, b'{"errcode": 310000}')),
        ("wecom", (200, b'{"errcode": 0}'), (200, b"<html>")),
        ("webhook", (204, b""), (302, b"")),
    ],
)
def test_each_bot_is_asked_as_it_wants_and_its_no_is_heard(
    hook: Server, way: str, taken: tuple[int, bytes], refused: tuple[int, bytes]
) -> None:
    """Several of them answer 200 to a refusal."""
    for (status, body), ok in ((taken, True), (refused, False)):
        hook.behave = lambda exchange, s=status, b=body: exchange.answer(b, s)  # type: ignore[misc]
        why = send.send(NEWS, send.Target(way, f"{hook.url}/bot?access_token=t0ken-t0ken", "demo"))
        assert (why == "") is ok, why
        assert "t0ken" not in why
    sent = hook.asked[0].body.decode()
    json.loads(sent)
    assert way == "webhook" or "<!channel>" not in sent
    assert len(hook.asked) == 2


@pytest.mark.parametrize("way", send.WAYS)
def test_a_flood_stays_within_the_bots_limits(hook: Server, way: str) -> None:
    flood = NEWS._replace(lines=tuple(f"MON-007: store-{n} 价格 {'x' * 300}" for n in range(400)))
    answers = {
        "slack": b"ok",
        "feishu": b'{"code":0}',
        "dingtalk": b'{"errcode":0}',
        "wecom": b'{"errcode":0}',
    }
    hook.behave = lambda exchange: exchange.answer(answers.get(way, b""))
    assert send.send(flood, send.Target(way, hook.url)) == ""
    most = {
        "slack": 16_000,
        "teams": 28_000,
        "feishu": 20_000,
        "dingtalk": 20_000,
        "wecom": 4_500,
        "webhook": 1_000_000,
    }
    assert len(hook.asked[0].body) <= most[way]


@pytest.mark.parametrize(
    ("text", "most", "cut"),
    [("abc", 3, "abc"), ("aa\nbb\ncc", 7, "aa\n…"), ("价格价格", 8, "价\n…"), ("", 0, "")],
)
def test_text_is_cut_at_a_line_and_between_letters(text: str, most: int, cut: str) -> None:
    assert cut_to(text, most) == cut


ONE = Alert("MON-007 Store/a", "ops", "warning", 2, "w", "t")


@pytest.mark.parametrize(
    ("alerts", "told", "unread", "fresh", "over"),
    [
        ([ONE], {}, [], 1, []),
        ([ONE], {ONE.key: Told("warning", 2, "w")}, [], 0, []),
        ([ONE], {ONE.key: Told("warning", 3, "w")}, [], 0, []),
        ([ONE], {ONE.key: Told("warning", 1, "w")}, [], 1, []),
        ([ONE._replace(level="error")], {ONE.key: Told("warning", 2, "w")}, [], 1, []),
        ([], {ONE.key: Told("warning", 2, "w")}, [], 0, [ONE.key]),
        ([], {ONE.key: Told("warning", 2, "w")}, ["a"], 0, []),
    ],
)
def test_news_is_what_is_new_or_grew_and_what_is_over(
    alerts: list[Alert], told: dict[str, Told], unread: list[str], fresh: int, over: list[str]
) -> None:
    found, ended = news(alerts, told, unread=unread)
    assert (len(found), ended) == (fresh, over)


@pytest.mark.parametrize(
    ("route", "way"),
    [
        ({"kind": "chat", "target": "https://hooks.slack.com/services/x"}, "slack"),
        ({"kind": "chat", "target": "https://open.larksuite.com/open-apis/bot/v2/hook/x"}, "feishu"),
        ({"kind": "chat", "target": "https://prod-1.westeurope.logic.azure.com/x"}, "teams"),
        ({"kind": "webhook", "target": "https://example.com"}, "webhook"),
        ({"kind": "chat", "target": "https://example.com", "format": "wecom"}, "wecom"),
        ({"kind": "pager", "target": "pagerduty://x", "format": "apprise"}, "apprise"),
        ({"kind": "mail", "target": "ops@example.com"}, "mail"),
        ({"kind": "pager", "target": "operations"}, ""),
        ({"kind": "chat", "target": "https://hooks.slack.com.evil.example/x"}, ""),
    ],
)
def test_the_way_is_known_by_format_or_host(route: dict[str, str], way: str) -> None:
    environ = {"ACORN_SMTP_URL": "smtp://localhost:25"}
    if not way:
        with pytest.raises(AcornError, match="nobody knows how to reach"):
            target_of(route, str, environ)
    else:
        assert target_of(route, str, environ).way == way


def test_mail_goes_through_a_real_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket
    import threading

    received: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, connection.makefile("rwb") as stream:

            def say(line: str) -> None:
                stream.write(line.encode() + b"\r\n")
                stream.flush()

            say("220 test")
            for raw in stream:
                word = raw.split()[0].upper() if raw.split() else b""
                if word == b"DATA":
                    say("354 go on")
                    body = b""
                    while (line := stream.readline()) != b".\r\n":
                        body += line
                    received.append(body)
                    say("250 taken")
                elif word == b"QUIT":
                    say("221 bye")
                    return
                else:
                    say("250 ok")

    threading.Thread(target=serve, daemon=True).start()
    server = f"smtp://127.0.0.1:{listening.getsockname()[1]}"
    why = send.send(NEWS, send.Target("mail", "ops@example.com", sender="acorn@example.com", server=server))
    listening.close()
    assert why == ""
    mail = message_from_bytes(received[0], policy=default)
    assert mail["Subject"] == "[acorn] shop · production: 1 alert"
    assert "MON-007" in mail.get_content()  # type: ignore[attr-defined]


def test_a_password_is_never_sent_without_encryption() -> None:
    import socket
    import threading

    said: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, connection.makefile("rwb") as stream:
            stream.write(b"220 test\r\n")
            stream.flush()
            for raw in stream:
                said.append(raw)
                stream.write(b"250 ok\r\n")
                stream.flush()

    threading.Thread(target=serve, daemon=True).start()
    server = f"smtp://me:hunter2hunter2@127.0.0.1:{listening.getsockname()[1]}"
    why = send.send(NEWS, send.Target("mail", "ops@example.com", sender="a@b.c", server=server))
    listening.close()
    assert "no encryption" in why
    assert b"hunter2" not in b"".join(said)


@pytest.mark.parametrize("how", ["flood", "drip"])
def test_a_mail_server_that_never_comes_to_an_end_is_left(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines without end, or a line without end: neither memory nor hours are spent on it."""
    import socket
    import threading

    from acorn_gitops.confine import mail_server

    monkeypatch.setattr(mail_server, "WHOLE", 0.5)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            while True:
                if how == "flood":
                    connection.sendall(b"220-hello\r\n" * 10_000)
                else:
                    connection.sendall(b"2")
                    time.sleep(0.05)

    threading.Thread(target=serve, daemon=True).start()
    server = f"smtp://127.0.0.1:{listening.getsockname()[1]}"
    why = send.send(NEWS, send.Target("mail", "ops@example.com", sender="a@b.c", server=server))
    listening.close()
    assert why == "SMTPServerDisconnected"


def test_a_variable_whose_words_a_stranger_chooses_names_no_address(
    tmp_path: Path, hook: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A route counts as the default branch says it: GitLab fills CI_COMMIT_TITLE with the stranger's words."""
    monkeypatch.setenv("HOOK", "http://127.0.0.1:1/")
    monkeypatch.setenv("HOOK_SECRET", "s3cret-of-the-hook")
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    made = team(tmp_path / "r")
    published(tmp_path, made)
    made.apply()
    disturb(made, "amz-de/listing/KTL-17-BLK.price=44.90")
    file = made.path / "acorn.yaml"
    file.write_text(file.read_text().replace("env:HOOK", "env:CI_COMMIT_TITLE", 1))
    git(made.path, "commit", "-qam", hook.url)
    monkeypatch.setenv("CI_COMMIT_TITLE", hook.url)
    said = made.run("drift", "--alert")
    assert "does not name this route so" in " ".join(said.err.split())
    assert hook.asked == []
