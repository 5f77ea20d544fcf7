"""What falls is looked for buyer by buyer: that one pays little already hides nothing for others. Of what people say they made, each
counts once; and a promotion that is made anew is judged also while it is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn_gitops.engines.pricing.attested import beside
from acorn_gitops.engines.pricing.falls import Falls
from acorn_gitops.engines.pricing.forms import ATTESTED
from acorn_gitops.engines.pricing.offer import offer_of
from acorn_gitops.engines.pricing.price import Offer, effective
from acorn_gitops.engines.pricing.standing import HeldPromotions
from acorn_gitops.engines.pricing.worlds import Asked, World
from acorn_gitops.model.resource import Address
from acorn_gitops.sandbox.disturb import insert
from tests.borders.test_any_of_it_may_come import COUPON, DAYS, FIFTH, PROMOTIONS, money
from tests.borders.test_left_to_others import BUDGET, listing
from tests.faults import sandbox
from tests.repository import Repository, promo, storefront
from tests.test_access import enforce, write_guarded
from tests.test_lowest_prices import OFFERS
from tests.test_lowest_prices import buyers as every_buyer
from tests.test_prices import oracle

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
SMALL = {"limits": {"budget": {"currency": "EUR", "value": "10.00"}}}
STAFF = promo("staff", "85", type="promoCode", code="STAFF", stacking={"mode": "bestOnly"}, **SMALL)
LIMITED = {
    "rules": [
        {"resources": ["price"], "verbs": ["apply"]},
        {
            "resources": ["promo"],
            "verbs": ["apply", "delete"],
            "constraints": {"maxDiscountPercent": "10"},
        },
    ]
}


# -- what people say they made -----------------------------------------------------------------------------

DEAL = {**COUPON, "type": "bestDeal"}
NONE = {**FIFTH, "code": "NONE"}
FOREIGN = {"foreign": True}


@pytest.mark.parametrize(
    ("attested", "shown", "least"),
    [
        pytest.param([{**COUPON, "type": "coupon"}], [DEAL], 660, id="a deal is no coupon"),
        pytest.param([COUPON], [{**COUPON, "minimumQuantity": 3}], 660, id="from three pieces on"),
        pytest.param([COUPON, COUPON], [], 660, id="two, and none is shown"),
        pytest.param([COUPON, COUPON], [COUPON], 660, id="two, and one is shown"),
        pytest.param([COUPON, COUPON], [COUPON, COUPON], 660, id="two, and both are shown"),
        pytest.param([NONE], [COUPON], 660, id="a code that is called NONE"),
        pytest.param([COUPON], [{**COUPON, "minimumQuantity": 1}], 880, id="from one piece on"),
    ],
)
def test_what_is_shown_is_one_of_those_that_people_made_at_most(
    attested: list[dict[str, Any]], shown: list[dict[str, Any]], least: int
) -> None:
    """Seeing more never makes it laxer."""
    there = {f"shown{n}": {**one, **FOREIGN} for n, one in enumerate(shown)}
    said = {f"{ATTESTED}{n}": one for n, one in enumerate(attested)}
    held = HeldPromotions(NOW, beside(there, said).items(), platform="network")
    assert held.breach("K", money("11.00"), None, floor=least) is None
    found = held.breach("K", money("11.00"), None, floor=least + 1)
    assert found is not None and found.pays == least


@pytest.mark.parametrize("product", ["B0EXAMPLE2", "B0EXAMPLE9"], ids=["its product", "another product"])
def test_what_was_made_for_one_sku_holds_for_its_product(product: str) -> None:
    """A second SKU that offers it costs as much less."""
    listings = [{"sku": "K", "asin": "B0EXAMPLE2"}, {"sku": "K2", "asin": product}]
    held = HeldPromotions(NOW, beside({}, {f"{ATTESTED}0": COUPON}, listings).items(), platform="network")
    assert (held.breach("K2", money("11.00"), None, floor=1000) is not None) == (product == "B0EXAMPLE2")


# -- limits of roles ---------------------------------------------------------------------------------------


def pay(price: int, contents: list[dict[str, Any] | None], *, staff: bool) -> int:
    """What a buyer pays who uses the code of staff, or has none, in whichever way is best."""
    offers = [
        offer_of(f"p{n}", one, "EUR", platform="network")
        for n, one in enumerate(contents)
        if one is not None and "K" in one["skus"]
    ]
    found = [one for one in offers if one is not None]
    free = [one for one in found if not one.choice]
    return min(int(oracle(price, free)), int(oracle(price, found)) if staff else price)


@settings(max_examples=300, deadline=None)
@given(st.lists(PROMOTIONS, max_size=3), st.none() | PROMOTIONS, st.none() | PROMOTIONS)
def test_depth_is_the_most_that_falls_for_anybody(
    others: list[dict[str, Any]], was: dict[str, Any] | None, then: dict[str, Any] | None
) -> None:
    """Brute force over who has the code: whoever pays less by the change gets no more off than is said."""
    held = HeldPromotions(NOW, {f"p{n + 1}": one for n, one in enumerate(others)}.items(), platform="network")
    if then is not None:
        held.put("p0", then)
    said = held.proposed("p0", then).deepest("K", money("100.00"), was=was)
    for staff in (False, True):
        before, after = (pay(10_000, [one, *others], staff=staff) for one in (was, then))
        if after < before:
            assert said >= Fraction(10_000 - after - 1, 10_000)  # a cent may come from rounding


def enforced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *promotions: dict[str, Any]) -> Repository:
    """Where Eve may take off a tenth, and Ada has applied these; Eve is next."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-26T09:00:00Z")
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    made = Repository(tmp_path / "r")
    write_guarded(made, *promotions, **LIMITED)
    enforce(made)
    made.apply()
    monkeypatch.setenv("ACORN_ACTOR", "Eve@Example.com")
    return made


