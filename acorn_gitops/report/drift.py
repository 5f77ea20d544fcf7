"""Drift for people and for programs. Comes in: what was found. Goes out: text, Markdown, JSON, JUnit.
Callers: cli `drift` and `ci`, notifications."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from acorn_gitops.confine.text import cut, safe
from acorn_gitops.model.money import percent_change
from acorn_gitops.model.resource import is_money
from acorn_gitops.plan.acknowledged import Left
from acorn_gitops.plan.drift import Drifted, DriftReport
from acorn_gitops.report.junit import Case, junit, of_findings
from acorn_gitops.report.markdown import LIMIT, escape, word
from acorn_gitops.report.order import rights_first
from acorn_gitops.report.text import Pen
from acorn_gitops.report.words import plural, value

SHOWN: Final = 200
"""Of a store's drift so many rows are shown."""
ROWS: Final = 100
"""In a table of Markdown, of all stores together."""
REMEDY: Final = (
    "`acorn plan` shows how to put them back; `acorn import --drifted` takes them into the specs.\n"
    "A waiver of MON-007 leaves one as it is, until a day."
)
NO_LEDGER: Final = (
    "`acorn state pull` brings the ledger of a team; `acorn state rebuild` makes a lost one again; before the"
    " first apply there is nothing to compare with."
)


def drift_text(found: DriftReport, pen: Pen) -> str:
    """What changed outside, store by store, and in one last sentence what that means."""
    lines: list[str] = []
    for store, error in found.errors.items():
        lines += pen.wrapped(f"! {store} could not be read: {safe(error)}", "red")
    for one in found.stores:
        if not one.drifted:
            continue
        lines.append(pen(one.store, "bold"))
        for row in one.drifted[:SHOWN]:
            lines += _row(row, pen)
        if len(one.drifted) > SHOWN:
            lines.append(pen(f"  … and {len(one.drifted) - SHOWN:,} more", "dim"))
        lines.append("")
    for left in (left for one in found.stores for left in one.left):
        lines.append(pen(cut(f"· {safe(_left(left))}", pen.width), "dim"))
    for one in found.stores:
        if one.unmanaged:
            names = ", ".join(safe(f"{a.type} {a.key}") for a in rights_first(one.unmanaged)[:3])
            more = f" and {len(one.unmanaged) - 3:,} more" if len(one.unmanaged) > 3 else ""
            lines.append(pen(cut(f"≈ {one.store}: not managed: {names}{more}", pen.width), "dim"))
    return "\n".join([*lines, *_summary(found, pen)]) + "\n"


def _row(row: Drifted, pen: Pen) -> list[str]:
    head = f"  {'-' if row.deleted else '~'} {row.address.type} {safe(row.address.key)}"
    lines = [pen(head + ("  deleted outside" if row.deleted else ""), "red" if row.deleted else "yellow")]
    for path, before, after in row.fields:
        moved = percent(before, after)
        lines.append(
            cut(f"      {path}  {cut(value(before), 26)} → {cut(value(after), 26)}{moved}", pen.width)
        )
    return lines


def _left(left: Left) -> str:
    what = "deleted outside" if left.deleted else ", ".join(left.names)
    return f"acknowledged until {left.words['until']}: {left.address}: {what} ({left.words['owner']}: {left.words['reason']})"


def _summary(found: DriftReport, pen: Pen) -> list[str]:
    lines: list[str] = []
    watched = sum(s.watched for s in found.stores)
    unapplied = sum(s.unapplied for s in found.stores)
    if found.unknown:
        lines.append(pen("Drift is not known: ", "red") + f"{safe(found.unknown)}.")
        lines.append(NO_LEDGER)
        return lines
    if found.drifted:
        lines.append(
            pen("Drift: ", "bold")
            + f"{plural('resource', found.drifted)} changed outside, {watched:,} watched."
        )
        lines.append(REMEDY)
    elif found.errors:
        lines.append(pen("Incomplete: nothing is said about the stores that could not be read.", "red"))
    else:
        lines.append(pen("No drift.", "green") + f" {plural('resource', watched)} watched.")
    others = [
        f"{number:,} {words}"
        for number, words in (
            (sum(len(s.left) for s in found.stores), "acknowledged"),
            (sum(s.ceded for s in found.stores), "moved by others within their bands"),
            (sum(s.over for s in found.stores), "over and gone"),
        )
        if number
    ]
    if others:
        lines.append(pen(f"Not drift: {', '.join(others)}.", "dim"))
    if unapplied:
        lines.append(pen(f"Not drift: {plural('spec change', unapplied)} not applied yet.", "dim"))
    return lines


def percent(before: Any, after: Any) -> str:
    """How far a price moved, with two spaces before it; empty for everything else."""
    if not (is_money(before) and is_money(after)) or before["currency"] != after["currency"]:
        return ""
    moved = percent_change(before["value"], after["value"])
    return "" if moved is None else f"  {moved:+} %"


