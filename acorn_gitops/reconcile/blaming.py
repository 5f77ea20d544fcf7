"""Who made each value of a resource what it is. Comes in: a workspace, an address. Goes out: by field the
place in the specs, the commit, its author and merge request; and the write that brought it to the
marketplace. Callers: `Workspace.blame`, cli `blame`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acorn_gitops.ledger.records import Entry
from acorn_gitops.model.finding import Misused
from acorn_gitops.model.resource import Address
from acorn_gitops.plan.compare import same
from acorn_gitops.provenance.merges import UNKNOWN, Merge, Merges
from acorn_gitops.reconcile.explaining import fields_of
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.resources.registry import parse_address


@dataclass(frozen=True, slots=True)
class BlamedField:
    """One field: its value in the specs, and where it comes from."""

    name: str
    value: object
    live: object
    """As the marketplace has it; the value of the specs where it was not asked."""
    place: str
    """`file:line:column`; empty where no line says it."""
    wrote: Mapping[str, Any] | None
    """The commit that wrote the line (`commit`, `author`, `mail`, `at`, `summary`); None where it cannot be
    known; empty where it is not committed."""
    merge: Merge | None
    """How that commit came in."""
    since: str
    """When this value was first seen at the marketplace after a write of ours; empty where no write is
    recorded."""


@dataclass(frozen=True, slots=True)
class Blamed:
    """A resource, field by field, and its last write."""

    address: Address
    origin: str
    fields: Sequence[BlamedField]
    write: Entry | None
    """The write that left it as it was last applied."""
    remote_id: str
    """What the marketplace calls it; its receipt."""


def blame(workspace: Workspace, address: str, *, offline: bool = False) -> Blamed:
    """Of one resource (`amz-de/listing/KTL-17-BLK`). `offline`: the marketplace is not asked. AcornError
    where nobody knows it."""
    try:
        found = parse_address(address)
    except ValueError as error:
        raise Misused(str(error)) from None
    loaded, _ = workspace.checked()
    merges = Merges(workspace.root)
    with workspace.busy("blame"):
        rows, title = fields_of(workspace, loaded, found, field=None, offline=offline, wrote=True)
        with workspace.ledger() as ledger:
            writes = [
                entry
                for entry in ledger.history()
                if entry.event == "write.observed" and entry.body.get("address") == address
            ]
            remote = ledger.remote_ids(found.store).get((found.type, found.key), "")
    fields = [_field(row, writes, merges) for row in rows]
    origin = title.removeprefix(address).strip()
    return Blamed(found, origin, fields, write=writes[-1] if writes else None, remote_id=remote)


def _field(row: Mapping[str, Any], writes: Sequence[Entry], merges: Merges) -> BlamedField:
    name = str(row["field"])
    wrote = row.get("wrote", {})
    merge = merges.of(wrote["commit"]) if wrote and wrote.get("commit") else None
    since = ""
    value = (writes[-1].body.get("attributes") or {}).get(name) if writes else None
    for entry in reversed(writes):
        if (entry.body.get("attributes") or {}).get(name) != value:
            break
        since = entry.at
    return BlamedField(
        name,
        row["value"],
        row.get("live", row["value"]),
        place=str(row.get("place") or ""),
        wrote=None if row.get("author") == UNKNOWN else (wrote or {}),
        merge=merge,
        since=since if value is not None and same(value, row["value"], name) else "",
    )
