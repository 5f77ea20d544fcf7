"""Deletions in the one store of a marketplace in which all its others are. Comes in: that store compared,
what its neighbours declare. Goes out: the same without deletions that would reach them, and findings. Caller:
reconcile `planning`.

Vendure has a default channel: what is made in any channel is in it too, and what is deleted from it is gone
from all. A line that leaves the specs there must not take a product from stores whose lines stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from acorn_gitops.compile.desired_state import Key
from acorn_gitops.model.finding import Finding
from acorn_gitops.model.resource import Desired
from acorn_gitops.plan.change import Change, StoreResult

REACHES: Mapping[str, str] = {"listing": "ACN-038", "promotion": ""}
"""Types that are one thing in all stores of the marketplace: the finding of a deletion that reaches others;
none where the deletion can be left out, as the marketplace keeps it there whatever is said."""


def spare_neighbours(
    result: StoreResult, neighbours: Mapping[str, Mapping[Key, Desired]], *, central: bool
) -> Iterator[Finding]:
    """Leave out, or refuse, what would be deleted from stores that declare it, and refuse what would be
    renamed there. `neighbours`: by store of the same marketplace, what is declared there; `central`: this
    store is the one in which all others are."""
    for index, change in enumerate(result.changes):
        renamed = change.action == "update" and change.moved_from is not None
        gone = central and change.action in ("delete", "replace")
        if not (renamed or gone) or change.address.type not in REACHES:
            continue
        key = (change.former.type, change.former.key)
        others = sorted(store for store, shard in neighbours.items() if key in shard)
        if not others:
            continue
        if REACHES[change.address.type]:
            yield _refusal(REACHES[change.address.type], change, others)
        elif change.action == "delete":
            result.changes[index] = change._replace(action="forget", fingerprint="")
            result.notes.append(
                f"{change.address} stays: what {others[0]} declares is in {result.store} too on this marketplace"
            )


_VERBS: Mapping[str, str] = {"replace": "replaced", "delete": "deleted", "update": "renamed"}
_REMEDIES: Mapping[str, str] = {
    "update": "rename it in all of them at once (`movedFrom` in each), or in none",
}


def _refusal(id: str, change: Change, others: Sequence[str]) -> Finding:
    names = ", ".join(others[:5]) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
    verb = _VERBS[change.action]
    return Finding(
        id=id,
        severity="error",
        message=f"{change.former} would be {verb}, and with it what {names} declare{'s' * (len(others) == 1)}: this marketplace has it"
        " once for all stores",
        hint=_REMEDIES.get(change.action)
        or f"keep its line in {change.address.store} (`lifecycle.ignoreFields` leaves its price alone), or take it out of all of them",
        subject=str(change.former),
    )
