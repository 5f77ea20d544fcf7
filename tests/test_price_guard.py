"""The last guard: no price beyond its bounds is ever sent, whatever came before."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn_gitops.apply.price_guard import Offered, paid_refusal, promotion_refusal, refusal
from acorn_gitops.engines.pricing.standing import HeldPromotions
from acorn_gitops.model.resource import Address
from acorn_gitops.rules import registry
from acorn_gitops.sandbox.disturb import insert
from tests.faults import KILLED, MOMENTS, ROW, copy, died, sandbox
from tests.repository import Repository, document, storefront
from tests.rule_cases import lay_out

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)


def euros(value: str) -> dict[str, str]:
    """An amount."""
    return {"currency": "EUR", "value": value}


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "at the floor": ({"price": euros("10.00"), "minPrice": euros("10.00")}, {}, ""),
    "below the floor": ({"price": euros("9.99"), "minPrice": euros("10.00")}, {}, "below its floor 10.00"),
    "above the ceiling": (
        {"price": euros("10.01"), "maxPrice": euros("10.00")},
        {},
        "above its ceiling 10.00",
    ),
    "below the advertised minimum": (
        {"price": euros("9.00"), "mapPrice": euros("10.00")},
        {},
        "below its minimum advertised price",
    ),
    "a patch against the floor that is there": (
        {"price": euros("9.00")},
        {"price": euros("20.00"), "minPrice": euros("10.00")},
        "below its floor",
    ),
    "a floor raised above the price that is there": (
        {"minPrice": euros("30.00")},
        {"price": euros("20.00")},
        "below its floor 30.00",
    ),
    "neither price nor bound is touched": (
        {"status": "active"},
        {"price": euros("9.00"), "minPrice": euros("10.00")},
        "",
    ),
    "another currency": (
        {"price": euros("9.00"), "minPrice": {"currency": "USD", "value": "1.00"}},
        {},
        "currency",
    ),
    "no amount": ({"price": {"currency": "EUR", "value": "x"}, "minPrice": euros("1.00")}, {}, "no decimal"),
    "a number": ({"price": 9.99}, {}, "no amount"),
    "without bounds": ({"price": euros("0.01")}, {}, ""),
    "a bound that is cleared": (
        {"price": euros("9.00"), "minPrice": None},
        {"minPrice": euros("10.00")},
        "",
    ),
}


@pytest.mark.parametrize(("sent", "live", "words"), CASES.values(), ids=CASES.keys())
def test_a_price_is_sent_only_within_its_bounds(
    sent: dict[str, Any], live: dict[str, Any], words: str
) -> None:
    """What is sent is laid over what is there, and judged."""
    found = refusal("listing", sent, live)
    assert bool(found) == bool(words)
    assert words in found


@given(st.decimals("0.01", "999", places=2), st.decimals("0.01", "999", places=2))
def test_the_guard_is_exact_to_the_cent(price: Any, floor: Any) -> None:
    """Refused exactly when the price is below the floor."""
    sent = {"price": euros(str(price)), "minPrice": euros(str(floor))}
    assert bool(refusal("listing", sent, {})) == (price < floor)


@pytest.mark.parametrize(
    ("price", "words"),
    [
        ("52.10", ""),
        ("52.09", "leaves less than the margin of its policy, for which it takes 52.10"),
        ("x", "no decimal"),
    ],
)
def test_the_margin_is_kept_at_the_last_write(price: str, words: str) -> None:
    """The least price that leaves the margin is a floor like any other; where none is known, none is kept."""
    least = {"currency": "EUR", "value": "52.10"}
    found = refusal("listing", {"price": euros(price)}, {}, least)
    assert bool(found) == bool(words)
    assert words in found
    assert refusal("listing", {"price": euros("0.01")}, {}) == ""
    assert "not in the currency" in refusal(
        "listing", {"price": {"currency": "USD", "value": "99.00"}}, {}, least
    )
    assert refusal("listing", {"status": "active"}, {"price": euros("1.00")}, least) == ""


PROMOTIONS: dict[str, tuple[dict[str, Any], dict[str, Any], str | None, str]] = {
    "a percentage down to the floor": ({"percent": "20"}, {"price": euros("50.00"), "minPrice": euros("40.00")}, None, ""),
    "a percentage below it": ({"percent": "20.1"}, {"price": euros("50.00"), "minPrice": euros("40.00")}, None, "would cost 39.95 EUR with p from 2026-11-26T09:00:00Z, below its floor 40.00"),
    "an amount": ({"amount": euros("10.01")}, {"price": euros("50.00"), "minPrice": euros("40.00")}, None, "would cost 39.99"),
    "a sale price": ({"salePrice": euros("39.99")}, {"price": euros("50.00"), "minPrice": euros("40.00")}, None, "would cost 39.99"),
    "below the margin": ({"percent": "10"}, {"price": euros("50.00")}, "45.01", "would cost 45.00 EUR with p from 2026-11-26T09:00:00Z, below what the margin of its policy takes, 45.01"),
    "at the margin": ({"percent": "10"}, {"price": euros("50.00")}, "45.00", ""),
    "another currency": ({"amount": {"currency": "USD", "value": "1.00"}}, {"price": euros("50.00"), "minPrice": euros("1.00")}, None, "cannot be computed"),
    "free shipping": ({}, {"price": euros("50.00"), "minPrice": euros("50.00")}, None, ""),
    "no price": ({"percent": "99"}, {"minPrice": euros("50.00")}, None, ""),
    "no bounds": ({"percent": "99"}, {"price": euros("50.00")}, None, ""),
    "below the advertised minimum only": ({"percent": "20"}, {"price": euros("50.00"), "mapPrice": euros("45.00")}, None, ""),
}  # fmt: skip


@pytest.mark.parametrize(
    ("discount", "listing", "least", "words"), PROMOTIONS.values(), ids=PROMOTIONS.keys()
)
def test_a_promotion_is_sent_only_when_it_keeps_floors_and_margins(
    discount: dict[str, Any], listing: dict[str, Any], least: str | None, words: str
) -> None:
    """On every listing that it is about."""
    money = euros(least) if least is not None else None
    held = HeldPromotions(NOW)
    proposed = running(discount) | ({} if discount else {"type": "freeShipping"})
    found = promotion_refusal(held.proposed("p", proposed), [("K", Offered(listing, money))])
    assert bool(found) == bool(words)
    assert words in found


def running(
    discount: dict[str, Any], start: str = "2026-11-20", end: str = "2026-12-20", **more: Any
) -> dict[str, Any]:
    """A promotion on one SKU as a store holds it."""
    return {"type": "percentOff", "discount": discount, "skus": ["K"], "start": f"{start}T00:00:00Z", "end": f"{end}T00:00:00Z", **more}  # fmt: skip


BESIDE: dict[str, tuple[dict[str, dict[str, Any]], str, str, str]] = {
    # (what the store holds, price now, price sent, why not); the floor is 70.00
    "nothing is on offer": ({}, "100.00", "80.00", ""),
    "a promotion leaves enough": ({"bf": running({"percent": "10"})}, "100.00", "80.00", ""),
    "a promotion that runs": ({"bf": running({"percent": "25"})}, "100.00", "80.00", "would cost 60.00 EUR with bf from 2026-11-26T09:00:00Z, below its floor 70.00"),
    "a promotion to come": ({"bf": running({"percent": "25"}, "2026-12-01")}, "100.00", "80.00", "from 2026-12-01T00:00:00Z"),
    "a promotion that is over": ({"bf": running({"percent": "25"}, end="2026-11-26")}, "100.00", "80.00", ""),
    "two that stack": ({"a": running({"percent": "10"}), "b": running({"percent": "10"})}, "100.00", "80.00", "64.00 EUR with a and b"),
    "two that never meet": ({"a": running({"percent": "10"}, end="2026-12-01"), "b": running({"percent": "10"}, "2026-12-01")}, "100.00", "80.00", ""),
    "a price that rises": ({"bf": running({"percent": "25"})}, "80.00", "90.00", ""),
    "for somebody else's goods": ({"bf": running({"percent": "25"}, skus=["OTHER"])}, "100.00", "80.00", ""),
    "an amount in another currency": ({"bf": running({"amount": {"currency": "USD", "value": "1.00"}})}, "100.00", "80.00", "cannot be computed"),
}  # fmt: skip


@pytest.mark.parametrize(("there", "before", "sent", "words"), BESIDE.values(), ids=BESIDE.keys())
def test_a_price_is_sent_only_where_promotions_of_the_store_leave_its_floor(
    there: dict[str, dict[str, Any]], before: str, sent: str, words: str
) -> None:
    """What buyers would pay counts, with what the store holds at this moment; a price that makes it better is never refused."""
    live = {"price": euros(before), "minPrice": euros("70.00"), "sku": "K"}
    found = paid_refusal("K", {"price": euros(sent)}, live, None, HeldPromotions(NOW, there.items()))
    assert bool(found) == bool(words)
    assert words in found


def test_a_listing_that_goes_on_sale_is_judged_as_if_it_were_new() -> None:
    """At a price that promotions take below its floor it may rest, and not be sold."""
    held = HeldPromotions(NOW, {"bf": running({"percent": "25"})}.items())
    live = {"price": euros("80.00"), "minPrice": euros("70.00"), "sku": "K", "status": "inactive"}
    assert "60.00" in paid_refusal("K", {"status": "active"}, live, None, held)
    assert paid_refusal("K", {"title": "Kettle"}, live, None, held) == ""


def test_a_promotion_is_judged_beside_those_that_are_there() -> None:
    """Each alone keeps the floor, both together do not; one that takes the other's place does, and so does its end."""
    held = HeldPromotions(NOW, {"a": running({"percent": "20"})}.items())
    listing = [("K", Offered({"price": euros("100.00"), "minPrice": euros("70.00")}, None))]
    assert "60.00 EUR with a and b" in promotion_refusal(
        held.proposed("b", running({"percent": "20"})), listing
    )
    assert promotion_refusal(held.proposed("b", running({"percent": "20"}), instead_of="a"), listing) == ""
    assert promotion_refusal(held.proposed("a", None), listing) == ""
    assert promotion_refusal(held.proposed("a", running({"percent": "30"})), listing) == ""
    assert "69.00" in promotion_refusal(held.proposed("a", running({"percent": "31"})), listing)


