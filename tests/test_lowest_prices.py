"""The least that any buyer can pay: the search against every combination there is, tried one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import chain, combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn_gitops.engines.pricing import lowest as engine
from acorn_gitops.engines.pricing.calendar import may_be
from acorn_gitops.engines.pricing.lowest import lowest, turns
from acorn_gitops.engines.pricing.offer import major, offer_of
from acorn_gitops.engines.pricing.price import Offer, effective
from acorn_gitops.specs.configuration import Spec
from tests.test_prices import amount, oracle, percent, sale

PLACES = {"EUR": 2, "JPY": 0, "KWD": 3}

CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "audience": st.sampled_from(["prime", "b2b", "segment"]),
        "choice": st.sampled_from(["code A", "code B", "code C"]),
        "quantity": st.sampled_from([2, 3]),
        "basket": st.sampled_from([3000, 9000]),
    },
)
OFFER = st.builds(
    lambda kind, cut, price, mode, group, tier, priority, asked: {
        "kind": kind,
        "value": {"percent": cut, "amount": price, "sale": price}[kind],
        "mode": mode,
        "group": group,
        "tier": 10 if kind == "sale" else tier,
        "priority": priority,
        **asked,
    },
    st.sampled_from(["percent", "percent", "amount", "sale"]),
    st.integers(1, 70).map(lambda n: n * 10_000),
    st.integers(1, 12_000),
    st.sampled_from(["additive", "multiplicative", "bestOnly"]),
    st.sampled_from(["", "", "g", "h"]),
    st.sampled_from([20, 30, 40]),
    st.integers(0, 1),
    CONDITIONS,
)
OFFERS = st.lists(OFFER, max_size=7).map(
    lambda rows: [Offer(f"p{number}", **row) for number, row in enumerate(rows)]
)


def buyers(offers: Sequence[Offer]) -> Iterator[list[Offer]]:
    """What every buyer there can be has: an audience (nobody is prime and business), pieces, a basket, any set of codes."""
    codes = sorted({o.choice for o in offers} - {""})
    sets = [*chain.from_iterable(combinations(codes, n) for n in range(len(codes) + 1))]
    for who in (set(), {"prime"}, {"b2b"}, {"segment"}, {"prime", "segment"}, {"b2b", "segment"}):
        for pieces in {1, *(o.quantity for o in offers)}:
            for basket in {0, *(o.basket for o in offers)}:
                for entered in sets:
                    yield [
                        o
                        for o in offers
                        if o.audience in ("all", *who)
                        and o.quantity <= pieces
                        and o.basket <= basket
                        and (not o.choice or o.choice in entered)
                    ]


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 20_000), OFFERS)
def test_the_least_is_the_least_of_all_buyers(listed: int, offers: list[Offer]) -> None:
    """Whatever the offers: the search finds what trying every buyer finds, and its trace is of such a buyer."""
    every = [[*some] for some in {tuple(some) for some in buyers(offers)}]
    found = lowest(offers)
    assert found.exact
    assert found.pays(listed) == min(oracle(listed, some) for some in every)
    assert found.at(listed).pays == found.pays(listed)
    assert [*found.state(listed)] in every


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 20_000), OFFERS)
def test_a_search_that_is_cut_off_is_a_bound(listed: int, offers: list[Offer]) -> None:
    """No buyer pays less than what it says, and it says that it is a bound."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "MOST", 0)
        found = lowest(offers)
    least = min(oracle(listed, some) for some in buyers(offers))
    assert found.pays(listed) <= least
    assert found.exact or found.at(listed).pays == found.pays(listed)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(PLACES)), st.integers(1, 50_000), st.data())
def test_the_least_holds_in_every_currency(currency: str, listed: int, data: st.DataObject) -> None:
    """Promotions as specs say them, in two decimals, none and three."""
    contents = data.draw(st.lists(promotion(currency), max_size=5))
    offers = [
        made for n, body in enumerate(contents) if (made := offer_of(f"p{n}", body, currency)) is not None
    ]
    assert lowest(offers).pays(listed) == min(oracle(listed, some) for some in buyers(offers))


