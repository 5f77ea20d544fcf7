"""What may be promised, and how it is divided: exact sums, in every mode, against an oracle."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acorn_gitops.engines.inventory import Counted, Inventory, Share, allocate, available
from acorn_gitops.specs.load import load
from tests.repository import Repository, document, shop, sku, storefront

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def counted(on_hand: int, reserved: int = 0, kept: int = 0) -> Counted:
    """Stock somewhere."""
    return Counted("here", on_hand, reserved, kept, NOW)


@pytest.mark.parametrize(
    ("stock", "buffer", "atp"),
    [
        ([counted(100, 7)], {"units": 10}, 83),
        ([counted(10, 3)], {"units": 10}, 0),
        ([counted(100)], {"units": 10, "percent": "5"}, 90),
        ([counted(100)], {"units": 3, "percent": "5"}, 95),
        ([counted(101)], {"percent": "5"}, 95),  # 5.05 is rounded up: what is kept back is whole
        ([counted(10, 0, 3), counted(20, 5, 2)], {}, 20),
        ([counted(2, 0, 3)], {}, 0),  # what is kept is never owed
        ([counted(2, 5), counted(10)], {}, 7),  # what is reserved is
        ([], {}, 0),
    ],
)
def test_what_may_be_promised(stock: list[Counted], buffer: dict[str, Any], atp: int) -> None:
    """On hand less reserved, kept and the larger buffer; never below nothing."""
    assert available(stock, buffer)[0] == atp


def shares(**weights: int) -> list[Share]:
    """Stores with weights."""
    return [Share(name.replace("_", "-"), weight) for name, weight in weights.items()]


@pytest.mark.parametrize(
    ("atp", "mode", "claims", "given_"),
    [
        (
            83,
            "weighted",
            shares(amz_de=50, amz_fr=30, pos_berlin=20),
            {"amz-de": 41, "amz-fr": 25, "pos-berlin": 17},
        ),
        (0, "weighted", shares(a=1, b=1), {"a": 0, "b": 0}),
        (5, "weighted", shares(a=1, b=1), {"a": 3, "b": 2}),  # of equal remainders the first name
        (10, "weighted", [Share("a", 1, 8), Share("b", 1, 8)], {"a": 8, "b": 2}),
        (
            10,
            "weighted",
            [Share("a", 1, 4), Share("b", 3, 4)],
            {"a": 5, "b": 5},
        ),  # half a piece each: the first name
        (10, "weighted", [Share("a", 9, 0, 2), Share("b", 1)], {"a": 2, "b": 8}),
        (10, "weighted", [Share("a", 1, 0, 2), Share("b", 1, 0, 3)], {"a": 2, "b": 3}),
        (10, "priority", [Share("a", 1), Share("b", 5, 0, 7)], {"a": 3, "b": 7}),
        (10, "shared", [Share("a", 1), Share("b", 5, 0, 7)], {"a": 10, "b": 7}),
        (10, "weighted", [Share("a", 0), Share("b", 2)], {"a": 0, "b": 10}),
    ],
)
def test_how_it_is_divided(atp: int, mode: Any, claims: list[Share], given_: dict[str, int]) -> None:
    """By the vectors of the domain, and others."""
    assert allocate(atp, mode, claims) == given_


drawn = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 30), st.one_of(st.none(), st.integers(0, 40))),
    min_size=1,
    max_size=5,
)


def oracle(atp: int, claims: list[Share]) -> dict[str, int]:
    """Piece by piece, with fractions: minimums in order; then water is poured into what is not full, by weight; the whole
    parts first, then single pieces by what was cut off."""
    order = sorted(claims, key=lambda s: (-s.weight, s.store))
    got = dict.fromkeys((s.store for s in order), 0)
    for share in order:
        for _ in range(min(share.least, share.most if share.most is not None else share.least)):
            if sum(got.values()) < atp:
                got[share.store] += 1
    room = {s.store: (10**9 if s.most is None else s.most) - got[s.store] for s in order}
    active = {s.store: s.weight for s in order if s.weight}
    while active and sum(got.values()) < atp:
        left = atp - sum(got.values())
        exact = {n: Fraction(left * w, sum(active.values())) for n, w in active.items()}
        parts = {n: int(e) for n, e in exact.items()}
        for name in sorted(parts, key=lambda n: (parts[n] - exact[n], n))[: left - sum(parts.values())]:
            parts[name] += 1
        full = [n for n in parts if parts[n] > room[n]]
        if not full:
            return {n: got[n] + parts.get(n, 0) for n in got}
        for name in full:
            got[name] += room[name]
            room[name] = 0
            del active[name]
    return got


@given(st.integers(0, 200), drawn)
def test_division_agrees_with_an_oracle(atp: int, rows: list[tuple[int, int, int | None]]) -> None:
    """For any weights, minimums and caps; and the order of stores changes nothing."""
    claims = [Share(f"s{n}", *row) for n, row in enumerate(rows)]
    assert allocate(atp, "weighted", claims) == oracle(atp, claims) == allocate(atp, "weighted", claims[::-1])


@given(st.integers(0, 200), drawn, st.sampled_from(["weighted", "priority"]))
def test_nothing_is_granted_that_is_not_there(
    atp: int, rows: list[tuple[int, int, int | None]], mode: Any
) -> None:
    """Never negative, never above a cap, together never more than there is; and all of it where somebody may have it."""
    claims = [Share(f"s{n}", *row) for n, row in enumerate(rows)]
    got = allocate(atp, mode, claims)
    assert all(0 <= got[s.store] <= (s.most if s.most is not None else atp) for s in claims)
    assert sum(got.values()) <= atp
    takers = [s for s in claims if s.most is None and (s.weight or mode == "priority")]
    if takers:
        assert sum(got.values()) == atp


def stocked(path: Path, rows: str, *documents: dict[str, Any]) -> Inventory:
    """The engine over a repository with recorded stock."""
    made = Repository(path, storefront(), storefront("amz-fr"), shop(), *documents)
    (path / "facts").mkdir()
    (path / "facts" / "stock.csv").write_text("location,sku,onHand,reserved,asOf\n" + rows)
    return Inventory(load(made.path, None, None).configuration)


def pooled(code: str, **more: Any) -> dict[str, Any]:
    """A SKU in the shop's pool."""
    inventory = {"pool": "p", "sources": [{"location": "de-ber-mitte"}], **more.pop("inventory", {})}
    return sku(code, inventory=inventory, **more)