def test_a_version_that_may_still_come_counts_in_the_place_of_the_one_that_is_there() -> None:
    """Beside it, it would take the discount off twice; among what is paid before, it would excuse a breach."""
    held = HeldPromotions(NOW)
    held.may_be("a", [("a", running({"percent": "25"})), ("a, late", running({"percent": "40"}))])

    def said(price: str, percent: str) -> str:
        listing = [("K", Offered({"price": euros(price), "minPrice": euros("70.00")}, None))]
        return promotion_refusal(held.proposed("a", running({"percent": percent})), listing)

    assert said("120.00", "40") == "", "72.00 is above the floor"
    assert "66.00" in said("110.00", "40"), "and 38.50, what both would leave, excuses nothing"
    assert said("110.00", "20") == ""


offers = st.fixed_dictionaries(
    {"percent": st.integers(1, 60).map(str)},
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from("abcd"), st.tuples(offers, st.integers(1, 20), st.integers(1, 10)), max_size=4
    ),
    st.integers(1000, 20000),
    st.integers(1000, 20000),
    st.integers(500, 15000),
)
def test_the_guard_agrees_with_brute_force_over_every_day(
    drawn: dict[str, tuple[dict[str, str], int, int]], before: int, after: int, floor: int
) -> None:
    """Day by day, with all promotions of the day added up: refused exactly when on some day less than the floor would be paid, and
    less than before."""
    there = {
        name: running(discount, f"2026-12-{first:02}", f"2026-12-{first + days:02}")
        for name, (discount, first, days) in drawn.items()
    }

    def paid(price: int, day: int) -> int:
        off = [int(d["percent"]) for d, first, days in drawn.values() if first <= day < first + days]
        return max(0, price - sum((2 * price * o + 100) // 200 for o in off))

    worse = any(
        paid(after, day) < floor and paid(after, day) < paid(before, day)
        for day in range(1, 31)
        if any(first <= day < first + days for _, first, days in drawn.values())
    )
    cents = lambda n: euros(f"{n / 100:.2f}")  # noqa: E731 - three times below
    live = {"price": cents(before), "minPrice": cents(floor), "sku": "K"}
    held = HeldPromotions(NOW, there.items())
    assert bool(paid_refusal("K", {"price": cents(after)}, live, None, held)) == worse


def kettle(price: str, off: str | None, floor: str = "70.00") -> list[dict[str, Any]]:
    """One SKU with a floor, and a promotion on it that runs."""
    policy = {"min": {"amz-de": floor}}
    listing = {"store": "amz-de", "price": euros(price)}
    made = [
        storefront(),
        document("SkuMapping", "k", {"sku": "K", "pricePolicy": policy, "listings": [listing]}),
    ]
    if off is not None:
        window = {
            edge: {"local": f"{day}T00:00", "tz": "UTC"}
            for edge, day in (("start", "2026-11-20"), ("end", "2027-12-20"))
        }
        made.append(
            document(
                "Promo",
                "bf",
                {
                    "type": "percentOff",
                    "stores": {"names": ["amz-de"]},
                    "skus": {"names": ["K"]},
                    "window": window,
                    "discount": {"percent": off},
                    "floors": {"respect": ["min"]},
                },
            )
        )
    return made  # fmt: skip


def paid_now(made: Repository) -> Decimal:
    """What the sandbox sells the kettle at, by what it holds."""
    live = made.live()
    price = Decimal(live["amz-de/listing/K"]["price"]["value"])
    bf = live.get("amz-de/promotion/bf")
    return price * (100 - Decimal(bf["discount"]["percent"])) / 100 if bf else price


@pytest.fixture
def on_sale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """100.00 at 25 % off: 75.00, above the floor of 70.00."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-26T09:00:00Z")
    made = Repository(tmp_path / "r", *kettle("100.00", "25"))
    made.apply()
    return made


def test_a_part_of_a_change_never_sells_below_the_floor(on_sale: Repository) -> None:
    """80.00 at 10 % is 72.00 and fine; 80.00 alone, with the 25 % that are still there, is not: the plan says so, and apply refuses."""
    on_sale.write(*kettle("80.00", "10"))
    part = ("--select", "*/listing/*")
    plan = on_sale.run("plan", *part)
    assert "ACN-025" in plan.out
    assert "would cost 60.00 EUR with bf" in " ".join(plan.out.split())
    assert on_sale.run("apply", "--auto-approve", *part).code == 4
    assert paid_now(on_sale) == 75
    on_sale.apply()
    assert paid_now(on_sale) == 72


@pytest.mark.parametrize(
    ("price", "off"), [("80.00", "10"), ("72.00", None), ("100.00", "30"), ("120.00", "40"), ("71.00", "1")]
)
def test_a_refused_promotion_holds_back_the_price_that_needs_it(
    price: str, off: str | None, on_sale: Repository
) -> None:
    """Whatever the marketplace refuses, and whichever way prices and promotions move: no moment sells below the floor."""
    on_sale.write(*kettle(price, off))
    assert on_sale.run("sandbox", "fault", "reject", "amz-de/promotion/*", "--times", "1").code == 0
    code = on_sale.run("apply", "--auto-approve").code
    assert code == 3
    assert paid_now(on_sale) >= 70
    on_sale.apply()
    assert paid_now(on_sale) == Decimal(price) * (100 - Decimal(off or 0)) / 100


@pytest.mark.parametrize("moment", [*MOMENTS, ROW])
@pytest.mark.parametrize(("price", "off"), [("80.00", "10"), ("120.00", "40")])
def test_killed_at_any_point_nothing_is_sold_below_the_floor(
    price: str, off: str, moment: str, on_sale: Repository, tmp_path: Path
) -> None:
    """Each end is above the floor of 70.00, and so is every state in which a killed run may leave the store; running again arrives."""
    on_sale.write(*kettle(price, off))
    for number in range(40):
        broken = copy(on_sale, tmp_path / str(number))
        code = died(broken, moment, number, "apply", "--auto-approve").returncode
        assert paid_now(broken) >= 70, number
        if code != KILLED:
            assert code == 0
            break
        broken.apply()
        assert paid_now(broken) == Decimal(price) * (100 - Decimal(off)) / 100
    assert number >= 2


def test_a_promotion_that_was_forgotten_and_runs_still_counts(on_sale: Repository) -> None:
    """It left the specs and is not pruned: the price that would be fine without it is refused."""
    with (on_sale.path / "acorn.yaml").open("a") as file:
        file.write("  policies: {prune: {promotion: false}}\n")
    on_sale.write(*kettle("72.00", None))
    assert "ACN-025" in on_sale.run("plan").out
    assert on_sale.run("apply", "--auto-approve").code == 4
    assert paid_now(on_sale) == 75


def test_a_promotion_may_be_renamed(on_sale: Repository) -> None:
    """The old one goes first: both together would take the discount off twice, and be refused."""
    documents = kettle("100.00", "25")
    documents[-1]["metadata"] = {"name": "black-friday", "movedFrom": "bf"}
    on_sale.write(*documents)
    on_sale.apply()
    assert {a for a in on_sale.live() if "/promotion/" in a} == {"amz-de/promotion/black-friday"}
    assert on_sale.plan()["changes"] == []


def test_neither_a_price_nor_a_promotion_gets_around_the_margin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every rule about prices broken, a list price and a promotion below the margin are still not sent; the price is judged
    by the promotion that this very run has written."""
    made = lay_out(
        tmp_path / "r",
        {
            "SkuMapping/kettle": {"pricePolicy": {"min": None, "minMarginPercent": "30"}},
            "Promo/spring": None,
        },
    )
    made.apply()
    monkeypatch.setattr("acorn_gitops.reconcile.guards.not_sent", lambda *_: iter(()))
    for id in ("PRO-030", "PRO-032", "SKU-016"):
        monkeypatch.setitem(registry.RULES, id, registry.RULES[id]._replace(check=lambda _: iter(())))
    # 20.00 of cost, 19 % VAT, 30 % margin: 34.00 is the least price.
    listing = {"store": "amz-de", "price": euros("33.99")}
    lay_out(
        tmp_path / "r",
        {"SkuMapping/kettle": {"pricePolicy": {"min": None, "minMarginPercent": "30"}, "listings": [listing]}, "Promo/spring": None},
    )  # fmt: skip
    result = made.run("apply", "--auto-approve", "-o", "json")
    assert result.code == 3
    told = {row["address"]: row["message"] for row in result.json["outcomes"]}
    assert "33.99 EUR leaves less than the margin of its policy, for which it takes 34.00" in told["amz-de/listing/KTL-17-BLK"]  # fmt: skip
    listing["price"] = euros("37.77")
    lay_out(
        tmp_path / "r",
        {
            "SkuMapping/kettle": {
                "pricePolicy": {"min": None, "minMarginPercent": "30"},
                "listings": [listing],
            },
            "Promo/spring": {"discount": {"percent": "10"}},  # 33.99
        },
    )
    result = made.run("apply", "--auto-approve", "-o", "json")
    assert result.code == 3
    told = {row["address"]: (row["status"], row["message"]) for row in result.json["outcomes"]}
    # The promotion goes first, at 49.99; the price that would lie below the margin with it does not follow.
    assert told["amz-de/promotion/spring"][0] == "observed"
    assert told["amz-de/listing/KTL-17-BLK"][0] == "rejected"
    assert "would cost 33.99 EUR with spring" in told["amz-de/listing/KTL-17-BLK"][1]
    assert made.live()["amz-de/listing/KTL-17-BLK"]["price"] == euros("49.99")


def test_what_the_last_guard_will_refuse_is_told_by_the_plan(tmp_path: Path) -> None:
    """A rule that is waived opens nothing: the plan says so, and apply writes nothing rather than a part."""
    made = Repository(tmp_path / "r", *kettle("100.00", None))
    made.apply()
    with (made.path / "acorn.yaml").open("a") as file:
        file.write('  waivers: [{rule: SKU-016, scope: "*", reason: r, owner: ada, until: "2027-01-20"}]\n')
    made.write(*kettle("69.99", None))
    assert "ACN-025: amz-de/listing/K would not be sent" in " ".join(
        made.run("apply", "--auto-approve").err.split()
    )
    assert "apply will refuse" in made.run("plan", "-o", "markdown").out
    assert made.run("apply", "--auto-approve").code == 4
    assert paid_now(made) == 100


def test_a_broken_rule_cannot_let_a_price_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when the rule that checks prices says nothing, the write is not sent: exit 3, the rest is done, and the
    history says why."""

    def mapped(price: str) -> dict[str, Any]:
        listing = {"store": "amz-de", "price": euros(price)}
        policy = {"min": {"amz-de": "40.00"}}
        return document("SkuMapping", "ktl", {"sku": "KTL", "pricePolicy": policy, "listings": [listing]})

    made = Repository(tmp_path / "r", storefront(), mapped("49.90"))
    made.apply()
    monkeypatch.setattr("acorn_gitops.reconcile.guards.not_sent", lambda *_: iter(()))
    monkeypatch.setitem(
        registry.RULES, "SKU-016", registry.RULES["SKU-016"]._replace(check=lambda _: iter(()))
    )
    other = document(
        "SkuMapping", "pot", {"sku": "POT", "listings": [{"store": "amz-de", "price": euros("1.00")}]}
    )
    made.write(storefront(), mapped("4.99"), other)
    result = made.run("apply", "--auto-approve", "-o", "json")
    assert result.code == 3
    told = {row["address"]: (row["status"], row["message"]) for row in result.json["outcomes"]}
    assert told["amz-de/listing/KTL"] == ("rejected", "not sent: 4.99 EUR is below its floor 40.00")
    assert told["amz-de/listing/POT"][0] == "observed"
    assert made.live()["amz-de/listing/KTL"]["price"] == euros("49.90")
    assert "below its floor" in made.run("history", "-o", "json").out


@pytest.mark.parametrize(
    ("live", "theirs"),
    [
        ("90.00", True),
        ("70.00", True),
        ("69.99", False),
        ("110.00", True),
        ("130.00", False),
        ("59.00", False),
    ],
)
def test_a_price_is_ceded_within_its_band_and_above_its_floor_only(
    live: str, theirs: bool, tmp_path: Path
) -> None:
    """The band goes from 60.00 to 120.00, the floor is 70.00: a repricer that goes below it has drifted, and is put back."""
    documents = kettle("100.00", None)
    documents[-1]["lifecycle"] = {"ceded": {"price": {"by": "repricer", "min": "60.00", "max": "120.00"}}}
    made = Repository(tmp_path / "r", *documents)
    made.apply()
    price = json.dumps(euros(live))
    assert made.run("sandbox", "disturb", f"amz-de/listing/K.price={price}").code == 0
    assert made.run("drift", "--detailed-exitcode").code == (0 if theirs else 2)
    assert [c["action"] for c in made.plan()["changes"]] == ([] if theirs else ["update"])
    made.apply()
    assert paid_now(made) == (Decimal(live) if theirs else 100)


ODD: dict[str, dict[str, Any]] = {
    "a discount of another name": {"discount": {"percentage": "15"}},
    "no discount": {"discount": None},
    "two discounts": {"discount": {"percent": "0", "amount": euros("15.00")}},
    "a percentage that is a truth": {"discount": {"percent": True}},
    "a percentage with an exponent": {"discount": {"percent": "1e9"}},
    "a percentage of more than all": {"discount": {"percent": "150"}},
    "a negative amount": {"discount": {"amount": euros("-15.00")}},
    "a discount that is a list": {"discount": [{"percent": "15"}]},
    "fewer pieces than none": {"discount": {"buyXGetY": {"buy": -3, "get": 1}}},
    "a share of the second piece that is none": {
        "discount": {"buyXGetY": {"buy": 1, "get": 1, "discountPercent": "1e9"}}
    },
    "a mode that nobody knows": {"stacking": {"mode": "exclusive"}},
    "a tier that is a text": {"stacking": {"tier": "x"}},
    "stacking that is a list": {"stacking": ["additive"]},
    "a basket that is a text": {"minimumOrder": "5"},
    "a code that is a list": {"code": ["A"]},
    "pieces that are a text": {"minimumQuantity": "3"},
    "no SKUs": {"skus": None},
    "SKUs that are a text": {"skus": "K"},
    "a SKU that is a list": {"skus": [["K"]]},
    "a day in place of an instant": {"end": "2026-12-20"},
    "an instant without an offset": {"end": "2026-12-20T00:00:00"},
    "an end before the beginning": {"end": "2026-01-01T00:00:00Z"},
    "no end": {"end": None},
}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
@pytest.mark.parametrize("name", ODD)
def test_a_promotion_in_an_unknown_shape_may_take_off_anything(
    name: str, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A price under it is not sent, whatever clock the machine has: what cannot be understood is not nothing."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    there = {"theirs": {**running({"percent": "15"}), **ODD[name]}}
    held = HeldPromotions(NOW, there.items())
    live = {"price": euros("100.00"), "minPrice": euros("80.00")}
    assert paid_refusal("K", {"price": euros("85.00")}, live, None, held)
    assert paid_refusal("K", {"price": euros("85.00")}, {"price": euros("100.00")}, None, held) == ""


def test_a_promotion_names_skus_in_any_letter_case() -> None:
    """A marketplace may spell them otherwise than the specs."""
    held = HeldPromotions(NOW, {"theirs": {**running({"percent": "15"}), "skus": ["k-1"]}}.items())
    live = {"price": euros("100.00"), "minPrice": euros("80.00")}
    assert "would cost 72.25" in paid_refusal("K-1", {"price": euros("85.00")}, live, None, held)


SOLD = {
    "below its floor": ({"price": euros("5.00"), "minPrice": euros("15.00")}, None, "below its floor"),
    "below its margin": ({"price": euros("5.00")}, euros("9.00"), "leaves less than the margin"),
    "for nothing": ({"price": euros("0.00")}, None, "is no price"),
    "at its floor": ({"price": euros("15.00"), "minPrice": euros("15.00")}, euros("9.00"), ""),
}


@pytest.mark.parametrize("name", SOLD)
def test_what_is_put_on_sale_is_judged_by_the_price_that_is_there(name: str) -> None:
    """Only the status is sent; the price is somebody else's."""
    there, least, words = SOLD[name]
    found = refusal("listing", {"status": "active"}, {"status": "inactive", **there}, least)
    assert (words in found) and bool(found) == bool(words)
    assert refusal("listing", {"status": "active"}, {"status": "active", **there}, least) == ""


@pytest.mark.parametrize(
    ("price", "floor", "code"),
    [("110.00", "70.00", 0), ("110.00", "80.00", 0), ("100.00", "60.00", 0), ("90.00", "70.00", 4)],
    ids=["a rise", "a rise with its floor", "a floor alone", "a fall"],
)
def test_beside_what_nobody_understands_prices_rise(
    price: str, floor: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A promotion that takes off nobody knows what forbids a fall, in the plan as before the write; a rise makes
    it no worse."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-26T09:00:00Z")
    made = Repository(tmp_path / "r", *kettle("100.00", None))
    made.apply()
    theirs = {**running({"percent": "15"}), **ODD["a mode that nobody knows"]}
    with sandbox(made) as database:
        insert(database, Address("amz-de", "promotion", "theirs"), theirs)
    made.write(*kettle(price, None, floor))
    done = made.run("apply", "--auto-approve")
    assert (done.code, "would not be sent" in made.run("plan").out) == (code, bool(code)), done
    assert made.live()["amz-de/listing/K"]["price"]["value"] == ("100.00" if code else price)
