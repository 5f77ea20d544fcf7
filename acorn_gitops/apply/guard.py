"""What the last look at a price knows at each moment of a run. Comes in: what the stores held when they were
last read, what the run has sent since. Goes out: why a write must not be sent, or nothing. Caller:
`run`, before every write.

`price_guard` judges; this says by what: the fresh state of the store, the bounds of the specs, and promotions
that were sent and not seen yet, which count both as they were and as they will be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any, Final, NamedTuple

from acorn_gitops.apply.price_guard import Offered, bounds_of, paid_refusal, promotion_refusal, refusal
from acorn_gitops.engines.pricing.standing import HeldPromotions, beside
from acorn_gitops.ledger.records import Intent
from acorn_gitops.marketplaces.protocol import Outcome, Snapshot, Write
from acorn_gitops.model.resource import Address, Attributes, Desired, is_money, platform_of
from acorn_gitops.plan.change import Change, products_of
from acorn_gitops.plan.compare import same
from acorn_gitops.plan.diff import left_to_others
from acorn_gitops.resources.buyers import (
    BUSINESS_PRICE,
    BUSINESS_TIERS,
    Buyer,
    Listing,
    as_seen,
    tiers_of,
)


class Guard:
    """Of one run. `stores` is what each store held when it was last read; `outcomes` what became of changes
    so far."""

    def __init__(
        self,
        changes: Iterable[Change],
        stores: Mapping[str, Snapshot],
        outcomes: Mapping[Address, Outcome],
        *,
        declared: Callable[[Address], Desired | None],
        least: Callable[[Address], Mapping[str, str] | None],
        now: Callable[[], str],
        standing: Mapping[str, Mapping[str, Attributes]] | None = None,
    ) -> None:
        """`standing`: by store, promotions that people have made there and no reading shows."""
        self._standing = standing or {}
        self._changes = list(changes)
        self._stores = dict(stores)
        self._outcomes = outcomes
        self._declared = declared
        self._least = least
        self._now = now
        self._listings: dict[str, dict[str, list[str]]] = {}
        self._promotions: dict[str, HeldPromotions] = {}
        self._crowded: dict[str, str] = {}
        """By store, why nothing can be judged there; as old as its promotions."""
        self._sendings: dict[Address, list[_Sending]] = {}
        """What was sent and nobody has seen, by earlier runs and this one, in order: each may still come."""
        self._going: list[tuple[Address, _Sending]] = []
        """Of these, promotions that go out with the batch that is judged now."""
        self._counted: tuple[Address, Mapping[str, str]] | None = None
        """The listing that was judged last, and the price that was counted for it, where that was sent and
        not seen."""

    def read(self, snapshot: Snapshot) -> None:
        """A store was read again."""
        self._stores[snapshot.store] = snapshot
        self._promotions.pop(snapshot.store, None)
        self._listings.pop(snapshot.store, None)

    def expect(self, intents: Iterable[Intent], now: str) -> None:
        """What earlier runs sent and nobody has seen yet may still come, for a day: prices and promotions
        count as they are and as they will be, and so do listings that are not there yet."""
        for intent in intents:
            if intent.operation != "delete" and not is_over(intent, now):
                sending = _Sending(intent.operation, intent.attributes or {}, own=False)
                self._sendings.setdefault(intent.address, []).append(sending)
        self._promotions.clear()
        self._listings.clear()

    def refusal(self, write: Write, former: str) -> str:
        """Why a write must not be sent at this moment; empty where it may. `former`: the key of what it takes
        the place of. What cannot be judged is not sent."""
        try:
            return self._refusal(write, former)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            return f"it cannot be judged by what the store holds ({type(error).__name__})"

    def goes(self, writes: Iterable[Write]) -> None:
        """These writes go out with the next batch: what else goes with them is judged beside them, as any of
        them may come first, or alone."""
        for write in writes:
            if write.address.type == "promotion" and write.operation != "delete":
                sending = _Sending(write.operation, write.attributes, own=True)
                self._going.append((write.address, sending))
                sendings = self._sendings.setdefault(write.address, [])
                sendings.append(sending)
                held = self._promotions_of(write.address.store)
                self._put_unseen(held, write.address.key, sendings)

    def stays(self) -> None:
        """Nothing of the batch that was judged goes out, or all of it is answered."""
        for address, sending in self._going:
            self._sendings[address] = [one for one in self._sendings[address] if one is not sending]
            self._promotions.pop(address.store, None)
        self._going.clear()

    def refusal_anew(self, write: Write, former: str, content: Attributes | None) -> str:
        """As `refusal`, of a promotion that takes the place of another one (`former`, and what it was when it
        was planned): compared with what was paid while that one stood, also where it is gone by now."""
        held = self._promotions_of(write.address.store)
        now = held.content(former)
        if now is None and content is not None:
            held.put(former, content)
        try:
            return self.refusal(write, former)
        finally:
            if now is None and content is not None:
                held.put(former, None)

    def _refusal(self, write: Write, former: str) -> str:
        address = write.address
        if address.type == "listing" and write.operation != "delete":
            live = self._bounded(address, live=write.operation == "update", former=former)
            least = self._least(address)
            sku = str({**live, **write.attributes}.get("sku") or address.key)
            was = str(live.get("sku") or write.former) if write.former else ""
            held = self._promotions_of(address.store)
            return (
                refusal("listing", write.attributes, live, least=least)
                or self._too_many(address.store)
                or paid_refusal(sku, write.attributes, live, least=least, held=held, former=was)
                or self._on_sale_for_less(write, live, sku, least, held)
            )
        if address.type == "promotion":
            held = self._promotions_of(address.store)
            before = held.content(former) or {}
            forms: list[dict[str, Any] | None] = [None]
            if write.operation != "delete":
                forms = [*self._forms(write, before)]
            keys = self._by_sku(address.store)
            skus = {sku for form in (before, *forms) for sku in (form or {}).get("skus") or ()}
            listings = [
                (sku, Address(address.store, "listing", key))
                for sku in sorted(skus)
                for key in keys.get(sku.casefold()) or (sku,)
            ]
            self._counted = None
            unseen = self._unseen_of(address) | self._unseen_of(address._replace(key=former))
            if why := self._too_many(address.store):
                return why
            for form in forms:
                why = promotion_refusal(
                    held.proposed(address.key, form, instead_of=former, without=unseen),
                    ((sku, Offered(self._as_it_is(at), self._least(at))) for sku, at in listings),
                )
                if why:
                    return f"{why}{self._expected()}"
        return ""

    def _forms(self, write: Write, before: Mapping[str, object]) -> Iterable[dict[str, object]]:
        """What a promotion may be after a write: as it says, laid over what was sent earlier and comes before
        it, and under what comes after it."""
        base = before if write.operation == "update" else {}
        yield {**base, **write.attributes}
        for some in _some_of(self._sendings.get(write.address, ())):
            came = {name: value for one in some for name, value in one.attributes.items()}
            yield {**base, **came, **write.attributes}
            yield {**base, **write.attributes, **came}

    def _on_sale_for_less(
        self,
        write: Write,
        live: Mapping[str, object],
        sku: str,
        least: Mapping[str, str] | None,
        held: HeldPromotions,
    ) -> str:
        """Why a listing must not be put on sale: a lower price was sent for it and may still come."""
        begins = write.attributes.get("status") == "active" and live.get("status") != "active"
        after = {**live, **write.attributes}
        if not begins:
            return ""
        for sending in self._sendings.get(write.address, ()):
            for coming in _lower(after, sending.attributes):
                self._counted = (write.address, coming.price)
                sent = {**write.attributes, **coming.asked}
                if why := paid_refusal(sku, sent, live, least=least, held=held):
                    return f"{why}{self._expected()}"
        return ""

    def _too_many(self, store: str) -> str:
        """Why nothing can be judged where more was sent for one promotion than can be combined."""
        self._promotions_of(store)
        return self._crowded.get(store, "")

    def _unseen_of(self, address: Address) -> frozenset[str]:
        """Earlier forms of one promotion that may still come: never beside it, but in its place."""
        return frozenset(
            _unseen(address.key, number) for number in range(len(self._sendings.get(address, ())))
        )

    def _expected(self) -> str:
        """That a price was counted which was sent and which nobody has seen."""
        if self._counted is None:
            return ""
        address, coming = self._counted
        return (
            f"; {coming['value']} {coming['currency']} was sent for {address} and may still come: run again when it is there, or a day"
            " after it was sent"
        )

    def _promotions_of(self, store: str) -> HeldPromotions:
        """What the store holds of promotions at this moment of the run, and what may still come of them."""
        if store not in self._promotions:
            now = datetime.fromisoformat(self._now()).astimezone(UTC)
            there = self._stores[store].resources
            shown = {key: live.attributes for (type, key), live in there.items() if type == "promotion"}
            self._promotions[store] = HeldPromotions(
                now,
                beside(shown, self._standing.get(store, {})).items(),
                platform=platform_of(store, there),
                products=products_of(self._changes, store),
            )
            self._crowded[store] = ""
            for address, sendings in self._sendings.items():
                if address.store == store and address.type == "promotion":
                    self._put_unseen(self._promotions[store], address.key, sendings)
                    if (count := len(_different(sendings))) > MOST:
                        self._crowded[store] = (
                            f"{count} writes of {address} were sent and may still come; run again a day after they were sent"
                        )
        return self._promotions[store]

    def _put_unseen(self, held: HeldPromotions, key: str, sendings: Sequence[_Sending]) -> None:
        """Beside a promotion as it is, each other form in which it may come: any of them may be lost, and the
        rest come. What would change one that is not there changes nothing."""
        forms = [held.content(key)]
        for some in _some_of(sendings):
            content = forms[0]
            for sending in some:
                if sending.operation == "update" and content is None:
                    continue
                before = content if sending.operation == "update" and content is not None else {}
                content = {**before, **sending.attributes}
            if content is not None and not any(form is not None and _has(form, content) for form in forms):
                held.put(_unseen(key, len(forms) - 1), content)
                forms.append(content)

    def sent(self, store: str, writes: Sequence[Write], answers: Sequence[Outcome]) -> None:
        """What was answered, before anybody has looked: "done" is what a marketplace says. A promotion that
        was taken counts as both, as it was and as it will be; one that is to end counts until it is seen to
        be gone."""
        self.stays()
        for write, answer in zip(writes, answers, strict=True):
            if write.address.type == "promotion" and answer.read_back and answer.status == "observed":
                held = self._promotions_of(store)
                held.put(write.address.key, self._after(write, held.content(write.address.key)))
            elif write.operation != "delete" and answer.status in _MAY_COME:
                self._sendings.setdefault(write.address, []).append(
                    _Sending(write.operation, write.attributes, own=True)
                )
                self._promotions.pop(store, None)
                self._listings.pop(store, None)

    def seen(self, snapshot: Snapshot | None, writes: Sequence[Write], answers: Sequence[Outcome]) -> None:
        """Somebody has looked after these writes: what is there is known, and what is not yet there may still
        come. None: the store could not be read, and nothing more is known than was answered."""
        if snapshot is not None:
            self.read(snapshot)
        for write, answer in zip(writes, answers, strict=True):
            if answer.status not in _MAY_COME or answer.read_back:
                # It is there, or will not come. What earlier runs sent to the same address is another
                # question.
                kept = [one for one in self._sendings.get(write.address, ()) if not one.own]
                self._sendings[write.address] = kept
        for store in {write.address.store for write in writes}:
            self._promotions.pop(store, None)
            self._listings.pop(store, None)

    @staticmethod
    def _after(write: Write, before: Mapping[str, object] | None) -> dict[str, object] | None:
        if write.operation == "delete":
            return None
        return {**((before or {}) if write.operation == "update" else {}), **write.attributes}

    def _bounded(self, address: Address, *, live: bool, former: str = "") -> dict[str, object]:
        """What is there, and the bounds of the spec: a marketplace that cannot hold a floor does not know it.
        `former`: the key under which it is now, where that is another."""
        there = (address.type, former or address.key)
        have = self._stores[address.store].resources.get(there) if live else None
        held = have.attributes if have is not None else {}
        return {**held, **bounds_of(self._declared(address), held)}

    def _as_it_is(self, address: Address) -> dict[str, object]:
        """A listing at this moment of the run: what was there, and what this run has sent and seen."""
        self._counted = None
        outcome, want = self._outcomes.get(address), self._declared(address)
        live = self._bounded(address, live=True)
        sent: Attributes = {}
        if want is not None and outcome is not None and outcome.status == "observed":
            left = left_to_others(want) & live.keys()
            sent = {k: v for k, v in want.attributes.items() if v is not None and k not in left}
        now = {**live, **sent}
        for sending in self._sendings.get(address, ()):
            if sending.operation == "create":
                now = {**sending.attributes, **now}  # it may be there at any moment
            if sending.attributes.get("status") == "active":
                now["status"] = "active"
            for coming in _lower(now, sending.attributes):
                now |= coming.asked
                self._counted = (address, coming.price)
        return now

    def _by_sku(self, store: str) -> dict[str, list[str]]:
        """Keys of a store's listings by their SKU, in lower case: one can be listed several times, also by
        others. Those of this run come last."""
        if store not in self._listings:
            found: dict[str, dict[str, None]] = {}
            for (type, key), live in self._stores[store].resources.items():
                if type == "listing":
                    found.setdefault(str(live.attributes.get("sku") or key).casefold(), {})[key] = None
            for address, sendings in self._sendings.items():
                if address.store == store and address.type == "listing" and sendings:
                    sku = next((one.attributes["sku"] for one in sendings if one.attributes.get("sku")), None)
                    found.setdefault(str(sku or address.key).casefold(), {})[address.key] = None
            for change in self._changes:
                if change.address.store == store and change.address.type == "listing":
                    sku = (change.after or {}).get("sku") or change.address.key
                    found.setdefault(str(sku).casefold(), {})[change.address.key] = None
            self._listings[store] = {sku: [*keys] for sku, keys in found.items()}
        return self._listings[store]


MAY_COME: Final = timedelta(days=1)
"""So long after it was sent, a write that nobody has seen may still come."""
_MAY_COME: Final = frozenset({"observed", "accepted", "unknown"})
"""Answers after which a write may be carried out, before anybody has looked."""


class _Sending(NamedTuple):
    """A write that may still come. `own`: of this run."""

    operation: str
    attributes: Attributes
    own: bool


def since(now: str) -> str:
    """A day (ISO text) before which nothing was sent that may still come."""
    return (_instant(now) - 2 * MAY_COME).date().isoformat()


def is_over(intent: Intent, now: str) -> bool:
    """Whether so much time has gone by since a write was sent that it does not come any more."""
    return _instant(intent.at) < _instant(now) - MAY_COME


def seconds_between(one: str, other: str) -> float:
    """From one instant (ISO text) to another."""
    return (_instant(other) - _instant(one)).total_seconds()


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


class _Coming(NamedTuple):
    """A price that was sent and may still come: in place of which attribute it counts, and the amount."""

    asked: Attributes
    price: Mapping[str, str]


def _lower(now: Listing, sent: Attributes) -> Iterator[_Coming]:
    """What of a sending lowers what a listing costs for somebody: its price, and what businesses are asked
    beside what they are asked now."""
    coming, price = sent.get("price"), now.get("price")
    if (
        is_money(coming)
        and coming
        and is_money(price)
        and price
        and coming["currency"] == price["currency"]
        and _less(coming, price)
    ):
        yield _Coming({"price": coming}, coming)
    tiers = [*tiers_of(now)]
    for least, amount in tiers_of({BUSINESS_TIERS: [*_business(sent)]}):
        held = as_seen(now, Buyer("b2b", least)).get("price")
        if not isinstance(amount, dict) or not is_money(amount):
            continue
        if held is not None and is_money(held) and not _less(amount, held):
            continue
        if least == 1:
            yield _Coming({BUSINESS_PRICE: amount}, amount)
            continue
        if is_money(held):
            tiers = [one for one in tiers if one[0] != least]  # dearer than what comes in its place
        tiers.append((least, amount))
        every = [{"minimumQuantity": pieces, "price": said} for pieces, said in tiers]
        yield _Coming({BUSINESS_TIERS: every}, amount)


def _business(sent: Attributes) -> Iterator[Attributes]:
    """What a sending asks of businesses, as tiers."""
    if sent.get(BUSINESS_PRICE) is not None:
        yield {"minimumQuantity": 1, "price": sent[BUSINESS_PRICE]}
    yield from sent.get(BUSINESS_TIERS) or ()


def _less(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return Decimal(one["value"]) < Decimal(other["value"])


MOST: Final = 5
"""So many unseen sendings of one promotion are combined in every way; with more, nothing is judged."""


def _different(sendings: Sequence[_Sending]) -> list[_Sending]:
    """Sendings of which no two say the same one after the other."""
    return [
        one
        for one, last in zip(sendings, (None, *sendings), strict=False)
        if last is None or one[:2] != last[:2]
    ]


def _some_of(sendings: Sequence[_Sending]) -> Iterable[Sequence[_Sending]]:
    """Every way in which some of them come and the others are lost, in the order in which they were sent."""
    some = _different(sendings)[:MOST]
    return (chosen for count in range(1, len(some) + 1) for chosen in combinations(some, count))


def _has(form: Mapping[str, object], content: Mapping[str, object]) -> bool:
    """Whether a promotion is in this form already."""
    return all(same(value, form.get(name), name) for name, value in content.items())


def _unseen(key: str, number: int) -> str:
    return f"{key} (sent, not seen)" if not number else f"{key} (sent, not seen: {number + 1})"
