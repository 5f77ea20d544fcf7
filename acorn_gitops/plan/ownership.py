"""Whose a resource is. Comes in: a live resource, the policy of an environment. Goes out: whether somebody
else manages it, whether it may be deleted. Callers: `diff`, cli `state`.

Two repositories can manage one store. A marketplace that keeps an owner with each resource
(project/environment) settles whose it is. Where none is kept, only the ledger knows what acorn made, or took
over because somebody said so; what was merely found as the specs describe it may be somebody else's as well,
and is never deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

from acorn_gitops.model.resource import Address, Live
from acorn_gitops.plan.change import Applied, Change, FieldChange, Reason

OWNER: Final = "owner"
"""The path under which a plan shows that a resource changes hands. No resource has an attribute of that
name."""


class Ownership(Protocol):
    """What a policy says of ownership."""

    @property
    def owner(self) -> str:
        """Who plans, as the marketplace names owners; empty where it keeps none."""

    @property
    def takes_over(self) -> bool:
        """Whether somebody said that what belongs to others, or to nobody, is ours from now on
        (`--adopt`)."""


def is_foreign(have: Live, policy: Ownership) -> bool:
    """Whether somebody else manages a resource."""
    return bool(policy.owner and have.owner) and have.owner != policy.owner


def is_unmarked(have: Live, policy: Ownership) -> bool:
    """Whether the marketplace could say whose a resource is, and does not."""
    return bool(policy.owner) and not have.owner


def change_of_owner(have: Live, policy: Ownership, reason: Reason) -> FieldChange:
    """The line of a plan that shows it."""
    return FieldChange(OWNER, have.owner, policy.owner, reason=reason)


def belongs_to(change: Change) -> str:
    """Of a change that somebody must agree to: whose the resource is, as a sentence; empty where it is
    nobody's."""
    owner = next((field.before for field in change.fields if field.path == OWNER), None)
    return f"it belongs to {owner}" if owner else ""


def left_to_owners(theirs: Mapping[str, Sequence[Address]]) -> Iterator[str]:
    """That declared resources are as others keep them, in one sentence for each owner."""
    for owner, addresses in sorted(theirs.items()):
        more = f" and {len(addresses) - 1:,} more" if len(addresses) > 1 else ""
        yield (
            f"{min(addresses)}{more}: as declared, and left to {owner}, which manages {'them' if more else 'it'}; `--adopt` takes"
            f" {'them' if more else 'it'} over"
        )


def why_kept(address: Address, have: Live, known: Applied, policy: Ownership) -> str:
    """Why a resource that left the specs is not deleted, as a sentence; empty where it may be."""
    if is_foreign(have, policy):
        return f"{address} stays: it belongs to {have.owner}"
    if known.found and not policy.owner and not policy.takes_over:
        return (
            f"{address} stays: it was there already when it was first declared here, and may be somebody else's; `--adopt` takes it"
            " over, so that it is deleted"
        )
    return ""