AT = "2026-11-23T08:00:00Z"


@pytest.mark.parametrize("alone", [False, True])
def test_a_bundle_takes_its_part_first(alone: bool, tmp_path: Path) -> None:
    """A 17 by 2, B 9 by 1 gives 8, whether the parts are sold alone or not."""
    nowhere = [document("SkuMapping", n, {**pooled(n.upper())["spec"], "listings": []}) for n in ("a", "b")]
    parts = [pooled("A"), pooled("B")] if alone else nowhere
    made = sku(
        "SET", composition={"type": "bundle", "components": [{"sku": "A", "qty": 2}, {"sku": "B", "qty": 1}]}
    )
    engine = stocked(tmp_path / "r", f"de-ber-mitte,A,17,0,{AT}\nde-ber-mitte,B,9,0,{AT}\n", *parts, made)
    allotment = engine.allotment("SET")
    assert allotment is not None
    assert (allotment.atp, allotment.stores) == (8, {"amz-de": 8})


def test_no_piece_is_promised_twice(tmp_path: Path) -> None:
    """Sold alone and in a set: the sets take their pieces first, and together they need no more than there is."""
    made = sku("SET", composition={"type": "multipack", "of": "A", "qty": 3})
    engine = stocked(tmp_path / "r", f"de-ber-mitte,A,20,0,{AT}\n", pooled("A"), made)
    single, bundle = engine.allotment("A"), engine.allotment("SET")
    assert single is not None
    assert bundle is not None
    assert bundle.stores == {"amz-de": 6}
    assert single.bundled == 18
    assert single.stores == {"amz-de": 2}