@pytest.mark.parametrize("beside", [[], [STAFF]], ids=["alone", "beside a code for staff"])
def test_a_limit_holds_for_everybody(
    beside: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """8 % on top of 8 % is 16 % off for whoever has no code."""
    first, second = promo("a", "8", **SMALL), promo("b", "8", **SMALL)
    made = enforced(tmp_path, monkeypatch, first, *beside)
    write_guarded(made, first, *beside, second, **LIMITED)
    done = made.run("apply", "--auto-approve")
    assert (done.code, "b takes 16 % off, more than 10 %" in done.err) == (4, True), done


def grouped(name: str, percent: str, mode: str = "", **metadata: Any) -> dict[str, Any]:
    """One of a group of which the best one holds."""
    stacking = {"group": "g", **({"mode": mode} if mode else {})}
    made = promo(name, percent, stacking=stacking, **SMALL)
    made["metadata"] |= metadata
    return made


ODD = {
    "type": "amountOff", "skus": ["KTL-17-BLK"], "start": "2026-01-01T00:00:00Z", "end": "2028-01-01T00:00:00Z",
    "discount": {"amount": {"currency": "USD", "value": "1.00"}},
}  # fmt: skip
"""Of which nobody knows what it takes off."""


@pytest.mark.parametrize("odd", [False, True], ids=["alone", "beside what nobody understands"])
@pytest.mark.parametrize("anew", [False, True], ids=["ended", "made anew"])
def test_what_holds_while_a_promotion_is_gone_is_bound_by_limits(
    anew: bool, odd: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It kept another of its group away, which stands beside a third: 18 % together."""
    rest = [grouped("c", "9"), promo("d", "9", **SMALL)]
    made = enforced(tmp_path, monkeypatch, grouped("a", "10", "bestOnly"), *rest)
    if odd:
        with sandbox(made) as database:
            insert(database, Address("amz-de", "promotion", "x"), dict(ODD))
    new = [grouped("b", "10", "bestOnly", movedFrom="a")] if anew else []
    write_guarded(made, *new, *rest, **LIMITED)
    done = made.run("apply", "--auto-approve")
    words = "what then holds takes 18 % off, more than 10 %"
    if not (anew and odd):  # what the new one takes off beside that cannot be told either
        assert words in " ".join(done.err.split()), done
    assert done.code == 4
    assert "amz-de/promotion/a" in made.live()


# -- budgets -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beside", [[], [STAFF]], ids=["alone", "beside a code for staff"])
def test_a_budget_sees_who_meets_two_conditions(beside: list[dict[str, Any]], tmp_path: Path) -> None:
    """Members with a full basket fall from 50.00 to 26.00, whatever staff pays."""
    members = promo("members", "50", type="primeExclusive", audience="prime")
    full = promo("full", "24", minimumOrder={"amz-de": {"currency": "EUR", "value": "50.00"}})
    made = Repository(tmp_path / "r", storefront(), listing("A-1", "100.00"), members, *beside)
    made.apply()
    (made.path / "acorn.yaml").write_text(BUDGET)
    made.write(storefront(), listing("A-1", "100.00"), members, *beside, full)
    done = made.run("apply", "--auto-approve")
    words = "falls from 50.00 to 26.00 EUR with promotions, by 48.0 %"
    assert (done.code, words in done.err) == (5, True), done


CONDITIONS = st.builds(
    lambda percent, audience, basket, code, mode: {
        "type": "promoCode" if code else "percentOff", "skus": ["K"], **DAYS, "discount": {"percent": str(percent)},
        **({"audience": audience} if audience else {}), **({"code": code} if code else {}),
        **({"minimumOrder": money(basket)} if basket else {}), "stacking": {"mode": mode},
    },
    st.integers(1, 90),
    st.sampled_from(["", "", "prime"]),
    st.sampled_from(["", "", "50.00"]),
    st.sampled_from(["", "", "STAFF"]),
    st.sampled_from(["additive", "multiplicative", "bestOnly"]),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(CONDITIONS, max_size=3), st.lists(CONDITIONS, max_size=3))
def test_the_deepest_fall_is_nobodys_smaller(was: list[dict[str, Any]], then: list[dict[str, Any]]) -> None:
    """Brute force over members, baskets and codes: nobody falls by more than what is told."""
    held = [
        HeldPromotions(NOW, {f"p{n}": one for n, one in enumerate(some)}.items(), platform="network")
        for some in (was, then)
    ]
    old, new = Falls(*held).deepest("K", money("100.00"), money("100.00"))
    for member, full, staff in product((False, True), repeat=3):
        paid = []
        for some in (was, then):
            offers = [offer_of(f"p{n}", one, "EUR", platform="network") for n, one in enumerate(some)]
            mine = [
                o
                for o in offers
                if o is not None
                and (o.audience == "all" or member)
                and (not o.basket or full)
                and (not o.choice or staff)
            ]
            paid.append(
                min(int(oracle(10_000, mine)), int(oracle(10_000, [o for o in mine if not o.choice])))
            )
        if paid[1] < paid[0]:
            assert Fraction(old - new, old) >= Fraction(paid[0] - paid[1], paid[0])


# -- names -------------------------------------------------------------------------------------------------


def test_nothing_ends_for_a_name_that_somebody_else_has(tmp_path: Path) -> None:
    """What was to take its place is not ours; both remedies work."""
    goods = listing("A-1", "100.00")
    made = Repository(tmp_path / "r", storefront(), goods, promo("p", "10", skus={"names": ["A-1"]}))
    made.apply()
    theirs = {**COUPON, "skus": ["A-1"], "type": "percentOff", "discount": {"percent": "3"}}
    with sandbox(made) as database:
        insert(database, Address("amz-de", "promotion", "q"), theirs)
    new = promo("q", "10", skus={"names": ["A-1"]})
    new["metadata"]["movedFrom"] = "p"
    made.write(storefront(), goods, new)
    done = made.run("apply", "--auto-approve")
    assert (done.code, "nothing come in its place" in done.err) == (4, True), done
    assert made.live()["amz-de/promotion/p"]["discount"] == {"percent": "10"}
    assert made.run("apply", "--auto-approve", "--adopt").code == 0
    assert made.live()["amz-de/promotion/q"]["discount"] == {"percent": "10"}
    assert "amz-de/promotion/p" not in made.live()


# -- who somebody is, is no choice -------------------------------------------------------------------------

BIZ = {
    **FIFTH, "type": "amountOff", "code": "CC", "audience": "b2b", "discount": {"amount": money("51.00")},
    "stacking": {"group": "g", "mode": "bestOnly"},
}  # fmt: skip
"""In its group it keeps a deeper one away, which stands beside a third: 49.00 for businesses, 5.00 for others."""
OTHERS = {
    "deep": {**BIZ, "audience": "all", "discount": {"amount": money("50.00")}, "stacking": {"group": "g"}},
    "half": {**FIFTH, "type": "percentOff", "code": None, "discount": {"percent": "45"}},
}


def test_a_business_does_not_shed_its_audience() -> None:
    """That others pay 5.00 already says nothing of what businesses lose."""
    before = HeldPromotions(NOW, {"biz": BIZ, **OTHERS}.items(), platform="network")
    after = HeldPromotions(NOW, OTHERS.items(), platform="network")
    falls, price = Falls(before, after), money("100.00")
    assert falls.breach("K", price, price, 4000) is not None
    assert falls.deepest("K", price, price) == (4900, 500)
    assert after.proposed("biz", None).deepest("K", price, was=BIZ) > Fraction(9, 10)


@pytest.mark.parametrize("beside", [[], [STAFF]], ids=["alone", "beside a code for staff"])
def test_a_budget_sees_each_buyer_where_the_list_price_falls(
    beside: list[dict[str, Any]], tmp_path: Path
) -> None:
    """90.00 off for members with a code: of 110.00 to 105.00 they lose a quarter, and everybody else 4.5 %."""

    def off(name: str, value: str, **more: Any) -> dict[str, Any]:
        amount = {"amount": {"amz-de": {"currency": "EUR", "value": value}}}
        return promo(name, discount=amount, **more, **SMALL)

    code = off("code", "60.00", type="promoCode", code="AAA")
    members = off("members", "30.00", type="amountOff", audience="prime")
    promotions = [code, members, *beside]
    made = Repository(tmp_path / "r", storefront(), listing("A-1", "110.00"), *promotions)
    made.apply()
    (made.path / "acorn.yaml").write_text(BUDGET.replace('"30"', '"20"'))
    made.write(storefront(), listing("A-1", "105.00"), *promotions)
    done = made.run("apply", "--auto-approve")
    words = "falls from 20.00 to 15.00 EUR with promotions, by 25.0 %"
    assert (done.code, words in done.err) == (5, True), done


# -- what somebody else pays hides nothing -----------------------------------------------------------------

DEEP = Offer("staff", "amount", 10**6, mode="bestOnly", choice="STAFF", tier=40)
"""Whoever has this code pays nothing, whatever else is on offer."""


def one_sort(offers: list[Offer]) -> list[Offer]:
    """Each group of one kind and one mode, as most are: of these fewer ought to be dearer."""
    first: dict[str, Offer] = {}
    return [
        o._replace(kind=of.kind, mode=of.mode, value=of.value + number, choice="", audience="all")
        if (of := first.setdefault(o.group, o)) is not o and o.group
        else o
        for number, o in enumerate(offers)
    ]


@settings(max_examples=600, deadline=None)
@given(
    OFFERS.map(lambda offers: offers[:5]),
    st.booleans(),
    st.lists(st.booleans(), min_size=5, max_size=5),
    st.integers(3000, 12_000),
    st.sampled_from([0, 0, 1, 2, 5, 10, 100, 3000]),
)
def test_what_ends_makes_it_cheaper_for_nobody_unseen(
    offers: list[Offer], alike: bool, stays: list[bool], price: int, more: int
) -> None:
    """Fewer offers, or a higher price, and somebody pays less than a floor all the same: it is seen, beside a
    code with which others pay nothing."""
    was = one_sort(offers) if alike else offers
    then = [o for o, keeps in zip(was, stays, strict=False) if keeps]
    names = {o.name for o in then}
    pairs = [
        (int(oracle(price, [*has])), int(oracle(price + more, [o for o in has if o.name in names])))
        for has in reachable(was)
    ]
    lost = [after for before, after in pairs if after < before]
    world = World((*then, DEEP), (*was, DEEP))
    if lost:
        least = min(lost)
        assert world.below(Asked(price + more, price), least + 1) is not None


def reachable(offers: list[Offer]) -> list[list[Offer]]:
    """What each sort of buyer has who has the best of his codes, before and after: all that he can have,
    where codes are one choice each."""
    return [has for has in every_buyer(offers) if not any(o.choice for o in has)]


SAME_TURN = [
    Offer("z", "percent", 500_000_000, group="g", mode="multiplicative"),
    Offer("a", "percent", 490_000_000, group="g", mode="multiplicative"),
    Offer("m", "amount", 4000, mode="multiplicative"),
]
"""After `z`, 30.00 are left of 100.00: half of 60.00. After `a`, which comes before `m`: 11.00."""
CUTS = [Offer(f"c{n}", "percent", 90_040_000) for n in range(8)]
SOLD = Offer("s", "sale", 5000, tier=10)


@pytest.mark.parametrize("beside", [[], [DEEP]], ids=["alone", "beside a code for staff"])
@pytest.mark.parametrize(
    ("was", "then", "price", "before", "after"),
    [
        pytest.param(SAME_TURN, SAME_TURN[1:], 10_000, 3000, 1100, id="another turn"),
        pytest.param([SOLD, *CUTS], CUTS, 5004, 1400, 1396, id="a base that rises by cents"),
    ],
)
def test_an_end_that_is_dearer_in_words_and_cheaper_in_cents(
    was: list[Offer], then: list[Offer], price: int, before: int, after: int, beside: list[Offer]
) -> None:
    """Whoever replaces the best of a group takes it in his own turn; and many roundings of a higher base."""
    assert (effective(price, was).pays, effective(price, then).pays) == (before, after)
    world = World((*then, *beside), (*was, *beside))
    assert world.below(Asked(price, price), before) == after
    assert world.fall(price) == after


@pytest.mark.parametrize("days", [3, 60])
def test_many_promotions_of_a_day_use_up_no_looking(days: int, tmp_path: Path) -> None:
    """A Prime member with a code gets half off, after sixty promotions of which nothing changes."""

    def at(first: int, last: int) -> dict[str, Any]:
        begin = datetime(2026, 12, 1)
        return {
            "window": {
                name: {"local": (begin + timedelta(days=day)).strftime("%Y-%m-%dT00:00"), "tz": "UTC"}
                for name, day in (("start", first), ("end", last))
            }
        }

    always = at(0, 400)
    amount = {"amount": {"amz-de": {"currency": "EUR", "value": "88.00"}}}
    promotions = [
        promo(
            "staff", type="promoCode", code="STAFF", discount=amount, stacking={"mode": "bestOnly"}, **always
        ),
        *(promo(f"b{n}", "1", type="promoCode", code=f"B{n}", **always) for n in range(6)),
        *(promo(f"d{n}", "1", **at(n, n + 1)) for n in range(days)),
    ]
    promotions = [{**one, "spec": {**one["spec"], **SMALL}} for one in promotions]
    made = Repository(tmp_path / "r", storefront(), listing("A-1", "100.00"), *promotions)
    made.apply()
    (made.path / "acorn.yaml").write_text(BUDGET)
    later = at(days + 1, days + 5)
    new = [
        promo("o1", "25", type="primeExclusive", audience="prime", **later, **SMALL),
        promo("o2", "25", type="promoCode", code="AA", **later, **SMALL),
    ]
    made.write(storefront(), listing("A-1", "100.00"), *promotions, *new)
    done = made.run("apply", "--auto-approve")
    assert (done.code, "falls from 99.00 to 49.00 EUR with promotions" in done.err) == (5, True), done


@pytest.mark.parametrize("price", ["100.00", "20.00"], ids=["only the band", "band and price"])
def test_a_ceded_price_that_the_specs_move_is_no_repair(price: str, tmp_path: Path) -> None:
    """No ledger knows where a repricer left it: a budget is asked, whoever moved it."""

    def ceded(value: str, low: str, high: str) -> dict[str, Any]:
        band = {"ceded": {"price": {"by": "repricer", "min": low, "max": high}}}
        return listing("A-1", value, lifecycle=band, status="active")

    made = Repository(tmp_path / "r", storefront(), ceded("100.00", "12.00", "150.00"))
    (made.path / "acorn.yaml").write_text(BUDGET)
    made.apply()
    low = "12.00"
    if price == "100.00":
        hand = 'amz-de/listing/K-1.price={"currency": "EUR", "value": "149.00"}'
        assert made.run("sandbox", "disturb", hand).code == 0
        made.write(storefront(), ceded("90.00", low, "148.00"))
    else:
        made.write(storefront(), ceded(price, low, "30.00"))
    done = made.run("apply", "--auto-approve")
    assert (done.code, "BUD-002" in done.err) == (5, True), done


def grouped_half(name: str, percent: str) -> dict[str, Any]:
    return promo(name, percent, stacking={"group": "g", "mode": "multiplicative"}, **SMALL)


@pytest.mark.parametrize("staff", [False, True], ids=["alone", "beside a code for staff"])
def test_an_end_that_leaves_too_little_is_foretold(staff: bool, tmp_path: Path) -> None:
    """Ending `z` puts `a` in its place, before 40.00 that somebody else takes off: from 30.00 to 11.00."""
    floored = listing("A-1", "100.00", status="active")
    floored["spec"]["pricePolicy"] = {"min": {"amz-de": "30.00"}}
    made = Repository(tmp_path / "r", storefront(), floored, grouped_half("z", "50"), grouped_half("a", "49"))
    made.apply()
    window = {key: made.live()["amz-de/promotion/a"][key] for key in ("start", "end")}
    theirs = {"skus": ["A-1"], "enabled": True, **window}
    amount = {"amount": {"currency": "EUR", "value": "40.00"}}
    with sandbox(made) as database:
        stacked = {"type": "amountOff", "discount": amount, "stacking": {"mode": "multiplicative"}}
        insert(database, Address("amz-de", "promotion", "m"), {**theirs, **stacked})
        if staff:
            deep = {"amount": {"currency": "EUR", "value": "95.00"}}
            code = {"type": "promoCode", "code": "S", "discount": deep, "stacking": {"mode": "bestOnly"}}
            insert(database, Address("amz-de", "promotion", "staff"), {**theirs, **code})
    made.write(storefront(), floored, grouped_half("a", "49"))
    planned = made.run("plan")
    assert "would cost 11.00 EUR" in " ".join(planned.out.split()), planned
    assert "Apply will refuse (exit code 4)" in planned.out
    done = made.run("apply", "--auto-approve")
    assert done.code == 4 and "amz-de/promotion/z" in made.live(), done
