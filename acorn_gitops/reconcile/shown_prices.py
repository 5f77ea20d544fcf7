"""What buyers are shown against what was meant. Comes in: a workspace, a store. Goes out: by SKU, both
prices. Caller: cli `amazon prices`.

What a marketplace holds says what it was told. Where it also tells what it shows, that is looked at: a sale
that was accepted and does nothing is seen there, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from acorn_gitops.compile.desired_state import Key
from acorn_gitops.marketplaces.protocol import Shows
from acorn_gitops.model.finding import Misused
from acorn_gitops.model.resource import Desired, is_money
from acorn_gitops.reconcile.states import Wishes, gather, marketplace_of_declared
from acorn_gitops.reconcile.workspace import Workspace


class ShownPrice(NamedTuple):
    """One listing: what everybody should be asked now, through which sale, and what is shown. None: nothing
    is shown of it."""

    key: str
    meant: Mapping[str, str]
    through: str
    shown: Mapping[str, str] | None = None

    @property
    def is_as_meant(self) -> bool:
        """Whether what is shown is what should be; also where nothing is shown, as nothing can be said."""
        return self.shown is None or dict(self.shown) == dict(self.meant)


def shown_prices(workspace: Workspace, store: str, only: Collection[str] = ()) -> list[ShownPrice]:
    """The listings of a store that are for sale by the specs: those that are on sale now, or `only` these.
    Misused where the store's marketplace cannot tell; AcornError where it does not answer."""
    workspace.refuse_untrusted("amazon prices")
    with workspace.busy("amazon prices"):
        loaded, _ = workspace.checked()
        state = gather(workspace, loaded, Wishes())
        state.ledger.close()
        marketplace = marketplace_of_declared(state, store)
        if not isinstance(marketplace, Shows):
            raise Misused(
                f"the marketplace of {store} does not tell what buyers are shown",
                hint="name a store of a connection with the adapter amazon",
            )
        shard = state.desired.stores.get(store, {})
        every = sorted(_meant(shard, workspace.now()), key=lambda one: one.key)
        wanted = [one for one in every if (one.key in only if only else one.through)]
        found = marketplace.shown(store, [one.key for one in wanted]) if wanted else {}
        return [one._replace(shown=found.get(one.key)) for one in wanted]


def _meant(shard: Mapping[Key, Desired], now: datetime) -> Iterator[ShownPrice]:
    """Every listing that is for sale: what everybody should pay, and the promotion that makes it so."""
    sales: dict[str, tuple[Mapping[str, str], str]] = {}
    for (type, key), want in shard.items():
        said = want.attributes
        price = (said.get("discount") or {}).get("salePrice") if type == "promotion" else None
        if is_money(price) and _holds(said.get("start"), said.get("end"), now):
            sales.update(dict.fromkeys(said.get("skus") or (), (price, key)))
    for (type, key), want in shard.items():
        price = want.attributes.get("price") if type == "listing" else None
        if is_money(price) and price is not None and want.attributes.get("status") != "inactive":
            meant, through = sales.get(key, (price, ""))
            yield ShownPrice(key, meant, through)


def _holds(start: object, end: object, now: datetime) -> bool:
    return datetime.fromisoformat(str(start)) <= now < datetime.fromisoformat(str(end))
