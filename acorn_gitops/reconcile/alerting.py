"""What `routes` promise is sent. Comes in: a workspace, what a drift job found, what was told before. Goes
out: messages, sent; what could not be, and why. Callers: cli `drift --alert`, `ci drift`, `alert test`.

An alert is sent once, again when it grows, and once more when it is resolved. What was told is kept beside
the ledger: in a file, and where ledgers travel on a branch there, too. Where an address stands in acorn.yaml
itself, the default branch must say it so: a pull request could send what stores hold anywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from acorn_gitops.confine.database import database
from acorn_gitops.confine.files import replace
from acorn_gitops.confine.text import cut, safe
from acorn_gitops.engines.signals import SIGNALS
from acorn_gitops.model.finding import AcornError, Finding, Misused
from acorn_gitops.notify.message import Level, Message
from acorn_gitops.notify.send import WAYS, Target, send, way_of
from acorn_gitops.plan.drift import DriftReport
from acorn_gitops.provenance import branch as kept_branch
from acorn_gitops.reconcile.connections import secret
from acorn_gitops.reconcile.ledger_branch import NONE, REMOTE, name_on_branch
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.specs.configuration import Configuration
from acorn_gitops.specs.load import Loaded

if TYPE_CHECKING:
    from acorn_gitops.model.typed import MonitorData, RouteData

TOP: Final = 5
"""Resources of one alert that a message names."""
MEMORY: Final = ""
"""Among what failed: that what was told cannot be remembered."""
_MOST: Final = 16 << 20
"""Bytes of what is remembered."""
_RANK: Final = {"warning": 1, "error": 2}


class Alert(NamedTuple):
    """One thing that somebody must hear of."""

    key: str
    """What it is about: rule and subject. The same while it lasts."""
    route: str
    level: Level
    size: int
    """How much of it there is: it is told again when this grows, or the level does."""
    words: str
    todo: str


class Told(NamedTuple):
    """What a route was told of an alert last."""

    level: str
    size: int
    words: str


@dataclass(frozen=True, slots=True)
class Alerted:
    """What became of the messages of a run."""

    sent: Sequence[str] = ()
    """By route in words: `ops: 2 alerts`."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """By route, why it was not told; it will be tried again."""


def alerts_of(configuration: Configuration, report: DriftReport) -> list[Alert]:
    """Of what a drift job found, that for which a monitor names a route."""
    found: list[Alert] = []
    for finding in report.findings:
        signal = SIGNALS.get(finding.id)
        store = finding.subject.removeprefix("Store/")
        if signal is None or finding.severity not in _RANK or store == finding.subject:
            continue
        for monitor in _monitors(configuration, store):
            if monitor["signal"] != signal or not monitor.get("route"):
                continue
            rows = (
                next((s.drifted for s in report.stores if s.store == store), [])
                if signal == "price-drift"
                else []
            )
            level: Level = "error" if finding.severity == "error" else "warning"
            todo = f"see {monitor['runbook']}" if monitor.get("runbook") else finding.hint
            found.append(
                Alert(
                    f"{finding.id} {finding.subject}",
                    monitor["route"],
                    level=level,
                    size=max(len(rows), 1),
                    words=_words(finding, [str(row.address) for row in rows]),
                    todo=todo,
                )
            )
    return found


def _monitors(configuration: Configuration, store: str) -> Sequence[MonitorData]:
    spec = configuration.stores.get(store)
    return (spec.spec.get("monitors") or ()) if spec is not None else ()


def _words(finding: Finding, rows: Sequence[str]) -> str:
    more = f" ({len(rows)} changed: {', '.join(rows[:TOP])}{' …' if len(rows) > TOP else ''})" if rows else ""
    return safe(cut(f"{finding.id}: {finding.message}{more}", 600))


def news(
    alerts: Sequence[Alert], told: Mapping[str, Told], *, unread: Sequence[str] = ()
) -> tuple[list[Alert], list[str]]:
    """Of one route: what is new or has grown, and the keys that are over. What concerns a store that could
    not be read is not over."""
    fresh = [
        alert
        for alert in alerts
        if (before := told.get(alert.key)) is None
        or alert.size > before.size
        or _RANK.get(alert.level, 0) > _RANK.get(before.level, 0)
    ]
    now = {alert.key for alert in alerts}
    over = [key for key in told if key not in now and key.partition("Store/")[2] not in unread]
    return fresh, over


def alert(workspace: Workspace, loaded: Loaded, report: DriftReport, *, link: str = "") -> Alerted:
    """Send what is new to every route that is concerned, and remember what was told. A route that does not
    take it is told again by the next run."""
    workspace.refuse_untrusted("drift --alert")
    if report.unknown:
        return Alerted()
    alerts = alerts_of(loaded.configuration, report)
    memory = _Memory(workspace, loaded)
    told = memory.read()
    sent: list[str] = []
    failed: dict[str, str] = {}
    for route in sorted({*told, *(alert.route for alert in alerts)}):
        mine = [alert for alert in alerts if alert.route == route]
        before = told.get(route, {})
        fresh, over = news(mine, before, unread=[*report.errors])
        if not fresh and not over:
            continue
        message = _message(
            loaded,
            route,
            fresh,
            over=[before[key].words for key in over],
            at=workspace.now().timestamp(),
            link=link,
        )
        why = _send(workspace, loaded.configuration, route, message)
        if why:
            failed[route] = why
            continue
        sent.append(f"{route}: {message.title}")
        kept = {key: one for key, one in before.items() if key not in over}
        told[route] = kept | {one.key: Told(one.level, one.size, one.words) for one in fresh}
    failed |= memory.write(told)
    return Alerted(sent, failed)


def test_route(workspace: Workspace, route: str) -> str:
    """Send a message that says it is a test. Answers why it was not taken; empty where it was."""
    workspace.refuse_untrusted("alert test")
    loaded = workspace.load()
    routes = loaded.configuration.settings.get("routes") or {}
    if route not in routes:
        known = ", ".join(sorted(routes)) or "none"
        raise Misused(f"acorn.yaml has no route {route}", hint=f"known: {known}")
    one = Alert(
        "test",
        route,
        level="warning",
        size=1,
        words="This is a test: whoever reads it would hear of an alert here",
        todo="",
    )
    message = _message(loaded, route, [one], over=[], at=workspace.now().timestamp(), link="")
    return _send(workspace, loaded.configuration, route, message)


def _message(
    loaded: Loaded, route: str, fresh: Sequence[Alert], *, over: Sequence[str], at: float, link: str
) -> Message:
    worst = sorted(fresh, key=lambda one: (-_RANK.get(one.level, 0), one.key))
    lines = [f"{one.words}{f' → {one.todo}' if one.todo else ''}" for one in worst]
    lines += [f"resolved: {words}" for words in over]
    level: Level = worst[0].level if worst else "resolved"
    project, environment = loaded.project.name, loaded.project.environment
    what = f"{len(fresh)} alert{'s' if len(fresh) != 1 else ''}" if fresh else f"{len(over)} resolved"
    content = orjson.dumps([project, environment, route, lines])
    return Message(
        f"acorn_{hashlib.sha256(content).hexdigest()[:32]}",
        int(at),
        level,
        title=f"{project} · {environment}: {what}",
        lines=tuple(lines),
        link=link,
        project=project,
        environment=environment,
    )


def _send(workspace: Workspace, configuration: Configuration, route: str, message: Message) -> str:
    said = (configuration.settings.get("routes") or {}).get(route)
    if said is None:
        return "acorn.yaml has no such route any more"
    why = workspace.trust.route_refusal(route, said, named=_is_reference(str(said["target"])))
    if why:
        return why
    try:
        target = target_of(
            said, lambda reference: secret(reference, workspace.root, workspace.environ), workspace.environ
        )
    except AcornError as error:
        return f"{error.message}{f' ({error.hint})' if error.hint else ''}"
    return send(message, target)


def _is_reference(text: str) -> bool:
    return text.startswith(("env:", "file:", "keyring:"))


def target_of(route: RouteData, resolve: Callable[[str], str], environ: Mapping[str, str]) -> Target:
    """Where a route leads: the way by its `format`, or by the host of its address. AcornError where that is
    nowhere: its words say what to write."""
    address = str(route["target"])
    if _is_reference(address):
        address = resolve(address).strip()
    key = resolve(route["secret"]).strip() if route.get("secret") else ""
    chosen = route.get("format")
    if chosen == "apprise":
        return Target("apprise", address)
    if chosen is None and route["kind"] == "mail":
        server = environ.get("ACORN_SMTP_URL", "")
        if not server:
            raise AcornError(
                "no server for mail is named", hint="set ACORN_SMTP_URL: smtp://USER:PASSWORD@HOST:587"
            )
        return Target(
            "mail", address, sender=environ.get("ACORN_MAIL_FROM") or "acorn@localhost", server=server
        )
    way = chosen or ("webhook" if route["kind"] == "webhook" else way_of(address))
    if way not in WAYS:
        raise AcornError(
            f"nobody knows how to reach a {route['kind']} by its target",
            hint=f"write its address and `format`: {', '.join(WAYS)}, or apprise for everything else",
        )
    return Target(way, address, secret=key)


class _Memory:
    """What routes were told: by route and alert."""

    def __init__(self, workspace: Workspace, loaded: Loaded) -> None:
        self._workspace = workspace
        ledger = workspace.ledger_path(loaded.project)
        self._path = ledger.with_name("alerts.json")
        chosen = workspace.environ.get("ACORN_LEDGER_BRANCH", "")
        self._branch = "" if chosen == NONE else chosen
        self._name = f"{Path(name_on_branch(workspace, ledger)).parent}/alerts.json" if self._branch else ""
        self._onto = ""
        self._before = b""
        self._refused = ""

    def read(self) -> dict[str, dict[str, Told]]:
        """Of the branch where there is one, else of the file; nothing where neither can be read, or the file
        is one that a pull request could have brought."""
        content = b""
        if self._branch:
            kept = kept_branch.fetch(self._workspace.root, REMOTE, self._branch, self._name)
            self._onto, content = kept.commit, kept.content or b""
        else:
            try:
                path = database(self._path, self._workspace.root)
                content = path.read_bytes() if path.is_file() and path.stat().st_size <= _MOST else b""
            except AcornError as error:
                self._refused = error.message
        self._before = content
        try:
            routes = orjson.loads(content)["routes"] if content else {}
            return {
                str(route): {
                    str(key): Told(str(one[0]), int(one[1]), safe(cut(str(one[2]), 600)))
                    for key, one in rows.items()
                }
                for route, rows in routes.items()
            }
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return {}

    def write(self, told: Mapping[str, Mapping[str, Told]]) -> dict[str, str]:
        """Keep it; answers why not."""
        if self._refused:
            return {MEMORY: f"what was told before is not believed: {self._refused}"}
        routes = {
            route: {key: list(one) for key, one in sorted(rows.items())}
            for route, rows in sorted(told.items())
            if rows
        }
        content = (
            orjson.dumps({"format_version": "1.0", "routes": routes}, option=orjson.OPT_INDENT_2) + b"\n"
        )
        if content == self._before or (not routes and not self._before):
            return {}
        try:
            if self._branch:
                kept_branch.push(
                    self._workspace.root,
                    REMOTE,
                    self._branch,
                    {self._name: content},
                    f"{self._name}: what was told",
                    onto=self._onto,
                )
            else:
                replace(self._path, content, root=self._workspace.root, anywhere=True)
        except AcornError as error:
            return {MEMORY: f"what was told is not remembered, and will be told again: {error.message}"}
        return {}
