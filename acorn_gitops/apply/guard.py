"""What the last look at a price knows at each moment of a run. Comes in: what the stores held when they were
last read, what the run has sent since. Goes out: why a write must not be sent, or nothing. Caller:
`run`, before every write.

`price_guard` judges; this says by what: the fresh state of the store, the bounds of the specs, and what was
sent and not seen yet, which counts both as it was and as it will be: nobody knows which of it has come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any, Final, NamedTuple

from acorn_gitops.apply.price_guard import Offered, bounds_of, paid_refusal, promotion_refusal, refusal
from acorn_gitops.engines.pricing.attested import beside
from acorn_gitops.engines.pricing.forms import Form
from acorn_gitops.engines.pricing.standing import HeldPromotions
from acorn_gitops.ledger.records import Intent
from acorn_gitops.marketplaces.protocol import Outcome, Snapshot, Write
from acorn_gitops.model.resource import Address, Attributes, Desired, is_money, platform_of
from acorn_gitops.plan.change import Change, products_of
from acorn_gitops.plan.compare import same
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
        self._written: dict[Address, _Written] = {}
        """Listings that this run has written and seen, since the store was read."""
        self._gone: dict[Address, _Moment] = {}
        """Promotions that this run ends to make them anew, and what there was when that was judged."""
        self._counted: tuple[Address, Mapping[str, str]] | None = None
        """The listing that was judged last, and the price that was counted for it, where that was sent and
        not seen."""
        self._moment: _Moment | None = None
        """When what is judged now was ended, of a promotion that is made anew."""

    def read(self, snapshot: Snapshot) -> None:
        """A store was read again."""
        self._stores[snapshot.store] = snapshot
        self._promotions.pop(snapshot.store, None)
        self._listings.pop(snapshot.store, None)

    def expect(self, intents: Iterable[Intent], now: str) -> None:
        """What earlier runs sent and nobody has seen yet may still come, for a day: prices and promotions
        count as they are and as they will be, and so do listings that are not there yet."""
        for intent in intents:
            if is_over(intent, now) or (intent.operation == "delete" and intent.address.type != "promotion"):
                continue
            sending = _Sending(
                intent.operation,
                intent.attributes or {},
                key=intent.address.key,
                former=self._former_of(intent),
                own=False,
            )
            self._sendings.setdefault(intent.address, []).append(sending)
        self._promotions.clear()
        self._listings.clear()

    def refusal(self, write: Write, former: str) -> str:
        """Why a write must not be sent at this moment; empty where it may. `former`: the key of what it takes
        the place of. What cannot be judged is not sent."""
        try:
            why = self._refusal(write, former)
            return f"{why}; {_WAIT}" if _NOT_SEEN in why and _WAIT not in why else why
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            return f"it cannot be judged by what the store holds ({type(error).__name__})"

    def _former_of(self, intent: Intent) -> str:
        """The key that something has until a rename comes: what is there with its id has another one."""
        store, type, key = intent.address
        there = self._stores[store].resources if store in self._stores else {}
        if intent.operation != "update" or not intent.remote_id or (type, key) in there:
            return ""
        alike = (k for (t, k), live in there.items() if t == type and live.remote_id == intent.remote_id)
        return next(alike, "")

    def goes(self, writes: Iterable[Write], follows: Write | None = None) -> None:
        """These writes go out with the next batch: what else goes with them is judged beside them, as any of
        them may come first, or alone. `follows`: what is to come after them, in their place."""
        for write in (*writes, *([follows] if follows is not None else [])):
            if write.address.type == "promotion":
                held = self._promotions_of(write.address.store)
                slot = write.former or write.address.key
                if write is follows:
                    slot = next((one.address.key for one in writes), slot)
                forms, sending = held.forms(slot), _sending(write)
                held.may_be(slot, _told_apart([*forms, *(_after(form, sending) for form in forms)]))

    def stays(self, store: str) -> None:
        """Nothing of the batch that was judged goes out, or all of it is answered."""
        self._promotions.pop(store, None)

    def refusal_of_end(self, end: Write, anew: Write) -> str:
        """As `refusal`, of the end of a promotion that is made anew: what is paid while it is gone, and what
        once it is there again, so that nothing is ended for something that would not be sent."""
        former = end.address
        if why := self.refusal(end, former.key):
            way_out = "leave it as it was, or make the new one beside it first and end it then"
            return f"while {former} is gone, {why}; {way_out}"
        if why := self.refusal(anew, former.key):
            return why
        listings = {
            at: self._as_it_is(at)[0].attributes for _, at in self._listings_of(former.store, anew.attributes)
        }
        self._gone[former] = _Moment(self._held(former.store, self._stores[former.store]), listings)
        return ""

    def refusal_anew(self, write: Write, former: Address) -> str:
        """As `refusal`, of a promotion that takes the place of one that is gone by now: compared as well with
        what was paid when that was ended."""
        self._moment = self._gone.get(former)
        try:
            return self.refusal(write, former.key)
        finally:
            self._moment = None

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
            if why := self._too_many(address.store):
                return why
            held = self._promotions_of(address.store)
            moment = self._moment
            for form in self._forms_after(write, held.forms(former)):
                self._counted = None
                proposed = held.proposed(
                    address.key, form, instead_of=former, stood=moment.held if moment is not None else None
                )
                before = [one[1] for one in held.forms(former) if one is not None]
                why = promotion_refusal(proposed, self._offered(address.store, [*before, form or {}]))
                if why:
                    return f"{why}{self._expected()}"
        return ""

    def _offered(self, store: str, contents: Sequence[Mapping[str, object]]) -> Iterator[tuple[str, Offered]]:
        """The listings that one of these promotions is about, in each way in which they may be."""
        for sku, at in self._listings_of(store, *contents):
            stood = self._moment.listings.get(at) if self._moment is not None else None
            for one in self._as_it_is(at):
                self._counted = (at, one.coming) if one.coming is not None else None
                yield sku, Offered(one.attributes, self._least(at), stood)

    def _listings_of(self, store: str, *contents: Mapping[str, object]) -> Iterator[tuple[str, Address]]:
        """The listings that promotions name, by SKU."""
        keys = self._by_sku(store)
        named = {sku for one in contents for sku in _texts(one.get("skus"))}
        for sku in sorted(named):
            for key in keys.get(sku.casefold()) or (sku,):
                yield sku, Address(store, "listing", key)

    def _forms_after(self, write: Write, forms: Sequence[Form]) -> list[Mapping[str, object] | None]:
        """What a promotion may be after a write: as it says, laid over what was sent earlier and comes before
        it, and under what comes after it. Nothing comes after an end."""
        sending = _sending(write)
        found = [_after(form, sending) for form in forms]
        if write.operation != "delete":
            for some in _some_of(self._sendings.get(write.address, ())):
                found.append(_in_order(found[0], some))
        return [form[1] if form is not None else None for form in _told_apart(found)]

    def _on_sale_for_less(
        self,
        write: Write,
        live: Mapping[str, object],
        sku: str,
        least: Mapping[str, str] | None,
        held: HeldPromotions,
    ) -> str:
        """Why a listing must not be put on sale: a lower price was sent for it and may still come; or why a
        price must not be sent for it: that it is put on sale was sent, and may still come."""
        sendings = self._sendings.get(write.address, ())
        wakes = any(sending.attributes.get("status") == "active" for sending in sendings)
        begins = (wakes or write.attributes.get("status") == "active") and live.get("status") != "active"
        after = {**live, **write.attributes}
        if not begins:
            return ""
        if wakes:
            active = {**write.attributes, "status": "active"}
            if why := (
                refusal("listing", active, {**live}, least=least)
                or paid_refusal(sku, active, live, least=least, held=held)
            ):
                return f"{why}; that it is put on sale was sent: {_WAIT}"
        for sending in sendings:
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

    def _expected(self) -> str:
        """That a price was counted which was sent and which nobody has seen."""
        if self._counted is None:
            return ""
        address, coming = self._counted
        what = f"{coming['value']} {coming['currency']}" if is_money(coming) and coming else "something"
        return f"; {what} was sent for {address} and may still come: {_WAIT}"

    def _promotions_of(self, store: str) -> HeldPromotions:
        """What the store holds of promotions at this moment of the run, and what may still come of them."""
        if store not in self._promotions:
            held = self._held(store, self._stores[store])
            self._lay_over(store, held)
            self._crowded[store] = ""
            for key, sendings in self._unseen(store).items():
                if (count := len(_different(sendings))) > MOST:
                    self._crowded[store] = (
                        f"{count} writes of {Address(store, 'promotion', key)} were sent and may still come; run again"
                        " a day after they were sent"
                    )
                forms = held.forms(key)
                came = (_in_order(form, some) for some in _some_of(sendings) for form in forms)
                held.may_be(key, _told_apart([*forms, *came]))
            self._promotions[store] = held
        return self._promotions[store]

    def _held(self, store: str, snapshot: Snapshot) -> HeldPromotions:
        """The promotions that a store showed, and those that people have made there."""
        now = datetime.fromisoformat(self._now()).astimezone(UTC)
        shown = {
            key: live.attributes for (type, key), live in snapshot.resources.items() if type == "promotion"
        }
        listings = (live.attributes for (type, _), live in snapshot.resources.items() if type == "listing")
        return HeldPromotions(
            now,
            beside(shown, self._standing.get(store, {}), listings).items(),
            platform=platform_of(store, snapshot.resources),
            products=products_of(self._changes, store),
        )

    def _lay_over(self, store: str, held: HeldPromotions) -> None:
        """What this run has written and seen since the store was read."""
        for address, written in self._written.items():
            if address.store != store or address.type != "promotion":
                continue
            former = written.write.former or address.key
            have = self._stores[store].resources.get(("promotion", former))
            if (have.etag if have is not None else "") == written.etag:
                forms = held.forms(former)
                sending = _sending(written.write)
                now = [_after(form, sending, name=address.key) for form in forms]
                # Where nothing tells one reading from another, what was read may be the newer one.
                held.may_be(
                    former, _told_apart([*now, *(forms if have is not None and not have.etag else ())])
                )

    def _unseen(self, store: str) -> dict[str, list[_Sending]]:
        """What was sent for promotions of a store and not seen, by the key that each has until it comes."""
        found: dict[str, list[_Sending]] = {}
        for address, sendings in self._sendings.items():
            if address.store == store and address.type == "promotion":
                for one in sendings:
                    found.setdefault(one.former or address.key, []).append(one)
        return found

    def sent(self, store: str, writes: Sequence[Write], answers: Sequence[Outcome]) -> None:
        """What was answered, before anybody has looked: "done" is what a marketplace says. A promotion that
        was taken counts as both, as it was and as it will be; one that is to end counts until it is seen to
        be gone."""
        self.stays(store)
        for write, answer in zip(writes, answers, strict=True):
            if answer.read_back and answer.status == "observed":
                self._note(write)
            if write.operation == "delete" and write.address.type != "promotion":
                continue
            if answer.status in _MAY_COME:
                self._sendings.setdefault(write.address, []).append(_sending(write))
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
            if snapshot is None and answer.read_back and answer.status == "observed":
                self._note(write)
        for store in {write.address.store for write in writes}:
            self._promotions.pop(store, None)
            self._listings.pop(store, None)

    def _note(self, write: Write) -> None:
        """This was written and seen: it holds until the store is read again."""
        there = self._stores[write.address.store].resources
        have = there.get((write.address.type, write.former or write.address.key))
        self._written[write.address] = _Written(have.etag if have is not None else "", write)

    def _bounded(self, address: Address, *, live: bool, former: str = "") -> dict[str, object]:
        """What is there, and the bounds of the spec: a marketplace that cannot hold a floor does not know it.
        `former`: the key under which it is now, where that is another."""
        there = (address.type, former or address.key)
        have = self._stores[address.store].resources.get(there) if live else None
        held = have.attributes if have is not None else {}
        return {**held, **bounds_of(self._declared(address), held)}

    def _as_it_is(self, address: Address) -> list[_Possible]:
        """What a listing may be at this moment of the run: as it was read, with what this run has written
        since; and with what was sent for it and not seen."""
        live = self._bounded(address, live=True)
        found = [_Possible(live)]
        written = self._written.get(address)
        have = self._stores[address.store].resources.get((address.type, address.key))
        if written is not None and (have.etag if have is not None else "") == written.etag:
            now = self._laid_over(address, live, written.write.attributes)
            # Where nothing tells one reading from another, what was read may be the newer one.
            found = [_Possible(now), *(found if have is not None and not have.etag else ())]
        sendings = _different(self._sendings.get(address, ()))
        for base in [*found]:
            came = base.attributes
            for one in sendings:
                found.append(_cheapest(base.attributes, one))
                after = self._laid_over(address, base.attributes, one.attributes)
                found.append(_Possible(after, one.attributes.get("price") or {}))
                came = self._laid_over(address, came, one.attributes)
            if len(sendings) > 1:
                found.append(_Possible(came, came.get("price") or {}))
        return found

    def _laid_over(self, address: Address, live: Attributes, sent: Attributes) -> dict[str, Any]:
        """A listing after a write; the bounds of the spec hold whatever was sent."""
        after = {name: value for name, value in {**live, **sent}.items() if value is not None}
        return {**after, **bounds_of(self._declared(address), after)}

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
    """A write that may still come. `key`: of what it is for, once it has come; `former`: until then, where
    that is another. `own`: of this run."""

    operation: str
    attributes: Attributes
    key: str
    former: str = ""
    own: bool = True


class _Written(NamedTuple):
    """A write that was seen, and the version of what was there when the store was last read."""

    etag: str
    write: Write


class _Moment(NamedTuple):
    """What there was at some moment: promotions, and the listings that one of them is about."""

    held: HeldPromotions
    listings: Mapping[Address, Attributes]


class _Possible(NamedTuple):
    """What a listing may be. `coming`: the price that was sent and nobody has seen, where it is so only when
    that comes; empty where something else was sent."""

    attributes: Attributes
    coming: Mapping[str, str] | None = None


def _cheapest(live: Attributes, sending: _Sending) -> _Possible:
    """A listing with all of a sending that makes it cheaper for somebody, and what is dearer as it was: a
    part of it may come."""
    now = {**sending.attributes, **live} if sending.operation == "create" else {**live}
    if sending.attributes.get("status") == "active":
        now["status"] = "active"
    price: Mapping[str, str] = {}
    for coming in _lower(now, sending.attributes):
        now |= coming.asked
        price = coming.price
    return _Possible(now, price)


def _sending(write: Write) -> _Sending:
    return _Sending(write.operation, write.attributes, key=write.address.key, former=write.former)


def _after(form: Form, sending: _Sending, name: str = "") -> Form:
    """What a promotion is once something has come. What would change one that is not there changes
    nothing. `name`: how people are told of it, where that it was sent is not all that is known."""
    if sending.operation == "delete" or (sending.operation == "update" and form is None):
        return None
    before = form[1] if form is not None and sending.operation == "update" else {}
    return name or f"{sending.key}{_NOT_SEEN}", {**before, **sending.attributes}


def _in_order(form: Form, sendings: Iterable[_Sending]) -> Form:
    for one in sendings:
        form = _after(form, one)
    return form


def _told_apart(forms: Iterable[Form]) -> list[Form]:
    """Each form once."""
    found: list[Form] = []
    for one in forms:
        if not any(_is_same(one, other) for other in found):
            found.append(one)
    return found


def _is_same(one: Form, other: Form) -> bool:
    if one is None or other is None:
        return one is other
    return all(same(one[1].get(name), other[1].get(name), name) for name in {*one[1], *other[1]})


_NOT_SEEN: Final = " (sent, not seen)"
_WAIT: Final = "run again when it is there, or a day after it was sent"


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
        if last is None or (one.operation, one.attributes) != (last.operation, last.attributes)
    ]


def _some_of(sendings: Sequence[_Sending]) -> Iterable[Sequence[_Sending]]:
    """Every way in which some of them come and the others are lost, in the order in which they were sent."""
    some = _different(sendings)[:MOST]
    return (chosen for count in range(1, len(some) + 1) for chosen in combinations(some, count))


def _texts(said: object) -> Iterator[str]:
    """The texts of a list; nothing of what is none."""
    if isinstance(said, list):
        yield from (one for one in said if isinstance(one, str))
