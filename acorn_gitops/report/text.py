"""For terminals: plans, findings, drift and results as text of a given width, with or without colour. Comes
in: values. Goes out: text. Callers: cli. The plan is the product's face; golden files hold it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from acorn_gitops.confine.text import OWN, safe
from acorn_gitops.model.finding import Finding
from acorn_gitops.model.money import percent_change
from acorn_gitops.model.resource import attribute_of, is_money
from acorn_gitops.plan.change import SYMBOLS, Change, FieldChange
from acorn_gitops.plan.document import Plan, Risk, alike, deepest_move, groups, price_move, signature
from acorn_gitops.plan.ownership import belongs_to
from acorn_gitops.plan.risk import totals
from acorn_gitops.plan.rollout import rollout_words
from acorn_gitops.plan.verdict import verdict_on
from acorn_gitops.report.facts import phrases, rights_apart
from acorn_gitops.report.order import effect, fall, moves, rights_first, worst_first
from acorn_gitops.report.words import (
    REASONS,
    cells,
    cut,
    in_words,
    padded,
    plural,
    set_difference,
    value,
    wrapped,
)
from acorn_gitops.resources.buyers import ASKED, asked
from acorn_gitops.resources.registry import TYPES

_CODES: Final = {"green": 32, "yellow": 33, "red": 31, "cyan": 36, "dim": 2, "bold": 1}
_ACTION_COLOUR: Final = {
    "create": "green",
    "update": "yellow",
    "replace": "red",
    "delete": "red",
    "adopt": "cyan",
    "forget": "dim",
    "manual": "cyan",
}
GROUP: Final = 6
"""From so many alike, changes are told as one."""
SHOWN: Final = 3
"""Of a group, so many are shown."""
MOST_CAUSES: Final = 50
"""So many reasons why changes were not done are told."""
ALIKE: Final = 20
"""Of errors that say the same, so many are told with their lines; of warnings `SHOWN`."""


class Pen:
    """Colours text, or does not; knows the width."""

    def __init__(self, colour: bool, width: int) -> None:
        self.colour = colour
        self.width = max(40, width)

    def __call__(self, text: str, style: str) -> str:
        return f"{OWN}{_CODES[style]}m{text}{OWN}0m" if self.colour and text else text

    def wrapped(self, text: str, style: str) -> list[str]:
        """Lines of a paragraph, indented by two from the second."""
        return [self(line, style) for line in wrapped(text, self.width, then="  ")]

    def columns(self, left: str, right: str, style: str = "", right_style: str = "dim") -> str:
        """Left text, and right text at the right margin; the right one on a line of its own when both do not
        fit."""
        if not right:
            return self(left, style) if style else left
        if cells(left) + cells(right) + 2 <= self.width:
            gap = " " * (self.width - cells(left) - cells(right))
            return (self(left, style) if style else left) + gap + self(right, right_style)
        left = cut(left, self.width)
        indent = len(left) - len(left.lstrip(" ")) + 4
        return (
            (self(left, style) if style else left)
            + "\n"
            + " " * indent
            + self(cut(right, self.width - indent), right_style)
        )


def plan_text(plan: Plan, pen: Pen, *, verbose: bool = False, between: str = "") -> str:
    """The whole plan. `between`: the two revisions that it leads from and to, where no store was asked."""
    lines: list[str] = []
    revision = (
        (plan.commit[:10] + (" + uncommitted edits" if plan.dirty else "")) if plan.commit else "no commit"
    )
    read = [s for s in plan.stores if not s.error]
    lines.append(
        pen(f"{plan.project} · {plan.environment}", "bold")
        + (f" · {safe(between)}" if between else f" · {revision} · {plural('store', len(read))} read")
    )
    for store in plan.stores:
        if store.error:
            lines += pen.wrapped(f"! {store.store} could not be read: {safe(store.error)}", "red")
    lines += [*_scope(plan, pen), ""]
    told = list(groups(plan.changes))
    single: list[Change] = []
    for _, members in told:
        if len(members) >= GROUP and not verbose:
            lines += [*_group(members, pen, plan), ""]
        else:
            single += members
    store_name = ""
    for change in sorted(single, key=lambda c: _in_store(c, plan)):
        if change.address.store != store_name:
            if store_name:
                lines.append("")
            store_name = change.address.store
            lines.append(pen(store_name, "bold"))
        lines += _change(change, pen, plan)
    if single:
        lines.append("")
    lines += _notes(plan, pen, verbose)
    lines += _summary(plan, pen, between)
    verdict = verdict_on(plan)
    if verdict.code and not plan.errored:  # of that the summary tells
        lines += pen.wrapped(f"Apply will refuse (exit code {verdict.code}): {safe(verdict.words)}.", "red")
    return "\n".join(lines) + "\n"


def _scope(plan: Plan, pen: Pen) -> list[str]:
    """What was selected, and which stores go first."""
    lines = [pen(f"selected: {safe(', '.join(plan.selected))}", "dim")] if plan.selected else []
    order = rollout_words(plan.rollout, {c.address.store for c in plan.changes if c.writes})
    return lines + (pen.wrapped(f"rollout: {safe(order)}", "dim") if order else [])


def _in_store(change: Change, plan: Plan) -> tuple[Any, ...]:
    """Store by store and type by type, what loses most first."""
    loss, fell = effect(change, plan), fall(change, plan)
    return (
        change.address.store,
        change.address.type,
        min(loss, Decimal(0)),
        min(fell, Decimal(0)),
        change.address,
    )


def _means(risk: Risk, currency: str) -> str:
    """`leaves 31.2 %, 40 pieces: -120.00 EUR`."""
    parts = [f"leaves {risk.margin} %"] if risk.margin is not None else []
    if risk.stock is not None:
        effect = f"{'+' if not str(risk.effect).startswith('-') else ''}{risk.effect} {currency}"
        parts.append(f"{plural('piece', risk.stock)}: {effect}")
    return ", ".join(parts)


def _change(change: Change, pen: Pen, plan: Plan) -> list[str]:
    symbol = SYMBOLS[change.action]
    place = str(change.origin) if change.origin is not None else REASONS[change.reason]
    head = f"  {symbol} {change.address.type} {safe(change.address.key)}"
    if change.action == "create" and change.reason == "missing":
        head += "  (deleted outside)"
    lines = [pen.columns(head, cut(place, 44), _ACTION_COLOUR[change.action])]
    if change.action == "create" and change.after:
        lines += content_lines(change.address.type, change.after, pen)
    if change.action == "manual":
        lines.append("      by hand: this marketplace has no API for it")
    if change.action == "adopt":
        why = safe(belongs_to(change)) or "it exists and differs"
        lines.append(f"      {why}; take it over with --adopt")
    if change.action == "delete" and change.before:
        lines += content_lines(change.address.type, change.before, pen)
    lines += _fields(change, pen, plan.risks.get(change.address))
    if change.address in plan.taken and change.fields:
        lines.append(pen(f"      takes up to {plan.taken[change.address]} % off", "dim"))
    return lines


def _fields(change: Change, pen: Pen, risk: Risk | None = None) -> list[str]:
    """What a change alters: of roles right by right, of everything else field by field."""
    lines: list[str] = []
    said, fields = rights_apart(change)
    lines += _paragraph(", ".join(said), pen) if said else []
    width = min(max((cells(f.path) for f in change.fields), default=0), 24)
    move = price_move(change)
    for item in fields:
        lines.append(_field(item, width, pen))
        if item.path == "price" and move and risk is not None:
            lines.append(pen(cut(f"      {'':<{width}}  {_means(risk, move[0])}", pen.width), "dim"))
    return lines


def _field(item: FieldChange, width: int, pen: Pen) -> str:
    label = f"      {padded(cut(item.path, 24), width)}  "
    difference = set_difference(item.before, item.after)
    if difference is not None:
        added, removed = difference
        text = " ".join([*(f"+{safe(a)}" for a in added[:4]), *(f"-{safe(r)}" for r in removed[:4])])
        more = max(0, len(added) - 4) + max(0, len(removed) - 4)
        text += f" (+{more} more)" if more else ""
    elif is_money(item.before) and is_money(item.after) and item.before["currency"] == item.after["currency"]:
        percent = percent_change(item.before["value"], item.after["value"])
        told = f"  {percent:+} %" if percent is not None else ""
        text = f"{item.before['value']} → {item.after['value']} {item.after['currency']}{told}"
    else:
        room = max(8, (pen.width - cells(label) - len(REASONS[item.reason]) - 6) // 2)
        text = f"{cut(value(item.before), room)} → {cut(value(item.after), room)}"
    return pen.columns(label + cut(text, pen.width - cells(label)), REASONS[item.reason])


_FACTS: Final = (
    "price",
    "status",
    "asin",
    "title",
    "platform",
    "currency",
    "marketplaceId",
    "alias",
    "code",
    "treatment",
    "rate",
    "type",
    "discount",
    "start",
    "end",
    "role",
    "subject",
    "pool",
)
"""What is told of a resource that comes or goes, in this order."""


def content_lines(type_: str, attributes: dict[str, object], pen: Pen) -> list[str]:
    """What a resource holds, in lines for people."""
    told = [line for phrase in phrases(type_, attributes) for line in _paragraph(phrase, pen)]
    known = TYPES.get(type_)
    beside = known is not None and known.told_by_field  # its words say what its facts leave out
    return [*(_facts(attributes, pen) if beside or not told else ()), *told]


def _paragraph(text: str, pen: Pen) -> list[str]:
    """Text of which nothing is left out, indented."""
    return [pen(line, "dim") for line in wrapped(text, pen.width, first=" " * 6, then=" " * 8)]


def _facts(attributes: dict[str, object], pen: Pen) -> list[str]:
    attributes = {name: said for name, said in attributes.items() if said is not None}
    shown = [name for name in _FACTS if name in attributes]
    while True:
        parts = [f"{name} {cut(value(attributes[name]), 32)}" for name in shown]
        rest = len(attributes) - len(shown)
        if rest:
            parts.append(f"{rest} more" if parts else plural("attribute", rest))
        line = ", ".join(parts)
        if cells(line) <= pen.width - 6 or not shown:
            return ["      " + pen(line, "dim")] if parts else []
        shown.pop()  # whole facts only: half a title says nothing


def _group(members: Sequence[Change], pen: Pen, plan: Plan) -> list[str]:
    first = members[0]
    stores = {c.address.store for c in members}
    what = in_words(signature(members))
    head = f"{SYMBOLS[first.action]} {plural(first.address.type, len(members))} in {plural('store', len(stores))}: {what}"
    lines = [pen(cut(head, pen.width), _ACTION_COLOUR[first.action])]
    same_values = bool(first.fields) and not TYPES[first.address.type].told_by_field
    for change in worst_first(members, plan)[:SHOWN]:
        move = price_move(change)
        # Where businesses are asked otherwise, too, what falls most is told.
        only = sum(attribute_of(field.path) in ASKED for field in change.fields) == 1
        detail = f"  {move[1]} → {move[2]} {move[0]}" if move and only else ""
        if not change.fields:
            detail = _asked(change)
        elif not detail and not same_values:
            shown = sorted(change.fields, key=lambda f: moves(f.before, f.after))[:2]
            names = len(change.fields) > 1
            detail = "  " + ", ".join(
                f"{cut(safe(f.path), 16) + ' ' if names else ''}{cut(value(f.before), 14)} → {cut(value(f.after), 14)}"
                for f in shown
            )
        place = str(change.origin) if change.origin is not None else ""
        room = max(40, pen.width - cells(place) - cells(detail) - 6)
        left = f"    {cut(safe(str(change.address)), room)}{detail}"
        lines.append(
            pen.columns(left, cut(place, max(12, pen.width - cells(left) - 2)))
            if cells(left) < pen.width - 14
            else cut(left, pen.width)
        )
    if len(members) > SHOWN:
        lines.append(pen(f"    … and {len(members) - SHOWN:,} more (--verbose shows all)", "dim"))
    if TYPES[first.address.type].told_apart and not first.fields:  # all of them hold the same
        said = [change.after or change.before or {} for change in members]
        content = alike(first)
        # A day begins at another instant in each store.
        if all("start" in one and "end" in one for one in said):
            content |= {"start": min(one["start"] for one in said), "end": max(one["end"] for one in said)}
        lines += content_lines(first.address.type, content, pen)
    if same_values:
        lines += _fields(first, pen)
    return lines


def _asked(change: Change) -> str:
    """The price of a listing that comes or goes; empty where it has none."""
    held = change.after or change.before or {}
    price = held.get("price")
    if price is None or not is_money(price):
        return ""
    least = min(
        (one for (one,) in asked(held) if one is not None),
        key=lambda one: Decimal(one["value"]),
        default=price,
    )
    others = f" ({safe(least['value'])} for businesses)" if least["value"] != price["value"] else ""
    return f"  {safe(price['value'])} {safe(price['currency'])}{others}"


def _notes(plan: Plan, pen: Pen, verbose: bool) -> list[str]:
    lines: list[str] = []
    # What the stores and this plan say comes before what every plan of these specs says.
    warnings = sorted(
        (f for f in plan.findings if f.severity == "warning"),
        key=lambda f: not f.id.startswith(("ACN-", "BUD-")),
    )
    for finding in warnings if verbose else warnings[:5]:
        place = f"  {finding.place}" if finding.place else ""
        lines += pen.wrapped(f"! {finding.id} {safe(finding.message)}{place}", "yellow")
    if len(warnings) > 5 and not verbose:
        lines.append(pen(f"! and {len(warnings) - 5} more warnings (--verbose shows all)", "yellow"))
    for finding in plan.findings:
        if finding.severity == "info":
            lines += pen.wrapped(f"· {finding.id} {safe(finding.message)}", "dim")
        if finding.severity == "error":
            lines += pen.wrapped(f"✗ {finding.id} {safe(finding.message)}; {safe(finding.hint)}", "red")
    if lines:
        lines.append("")
    begun = len(lines)
    for store in plan.stores:
        for note in store.notes if verbose else store.notes[:3]:
            lines += pen.wrapped(f"· {safe(note)}", "dim")
        if len(store.notes) > 3 and not verbose:
            lines.append(pen(f"· and {len(store.notes) - 3} more such notes in {store.store}", "dim"))
        if store.unmanaged:
            names = ", ".join(safe(f"{a.type} {a.key}") for a in rights_first(store.unmanaged)[:3])
            more = f" and {len(store.unmanaged) - 3:,} more" if len(store.unmanaged) > 3 else ""
            lines += pen.wrapped(f"≈ {store.store}: not managed and left alone: {names}{more}", "dim")
        if store.ceded:
            text = (
                f"≈ {store.store}: {plural('resource', store.ceded)} differ only in what is ceded to others"
            )
            lines += pen.wrapped(text, "dim")
    return [*lines, ""] if len(lines) > begun else lines


def _summary(plan: Plan, pen: Pen, between: str) -> list[str]:
    counts = plan.counts()
    in_sync = sum(s.in_sync for s in plan.stores)
    lines: list[str] = []
    moves = [m for c in plan.changes if c.writes and (m := deepest_move(c)) is not None]
    if moves:
        down = sum(m.is_signed() for m in moves)
        deepest, highest = min(moves), max(moves)
        spread = f"{deepest:+} %" if deepest == highest else f"from {deepest:+} % to {highest:+} %"
        lines.append(f"Prices: {down:,} down, {len(moves) - down:,} up, {spread}")
        for total in totals(plan.changes, plan.risks):
            if total.effect:
                sign = "" if total.effect.startswith("-") else "+"
                lines.append(
                    f"  {total.store}: {sign}{total.effect} {total.currency} for the stock that is there"
                )
    if not plan.changes:
        if plan.errored:
            lines.append(pen("Incomplete: some stores could not be read.", "red"))
        elif between:
            lines.append(pen("No difference.", "green"))
        else:
            lines.append(pen("No changes.", "green") + f" {plural('resource', in_sync)} in sync.")
        return lines
    words = {
        "create": "to create",
        "update": "to update",
        "replace": "to replace",
        "delete": "to delete",
        "adopt": "to adopt",
        "forget": "to forget",
        "manual": "by hand",
    }
    shown = [
        f"{counts[a]:,} {w}" for a, w in words.items() if counts[a] or a in ("create", "update", "delete")
    ]
    told = f"Plan: {', '.join(shown)}; {in_sync:,} in sync." if not between else f"{', '.join(shown)}."
    lines += pen.wrapped(told, "bold")
    if plan.errored:
        lines.append(pen("Incomplete: some stores could not be read. This plan cannot be applied.", "red"))
    return lines


def findings_text(findings: Iterable[Finding], pen: Pen) -> str:
    """Every finding: place, words, the offending line with a caret, what to do. Of those that are alike
    (rule, field and remedy) the first ones, and where more of them are."""
    lines: list[str] = []
    kinds: dict[tuple[str, str, str], list[Finding]] = {}
    order: list[Finding] = []
    for finding in findings:
        told = kinds.setdefault(_alike(finding), [])
        told.append(finding)
        if len(told) <= _shown(finding):
            order.append(finding)
    last = {id(told[_shown(told[0]) - 1]): told for told in kinds.values() if len(told) > _shown(told[0])}
    for finding in order:
        lines += _finding(finding, pen)
        if id(finding) in last:
            lines += _more(last[id(finding)], pen)
    return "\n".join(lines) + ("\n" if lines else "")


def _shown(finding: Finding) -> int:
    return ALIKE if finding.severity == "error" else SHOWN


def _alike(finding: Finding) -> tuple[str, str, str]:
    """What findings have in common that are told once. Without a field or a remedy it is their words."""
    if finding.field and finding.hint and finding.severity != "error":
        return finding.id, finding.field, finding.hint
    return finding.id, finding.message, ""


def _finding(finding: Finding, pen: Pen) -> list[str]:
    colour = {"error": "red", "warning": "yellow", "info": "cyan"}[finding.severity]
    place = f"{safe(str(finding.place))}: " if finding.place else ""
    subject = pen(f" [{safe(finding.subject)}]", "dim") if finding.subject else ""
    lines = [
        pen(place, "bold")
        + pen(f"{finding.severity} {finding.id}", colour)
        + f": {_inset(finding.message)}{subject}"
    ]
    if finding.source.strip() and finding.place and finding.place.line:
        lines += _caret(finding, pen)
    if finding.hint:
        lines.append(f"      = {safe(finding.hint)}")
    return lines


def _more(told: Sequence[Finding], pen: Pen) -> list[str]:
    """How many more there are, and three of their places."""
    rest = told[_shown(told[0]) :]
    places = [safe(str(f.place)) for f in rest[:SHOWN] if f.place]
    where = f": {', '.join(places)}{' …' if len(rest) > len(places) else ''}" if places else ""
    what = f" ({safe(rest[0].field)})" if _alike(rest[0])[2] else f" ({_inset(cut(rest[0].message, 80))})"
    return [pen(f"… and {len(rest):,} more {rest[0].id} alike{what}{where}", "dim")]


def _inset(text: str) -> str:
    """`safe`, line by line; nothing that others wrote begins a line, where a runner of jobs would read a
    command."""
    return safe_lines(text).replace("\n", "\n      ")


def safe_lines(text: str) -> str:
    """`safe`, line by line."""
    return "\n".join(safe(line) for line in text.split("\n"))


def _caret(finding: Finding, pen: Pen) -> list[str]:
    assert finding.place is not None
    number = f"{finding.place.line:>5} | "
    column = max(finding.place.column - 1, 0)
    room = pen.width - len(number)
    source = finding.source
    start = 0 if column < room - 10 else column - room // 2
    shown = safe(source[start : start + room].replace("\t", "⇥"))
    # What stands before the caret may have grown by escapes; measure it as shown.
    before = cells(safe(source[start:column].replace("\t", "⇥")))
    lines = [pen(number, "dim") + shown]
    if finding.place.column:
        lines.append(" " * (len(number) + before) + pen("^", "red"))
    return lines


def report_text(
    outcomes: Sequence[tuple[Change, Any]],
    interrupted: bool,
    pen: Pen,
    unread: Mapping[str, str] | None = None,
) -> str:
    """What became of an apply. `unread`: stores that were left out, and why."""
    left_out = dict(unread or {})
    lines = [pen(f"  ! {store} was left out: {safe(why)}", "red") for store, why in left_out.items()]
    bad = [(c, o) for c, o in outcomes if o.status != "observed"]
    lines += _not_done(bad, pen)
    done = len(outcomes) - len(bad)
    if interrupted:
        lines.append(
            pen("Interrupted.", "red")
            + f" {done:,} done, {len(bad):,} not; run the same command again to finish."
        )
    elif bad or left_out:
        stores = f", {plural('store', len(left_out))} left out" if left_out else ""
        # What is on its way has no cause to be mended.
        waits = not left_out and all(outcome.status == "accepted" for _, outcome in bad)
        way_on = "wait until it is there" if waits else "mend the cause"
        lines.append(
            pen("Partly applied.", "red")
            + f" {done:,} done, {len(bad):,} not{stores}; {way_on} and run the same command again."
        )
    else:
        lines.append(pen("Applied.", "green") + f" {plural('change', done)} done and seen.")
    return "\n".join(lines) + "\n"


_NOT_DONE: Final = {
    "rejected": "rejected",
    "conflict": "changed meanwhile",
    "unknown": "no answer",
    "accepted": "accepted, not seen yet",
    "skipped": "not tried",
}
"""What became of a change that was not done, causes before consequences."""


def _not_done(bad: Iterable[tuple[Change, Any]], pen: Pen) -> list[str]:
    """The changes that were not done and why: causes first, and of those that share a reason in a store the
    first ones."""
    alike: dict[tuple[str, str, str], list[Change]] = {}
    order = [*_NOT_DONE]
    for change, outcome in sorted(bad, key=lambda one: order.index(one[1].status)):
        alike.setdefault((outcome.status, change.address.store, outcome.message), []).append(change)
    groups = [*alike.items()]
    lines: list[str] = []
    for (status, store, message), changes in groups[:MOST_CAUSES]:
        why = f": {safe(message)}" if message else ""
        shown = changes if len(changes) <= SHOWN + 1 else changes[:SHOWN]
        lines += [pen(f"  ! {safe(str(c.address))}: {_NOT_DONE[status]}", "red") + why for c in shown]
        if len(changes) > len(shown):
            lines.append(pen(f"    … and {len(changes) - len(shown):,} more alike in {safe(store)}", "dim"))
    left = sum(len(changes) for _, changes in groups[MOST_CAUSES:])
    return [*lines, f"  … and {left:,} more"] if left else lines
