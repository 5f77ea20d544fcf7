"""For merge requests: a plan as Markdown that GitHub and GitLab render alike. Comes in: a plan. Goes out:
Markdown of at most 60,000 characters, in which remote names can neither mention people nor break the layout.
Callers: cli.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from acorn_gitops.confine.text import cut, safe
from acorn_gitops.model.resource import is_money
from acorn_gitops.plan.change import SYMBOLS, Change
from acorn_gitops.plan.document import Plan, alike, deepest_move, signature
from acorn_gitops.plan.risk import totals
from acorn_gitops.plan.rollout import rollout_words
from acorn_gitops.plan.verdict import verdict_on
from acorn_gitops.report.facts import phrases, rights_apart
from acorn_gitops.report.order import gravest_first, worst_first
from acorn_gitops.report.text import Pen, plan_text
from acorn_gitops.report.words import REASONS, in_words, plural, share_words, value
from acorn_gitops.resources.registry import TYPES

LIMIT: Final = 60_000
ROWS: Final = 50
WORST: Final = 3
"""Of many that are told as one, so many are named."""
MOST_FIELDS: Final = 40
"""Of rights, promotions and tax rules all fields are told, but for a flood of them."""
DEEP: Final = 50
"""Percent from which a promotion is told at the top."""
STOPS: Final = 10
"""Of what stops apply, so many are told at the top."""
_ICON: Final = {
    "create": "➕",
    "update": "✏️",
    "replace": "♻️",
    "delete": "➖",
    "adopt": "🟰",
    "forget": "✖️",
    "manual": "✋",
}


_ESCAPES: Final = {ord(c): f"&#{ord(c)};" for c in "\\`*_{}[]()#|~!&<>"}


_WWW: Final = re.compile(r"(www)\.", re.IGNORECASE)


def escape(text: str) -> str:
    """Text that Markdown, HTML and mention parsers leave alone."""
    text = safe(text).translate(_ESCAPES)
    text = text.replace("@", "@\u2060").replace("://", ":\u2060//")
    return _WWW.sub("\\1\u2060.", text)  # GitHub makes a link of it, wherever it stands


def word(text: str) -> str:
    """A name where Markdown has no escapes: inside a code span or a comment."""
    return re.sub(r"[^\w.-]", "?", text)


def headline(plan: Plan, between: str = " · ") -> str:
    """How much of what a plan does: `3 to create · 1 by hand`; `no changes` where it does nothing."""
    counts = plan.counts()
    told = (
        ("create", "to create"),
        ("update", "to update"),
        ("replace", "to replace"),
        ("delete", "to delete"),
        ("adopt", "to adopt"),
        ("manual", "by hand"),
    )
    shown = [f"{counts[action]:,} {words}" for action, words in told if counts[action]]
    return between.join(shown) or "no changes"


def plan_markdown(plan: Plan, *, verbose: bool = False, most: int = LIMIT, between: str = "") -> str:
    """Counts first, then what destroys or costs, a table, the whole plan folded, provenance. `verbose`: every
    change is in it, however long it becomes; otherwise it has at most `most` letters. `between`: as for
    `plan_text`."""
    counts = plan.counts()
    stops = [
        f for f in plan.findings if f.severity == "error" or (f.id[:4] == "BUD-" and f.severity != "info")
    ]
    state = "failed" if plan.errored else headline(plan)
    verdict = verdict_on(plan)
    if verdict.code and not plan.errored:
        state += f" · apply will refuse ({escape(verdict.words)})"
    what = "acorn diff" if between else "acorn plan"
    head = [f"### {what} · `{word(plan.environment)}` — **{state}**", ""]
    danger = []
    if counts["delete"] or counts["replace"]:
        danger.append(
            f"{plural('resource', counts['delete'] + counts['replace'])} will be **deleted or replaced**."
        )
    moves = [m for c in plan.changes if (m := deepest_move(c)) is not None]
    if moves:
        down = sum(m.is_signed() for m in moves)
        many = f"{len(moves):,} prices move" if len(moves) != 1 else "1 price moves"
        danger.append(f"{many}: {down:,} down, {len(moves) - down:,} up.")
        danger += [
            f"{escape(t.store)}: **{'' if t.effect.startswith('-') else '+'}{t.effect} {t.currency}** for the stock that is there."
            for t in totals(plan.changes, plan.risks)
            if t.effect
        ]
    danger += [
        f"{escape(s.store)} could not be read: {escape(cut(s.error, 300))}" for s in plan.stores if s.error
    ]
    danger += [f"{f.id} {escape(cut(f.message, 500))}" for f in stops[:STOPS]]
    if len(stops) > STOPS:
        danger.append(f"and {len(stops) - STOPS:,} more; the full plan has them all.")
    danger += _let_through(plan)
    if danger:
        head += ["> [!CAUTION]", *(f"> {line}" for line in danger), ""]
    if order := rollout_words(plan.rollout, {c.address.store for c in plan.changes if c.writes}):
        head += [f"Rollout: {escape(cut(order, 500))}.", ""]
    table = _table(plan)
    foot = [
        "",
        f"From one to the other: {escape(cut(between, 200))}"
        if between
        else f"Plan `{word(plan.id[:12])}`"
        + (f" for `{word(plan.commit[:10])}`" if plan.commit else "")
        + (" with uncommitted edits" if plan.dirty else ""),
        "" if between else f"<!-- acorn:plan environment={word(plan.environment)} v=1 -->",
    ]
    body = plan_text(plan, Pen(False, 100), verbose=True, between=between)
    room = most - sum(len(line) + 1 for line in (*head, *table, *foot)) - 200
    if len(_columns(body)) > room and not verbose:
        body = plan_text(plan, Pen(False, 100), between=between)
    fence = "`" * max(3, _longest_run(body) + 1)
    detail = [
        "<details><summary>Full plan</summary>",
        "",
        f"{fence}diff",
        _columns(body),
        fence,
        "",
        "</details>",
    ]
    text = _joined([*head, *table, *detail, *foot])
    cut_off = ["", "**Not all of it fits into a comment**: `acorn show` prints the whole plan."]
    for rows in (len(table), 32, 12, 4):
        if len(text) > most and not verbose:
            text = _joined([*head, *table[:rows], *cut_off, *foot])  # what loses most stands first
    if len(text) > most and not verbose:
        text = _joined([*(line[:2_000] for line in head[:20]), *cut_off, *foot])
    return text


_GUARDS: Final = ("BUD-", "ROL-")


def _let_through(plan: Plan) -> list[str]:
    """What would have stopped this and does not: settings that guard and are others than in the last apply,
    budgets and rules about rights that were waived or softened. Deep promotions beside them."""
    said = [f for f in plan.findings if f.id == "ACN-036"]
    waived = [f for f in plan.findings if f.severity == "info" and f.id.startswith(_GUARDS)]
    told = [f"{f.id} {escape(cut(f.message, 2_000))}" for f in said]
    told += [f"let through: {f.id} {escape(cut(f.message, 300))}" for f in waived[:STOPS]]
    if len(waived) > STOPS:
        told.append(f"and {len(waived) - STOPS:,} more that were let through.")
    deep = sorted(((Decimal(percent), str(address)) for address, percent in plan.taken.items()), reverse=True)
    told += [
        f"{escape(cut(name, 120))} takes up to **{percent} %** off."
        for percent, name in deep[:3]
        if percent >= DEEP
    ]
    return told


def _joined(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


def _table(plan: Plan) -> list[str]:
    """What loses most comes first; of many alike the widest moves are named."""
    if not plan.changes:
        return []
    rows = ["| | What | Change |", "|---|---|---|"]
    written = 0
    for members in gravest_first(plan):
        if written == ROWS:
            rows.append(f"| | … | {len(plan.changes) - written:,} more |")
            break
        first = members[0]
        if len(members) >= 6:
            stores = len({c.address.store for c in members})
            what = f"{plural(first.address.type, len(members))} in {plural('store', stores)}"
            rows.append(f"| {_ICON[first.action]} | {what} | {_group(members, plan)} |")
            written += 1
            continue
        for change in members[: ROWS - written]:
            rows.append(
                f"| {_ICON[change.action]} | {escape(cut(str(change.address), 120))} | {_what(change)}{_money(change, plan)} |"
            )
            written += 1
    return [*rows, ""]


def _group(members: Sequence[Change], plan: Plan) -> str:
    """What many alike have in common, and of listings those that lose most: what stands in a row of its own
    for one must not be hidden among a hundred."""
    first = members[0]
    told = escape(cut(in_words(signature(members)), 200))
    if not TYPES[first.address.type].told_by_field:
        return (
            f"{told}<br>{_what(first)}" if first.fields else told + _content(first.address.type, alike(first))
        )
    rows = [
        f"<br>{escape(cut(str(change.address), 120))}: {_shown(change).replace('<br>', ', ')}"
        for change in worst_first(members, plan)[:WORST]
    ]
    return told + "".join(rows) + f"<br>and {len(members) - WORST:,} more"


def _shown(change: Change) -> str:
    """One of a group: its reason stands above."""
    return (
        _what(change)
        if change.fields
        else _content(change.address.type, change.after or change.before or {}).removeprefix("<br>")
    )


def _money(change: Change, plan: Plan) -> str:
    """What is left of the price, and what the change means for the stock that is there."""
    risk = plan.risks.get(change.address)
    if change.address in plan.taken:
        return f"<br>takes up to **{escape(plan.taken[change.address])} %** off"
    if risk is None:
        return ""
    parts = [f"leaves {risk.margin} %"] if risk.margin is not None else []
    if risk.effect is not None:
        parts.append(
            f"{'' if str(risk.effect).startswith('-') else '+'}{risk.effect} for {risk.stock} in stock"
        )
    return f"<br>{escape(', '.join(parts))}" if parts else ""


def _what(change: Change) -> str:
    if not change.fields:
        return escape(REASONS[change.reason]) + _content(
            change.address.type, change.after or change.before or {}
        )
    said, fields = rights_apart(change)
    parts = [f"**{escape(cut(', '.join(said), 600))}**"] if said else []
    most = MOST_FIELDS if TYPES[change.address.type].told_apart else 4
    for item in fields[:most]:
        percent = share_words(item.before, item.after)
        parts.append(
            f"{escape(cut(item.path, 60))} {escape(cut(value(item.before), 60))} → **{escape(cut(value(item.after), 60))}**{percent}"
        )
    more = f" and {len(fields) - most} more" if len(fields) > most else ""
    return "<br>".join(parts) + more


def _content(type_: str, attributes: Mapping[str, object]) -> str:
    """What comes or goes: of a role, a grant, a promotion or a tax rule all of it, of a listing its price."""
    told = phrases(type_, attributes)
    price = attributes.get("price") if type_ == "listing" else None
    if price is not None and is_money(price):
        told = [value(price), *told]
    return "".join(f"<br>{escape(cut(phrase, 600))}" for phrase in told)


def _columns(text: str) -> str:
    """Symbols at the left margin, where a diff fence colours them; `~` is `!` there."""
    out = []
    for line in text.split("\n"):
        stripped = line.lstrip(" ")
        for symbol in sorted(SYMBOLS.values(), key=len, reverse=True):
            if stripped.startswith(symbol + " "):
                mark = {"~": "!", "-/+": "-"}.get(symbol, symbol)
                line = mark + " " * (len(line) - len(stripped)) + stripped[len(symbol) :]
                break
        else:
            line = " " + line if line[:1] in "+-!" and line else line
        # GitLab acts upon a line that begins with a slash, wherever it stands.
        out.append(re.sub(r"^(\s*\W?\s*)/(?=\w)", "\\1\u2060/", line))
    return "\n".join(out).replace("@", "@\u2060").replace("<!--", "<\u2060!--")


def _longest_run(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest
