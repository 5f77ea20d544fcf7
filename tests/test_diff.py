"""One store, compared three ways: every sort of change, with who made it, what will be there, and what is told. Each case is a
sentence, what specs, store and ledger say, and all that comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson
import pytest

from acorn_gitops.compile.desired_state import Key
from acorn_gitops.model.resource import Attributes, Desired, Live, Origin, digest
from acorn_gitops.plan.change import Applied, Change, StoreResult
from acorn_gitops.plan.diff import Policy, diff_store, left_to_others, part_of, recordable, with_intents

PLACE = Origin("specs/a.yaml", 7, "SkuMapping", "a")
MOVED = Origin("specs/a.yaml", 9, "SkuMapping", "b")


def euro(value: str) -> dict[str, str]:
    return {"currency": "EUR", "value": value}


NINE, EIGHT, SEVEN = euro("9.00"), euro("8.00"), euro("7.00")
A: Key = ("listing", "A")
B: Key = ("listing", "B")
P: Key = ("promotion", "p")
BAND = {"ceded": {"price": {"by": "repricer", "min": "5.00", "max": "8.50"}}}
IGNORED = {"ignoreFields": ["price"]}
OWNED = Policy(owner="shop/prod")
ADOPTED = Policy(owner="shop/prod", takes_over=True, adopt="any")


def want(moved_from: str | None = None, lifecycle: Mapping[str, Any] | None = None, **said: Any) -> Desired:
    return Desired(said, MOVED if moved_from else PLACE, lifecycle, moved_from)


def have(id: str = "", owner: str = "", **said: Any) -> Live:
    return Live(said, "etag", id, owner)


def known(protected: bool = False, found: bool = False, **said: Any) -> Applied:
    return Applied(digest(said), orjson.dumps(said), protected=protected, found=found)


class Case(NamedTuple):
    """What specs, store and ledger say, and all that comes out."""

    desired: Mapping[Key, Desired]
    live: Mapping[Key, Live]
    applied: Mapping[Key, Applied]
    says: list[str]
    policy: Policy = Policy()
    ids: Mapping[Key, str] = {}


def one(change: Change) -> str:
    """A change in one line: what, where, why; what differs and why; what was and will be; from where."""
    fields = [f"{f.path} {_text(f.before)}>{_text(f.after)} {f.reason}" for f in change.fields]
    moved = [f"was {change.moved_from}"] if change.moved_from is not None else []
    before = [f"before {_text(change.before)}"] if change.before is not None else []
    after = [f"after {_text(change.after)}"] if change.after is not None else []
    origin = [f"from {change.origin}"] if change.origin is not None else []
    assert isinstance(change.fingerprint, str)
    if change.fingerprint:
        assert change.fingerprint == digest(change.before or {}), "it presumes what is there"
        before.append("presumed")
    head = f"{change.action} {change.address}: {change.reason}"
    return "; ".join([head, *moved, *fields, *before, *after, *origin])


def _text(value: object) -> str:
    if isinstance(value, dict) and value.keys() == {"currency", "value"}:
        return str(value["value"])
    if isinstance(value, Mapping):
        return "{" + " ".join(f"{name}={_text(one)}" for name, one in sorted(value.items())) + "}"
    return "none" if value is None else str(value)


def told(result: StoreResult) -> list[str]:
    """All that a result says."""
    assert (result.store, result.connection) == ("de", "main")
    counts = {"in sync": result.in_sync, "ceded": result.ceded}
    return [
        *map(one, result.changes),
        *(f"{count} {name}" for name, count in counts.items() if count),
        *(f"unmanaged {address}" for address in result.unmanaged),
        *(f"to record {address}" for address in result.to_record),
        *(f"theirs {owner}: {', '.join(map(str, rows))}" for owner, rows in result.theirs.items()),
        *(f"note {note}" for note in result.notes),
    ]


def compared(case: Case) -> StoreResult:
    return diff_store(
        "de",
        "main",
        case.desired,
        live=case.live,
        applied=case.applied,
        policy=case.policy,
        ids=lambda: case.ids,
    )


SAID = {"price": NINE, "sku": "A"}
IN_PLACE = Policy(renames=frozenset({"listing"}))
CASES: dict[str, Case] = {
    "as declared and recorded: nothing to do": Case(
        {A: want(**SAID)}, {A: have(**SAID)}, {A: known(**SAID)}, ["1 in sync"]
    ),
    "as declared and never recorded: it is taken in": Case(
        {A: want(**SAID)}, {A: have(**SAID)}, {}, ["1 in sync", "to record de/listing/A"]
    ),
    "as declared, and nothing is ever taken in": Case(
        {A: want(**SAID)},
        {A: have(**SAID)},
        {},
        ["note de/listing/A exists and equals the spec, but policy `adopt: never` leaves it unmanaged"],
        Policy(adopt="never"),
    ),
    "as declared, recorded otherwise: it is recorded anew": Case(
        {A: want(**SAID)},
        {A: have(**SAID)},
        {A: known(price=EIGHT, sku="A")},
        ["1 in sync", "to record de/listing/A"],
    ),
    "it is protected from now on: that is recorded": Case(
        {A: want(lifecycle={"preventDestroy": True}, **SAID)},
        {A: have(**SAID)},
        {A: known(**SAID)},
        ["1 in sync", "to record de/listing/A"],
    ),
    "it was protected already": Case(
        {A: want(lifecycle={"preventDestroy": True}, **SAID)},
        {A: have(**SAID)},
        {A: known(protected=True, **SAID)},
        ["1 in sync"],
    ),
    "a field is declared no more: its value stays, and that is told": Case(
        {A: want(sku="A")},
        {A: have(**SAID)},
        {A: known(**SAID)},
        [
            "1 in sync",
            "to record de/listing/A",
            "note de/listing/A: price is no longer declared; its value stays and is no longer managed",
        ],
    ),
    "what the marketplace cannot hold is still declared": Case(
        {A: Desired({"sku": "A"}, PLACE, None, None, {"sku": "A", "price": NINE})},
        {A: have(sku="A")},
        {A: known(**SAID)},
        ["1 in sync", "to record de/listing/A"],
    ),
    "nobody knows it there: it is made": Case(
        {A: want(**SAID)},
        {},
        {},
        ["create de/listing/A: declared; after {price=9.00 sku=A}; from specs/a.yaml:7"],
    ),
    "somebody deleted it: it is made again": Case(
        {A: want(**SAID)},
        {},
        {A: known(**SAID)},
        ["create de/listing/A: missing; after {price=9.00 sku=A}; from specs/a.yaml:7"],
    ),
    "a type that people make by hand": Case(
        {A: want(**SAID)},
        {},
        {},
        ["manual de/listing/A: declared; after {price=9.00 sku=A}; from specs/a.yaml:7"],
        Policy(managed=frozenset({"promotion"})),
    ),
    "a type that is written, and one of it by hand": Case(
        {A: want(**SAID), B: want(**SAID)},
        {},
        {},
        [
            "create de/listing/A: declared; after {price=9.00 sku=A}; from specs/a.yaml:7",
            "manual de/listing/B: declared; after {price=9.00 sku=A}; from specs/a.yaml:7",
        ],
        Policy(managed=frozenset({"listing"}), by_hand=frozenset({B})),
    ),
    "by hand though every type is written": Case(
        {A: want(**SAID)},
        {},
        {},
        ["manual de/listing/A: declared; after {price=9.00 sku=A}; from specs/a.yaml:7"],
        Policy(by_hand=frozenset({A})),
    ),
    "the spec was edited": Case(
        {A: want(price=EIGHT, sku="A")},
        {A: have(**SAID)},
        {A: known(**SAID)},
        [
            "update de/listing/A: edited; price 9.00>8.00 edited; before {price=9.00 sku=A}; presumed; after {price=8.00 sku=A}; from specs/a.yaml:7"
        ],
    ),
    "the store was changed": Case(
        {A: want(**SAID)},
        {A: have(price=EIGHT, sku="A")},
        {A: known(**SAID)},
        [
            "update de/listing/A: drifted; price 8.00>9.00 drifted; before {price=8.00 sku=A}; presumed; after {price=9.00 sku=A}; from specs/a.yaml:7"
        ],
    ),
    "both were, apart": Case(
        {A: want(price=SEVEN, sku="A")},
        {A: have(price=EIGHT, sku="A")},
        {A: known(**SAID)},
        [
            "update de/listing/A: edited+drifted; price 8.00>7.00 edited+drifted; before {price=8.00 sku=A}; presumed; after {price=7.00 sku=A}; from specs/a.yaml:7"
        ],
    ),
    "one field was edited, and another changed there": Case(
        {A: want(price=SEVEN, sku="A", title="t")},
        {A: have(price=NINE, sku="A", title="x")},
        {A: known(title="t", **SAID)},
        [
            "update de/listing/A: edited+drifted; price 9.00>7.00 edited; title x>t drifted; before {price=9.00 sku=A title=x}; presumed; after {price=7.00 sku=A title=t}; from specs/a.yaml:7"
        ],
    ),
    "a field that is new in the spec was edited": Case(
        {A: want(title="t", **SAID)},
        {A: have(**SAID)},
        {A: known(**SAID)},
        [
            "update de/listing/A: edited; title none>t edited; before {price=9.00 sku=A title=none}; presumed; after {price=9.00 sku=A title=t}; from specs/a.yaml:7"
        ],
    ),
    "a change by hand is a step for people": Case(
        {A: want(price=EIGHT, sku="A")},
        {A: have(**SAID)},
        {A: known(**SAID)},
        [
            "manual de/listing/A: edited; price 9.00>8.00 edited; before {price=9.00 sku=A}; presumed; after {price=8.00 sku=A}; from specs/a.yaml:7"
        ],
        Policy(managed=frozenset()),
    ),
    "never recorded and different: somebody has to say so": Case(
        {A: want(price=EIGHT, sku="A")},
        {A: have(**SAID)},
        {},
        [
            "adopt de/listing/A: exists; price 9.00>8.00 first; before {price=9.00 sku=A}; presumed; after {price=8.00 sku=A}; from specs/a.yaml:7"
        ],
    ),
    "never recorded and different, and anything is taken over": Case(
        {A: want(price=EIGHT, sku="A")},
        {A: have(**SAID)},
        {},
        [
            "update de/listing/A: first; price 9.00>8.00 first; before {price=9.00 sku=A}; presumed; after {price=8.00 sku=A}; from specs/a.yaml:7"
        ],
        Policy(adopt="any"),
    ),
    "one number in two spellings is no difference": Case(
        {A: want(price=euro("9.0"), sku="A")},
        {A: have(**SAID)},
        {A: known(price=euro("9.0"), sku="A")},
        ["1 in sync"],
    ),
    "what is fixed is made anew": Case(
        {A: want(price=NINE, sku="B")},
        {A: have(**SAID)},
        {A: known(**SAID)},
        [
            "replace de/listing/A: edited; sku A>B edited; before {price=9.00 sku=A}; presumed; after {price=9.00 sku=B}; from specs/a.yaml:7"
        ],
    ),
    "what is fixed and was never said there can be said once": Case(
        {A: want(**SAID)},
        {A: have(price=NINE)},
        {A: known(price=NINE)},
        [
            "update de/listing/A: edited; sku none>A edited; before {price=9.00 sku=none}; presumed; after {price=9.00 sku=A}; from specs/a.yaml:7"
        ],
    ),
    "made anew, with what others have set": Case(
        {A: want(lifecycle=BAND, price=SEVEN, sku="B")},
        {A: have(price=EIGHT, sku="A")},
        {A: known(sku="A")},
        [
            "replace de/listing/A: edited; sku A>B edited; before {price=8.00 sku=A}; presumed; after {price=8.00 sku=B}; from specs/a.yaml:7"
        ],
    ),
    "made anew, with what is ignored": Case(
        {A: want(lifecycle=IGNORED, price=SEVEN, sku="B")},
        {A: have(price=EIGHT, sku="A")},
        {A: known(sku="A")},
        [
            "replace de/listing/A: edited; sku A>B edited; before {price=8.00 sku=A}; presumed; after {price=8.00 sku=B}; from specs/a.yaml:7"
        ],
    ),
    "made anew, and others have set nothing": Case(
        {A: want(lifecycle=IGNORED, price=SEVEN, sku="B")},
        {A: have(sku="A")},
        {A: known(sku="A")},
        [
            "replace de/listing/A: edited; sku A>B edited; before {price=none sku=A}; presumed; after {price=7.00 sku=B}; from specs/a.yaml:7"
        ],
    ),
    "what is fixed of something that was only found": Case(
        {A: want(price=NINE, sku="B")},
        {A: have(**SAID)},
        {A: known(found=True, **SAID)},
        [
            "adopt de/listing/A: exists; sku A>B edited; before {price=9.00 sku=A}; presumed; after {price=9.00 sku=B}; from specs/a.yaml:7"
        ],
    ),
    "a ceded price within its band": Case(
        {A: want(lifecycle=BAND, price=SEVEN, sku="A")},
        {A: have(price=EIGHT, sku="A")},
        {A: known(sku="A")},
        ["1 in sync", "1 ceded"],
    ),
    "a ceded price beyond its band, or a band that moved": Case(
        {A: want(lifecycle=BAND, price=SEVEN, sku="A")},
        {A: have(price=NINE, sku="A")},
        {A: known(sku="A")},
        [
            "update de/listing/A: edited+drifted; price 9.00>7.00 edited+drifted; before {price=9.00 sku=A}; presumed; after {price=7.00 sku=A}; from specs/a.yaml:7"
        ],
    ),
    "a ceded price within its band beside another change": Case(
        {A: want(lifecycle=BAND, price=SEVEN, sku="A", title="t")},
        {A: have(price=EIGHT, sku="A", title="x")},
        {A: known(sku="A", title="x")},
        [
            "update de/listing/A: edited; title x>t edited; before {price=8.00 sku=A title=x}; presumed; after {price=8.00 sku=A title=t}; from specs/a.yaml:7"
        ],
    ),
    "a ceded price below its listing's floor": Case(
        {A: want(lifecycle=BAND, price=euro("8.20"), sku="A", minPrice=EIGHT)},
        {A: have(price=SEVEN, sku="A", minPrice=EIGHT)},
        {A: known(sku="A", minPrice=EIGHT)},
        [
            "update de/listing/A: edited+drifted; price 7.00>8.20 edited+drifted; before {minPrice=8.00 price=7.00 sku=A}; presumed; after {minPrice=8.00 price=8.20 sku=A}; from specs/a.yaml:7"
        ],
    ),
    "a floor that the marketplace cannot hold counts for a ceded price": Case(
        {A: Desired({"price": euro("8.20")}, PLACE, BAND, None, {"price": euro("8.20"), "minPrice": EIGHT})},
        {A: have(price=SEVEN)},
        {A: known()},
        [
            "update de/listing/A: edited+drifted; price 7.00>8.20 edited+drifted; before {price=7.00}; presumed; after {price=8.20}; from specs/a.yaml:7"
        ],
    ),
    "an ignored price": Case(
        {A: want(lifecycle=IGNORED, price=SEVEN, sku="A")},
        {A: have(**SAID)},
        {A: known(sku="A")},
        ["1 in sync"],
    ),
    "an ignored price beside another change": Case(
        {A: want(lifecycle=IGNORED, price=SEVEN, sku="A", title="t")},
        {A: have(title="x", **SAID)},
        {A: known(sku="A", title="x")},
        [
            "update de/listing/A: edited; title x>t edited; before {price=9.00 sku=A title=x}; presumed; after {price=9.00 sku=A title=t}; from specs/a.yaml:7"
        ],
    ),
    "a price that is left to others from now on is recorded as said no more": Case(
        {A: want(lifecycle=BAND, **SAID)},
        {A: have(price=EIGHT, sku="A")},
        {A: known(**SAID)},
        ["1 in sync", "1 ceded"],
    ),
    "a title that is ignored keeps what was said before": Case(
        {A: want(lifecycle={"ignoreFields": ["title"]}, sku="A", title="t")},
        {A: have(sku="A", title="x")},
        {A: known(sku="A", title="s")},
        ["1 in sync"],
    ),
    "it left the specs": Case(
        {},
        {A: have(title=None, **SAID)},
        {A: known(**SAID)},
        ["delete de/listing/A: undeclared; before {price=9.00 sku=A}; presumed"],
    ),
    "it left the specs, and is a step for people": Case(
        {},
        {A: have(**SAID)},
        {A: known(**SAID)},
        ["manual de/listing/A: undeclared; before {price=9.00 sku=A}; presumed"],
        Policy(managed=frozenset()),
    ),
    "it left the specs, and its type is kept": Case(
        {},
        {A: have(**SAID)},
        {A: known(**SAID)},
        ["forget de/listing/A: undeclared; before {price=9.00 sku=A}"],
        Policy(prune={"listing": False}),
    ),
    "a store that left the specs is forgotten": Case(
        {},
        {("storefront", "de"): have(currency="EUR")},
        {("storefront", "de"): known(currency="EUR")},
        ["forget de/storefront/de: undeclared; before {currency=EUR}"],
    ),
    "a store that left the specs, where stores are deleted": Case(
        {},
        {("storefront", "de"): have(currency="EUR")},
        {("storefront", "de"): known(currency="EUR")},
        ["delete de/storefront/de: undeclared; before {currency=EUR}; presumed"],
        Policy(prune={"storefront": True}),
    ),
    "it left the specs, and was only found": Case(
        {},
        {A: have(**SAID)},
        {A: known(found=True, **SAID)},
        [
            "forget de/listing/A: undeclared; before {price=9.00 sku=A}",
            "note de/listing/A stays: it was there already when it was first declared here, and may be somebody else's; `--adopt` takes it over, so that it is deleted",
        ],
    ),
    "it was only found, and somebody takes over": Case(
        {},
        {A: have(**SAID)},
        {A: known(found=True, **SAID)},
        ["delete de/listing/A: first; before {price=9.00 sku=A}; presumed"],
        Policy(takes_over=True),
    ),
    "it was only found, where marketplaces mark owners": Case(
        {},
        {A: have(owner="shop/prod", **SAID)},
        {A: known(found=True, **SAID)},
        ["delete de/listing/A: undeclared; before {price=9.00 sku=A}; presumed"],
        OWNED,
    ),
    "it left the specs, and belongs to others": Case(
        {},
        {A: have(owner="b/prod", **SAID)},
        {A: known(**SAID)},
        [
            "forget de/listing/A: undeclared; before {price=9.00 sku=A}",
            "note de/listing/A stays: it belongs to b/prod",
        ],
        OWNED,
    ),
    "it left the specs, its type is kept, and it was only found": Case(
        {},
        {A: have(**SAID)},
        {A: known(found=True, **SAID)},
        ["forget de/listing/A: undeclared; before {price=9.00 sku=A}"],
        Policy(prune={"listing": False}),
    ),
    "a store that left the specs, and was only found": Case(
        {},
        {("storefront", "de"): have(currency="EUR")},
        {("storefront", "de"): known(found=True, currency="EUR")},
        ["forget de/storefront/de: undeclared; before {currency=EUR}"],
    ),
    "it belongs to others, who set a price within its band": Case(
        {A: want(lifecycle=BAND, price=SEVEN, sku="A", title="t")},
        {A: have(owner="b/prod", price=EIGHT, sku="A", title="x")},
        {A: known(sku="A", title="x")},
        [
            "update de/listing/A: first; owner b/prod>shop/prod first; title x>t edited; before {price=8.00 sku=A title=x};"
            " presumed; after {price=8.00 sku=A title=t}; from specs/a.yaml:7"
        ],
        ADOPTED,
    ),
    "a rename of goods in another order": Case(
        {("promotion", "q"): want("p", skus=["A", "B"])},
        {P: have(skus=["B", "A"])},
        {P: known(skus=["A", "B"])},
        [
            "replace de/promotion/q: renamed; was p; key p>q renamed; before {skus=['B', 'A']}; presumed;"
            " after {skus=['A', 'B']}; from specs/a.yaml:9"
        ],
    ),
    "it left the specs and the store": Case({}, {}, {A: known(**SAID)}, ["forget de/listing/A: gone"]),
    "nobody declares it, and nobody did": Case(
        {}, {B: have(**SAID), A: have(**SAID)}, {}, ["unmanaged de/listing/A", "unmanaged de/listing/B"]
    ),
    "it belongs to others, and is as declared": Case(
        {A: want(**SAID)},
        {A: have(owner="b/prod", **SAID)},
        {},
        [
            "theirs b/prod: de/listing/A",
            "note de/listing/A: as declared, and left to b/prod, which manages it; `--adopt` takes it over",
        ],
        OWNED,
    ),
    "it belongs to others, is as declared, and somebody takes over": Case(
        {A: want(**SAID)},
        {A: have(owner="b/prod", **SAID)},
        {},
        [
            "update de/listing/A: first; owner b/prod>shop/prod first; before {price=9.00 sku=A}; presumed; after {price=9.00 sku=A}; from specs/a.yaml:7"
        ],
        ADOPTED,
    ),
    "it belongs to others, and differs": Case(
        {A: want(price=EIGHT, sku="A")},
        {A: have(owner="b/prod", **SAID)},
        {A: known(**SAID)},
        [
            "adopt de/listing/A: exists; owner b/prod>shop/prod first; price 9.00>8.00 edited; before {price=9.00 sku=A}; presumed; after {price=8.00 sku=A}; from specs/a.yaml:7"
        ],
        OWNED,
    ),
    "it belongs to others, differs, and somebody takes over": Case(
        {A: want(price=EIGHT, sku="A")},
        {A: have(owner="b/prod", **SAID)},
        {A: known(**SAID)},
        [
            "update de/listing/A: first; owner b/prod>shop/prod first; price 9.00>8.00 edited; before {price=9.00 sku=A}; presumed; after {price=8.00 sku=A}; from specs/a.yaml:7"
        ],
        ADOPTED,
    ),
    "it belongs to others, is made anew, and somebody takes over": Case(
        {A: want(price=NINE, sku="B")},
        {A: have(owner="b/prod", **SAID)},
        {A: known(**SAID)},
        [
            "adopt de/listing/A: exists; sku A>B edited; before {price=9.00 sku=A}; presumed; after {price=9.00 sku=B}; from specs/a.yaml:7"
        ],
        ADOPTED,
    ),
    "it is ours without a mark: that is recorded": Case(
        {A: want(**SAID)},
        {A: have(**SAID)},
        {A: known(**SAID)},
        ["1 in sync", "to record de/listing/A"],
        OWNED,
    ),
    "it is ours by its mark": Case(
        {A: want(**SAID)}, {A: have(owner="shop/prod", **SAID)}, {A: known(**SAID)}, ["1 in sync"], OWNED
    ),
    "it was only found, and is taken over as it is": Case(
        {A: want(**SAID)},
        {A: have(**SAID)},
        {A: known(found=True, **SAID)},
        ["1 in sync", "to record de/listing/A"],
        Policy(takes_over=True),
    ),
    "it was only found": Case(
        {A: want(**SAID)}, {A: have(**SAID)}, {A: known(found=True, **SAID)}, ["1 in sync"]
    ),
    "a code that is said no more is taken away": Case(
        {P: want(discount="10")},
        {P: have(discount="10", code="X")},
        {P: known(discount="10", code="X")},
        [
            "update de/promotion/p: edited; code X>none edited; before {code=X discount=10}; presumed; after {code=none discount=10}; from specs/a.yaml:7"
        ],
    ),
    "a code that was never ours stays": Case(
        {P: want(discount="10")}, {P: have(discount="10", code="X")}, {P: known(discount="10")}, ["1 in sync"]
    ),
    "a code that was cleared leaves no trace": Case(
        {P: want(discount="10")},
        {P: have(discount="10")},
        {P: known(discount="10", code="X")},
        ["1 in sync", "to record de/promotion/p"],
    ),
    "a code that is new though others have one": Case(
        {P: want(discount="10", code="Y")},
        {P: have(discount="10", code="X")},
        {P: known(discount="10")},
        [
            "update de/promotion/p: edited+drifted; code X>Y edited+drifted; before {code=X discount=10}; presumed; after {code=Y discount=10}; from specs/a.yaml:7"
        ],
    ),
    "a code of the former name is taken away, too": Case(
        {P: want("o", discount="10")},
        {P: have(discount="10", code="X")},
        {("promotion", "o"): known(discount="10", code="X"), P: known(discount="10")},
        ["forget de/promotion/o: gone", "1 in sync"],
    ),
    "a listing clears nothing": Case(
        {A: want(sku="A")},
        {A: have(title="t", sku="A")},
        {A: known(title="t", sku="A")},
        [
            "1 in sync",
            "to record de/listing/A",
            "note de/listing/A: title is no longer declared; its value stays and is no longer managed",
        ],
    ),
    "a rename makes it anew, and says what does not come with it": Case(
        {B: want("A", price=EIGHT, sku="A")},
        {A: have(**SAID)},
        {A: known(**SAID)},
        [
            "replace de/listing/B: renamed; was A; key A>B renamed; price 9.00>8.00 edited; before {price=9.00 sku=A}; presumed; after {price=8.00 sku=A}; from specs/a.yaml:9",
            "note de/listing/B is made anew under its new key: what the marketplace keeps with A and no spec says (reviews, texts, pictures, a web address) does not come with it",
        ],
    ),
    "a rename in place": Case(
        {B: want("A", price=EIGHT, sku="A")},
        {A: have(**SAID)},
        {A: known(**SAID)},
        [
            "update de/listing/B: renamed; was A; key A>B renamed; price 9.00>8.00 edited; before {price=9.00 sku=A}; presumed; after {price=8.00 sku=A}; from specs/a.yaml:9"
        ],
        IN_PLACE,
    ),
    "a rename in place of a price that is left to others": Case(
        {B: want("A", BAND, price=EIGHT, sku="A")},
        {A: have(price=SEVEN, sku="A")},
        {A: known(sku="A")},
        [
            "update de/listing/B: renamed; was A; key A>B renamed; before {price=7.00 sku=A}; presumed; after {price=7.00 sku=A}; from specs/a.yaml:9"
        ],
        IN_PLACE,
    ),
    "a rename of a price that is left to others": Case(
        {B: want("A", BAND, price=EIGHT, sku="A")},
        {A: have(price=SEVEN, sku="A")},
        {A: known(sku="A")},
        [
            "replace de/listing/B: renamed; was A; key A>B renamed; before {price=7.00 sku=A}; presumed; after {price=7.00 sku=A}; from specs/a.yaml:9",
            "note de/listing/B is made anew under its new key: what the marketplace keeps with A and no spec says (reviews, texts, pictures, a web address) does not come with it",
        ],
    ),
    "a rename of another type says nothing of texts": Case(
        {("promotion", "q"): want("p", discount="10")},
        {P: have(discount="10")},
        {P: known(discount="10")},
        [
            "replace de/promotion/q: renamed; was p; key p>q renamed; before {discount=10}; presumed; after {discount=10}; from specs/a.yaml:9"
        ],
    ),
    "a rename by hand": Case(
        {B: want("A", **SAID)},
        {A: have(**SAID)},
        {A: known(**SAID)},
        [
            "manual de/listing/A: undeclared; before {price=9.00 sku=A}; presumed",
            "manual de/listing/B: declared; after {price=9.00 sku=A}; from specs/a.yaml:9",
        ],
        Policy(managed=frozenset()),
    ),
    "a rename of something that was only found": Case(
        {B: want("A", price=EIGHT, sku="A")},
        {A: have(**SAID)},
        {A: known(found=True, **SAID)},
        [
            "adopt de/listing/B: exists; was A; key A>B exists; price 9.00>8.00 edited; before {price=9.00 sku=A}; presumed; after {price=8.00 sku=A}; from specs/a.yaml:9"
        ],
    ),
    "a rename of something of others": Case(
        {B: want("A", **SAID)},
        {A: have(owner="b/prod", **SAID)},
        {A: known(**SAID)},
        [
            "forget de/listing/A: undeclared; before {price=9.00 sku=A}",
            "create de/listing/B: declared; after {price=9.00 sku=A}; from specs/a.yaml:9",
            "note de/listing/A stays: it belongs to b/prod",
        ],
        OWNED,
    ),
    "a rename from what stays declared": Case(
        {A: want(**SAID), B: want("A", **SAID)},
        {A: have(**SAID)},
        {A: known(**SAID)},
        [
            "create de/listing/B: declared; after {price=9.00 sku=A}; from specs/a.yaml:9",
            "1 in sync",
            "note de/listing/B: movedFrom names A, which stays; nothing is renamed",
        ],
    ),
    "two renames from one": Case(
        {B: want("A", **SAID), ("listing", "C"): want("A", **SAID)},
        {A: have(**SAID)},
        {A: known(**SAID)},
        [
            "replace de/listing/B: renamed; was A; key A>B renamed; before {price=9.00 sku=A}; presumed; after {price=9.00 sku=A}; from specs/a.yaml:9",
            "create de/listing/C: declared; after {price=9.00 sku=A}; from specs/a.yaml:9",
            "note de/listing/B is made anew under its new key: what the marketplace keeps with A and no spec says (reviews, texts, pictures, a web address) does not come with it",
            "note de/listing/C: movedFrom names A, which has another name already; nothing is renamed",
        ],
    ),
    "a rename from what is not managed": Case(
        {B: want("A", **SAID)},
        {A: have(**SAID)},
        {},
        [
            "create de/listing/B: declared; after {price=9.00 sku=A}; from specs/a.yaml:9",
            "unmanaged de/listing/A",
            "note de/listing/B: movedFrom names A, which is not managed from here; nothing is renamed",
        ],
    ),
    "a rename from what is not there": Case(
        {B: want("A", **SAID)},
        {},
        {},
        [
            "create de/listing/B: declared; after {price=9.00 sku=A}; from specs/a.yaml:9",
            "note de/listing/B: movedFrom names A, which is not there; nothing is renamed",
        ],
    ),
    "a rename from what is gone": Case(
        {B: want("A", **SAID)},
        {},
        {A: known(**SAID)},
        [
            "forget de/listing/A: gone; from specs/a.yaml:9",
            "create de/listing/B: declared; after {price=9.00 sku=A}; from specs/a.yaml:9",
        ],
    ),
    "a store's rename is told elsewhere": Case(
        {("storefront", "b"): want("a", currency="EUR")},
        {},
        {},
        ["create de/storefront/b: declared; after {currency=EUR}; from specs/a.yaml:9"],
    ),
    "both names are there: nothing is renamed": Case(
        {B: want("A", **SAID)},
        {A: have(**SAID), B: have(**SAID)},
        {A: known(**SAID), B: known(**SAID)},
        [
            "delete de/listing/A: undeclared; before {price=9.00 sku=A}; presumed",
            "1 in sync",
            "note de/listing/B: movedFrom names A, and both are there; nothing is renamed",
        ],
    ),
    "both names are there, and the former is not managed": Case(
        {B: want("A", **SAID)},
        {A: have(**SAID), B: have(**SAID)},
        {B: known(**SAID)},
        ["1 in sync", "unmanaged de/listing/A"],
    ),
    "somebody gave it another key there": Case(
        {A: want(price=EIGHT, sku="A")},
        {B: have("7", **SAID)},
        {A: known(**SAID)},
        [
            "update de/listing/A: drifted; was B; key B>A drifted; price 9.00>8.00 edited; before {price=9.00 sku=A}; presumed; after {price=8.00 sku=A}; from specs/a.yaml:7"
        ],
        IN_PLACE,
        {A: "7"},
    ),
    "another key there, and a price that is left to others": Case(
        {A: want(lifecycle=BAND, price=EIGHT, sku="A", title="t")},
        {B: have("7", price=SEVEN, sku="A", title="x")},
        {A: known(sku="A", title="t")},
        [
            "update de/listing/A: drifted; was B; key B>A drifted; title x>t drifted; before {price=7.00 sku=A title=x}; presumed; after {price=7.00 sku=A title=t}; from specs/a.yaml:7"
        ],
        IN_PLACE,
        {A: "7"},
    ),
    "another key there, where keys cannot change": Case(
        {A: want(**SAID)},
        {B: have("7", **SAID)},
        {A: known(**SAID)},
        [
            "create de/listing/A: missing; after {price=9.00 sku=A}; from specs/a.yaml:7",
            "unmanaged de/listing/B",
        ],
        Policy(),
        {A: "7"},
    ),
    "another key there that somebody declares": Case(
        {A: want(**SAID), B: want(**SAID)},
        {B: have("7", **SAID)},
        {A: known(**SAID)},
        [
            "create de/listing/A: missing; after {price=9.00 sku=A}; from specs/a.yaml:7",
            "1 in sync",
            "to record de/listing/B",
        ],
        IN_PLACE,
        {A: "7"},
    ),
    "another key there of something else": Case(
        {A: want(**SAID)},
        {B: have("8", **SAID)},
        {A: known(**SAID)},
        [
            "create de/listing/A: missing; after {price=9.00 sku=A}; from specs/a.yaml:7",
            "unmanaged de/listing/B",
        ],
        IN_PLACE,
        {A: "7"},
    ),
    "another key there that was never applied": Case(
        {A: want(**SAID)},
        {B: have("7", **SAID)},
        {},
        [
            "create de/listing/A: declared; after {price=9.00 sku=A}; from specs/a.yaml:7",
            "unmanaged de/listing/B",
        ],
        IN_PLACE,
        {A: "7"},
    ),
    "another key there that nobody named": Case(
        {A: want(**SAID)},
        {B: have("", **SAID)},
        {A: known(**SAID)},
        [
            "create de/listing/A: missing; after {price=9.00 sku=A}; from specs/a.yaml:7",
            "unmanaged de/listing/B",
        ],
        IN_PLACE,
    ),
    "a class to which a listing refers stays": Case(
        {},
        {("tax-class", "std"): have(), A: have(taxClass="std")},
        {("tax-class", "std"): known()},
        [
            "forget de/tax-class/std: undeclared; before {}",
            "unmanaged de/listing/A",
            "note de/tax-class/std stays: listing A still refers to it",
        ],
    ),
    "a class to which a listing refers no more goes": Case(
        {A: want(taxClass="low")},
        {("tax-class", "std"): have(), A: have(taxClass="std")},
        {("tax-class", "std"): known(), A: known(taxClass="std")},
        [
            "update de/listing/A: edited; taxClass std>low edited; before {taxClass=std}; presumed; after {taxClass=low}; from specs/a.yaml:7",
            "delete de/tax-class/std: undeclared; before {}; presumed",
        ],
    ),
    "a class to which only what goes refers goes": Case(
        {},
        {("tax-class", "std"): have(), A: have(taxClass="std")},
        {("tax-class", "std"): known(), A: known(taxClass="std")},
        [
            "delete de/listing/A: undeclared; before {taxClass=std}; presumed",
            "delete de/tax-class/std: undeclared; before {}; presumed",
        ],
    ),
    "a class to which a listing refers whose change is by hand stays": Case(
        {A: want(taxClass="low")},
        {("tax-class", "std"): have(), A: have(taxClass="std")},
        {("tax-class", "std"): known(), A: known(taxClass="std")},
        [
            "manual de/listing/A: edited; taxClass std>low edited; before {taxClass=std}; presumed; after {taxClass=low}; from specs/a.yaml:7",
            "forget de/tax-class/std: undeclared; before {}",
            "note de/tax-class/std stays: listing A still refers to it",
        ],
        Policy(managed=frozenset({"tax-class"})),
    ),
    "a role to which two grants refer stays, and one is named": Case(
        {},
        {
            ("role", "r"): have(),
            ("grant", "g1"): have(role="r"),
            ("grant", "g2"): have(role="r"),
            ("grant", "g3"): have(role="s"),
        },
        {("role", "r"): known()},
        [
            "forget de/role/r: undeclared; before {}",
            "unmanaged de/grant/g1",
            "unmanaged de/grant/g2",
            "unmanaged de/grant/g3",
            "note de/role/r stays: grant g1 still refers to it",
        ],
    ),
    "a role to which a grant refers after its change stays": Case(
        {("grant", "g1"): want(role="s", validUntil="2027")},
        {("role", "r"): have(), ("grant", "g1"): have(role="r")},
        {("role", "r"): known(), ("grant", "g1"): known(role="r")},
        [
            "replace de/grant/g1: edited; role r>s edited; validUntil none>2027 edited; before {role=r validUntil=none}; presumed; after {role=s validUntil=2027}; from specs/a.yaml:7",
            "delete de/role/r: undeclared; before {}; presumed",
        ],
    ),
    "nested fields differ one by one": Case(
        {P: want(discount={"percent": "10"}, stacking={"group": "g", "mode": "additive"})},
        {P: have(discount={"percent": "5"}, stacking={"group": "h", "mode": "additive"})},
        {P: known(discount={"percent": "5"}, stacking={"group": "g", "mode": "additive"})},
        [
            "update de/promotion/p: edited+drifted; discount.percent 5>10 edited; stacking.group h>g drifted; before {discount={percent=5} stacking={group=h mode=additive}}; presumed; after {discount={percent=10} stacking={group=g mode=additive}}; from specs/a.yaml:7"
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_store_is_compared_to(name: str) -> None:
    """All of it, and nothing else."""
    assert told(compared(CASES[name])) == CASES[name].says


def test_what_is_there_is_counted_and_the_order_of_what_comes_in_is_nothing() -> None:
    """Many of all sorts at once, forwards and backwards."""
    keys = [("listing", name) for name in "HGFEDCBA"]
    desired = {key: want(price=EIGHT if n % 2 else NINE, sku=key[1]) for n, key in enumerate(keys[:6])}
    live = {key: have(price=NINE, sku=key[1]) for key in keys[2:]}
    applied = {key: known(price=NINE, sku=key[1]) for key in keys[1:7]}
    one = diff_store("de", "main", desired, live=live, applied=applied, policy=Policy())
    other = diff_store(
        "de",
        "main",
        dict(reversed(desired.items())),
        live=dict(reversed(live.items())),
        applied=dict(reversed(applied.items())),
        policy=Policy(),
    )
    assert told(one) == told(other)
    assert [str(change.address) for change in one.changes] == sorted(str(c.address) for c in one.changes)
    assert (one.live, one.in_sync, len(one.changes), len(one.unmanaged)) == (6, 2, 5, 1)


# -- what a ledger says ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lifecycle", "last", "sent", "whole", "says"),
    [
        pytest.param(None, {"price": EIGHT}, (), False, {"price": NINE, "title": "t"}, id="all is ours"),
        pytest.param(BAND, {"price": EIGHT}, (), False, {"title": "t"}, id="others set the price"),
        pytest.param(BAND, None, ("price",), False, {"title": "t"}, id="a price is sent, and others set it"),
        pytest.param(
            {"ignoreFields": ["title"]},
            {"title": "s"},
            (),
            False,
            {"price": NINE, "title": "s"},
            id="as before",
        ),
        pytest.param({"ignoreFields": ["title"]}, None, (), False, {"price": NINE}, id="never said"),
        pytest.param(
            {"ignoreFields": ["title"]},
            {"title": "s"},
            ("title",),
            False,
            {"price": NINE, "title": "t"},
            id="sent",
        ),
        pytest.param(
            {"ignoreFields": ["title"]},
            {"title": "s"},
            (),
            True,
            {"price": NINE, "title": "t"},
            id="all was sent",
        ),
        pytest.param(
            {"ignoreFields": ["brand"]},
            {"brand": "b"},
            (),
            False,
            {"price": NINE, "title": "t"},
            id="undeclared",
        ),
    ],
)
def test_a_ledger_records_what_was_said(
    lifecycle: Mapping[str, Any] | None,
    last: Attributes | None,
    sent: tuple[str, ...],
    whole: bool,
    says: Attributes,
) -> None:
    """Of what is left to others what was said before; a price not at all."""
    declared = want(lifecycle=lifecycle, price=NINE, title="t")
    assert recordable(declared, last, {*sent}, whole=whole) == says


def test_what_is_left_to_others_is_declared() -> None:
    both = want(lifecycle={**BAND, "ignoreFields": ["title", "brand"]}, price=NINE, title="t")
    assert left_to_others(both) == {"price", "title"}
    assert left_to_others(want(price=NINE)) == frozenset()


SENT = {"price": NINE, "sku": "A"}


def never(key: Key, sent: Attributes, live: Live) -> bool:
    """No creation was begun."""
    return False


def begun(key: Key, sent: Attributes, live: Live) -> bool:
    """A creation that did not come to its end."""
    assert (key, sent) == (A, SENT) and live is not None
    return True


@pytest.mark.parametrize(
    ("live", "is_begun", "applied", "knows"),
    [
        pytest.param({}, begun, {}, {}, id="nothing is there"),
        pytest.param({A: have(**SENT)}, never, {}, {A: {**SENT, "title": "t"}}, id="all is there"),
        pytest.param(
            {A: have(title="x", **SENT)}, never, {}, {A: {**SENT, "title": "t"}}, id="more is there"
        ),
        pytest.param({A: have(sku="A", title="x")}, never, {}, {}, id="something else is there"),
        pytest.param(
            {A: have(sku="A", title="x")}, begun, {}, {A: {"sku": "A", "title": "x"}}, id="a part is there"
        ),
        pytest.param(
            {A: have(sku="A")}, begun, {A: known(sku="B")}, {A: {"sku": "B"}}, id="it was ours before"
        ),
    ],
)
@pytest.mark.parametrize("protected", [False, True])
def test_what_an_interrupted_run_made_is_ours(
    live: Mapping[Key, Live],
    is_begun: Callable[[Key, Attributes, Live], bool],
    applied: Mapping[Key, Applied],
    knows: Mapping[Key, Attributes],
    protected: bool,
) -> None:
    """As it was declared; of a part what is there. What the ledger says already is left as it is."""
    declared = {**SENT, "title": "t"}
    found = with_intents(applied, [(A, SENT, declared, protected)], live, begun=is_begun)
    assert {key: orjson.loads(one.attributes) for key, one in found.items()} == knows
    assert all(one.digest == digest(orjson.loads(one.attributes)) for one in found.values())
    if A not in applied:
        assert all(one.protected is protected for one in found.values())
    assert applied == {} or [*applied] == [A]


def test_what_an_interrupted_run_made_is_all_ours() -> None:
    """Two of three, one of them in part, beside what was ours before."""
    live = {A: have(**SENT), B: have(sku="A"), P: have(code="X")}
    intents = [(A, SENT, SENT, False), (B, SENT, SENT, False), (P, {"code": "Y"}, {"code": "Y"}, False)]
    before = {("listing", "C"): known(sku="C")}
    found = with_intents(before, intents, live, begun=lambda key, sent, one: key == B)
    assert {key: orjson.loads(one.attributes) for key, one in found.items()} == {
        ("listing", "C"): {"sku": "C"},
        A: SENT,
        B: {"sku": "A"},
    }
    assert [*before] == [("listing", "C")]


def test_of_a_declaration_what_is_there_is_as_it_is_there() -> None:
    assert part_of({"sku": "A", "title": "t"}, have(sku="B", price=NINE)) == {"sku": "B"}
