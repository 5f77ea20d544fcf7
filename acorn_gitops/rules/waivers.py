"""Exceptions, and how bad a breach is here. Comes in: findings, the project's waivers and severities. Goes
out: findings as they count in this environment. Callers: `registry` for specs, cli for budgets.

A waiver turns findings of one rule in one scope into notes, until its day. Then the finding is back, and the
waiver itself is an error: an exception that nobody ends is a rule that nobody has. What is wrong while
loading cannot be waived, nor can the last price guard, which stands next to the write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from fnmatch import translate
from typing import TYPE_CHECKING, Any, Final

from acorn_gitops.model.finding import Finding, Severity
from acorn_gitops.model.resource import Address
from acorn_gitops.specs.configuration import Configuration

if TYPE_CHECKING:
    from acorn_gitops.model.typed import WaiverData

SOON: Final = timedelta(days=14)
"""So long before its end a waiver is told."""
LONG: Final = timedelta(days=366)
"""One that lasts longer is told."""


def as_they_count(
    configuration: Configuration,
    found: Sequence[Finding],
    today: date,
    *,
    known: Iterable[str],
    every: Iterable[str] | None = None,
) -> list[Finding]:
    """Findings of the rules `known`, with severities and waivers applied, and which of their waivers waive
    nothing. `every`, at validate: all ids that there are; then the waivers and severities themselves are
    judged, too."""
    severities: Mapping[str, str] = configuration.policies.get("severities") or {}
    waivers = _waivers(configuration)
    rules = set(known)
    scopes = _Scopes(waivers)
    out: list[Finding] = []
    met: set[int] = set()
    for finding in found:
        if finding.firm:
            out.append(finding)
            continue
        if finding.id in severities and not _fixed(finding.id):
            finding = finding._replace(severity=severities[finding.id])  # type: ignore[arg-type]
        for number, waiver in scopes.of(finding):
            met.add(number)
            if date.fromisoformat(waiver["until"]) > today:
                words = f"{finding.message} (waived until {waiver['until']} by {waiver['owner']}: {waiver['reason']})"
                finding = finding._replace(severity="info", message=words)
                break
        out.append(finding)
    if every is not None:
        out += _misspelt(configuration, set(every))
    for number, waiver in waivers:
        if every is not None and _there(waiver["rule"], set(every)):
            out += _about(configuration, number, waiver, today=today)
        if (
            waiver["rule"] in rules
            and number not in met
            and not waiver["rule"].startswith("GEN-")
            and date.fromisoformat(waiver["until"]) > today
        ):
            words = f"{_words(waiver)} waives nothing"
            out.append(_finding(configuration, number, "GEN-021", severity="warning", message=words, hint="remove it, or correct its scope"))  # fmt: skip
    return out


def softens(configuration: Configuration, rules: Iterable[str]) -> bool:
    """Whether a severity or a waiver says anything of one of these rules."""
    softened = {
        *(configuration.policies.get("severities") or ()),
        *(w["rule"] for _, w in _waivers(configuration)),
    }
    return not softened.isdisjoint(rules)


BUDGETS: Final = frozenset({f"BUD-00{number}" for number in range(1, 7)})
"""Ids of budgets, which a later room judges; a test holds them against it."""


def _fixed(id: str) -> bool:
    """Whether the severity of a rule cannot be changed: of loading, and of budgets, which only a waiver
    opens."""
    return id[:4] in ("GEN-", "BUD-")


def _there(id: str, every: Container[str]) -> bool:
    return id in every and id[:4] != "ACN-"


ACKNOWLEDGES: Final = "MON-007"
"""A waiver of this rule acknowledges what was changed outside: apply leaves it."""
NEVER_LEFT: Final = ("role", "grant")
"""Rights that somebody gave outside are never left: a waiver does not give them."""


def acknowledges(
    configuration: Configuration, today: date
) -> Callable[[Address], Mapping[str, object] | None] | None:
    """(address): the waiver by which a change from outside stays there for now; None where it does not. None
    in place of the question where there is no such waiver at all."""
    running = [
        (number, waiver)
        for number, waiver in _waivers(configuration)
        if waiver["rule"] == ACKNOWLEDGES and date.fromisoformat(waiver["until"]) > today
    ]
    if not running:
        return None
    scopes = _Scopes(running)

    def ask(address: Address) -> Mapping[str, object] | None:
        if address.type in NEVER_LEFT:
            return None
        found = scopes.of(Finding(ACKNOWLEDGES, "warning", "", subject=str(address)))
        return found[0][1] if found else None

    return ask


def _misspelt(configuration: Configuration, every: Container[str]) -> Iterator[Finding]:
    """Severities and waivers of rules that there are not, or of what cannot be softened, and waivers for no
    environment."""
    reader, raw = configuration.reader, configuration.project_raw
    assert reader is not None
    assert raw is not None
    spec = raw.data["spec"]
    environments = spec.get("environments") or {}
    layers: list[tuple[tuple[str, ...], Any]] = [(("spec", "policies"), spec.get("policies"))]
    layers += [
        (("spec", "environments", n, "policies"), (e or {}).get("policies")) for n, e in environments.items()
    ]
    for path, policies in layers:
        for id in (policies or {}).get("severities") or {}:
            if id in every and not _fixed(id):
                continue
            place = reader.place(raw, (*path, "severities", id), key=True)
            words, hint = (
                (f"the severity of {id} cannot be changed", "a waiver has an owner and an end")
                if id[:4] == "BUD-"
                else (f"the severity of {id} cannot be changed", "remove the line")
                if id[:4] in ("GEN-", "ACN-")
                else (f"severities name the rule {id}, which there is not", "`acorn rules` lists them")
            )
            yield Finding(
                "GEN-020",
                "error",
                words,
                place=place,
                hint=hint,
                source=reader.source(place),
                subject="Project",
            )
    for number, waiver in enumerate(spec.get("waivers") or []):
        id = waiver["rule"]
        if id[:4] == "ACN-":
            yield _finding(
                configuration,
                number,
                "GEN-020",
                severity="error",
                message=f"{id} cannot be waived",
                hint="mend it",
            )
        elif id not in every:
            words = f"a waiver names the rule {id}, which there is not"
            yield _finding(
                configuration,
                number,
                "GEN-020",
                severity="error",
                message=words,
                hint="`acorn rules` lists them",
            )
        for name in waiver.get("environments") or ():
            if name not in environments:
                words = f"a waiver is for the environment {name}, which there is not"
                hint = f"known: {', '.join(sorted(environments))}"
                yield _finding(configuration, number, "GEN-020", severity="error", message=words, hint=hint)


def _words(waiver: Mapping[str, object]) -> str:
    return f"the waiver of {waiver['rule']} for {waiver['scope']} ({waiver['owner']})"


def _waivers(configuration: Configuration) -> list[tuple[int, WaiverData]]:
    raw = configuration.project_raw
    said = (raw.data["spec"].get("waivers") or []) if raw is not None else []
    return [
        (number, waiver)
        for number, waiver in enumerate(said)
        if waiver.get("environments") is None or configuration.environment in waiver["environments"]
    ]


class _Scopes:
    """Which waivers cover a finding: by what it is about, a spec, an address (and its store), or a budget."""

    def __init__(self, waivers: Sequence[tuple[int, WaiverData]]) -> None:
        self._plain: dict[tuple[str, str], list[tuple[int, WaiverData]]] = {}
        self._patterns: dict[str, list[tuple[re.Pattern[str], tuple[int, WaiverData]]]] = {}
        self._known: dict[tuple[str, str], list[tuple[int, WaiverData]]] = {}
        for one in waivers:
            rule, scope = one[1]["rule"], one[1]["scope"].lower()
            if set(scope) & set("*?["):
                self._patterns.setdefault(rule, []).append((re.compile(translate(scope)), one))
            else:
                self._plain.setdefault((rule, scope), []).append(one)

    def of(self, finding: Finding) -> list[tuple[int, WaiverData]]:
        """In the order in which they are written."""
        memo = (finding.id, finding.subject)
        if memo not in self._known:
            names = [finding.subject.lower()]
            if finding.subject.count("/") >= 2:
                store = names[0].partition("/")[0]
                names += [store, f"store/{store}"]
            found = [one for name in names if name for one in self._plain.get((finding.id, name), ())]
            found += [
                one
                for pattern, one in self._patterns.get(finding.id, ())
                if any(name and pattern.match(name) for name in names)
            ]
            self._known[memo] = sorted(
                {number: (number, waiver) for number, waiver in found}.values(), key=lambda f: f[0]
            )
        return self._known[memo]


def _about(configuration: Configuration, number: int, waiver: WaiverData, today: date) -> Iterator[Finding]:
    """What is to be said of a waiver, whatever it meets."""
    end, words = date.fromisoformat(waiver["until"]), _words(waiver)
    left = (end - today).days
    if waiver["rule"].startswith("GEN-"):
        yield _finding(configuration, number, "GEN-020", severity="error", message=f"{words}: what is wrong while loading cannot be waived", hint="mend it")  # fmt: skip
    elif left <= 0:
        yield _finding(
            configuration, number, "GEN-020", severity="error", message=f"{words} has ended on {waiver['until']}",
            hint="mend what it was for and remove it, or agree on a new day",
        )  # fmt: skip
    elif left <= SOON.days:
        days = f"{left} day{'s' if left != 1 else ''}"
        yield _finding(configuration, number, "GEN-021", severity="warning", message=f"{words} ends in {days}", hint="mend what it is for")  # fmt: skip
    elif left > LONG.days:
        yield _finding(
            configuration, number, "GEN-021", severity="warning", message=f"{words} lasts until {waiver['until']}, more than a year",
            hint="end it within a year, and look at it again then; what holds for ever is a severity or another policy",
        )  # fmt: skip


def _finding(
    configuration: Configuration, number: int, id: str, severity: Severity, message: str, hint: str
) -> Finding:
    return configuration.setting(id, severity, ("waivers", number), message, hint)
