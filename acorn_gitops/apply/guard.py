"""What the last look at a price knows at each moment of a run. Comes in: what the stores held when they were last read, what the
run has sent since. Goes out: why a write must not be sent, or nothing. Caller: `carry_out`, before every write.

`price_guard` judges; this says by what: the fresh state of the store, the bounds of the specs, and promotions that were sent and
not seen yet, which count both as they were and as they will be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from acorn_gitops.apply.price_guard import Offered, bounds_of, paid_refusal, promotion_refusal, refusal
from acorn_gitops.engines.held import HeldPromotions
from acorn_gitops.ledger.ledger import Intent
from acorn_gitops.marketplaces.protocol import Outcome, Snapshot, Write
from acorn_gitops.model.resource import Address, Desired, is_money, platform_of
from acorn_gitops.plan.change import Change
from acorn_gitops.plan.diff import left_to_others


class Guard:
    """Of one run. `stores` is what each store held when it was last read; `outcomes` what became of changes so far."""

    def __init__(
        self,
        changes: Iterable[Change],
        stores: Mapping[str, Snapshot],
        outcomes: Mapping[Address, Outcome],
        *,
        declared: Callable[[Address], Desired | None],
        least: Callable[[Address], Mapping[str, str] | None],
        now: Callable[[], str],
    ) -> None:
        self._changes = list(changes)
        self._stores = dict(stores)
        self._outcomes = outcomes
        self._declared = declared
        self._least = least
        self._now = now
        self._listings: dict[str, dict[str, list[str]]] = {}
        self._promotions: dict[str, HeldPromotions] = {}
        self._waiting: dict[str, dict[str, Mapping[str, Any]]] = {}
        """By store: promotions that were sent and not seen, as they will be."""
        self._coming: dict[Address, Mapping[str, str]] = {}
        """Prices of listings that were sent and not seen."""
        self._counted: Address | None = None
        """The listing that was judged last, where one of them was counted with."""
        self._waking: set[Address] = set()
        """Listings that were put on sale, which nobody has seen."""

    def read(self, snapshot: Snapshot) -> None:
        """A store was read again."""
        self._stores[snapshot.store] = snapshot
        self._promotions.pop(snapshot.store, None)
        self._listings.pop(snapshot.store, None)

    def expect(self, intents: Iterable[Intent], now: str) -> None:
        """What earlier runs sent and nobody has seen yet may still come, for a day: prices and promotions count as they are and as they
        will be."""
        since = _instant(now) - MAY_COME
        for intent in intents:
            attributes = intent.attributes or {}
            if intent.operation == "delete" or _instant(intent.at) < since:
                continue
            if intent.address.type == "listing" and attributes.get("status") == "active":
                self._waking.add(intent.address)
            if intent.address.type == "listing" and is_money(attributes.get("price")):
                self._expect_price(intent.address, attributes["price"])
            elif intent.address.type == "promotion" and intent.address.store in self._stores:
                have = self._stores[intent.address.store].resources.get(("promotion", intent.address.key))
                after = {**(have.attributes if have is not None else {}), **attributes}
                self._waiting.setdefault(intent.address.store, {})[intent.address.key] = after

    def _expect_price(self, address: Address, price: Mapping[str, str]) -> None:
        """Of several that may come, the least counts."""
        known = self._coming.get(address)
        if known is None or known["currency"] != price["currency"] or _less(price, known):
            self._coming[address] = price

    def refusal(self, write: Write, former: str) -> str:
        """Why a write must not be sent at this moment; empty where it may. `former`: the key of what it takes the place of. What
        cannot be judged is not sent."""
        try:
            return self._refusal(write, former)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            return f"it cannot be judged by what the store holds ({type(error).__name__})"

    def _refusal(self, write: Write, former: str) -> str:
        address = write.address
        if address.type == "listing" and write.operation != "delete":
            live = self._bounded(address, live=write.operation == "update", former=former)
            least = self._least(address)
            sku = str({**live, **write.attributes}.get("sku") or address.key)
            return refusal("listing", write.attributes, live, least) or paid_refusal(
                sku, write.attributes, live, least, self._promotions_of(address.store)
            )
        if address.type == "promotion":
            held = self._promotions_of(address.store)
            before = held.content(former) or {}
            after = None
            if write.operation != "delete":
                after = {**(before if write.operation == "update" else {}), **write.attributes}
            keys = self._by_sku(address.store)
            skus = {*(before.get("skus") or ()), *((after or {}).get("skus") or ())}
            listings = [
                (sku, Address(address.store, "listing", key))
                for sku in sorted(skus)
                for key in keys.get(sku) or (sku,)
            ]
            self._counted = None
            why = promotion_refusal(
                held.proposed(address.key, after, instead_of=former, without=_unseen(address.key)),
                ((sku, Offered(self._as_it_is(at), self._least(at))) for sku, at in listings),
            )
            return f"{why}{self._expected()}" if why else ""
        return ""

    def _expected(self) -> str:
        """That a price was counted which was sent and which nobody has seen."""
        if self._counted is None:
            return ""
        address, coming = self._counted, self._coming[self._counted]
        return (
            f"; {coming['value']} {coming['currency']} was sent for {address} and may still come: run again when it is there, or a day"
            " after it was sent"
        )

    def _promotions_of(self, store: str) -> HeldPromotions:
        """What the store holds of promotions at this moment of the run."""
        if store not in self._promotions:
            now = datetime.fromisoformat(self._now()).astimezone(UTC)
            self._promotions[store] = HeldPromotions(
                now,
                (
                    (key, live.attributes)
                    for (type, key), live in self._stores[store].resources.items()
                    if type == "promotion"
                ),
                platform_of(store, self._stores[store].resources),
            )
            held = self._promotions[store]
            for key, content in self._waiting.get(store, {}).items():
                held.put(key if held.content(key) is None else _unseen(key), content)
        return self._promotions[store]

    def sent(self, store: str, writes: Sequence[Write], answers: Sequence[Outcome]) -> None:
        """What was answered to promotions, before anybody has looked. One that was taken counts as both: as it was, and as it will
        be."""
        for write, answer in zip(writes, answers, strict=True):
            if write.address.type != "promotion" or answer.status not in ("observed", "accepted"):
                continue
            held, key = self._promotions_of(store), write.address.key
            before = held.content(key)
            after = self._after(write, before)
            if answer.status == "observed":
                held.put(key, after)
            elif after is not None:
                held.put(key if before is None else _unseen(key), after)

    def seen(self, snapshot: Snapshot, writes: Sequence[Write], answers: Sequence[Outcome]) -> None:
        """A store was read again after these writes: what is there is known, and what is not yet there may still come."""
        self.read(snapshot)
        waiting = self._waiting.setdefault(snapshot.store, {})
        for write, answer in zip(writes, answers, strict=True):
            if write.address.type == "listing" and write.attributes.get("status") == "active":
                self._waking.discard(write.address)
                if answer.status in ("accepted", "unknown"):
                    self._waking.add(write.address)
            if (
                write.address.type == "listing"
                and write.operation != "delete"
                and is_money(write.attributes.get("price"))
            ):
                if answer.status == "observed":
                    self._coming.pop(write.address, None)  # it is as this run sent it
                if answer.status in ("accepted", "unknown"):
                    self._expect_price(write.address, write.attributes["price"])
            if write.address.type != "promotion" or write.operation == "delete":
                continue
            key = write.address.key
            if answer.status == "observed":
                waiting.pop(key, None)
            elif answer.status in ("accepted", "unknown"):
                have = snapshot.resources.get(("promotion", key))
                waiting[key] = self._after(write, have.attributes if have is not None else None) or {}

    @staticmethod
    def _after(write: Write, before: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if write.operation == "delete":
            return None
        return {**((before or {}) if write.operation == "update" else {}), **write.attributes}

    def _bounded(self, address: Address, *, live: bool, former: str = "") -> dict[str, Any]:
        """What is there, and the bounds of the spec: a marketplace that cannot hold a floor does not know it. `former`: the key under
        which it is now, where that is another."""
        there = (address.type, former or address.key)
        have = self._stores[address.store].resources.get(there) if live else None
        return {**(have.attributes if have is not None else {}), **bounds_of(self._declared(address))}

    def _as_it_is(self, address: Address) -> dict[str, Any]:
        """A listing at this moment of the run: what was there, and what this run has sent and seen."""
        self._counted = None
        outcome, want = self._outcomes.get(address), self._declared(address)
        live = self._bounded(address, live=True)
        sent: Mapping[str, Any] = {}
        if want is not None and outcome is not None and outcome.status == "observed":
            left = left_to_others(want) & live.keys()
            sent = {k: v for k, v in want.attributes.items() if v is not None and k not in left}
        now = {**live, **sent}
        if address in self._waking:
            now["status"] = "active"
        coming, price = self._coming.get(address), now.get("price")
        if (
            coming is not None
            and price is not None
            and is_money(price)
            and coming["currency"] == price["currency"]
        ):
            now["price"] = min(price, coming, key=lambda money: Decimal(money["value"]))
            self._counted = address if now["price"] is coming else None
        return now

    def _by_sku(self, store: str) -> dict[str, list[str]]:
        """Keys of a store's listings by their SKU: one can be listed several times, also by others. Those of this run come last."""
        if store not in self._listings:
            found: dict[str, dict[str, None]] = {}
            for (type, key), live in self._stores[store].resources.items():
                if type == "listing":
                    found.setdefault(str(live.attributes.get("sku") or key), {})[key] = None
            for change in self._changes:
                if change.address.store == store and change.address.type == "listing":
                    sku = (change.after or {}).get("sku") or change.address.key
                    found.setdefault(str(sku), {})[change.address.key] = None
            self._listings[store] = {sku: [*keys] for sku, keys in found.items()}
        return self._listings[store]


MAY_COME: Final = timedelta(days=1)
"""So long after it was sent, a write that nobody has seen may still come."""


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _less(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return Decimal(one["value"]) < Decimal(other["value"])


def _unseen(key: str) -> str:
    return f"{key} (accepted, not seen)"
