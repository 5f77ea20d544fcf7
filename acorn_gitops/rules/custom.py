"""Rules of your own, in CEL: over every spec of a kind, over every change, over a plan. Comes in: a context.
Goes out: findings. Callers: `registry`, cli `policy`.

CEL reads no files and asks nobody. `cel_cost` refuses expressions that plainly take too long, with advice;
what it overlooks is ended by `confine.bounded`, in which every expression is compiled and run. It fails
closed: an expression that is wrong, stumbles over a value or does not end is an error with the rule's id.
Money is compared in minor units, never as a fraction: `minor(price) >= minor("9.99", "EUR")`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from acorn_gitops.confine.bounded import Limits, Step, Unbounded, bounded
from acorn_gitops.confine.text import cut
from acorn_gitops.model.finding import Finding, Place, Severity
from acorn_gitops.model.money import canonical, quantum
from acorn_gitops.rules.cel_cost import too_dear
from acorn_gitops.rules.context import Context, Phase
from acorn_gitops.specs.own_rules import OwnRule

SPEC_TARGETS: Final = ("Store", "SkuMapping", "RolePermission", "TaxRule", "Promo")
"""What rules of phase validate look at; the others look at plans."""
FAMILIES: Final = frozenset({"GEN", "STO", "SKU", "ROL", "TAX", "PRO", "ONB", "INT", "MON", "BUD", "ACN"})
"""Prefixes that are acorn's own."""


class Case(NamedTuple):
    """A test of a rule: whether it went as it should, and what came instead."""

    rule: str
    name: str
    ok: bool
    words: str


class _Compiled:
    """One rule, its expressions compiled. ValueError where one of them is wrong."""

    def __init__(self, rule: OwnRule) -> None:
        import cel

        self.rule = rule
        self._programs: dict[str, Any] = {}
        self._fields = _fields(rule)
        self.broken: tuple[Place, str] | None = None
        for part in ("when", "check", "message"):
            text = getattr(rule, part)
            if text is None:
                continue
            dear = too_dear(text)
            if dear:
                self.broken = (rule.places[part], dear)
                return
            try:
                self._programs[part] = cel.compile(text)
            except Exception as error:  # noqa: BLE001 - whatever the engine says of an expression is told
                self.broken = (rule.places[part], " ".join(str(error).split())[:300])
                return

    def judge(self, variables: Mapping[str, object]) -> str | None:
        """None where all is well or the rule does not apply; else the message. ValueError when it cannot be
        judged."""
        spec = variables.get("spec")
        if self._fields is not None and isinstance(spec, dict):
            # The engine copies all that it is given: most of the time would go into fields that nobody asks
            # for.
            variables = {**variables, "spec": {k: spec[k] for k in self._fields if k in spec}}
        if "when" in self._programs and not self._true("when", variables):
            return None
        if self._true("check", variables):
            return None
        if "message" in self._programs:
            return cut(str(self._run("message", variables)), MOST_SAID)
        return self.rule.title

    def _true(self, part: str, variables: Mapping[str, object]) -> bool:
        answer = self._run(part, variables)
        if not isinstance(answer, bool):
            raise ValueError(  # noqa: TRY004 - one kind of failure, whatever the expression did
                f"`{part}` answers {cut(repr(answer), MOST_SAID)}, neither true nor false"
            )
        return answer

    def _run(self, part: str, variables: Mapping[str, object]) -> object:
        try:
            return self._programs[part].execute({**variables, **FUNCTIONS})
        except Exception as error:  # noqa: BLE001 - whatever the engine says is told
            text = " ".join(str(error).split())[:200]
            raise ValueError(
                f"`{part}` cannot be judged: {text}; `has(…)` asks whether a field is there"
            ) from None


MOST_SAID: Final = 500
"""Characters of a message."""


_SPEC: Final = re.compile(r"\bspec\b(?:\s*\.\s*([A-Za-z_]\w*))?")


def _fields(rule: OwnRule) -> frozenset[str] | None:
    """The fields of the spec that a rule asks for; None where it asks for the whole."""
    texts = [text for part in ("when", "check", "message") if (text := getattr(rule, part)) is not None]
    asked = [match[1] for text in texts for match in _SPEC.finditer(text)]
    return None if None in asked else frozenset(asked)


def _minor(*given: Any) -> int:
    """minor({currency, value}) or minor("9.99", "EUR"): the amount in the currency's minor unit."""
    return _in_minor_units(*((given[0]["value"], given[0]["currency"]) if len(given) == 1 else given))


@lru_cache(maxsize=65_536)
def _in_minor_units(value: str, currency: str) -> int:
    return int(Decimal(canonical(value, currency)) / quantum(currency))


def _percent(text: str) -> int:
    """percent("12.5"): in millionths, for comparing."""
    return int(Decimal(text) * 10_000)


FUNCTIONS: Final[dict[str, object]] = {"minor": _minor, "percent": _percent}
"""What expressions have besides CEL's own."""


LIMITS: Final = Limits(step=10, whole=120)
"""For one expression over one kind of subject, and for all rules of a phase."""
STOPPED: Final = "make the expression simpler; nothing is applied while a rule cannot be judged"


