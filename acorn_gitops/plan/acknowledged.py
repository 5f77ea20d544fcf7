"""What was changed outside and stays so for now, because somebody answers for it in git. Comes in: the three
states of a store, who acknowledges what. Goes out: the states with that set aside, and what it was. Caller:
`reconcile.states`.

Only what drifted can be acknowledged: a field whose spec was edited since is applied as the spec says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import orjson

from acorn_gitops.compile.desired_state import Key
from acorn_gitops.model.resource import Address, Attributes, Desired, Live, digest
from acorn_gitops.plan.change import Applied
from acorn_gitops.plan.compare import field_differences, same

Acknowledges = Callable[[Address], Mapping[str, object] | None]
"""The words by which a change from outside stays (`owner`, `reason`, `until`); None where it does not."""


class Left(NamedTuple):
    """One resource that stays as somebody else left it. `deleted`: it is gone, and stays away."""

    address: Address
    deleted: bool
    fields: tuple[tuple[str, object, object], ...]
    """(path, as we left it, as it is)."""
    words: Mapping[str, object]
    """Who acknowledged it (`owner`), why (`reason`), and the first day on which it is put back (`until`)."""

    @property
    def names(self) -> list[str]:
        """The attributes that are left."""
        return sorted({path.split(".")[0].split("[")[0] for path, _, _ in self.fields})


class Aside(NamedTuple):
    """A store's desired and last applied state without what is left, and what that is."""

    desired: Mapping[Key, Desired]
    applied: Mapping[Key, Applied]
    left: list[Left]


def set_aside(
    store: str,
    desired: Mapping[Key, Desired],
    live: Mapping[Key, Live],
    applied: Mapping[Key, Applied],
    acknowledges: Acknowledges,
) -> Aside:
    """Leave what was acknowledged: of a resource the fields that drifted, or all of it where it was deleted
    outside."""
    left: list[Left] = []
    wanted, known = dict(desired), dict(applied)
    for key, want in desired.items():
        address = Address(store, *key)
        words = acknowledges(address) if key in applied else None
        if words is None:
            continue
        have = live.get(key)
        if have is None:
            if digest(want.attributes) == applied[key].digest:
                del wanted[key], known[key]
                left.append(Left(address, True, fields=(), words=words))
            continue
        last: Attributes = orjson.loads(applied[key].attributes)
        moved = [
            name
            for name, value in want.attributes.items()
            if name in last
            and same(last[name], value, name)
            and not same(value, have.attributes.get(name), name)
        ]
        if moved:
            lifecycle = want.lifecycle or {}
            ignored = [*(lifecycle.get("ignoreFields") or ()), *moved]
            wanted[key] = want._replace(lifecycle={**lifecycle, "ignoreFields": ignored})
            fields = [
                row
                for name in moved
                for row in field_differences(name, last[name], have.attributes.get(name))
            ]
            left.append(Left(address, False, fields=tuple(fields), words=words))
    return Aside(wanted, known, left)