def promotion(currency: str) -> st.SearchStrategy[dict[str, Any]]:
    """The content of a promotion in one store."""
    money = st.integers(1, 9000).map(lambda n: {"currency": currency, "value": major(n, currency)})
    discount = st.one_of(
        st.integers(1, 99).map(lambda n: {"percent": str(n)}),
        money.map(lambda m: {"amount": m}),
        money.map(lambda m: {"salePrice": m}),
        st.integers(1, 3).map(lambda n: {"buyXGetY": {"buy": n, "get": 1}}),
    )
    stacking = st.fixed_dictionaries(
        {}, optional={"group": st.sampled_from("gh"), "mode": st.sampled_from(["multiplicative", "bestOnly"])}
    )
    return st.fixed_dictionaries(
        {"type": st.sampled_from(["percentOff", "coupon", "promoCode"]), "discount": discount},
        optional={
            "audience": st.sampled_from(["prime", "b2b"]),
            "code": st.sampled_from(["SAVE10", "save10", "OTHER"]),
            "minimumOrder": money,
            "minimumQuantity": st.integers(2, 4),
            "stacking": stacking,
        },
    )


TWELVE = [
    *(percent(f"a{n}", str(n + 5), group=f"g{n % 4}", choice=f"code {n}") for n in range(8)),
    sale("s", 8000, audience="prime"),
    percent("b", "5", audience="b2b"),
    percent("q", "4", quantity=3),
    amount("d", 500, basket=5000),
]


def test_twelve_promotions_at_once_are_searched_to_the_end() -> None:
    """Eight codes in four groups, a price for members, one for businesses, a tier and a basket."""
    found = lowest(TWELVE)
    assert found.exact
    assert len(found.states) < 200
    assert found.pays(10000) == min(oracle(10000, some) for some in buyers(TWELVE))


CASES = {
    "a code that wins against the sale of its group": (
        [sale("sale", 8000, group="h"), percent("half", "60", "bestOnly"), percent("code", "21", group="h", choice="code X")],
        3200,
    ),
    "prime and business are two people": ([percent("p", "30", audience="prime"), percent("b", "30", audience="b2b")], 7000),
    "a segment may be of either": ([percent("p", "30", audience="prime"), percent("s", "30", audience="segment")], 4000),
    "two codes are entered together": ([percent("a", "30", choice="code A"), percent("b", "30", choice="code B")], 4000),
    "a tier from three pieces on": ([percent("a", "10", quantity=3)], 9000),
    "the greater tier takes the smaller one's place in its group": (
        [percent("a", "10", quantity=2, group="t"), percent("b", "20", quantity=5, group="t")], 8000,
    ),
    "who is in the group by force": (
        [percent("a", "30", "bestOnly", group="g"), percent("b", "20", group="g"), percent("c", "25")], 7000,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_one_buyer_can_be_in(name: str) -> None:
    """Of a list price of 100.00."""
    offers, least = CASES[name]
    assert lowest(offers).pays(10000) == least


def test_equal_offers_fall_to_the_name_that_sorts_first() -> None:
    """Also where one name begins with the other."""
    offers = [percent("p11", "10", group="g"), percent("p1", "10", group="g")]
    steps = {step.offer.name: step.taken for step in effective(10000, offers).steps}
    assert steps == {"p1": 1000, "p11": 0}
    assert Decimal(lowest(offers).pays(10000)) == 9000


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 6000), st.integers(0, 1000), OFFERS)
def test_a_ceded_price_is_searched_over_its_whole_band(low: int, width: int, offers: list[Offer]) -> None:
    """The prices that are looked at hold the one at which the least is paid, but for what rounding takes."""
    band = {"by": "repricer", "min": major(low, "EUR"), "max": major(low + width, "EUR")}
    ceded: Spec[Any] = Spec("SkuMapping", "a", {}, {"sku": "A"}, "f", 1, lifecycle={"ceded": {"price": band}})
    looked = may_be(ceded, low, "EUR", offers)
    found = lowest(offers)
    least = min(found.pays(price) for price in range(low, low + width + 1))
    assert min(found.pays(price) for price in looked) - least <= len(offers)
    assert set(looked) <= {*range(low, low + width + 1)}


def test_another_winner_of_a_group_counts() -> None:
    """At 80.01 half the price is more than 40.00, and a further fifth is no longer kept away."""
    offers = [
        Offer("half", "percent", 500_000_000, group="h"),
        Offer("forty", "amount", 4000, group="h", mode="bestOnly"),
        Offer("twenty", "percent", 200_000_000),
    ]
    found = lowest(offers)
    assert [found.pays(price) for price in (7000, 8000, 8001)] == [3000, 4000, 2400]
    assert [*turns(offers)] == [8000]
    band = {"by": "repricer", "min": "70.00", "max": "100.00"}
    ceded: Spec[Any] = Spec("SkuMapping", "a", {}, {"sku": "A"}, "f", 1, lifecycle={"ceded": {"price": band}})
    assert min(found.pays(price) for price in may_be(ceded, 7000, "EUR", offers)) == 2400
