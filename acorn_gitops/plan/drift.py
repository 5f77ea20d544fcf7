"""What changed on the marketplace since we last wrote there. Comes in: live and last-applied resources.
Goes out: `Drifted` rows. Callers: cli `drift`, tests.

The specs are no part of this comparison: an edit that is not applied yet is intent, not drift, and is only
counted. What was never applied from here cannot drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from acorn_gitops.compile.desired_state import Key
from acorn_gitops.model.finding import Finding
from acorn_gitops.model.resource import Address, Attributes, Desired, Live, digest
from acorn_gitops.plan.acknowledged import Left
from acorn_gitops.plan.change import Applied
from acorn_gitops.plan.compare import field_differences, inside_band, same
from acorn_gitops.plan.diff import recordable


class Drifted(NamedTuple):
    """One resource that is no longer as we left it. `deleted`: it is gone."""

    address: Address
    deleted: bool
    fields: tuple[tuple[str, object, object], ...]
    """(path, as we left it, as it is)."""


class StoreDrift(NamedTuple):
    """One store: what drifted, what is there and not ours, and how many specs wait to be applied."""

    store: str
    drifted: list[Drifted]
    unmanaged: list[Address]
    unapplied: int
    """Specs that were edited since, also those that say by now what somebody did outside."""
    watched: int
    left: tuple[Left, ...] = ()
    """What was changed outside and stays so: somebody acknowledged it."""
    ceded: int = 0
    """Resources with a field that others move, within its band."""
    over: int = 0
    """Promotions that have ended and are gone."""


def store_drift(
    store: str, desired: Mapping[Key, Desired], live: Mapping[Key, Live], applied: Mapping[Key, Applied]
) -> StoreDrift:
    """Compare one store with what was last applied there."""
    found: list[Drifted] = []
    unapplied = ceded = 0
    for key, known in applied.items():
        want = desired.get(key)
        unapplied += want is None or not _is_as_applied(want, known)
        have = live.get(key)
        if have is None:
            found.append(Drifted(Address(store, *key), True, ()))
            continue
        last: Attributes = orjson.loads(known.attributes)
        lifecycle = (want.lifecycle if want is not None else None) or {}
        ignored = frozenset(lifecycle.get("ignoreFields") or ())
        bands = lifecycle.get("ceded") or {}
        fields: list[tuple[str, object, object]] = []
        moves = False
        for name, value in last.items():
            current = have.attributes.get(name)
            if value == current or name in ignored or same(value, current, name):
                continue
            whole = want.whole or want.attributes if want is not None else last
            if name in bands and inside_band(name, current, bands[name], whole=whole):
                moves = True
                continue
            if want is not None and name in want.attributes and same(want.attributes[name], current, name):
                continue  # the specs say so by now: the next apply records it
            fields += field_differences(name, value, current)
        # What others set within a band is not recorded.
        for name in bands.keys() - last.keys() - ignored if want is not None else ():
            assert want is not None
            value, current = want.attributes.get(name), have.attributes.get(name)
            if value is None or same(value, current, name):
                continue
            if inside_band(name, current, bands[name], whole=want.whole or want.attributes):
                moves = True
            else:
                fields += field_differences(name, value, current)
        ceded += moves
        if fields:
            found.append(Drifted(Address(store, *key), False, tuple(fields)))
    unapplied += len(desired.keys() - applied.keys())
    foreign = sorted(Address(store, *key) for key in live.keys() - desired.keys() - applied.keys())
    return StoreDrift(
        store,
        sorted(found, key=lambda d: d.address),
        foreign,
        unapplied=unapplied,
        watched=len(applied),
        ceded=ceded,
    )


def _is_as_applied(want: Desired, known: Applied) -> bool:
    """Whether specs say what was last applied, in whatever spelling."""
    if digest(want.attributes) == known.digest:
        return True
    last: Attributes = orjson.loads(known.attributes)
    attributes = recordable(want, last)
    return all(same(attributes.get(n), last.get(n), n) for n in attributes.keys() | last.keys())


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What was found."""

    environment: str
    stores: list[StoreDrift] = field(default_factory=list)
    """Every store that could be read."""
    errors: dict[str, str] = field(default_factory=dict)
    """By store, why it could not be read."""
    findings: list[Finding] = field(default_factory=list)
    """What monitors see, and what is sold below its floor now."""
    unknown: str = ""
    """Why nobody can say what was changed outside: nothing is known of what was applied."""

    @property
    def drifted(self) -> int:
        """How many resources were changed outside."""
        return sum(len(store.drifted) for store in self.stores)

    @property
    def clean(self) -> bool:
        """Whether nothing was changed, and nothing is told beyond remarks."""
        told = any(finding.severity != "info" for finding in self.findings)
        return not (self.errors or self.drifted or told or self.unknown)