def test_a_part_keeps_what_its_stores_are_promised(tmp_path: Path) -> None:
    """`allocation.min` of the part is granted before sets are made; a cap on it leaves more to them."""
    made = sku("SET", composition={"type": "multipack", "of": "A", "qty": 3})
    for allocation, sets, alone in (({"min": {"amz-de": 7}}, 4, 8), ({"cap": {"amz-de": 1}}, 6, 1)):
        part = pooled("A")
        part["spec"]["inventory"]["allocation"] = {"mode": "weighted", **allocation}
        engine = stocked(tmp_path / str(sets), f"de-ber-mitte,A,20,0,{AT}\n", part, made)
        single, bundle = engine.allotment("A"), engine.allotment("SET")
        assert single is not None
        assert bundle is not None
        assert (bundle.stores, single.stores) == ({"amz-de": sets}, {"amz-de": alone})


@given(
    st.integers(0, 60), st.integers(0, 60), st.integers(1, 4), st.integers(1, 4), st.booleans(), st.booleans()
)
def test_bundles_and_parts_together_need_no_more_than_there_is(
    a: int, b: int, one: int, other: int, alone: bool, second: bool
) -> None:
    """For any stock and any two sets that share a part."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        parts = [pooled("A"), pooled("B")]
        if not alone:
            parts = [
                document("SkuMapping", p["metadata"]["name"], {**p["spec"], "listings": []}) for p in parts
            ]
        sets = [
            sku(
                "SET",
                composition={
                    "type": "bundle",
                    "components": [{"sku": "A", "qty": one}, {"sku": "B", "qty": other}],
                },
            )
        ]
        if second:
            sets.append(sku("PACK", composition={"type": "multipack", "of": "A", "qty": 2}))
        rows = f"de-ber-mitte,A,{a},0,{AT}\nde-ber-mitte,B,{b},0,{AT}\n"
        engine = stocked(Path(name) / "r", rows, *parts, *sets)
        given_ = {
            s: sum(x.stores.values())
            for s in ("A", "B", "SET", "PACK")
            if s in engine._specs and (x := engine.allotment(s))
        }
        assert given_.get("A", 0) + given_["SET"] * one + given_.get("PACK", 0) * 2 <= a
        assert given_.get("B", 0) + given_["SET"] * other <= b
        rest_a, rest_b = a - given_["SET"] * one - given_.get("PACK", 0) * 2, b - given_["SET"] * other
        assert rest_a < one or rest_b < other, "no set that could be made is left lying"
        assert not second or rest_a < 2


def component(code: str) -> dict[str, Any]:
    """A SKU that is only sold in sets."""
    made = pooled(code)
    return document("SkuMapping", made["metadata"]["name"], {**made["spec"], "listings": []})


@pytest.mark.parametrize(
    ("stock", "sets", "promised"),
    [
        # What one set cannot use another one gets.
        ({"A": 2}, {"P": {"A": 3}, "Q": {"A": 2}}, {"P": 0, "Q": 1}),
        ({"A": 5}, {"X": {"A": 3}, "Y": {"A": 3}}, {"X": 1, "Y": 0}),
        ({"A": 100, "B": 2}, {"X": {"A": 1, "B": 1}, "Y": {"A": 1}}, {"X": 2, "Y": 98}),
        ({"A": 17, "B": 9}, {"X": {"A": 2, "B": 1}}, {"X": 8}),
    ],
)
def test_no_set_that_could_be_sold_is_left_lying(
    stock: dict[str, int], sets: dict[str, dict[str, int]], promised: dict[str, int], tmp_path: Path
) -> None:
    """Components that are not sold alone serve one set after another."""
    made = [
        sku(
            name,
            composition={"type": "bundle", "components": [{"sku": p, "qty": q} for p, q in parts.items()]},
        )
        for name, parts in sets.items()
    ]
    rows = "".join(f"de-ber-mitte,{part},{number},0,{AT}\n" for part, number in stock.items())
    engine = stocked(tmp_path / "r", rows, *(component(part) for part in stock), *made)
    assert engine.bundles == promised


def test_a_set_takes_no_more_than_its_stores_may_sell(tmp_path: Path) -> None:
    """A cap of one set leaves the rest to the component."""
    made = sku(
        "SET",
        composition={"type": "multipack", "of": "A", "qty": 2},
        inventory={
            "pool": "p",
            "sources": [{"location": "de-ber-mitte"}],
            "allocation": {"mode": "weighted", "cap": {"amz-de": 1}},
        },
    )
    engine = stocked(tmp_path / "r", f"de-ber-mitte,A,100,0,{AT}\n", pooled("A"), made)
    single, bundle = engine.allotment("A"), engine.allotment("SET")
    assert single is not None
    assert bundle is not None
    assert (bundle.stores, single.stores) == ({"amz-de": 1}, {"amz-de": 98})


def test_a_set_that_is_offered_everywhere_at_once_still_takes_its_pieces(tmp_path: Path) -> None:
    """`mode: shared` of a set says how sets are offered; the pieces in it are promised once."""
    made = sku(
        "SET",
        composition={"type": "multipack", "of": "A", "qty": 2},
        inventory={"pool": "p", "sources": [{"location": "de-ber-mitte"}], "allocation": {"mode": "shared"}},
    )
    engine = stocked(tmp_path / "r", f"de-ber-mitte,A,10,0,{AT}\n", pooled("A"), made)
    single, bundle = engine.allotment("A"), engine.allotment("SET")
    assert single is not None
    assert bundle is not None
    assert bundle.stores["amz-de"] * 2 + single.stores["amz-de"] == 10


def test_a_till_may_have_a_share_of_its_own(tmp_path: Path) -> None:
    """A weight for a shop keeps its part of the pool out of the online stores."""
    made = pooled(
        "A", inventory={"allocation": {"mode": "weighted", "weights": {"amz-de": 80, "de-ber-mitte": 20}}}
    )
    engine = stocked(tmp_path / "r", f"de-ber-mitte,A,100,0,{AT}\n", made)
    allotment = engine.allotment("A")
    assert allotment is not None
    assert allotment.stores == {"amz-de": 80, "de-ber-mitte": 20}


def test_amazons_own_stock_is_not_ours(tmp_path: Path) -> None:
    """A listing fulfilled by the marketplace gets nothing of our pool."""
    listings = [
        {"store": "amz-de", "fulfillment": "afn", "status": "active"},
        {"store": "amz-fr", "fulfillment": "mfn", "status": "active"},
    ]
    made = pooled("A")
    made["spec"]["listings"] = listings
    engine = stocked(tmp_path / "r", f"de-ber-mitte,A,10,0,{AT}\n", made)
    allotment = engine.allotment("A")
    assert allotment is not None
    assert allotment.stores == {"amz-fr": 10}


def test_what_was_not_counted_is_not_said(tmp_path: Path) -> None:
    """No count is not nothing."""
    engine = stocked(tmp_path / "r", "", pooled("A"))
    assert engine.allotment("A") is None
    assert list(engine.allotments()) == []


def test_the_newest_count_holds_and_the_oldest_dates_it(tmp_path: Path) -> None:
    """Of two counts of one place the later; the shop's safety stock is kept."""
    place = shop()
    place["spec"]["physical"]["safetyStock"] = {"default": 2}
    made = Repository(tmp_path / "r", storefront(), place, pooled("A"))
    (made.path / "facts").mkdir()
    (made.path / "facts" / "stock.csv").write_text(
        "location,sku,onHand,reserved,asOf\nde-ber-mitte,A,10,1,2026-11-23T08:00:00Z\nde-ber-mitte,A,50,0,2026-11-22T08:00:00Z\n"
    )
    allotment = Inventory(load(made.path, None, None).configuration).allotment("A")
    assert allotment is not None
    assert (allotment.on_hand, allotment.reserved, allotment.atp) == (10, 1, 7)
    assert allotment.as_of == datetime(2026, 11, 23, 8, tzinfo=UTC)
