"""What was applied, with what stood there before and where it came from. Comes in: a ledger's trail, a
repository. Goes out: rows. Callers: cli `history`, `blame`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from acorn_gitops.ledger.records import ENDED, INTENDED, Entry
from acorn_gitops.plan.compare import field_differences, same
from acorn_gitops.provenance.merges import Changed, Merge, Merges

QUIET: Final = (INTENDED, ENDED, "state.begin", "state.end", "apply.recovering")
"""Events that what became of each change tells again."""
_WRITES: Final = "write."


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of the trail, told."""

    entry: Entry
    fields: Sequence[tuple[str, object, object]] = ()
    """(path, before, after) of what a write changed; a resource that comes has None before, one that goes
    None after."""
    authors: Changed | None = None
    """Who changed what the spec says, since the write before; None where that cannot be known."""
    merge: Merge | None = None
    """How the commit that was applied came in."""


def history(
    entries: Sequence[Entry], root: Path, *, address: str | None = None, limit: int | None = None
) -> list[Row]:
    """The newest `limit` entries, oldest first; of one address, or of everything."""
    merges = Merges(root)
    last: dict[str, tuple[Mapping[str, object], str]] = {}
    rows: list[Row] = []
    names = _names(entries, address)
    shown = [e for e in entries if _about(e, address, names)]
    wanted = {e.sequence for e in (shown[-limit:] if limit is not None else shown)}
    for entry in entries:
        taken: Mapping[str, Any] = entry.body.get("taken") or {}
        name = entry.body.get("address") or address or next(iter(taken), "")
        before, since = last.get(str(name)) or last.get(_former(entry), ({}, ""))
        commit = str(entry.body.get("commit") or "")
        if entry.event == "write.observed":
            last[str(name)] = (entry.body.get("attributes") or {}, commit)
        last |= {one: (attributes, commit) for one, attributes in taken.items()}
        if entry.sequence not in wanted:
            continue
        row = _row(entry, before, since, merges=merges)
        if name in taken and (address is not None or len(taken) == 1):
            row = replace(row, fields=_fields(before, taken[name]))
        rows.append(row)
    return rows


def _about(entry: Entry, address: str | None, names: Mapping[str, int]) -> bool:
    if address is None:
        return True
    said = str(entry.body.get("address"))
    return (
        said == address
        or address in (entry.body.get("addresses") or ())
        or (said in names and entry.sequence <= names[said])
    )


def _names(entries: Sequence[Entry], address: str | None) -> dict[str, int]:
    """Under which addresses a resource was applied before it was renamed, and up to which entry."""
    names: dict[str, int] = {}
    at = address or ""
    for entry in reversed(entries):
        if at and entry.body.get("address") == at and (former := _former(entry)):
            at = former
            names[at] = entry.sequence
    return names


def _former(entry: Entry) -> str:
    """The address that a resource had until a write renamed it."""
    former, said = entry.body.get("former"), entry.body.get("address")
    if not isinstance(former, str) or not isinstance(said, str) or entry.event != f"{_WRITES}observed":
        return ""
    store, type, _ = said.split("/", 2)
    return f"{store}/{type}/{former}"


def _row(entry: Entry, before: Mapping[str, Any], since: str, merges: Merges) -> Row:
    body = entry.body
    commit = str(body.get("commit") or "").removesuffix("-dirty")
    merge = merges.of(commit) if commit else None
    if not entry.event.startswith(_WRITES):
        return Row(entry, merge=merge)
    after = body.get("attributes")
    fields = _fields(before, after) if isinstance(after, Mapping) or after is None else []
    file, _, line = str(body.get("origin") or "").rpartition(":")
    authors = None
    if file and commit and line.isdigit():
        authors = merges.wrote(file, int(line), since=since.removesuffix("-dirty"), until=commit)
    return Row(entry, fields, authors=authors, merge=merge)


def _fields(
    before: Mapping[str, object], after: Mapping[str, object] | None
) -> list[tuple[str, object, object]]:
    found: list[tuple[str, object, object]] = []
    for name in dict.fromkeys((*before, *(after or {}))):
        one, other = before.get(name), (after or {}).get(name)
        if same(one, other, name):
            continue
        if one is None or other is None:
            found.append((name, one, other))
        else:
            found += field_differences(name, one, other)
    return found