def check_custom(context: Context, phase: Phase) -> list[Finding]:
    """Findings of a phase: specs at validate, changes and plans at plan."""
    rules = [
        r
        for r in context.configuration.own_rules.rules
        if phase == ("validate" if r.target in SPEC_TARGETS else "plan")
    ]
    if not rules:
        return []
    # Compiling may be as endless as running: both happen where they can be ended.
    try:
        answer = bounded(lambda step: _packed(_judged(context, rules, step)), LIMITS)
    except Unbounded as stopped:
        place = next((r.places["check"] for r in rules if r.id == stopped.step), rules[0].places[""])
        id = stopped.step or rules[0].id
        return [
            Finding(
                id,
                "error",
                f"the rule does not come to an end: {stopped.why}",
                place=place,
                hint=STOPPED,
                firm=True,
            )
        ]
    return [_unpacked(row) for row in orjson.loads(answer)]


def _packed(findings: Iterable[Finding]) -> bytes:
    return orjson.dumps([[*f[:3], f.place and [*f.place], *f[4:]] for f in findings])


def _unpacked(row: list[Any]) -> Finding:
    id, severity, message, place, *more = row
    return Finding(id, severity, message, Place(*place) if place else None, *more)


def _judged(context: Context, rules: Sequence[OwnRule], step: Step) -> Iterator[Finding]:
    for rule in rules:
        step(rule.id)
        if rule.id[:3] in FAMILIES:
            yield Finding("GEN-010", "error", f"{rule.id} is in a family of acorn's own", place=rule.places[""], hint="choose three other letters, e.g. OUR-001")  # fmt: skip
            continue
        compiled = _Compiled(rule)
        if compiled.broken is not None:
            yield Finding(rule.id, "error", f"the rule itself is wrong: {compiled.broken[1]}", place=compiled.broken[0], hint="correct the expression; `acorn policy test` tries it", firm=True)  # fmt: skip
            continue
        yield from _findings(context, compiled, step)


def _findings(context: Context, compiled: _Compiled, step: Step) -> Iterator[Finding]:
    rule = compiled.rule
    for variables, place, subject in subjects(context, rule.target):
        step(rule.id)
        try:
            message = compiled.judge(variables)
        except ValueError as error:
            yield Finding(rule.id, "error", f"{subject}: {error}", place=rule.places["check"], hint="nothing is applied while a rule cannot be judged", source="", subject=subject, firm=True)  # fmt: skip
            return  # the same fault once, not once for each spec
        if message is not None:
            severity: Severity = rule.severity  # type: ignore[assignment]
            source = ""
            if place is not None and context.configuration.reader is not None:
                source = context.configuration.reader.source(place)
            yield Finding(
                rule.id, severity, message, place=place, hint=rule.mend, source=source, subject=subject
            )


def subjects(context: Context, target: str) -> Iterator[tuple[dict[str, object], Place | None, str]]:
    """What a rule looks at: variables, where it stands, how it is named."""
    config = context.configuration
    world = {"environment": config.environment, "today": context.today}
    if target in SPEC_TARGETS:
        for spec in config.specs():
            if spec.kind == target:
                yield (
                    {"spec": spec.spec, "name": spec.name, "labels": dict(spec.labels), **world},
                    Place(spec.file, spec.line, 1),
                    f"{spec.kind}/{spec.name}",
                )
        return
    assert context.known is not None
    changes = [
        {
            "action": c.action,
            "store": c.address.store,
            "type": c.address.type,
            "key": c.address.key,
            "before": c.before or {},
            "after": c.after or {},
        }
        for c in context.known.changes
    ]
    if target == "plan":
        yield {"plan": {"changes": changes, "actor": context.known.actor}, **world}, None, "plan"
        return
    for change in changes:
        yield {"change": change, **world}, None, f"{change['store']}/{change['type']}/{change['key']}"


def run_tests(context: Context) -> list[Case]:
    """Every test of every rule. A rule needs a case that passes and one that does not: else nobody knows
    whether it can fail."""
    try:
        answer = bounded(lambda step: orjson.dumps([[*case] for case in _tested(context, step)]), LIMITS)
    except Unbounded as stopped:
        return [Case(stopped.step, "expression", False, words=f"it does not come to an end: {stopped.why}")]
    return [Case(*row) for row in orjson.loads(answer)]


def _tested(context: Context, step: Step) -> list[Case]:
    cases: list[Case] = []
    for rule in context.configuration.own_rules.rules:
        step(rule.id)
        compiled = _Compiled(rule)
        if compiled.broken is not None:
            cases.append(Case(rule.id, "expression", False, words=compiled.broken[1]))
            continue
        for test in rule.tests:
            given = {
                "labels": {},
                "name": "test",
                "environment": "test",
                "today": context.today,
                **test["given"],
            }
            try:
                message = compiled.judge(given)
            except ValueError as error:
                cases.append(Case(rule.id, test["name"], False, words=str(error)))
                continue
            ok = (message is None) is test["passes"]
            words = (
                ""
                if ok
                else "it passes, and should not"
                if message is None
                else f"it does not pass: {message}"
            )
            cases.append(Case(rule.id, test["name"], ok, words=words))
        for wanted, words in ((True, "a case that passes"), (False, "a case that does not pass")):
            if not any(test["passes"] is wanted for test in rule.tests):
                cases.append(Case(rule.id, "tests", False, words=f"it has no test with {words}"))
    return cases