def drift_marker(environment: str) -> str:
    """How the issue about an environment is found again."""
    return f"<!-- acorn:drift environment={word(environment)} "


def adoption_markdown(found: DriftReport, notes: Sequence[str]) -> str:
    """For the request that takes drift into the specs: what was changed outside, and what stays."""
    told = [f"- {escape(cut(note, 300))}" for note in notes[:50]]
    more = ["", "Not in this request:", "", *told] if told else []
    head = "Merging this makes the values that somebody set at the marketplace the ones that are wanted; closing it leaves them to the next apply, which puts them back."
    return "\n".join([head, "", drift_markdown(found).rstrip("\n"), *more]) + "\n"


def drift_markdown(found: DriftReport) -> str:
    """For an issue, a job's summary or a merge request: counts, a table, what to do."""
    state = (
        "not known"
        if found.unknown
        else f"{plural('resource', found.drifted)} changed outside"
        if found.drifted
        else "some stores could not be read"
        if found.errors
        else "no drift"
    )
    head = [f"### acorn drift · `{word(found.environment)}` — **{state}**", ""]
    if found.unknown:
        head += [escape(found.unknown), "", NO_LEDGER, ""]
    head += [
        f"> {escape(store)} could not be read: {escape(cut(why, 300))}" for store, why in found.errors.items()
    ]
    rows = [(row, path) for one in found.stores for row in one.drifted for path in row.fields or (None,)]
    table = ["| Resource | Field | As applied | As it is |", "|---|---|---|---|"] if rows else []
    for row, field in rows[:ROWS]:
        told = (
            ("deleted outside", "", "")
            if field is None
            else (field[0], value(field[1]), value(field[2]) + percent(field[1], field[2]))
        )
        cells = (escape(cut(str(row.address), 120)), *(escape(cut(cell, 80)) for cell in told))
        table.append("| " + " | ".join(cells) + " |")
    if len(rows) > ROWS:
        table.append(f"| … | {len(rows) - ROWS:,} more | | |")
    foot = ["", REMEDY] if rows else []
    foot += ["", *(f"- {escape(_left(left))}" for one in found.stores for left in one.left[:20])]
    told_findings = [f"- {f.id} {escape(cut(f.message, 300))}" for f in found.findings[:50]]
    foot += [*told_findings, "", f"{drift_marker(found.environment)}v=1 -->"]
    text = "\n".join([*head, *table, *foot]) + "\n"
    return text if len(text) <= LIMIT else "\n".join([*head, *table[:20], *foot[-1:]]) + "\n"


def drift_json(found: DriftReport) -> dict[str, object]:
    """The object of `drift -o json`."""
    return {
        "format_version": "1.2",
        "environment": found.environment,
        "known": not found.unknown,
        "drifted": found.drifted,
        "errors": found.errors,
        "unapplied": sum(store.unapplied for store in found.stores),
        "watched": sum(store.watched for store in found.stores),
        "findings": [finding.to_json() for finding in found.findings],
        "stores": [
            {
                "store": store.store,
                "watched": store.watched,
                "unapplied": store.unapplied,
                "ceded": store.ceded,
                "over": store.over,
                "unmanaged": [str(address) for address in store.unmanaged],
                "drifted": [
                    {"address": str(row.address), "deleted": row.deleted, "fields": _fields(row.fields)}
                    for row in store.drifted
                ],
                "acknowledged": [
                    {
                        "address": str(left.address),
                        "deleted": left.deleted,
                        "fields": _fields(left.fields),
                        "owner": left.words["owner"],
                        "reason": left.words["reason"],
                        "until": left.words["until"],
                    }
                    for left in store.left
                ],
            }
            for store in found.stores
        ],
    }


def _fields(fields: Iterable[tuple[str, object, object]]) -> list[dict[str, object]]:
    return [{"path": path, "applied": last, "live": live} for path, last, live in fields]


def drift_junit(found: DriftReport) -> str:
    """A test report: a case for each store, and one that fails for each resource that drifted and for each
    finding."""
    cases: list[Case] = []
    if found.unknown:
        cases.append(Case("acorn.drift", "ledger", failure=f"{found.unknown}. {NO_LEDGER}", kind="error"))
    for store, why in found.errors.items():
        cases.append(Case("acorn.drift", store, failure=f"could not be read: {why}", kind="error"))
    for one in found.stores:
        cases.append(Case("acorn.drift", one.store))
        for row in one.drifted:
            moved = (f"{path}: {value(last)} → {value(live)}" for path, last, live in row.fields)
            failure = "; ".join(moved) or "deleted outside"
            cases.append(Case(f"acorn.drift.{one.store}", str(row.address), failure=failure))
    return junit("acorn drift", [*cases, *of_findings("acorn.drift.monitors", found.findings)])
