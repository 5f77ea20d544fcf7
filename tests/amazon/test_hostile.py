"""What an attack with fresh eyes broke: names that mean something else, offers that others change, answers without an
end. Each was grave once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.marketplaces.amazon import operations as op
from acorn_gitops.marketplaces.protocol import Scope, Write
from acorn_gitops.model.finding import Incomplete, MarketplaceError
from acorn_gitops.model.resource import Address
from acorn_gitops.sandbox.amazon.call import Answer, Call, Operation
from acorn_gitops.sandbox.amazon.clock import WallClock
from acorn_gitops.sandbox.amazon.serving import Switch
from tests.amazon.emulated import DE, FR, SECRETS, SELLER, Emulated
from tests.amazon.test_client import OK, client, said
from tests.amazon.test_flow import SKUS, STORES, Seller
from tests.amazon.test_reading import KNOWN, fill

LISTING = Address("amz-de", "listing", "A")


@pytest.fixture
def shop(sp_api_server: tuple[str, Switch], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Seller:
    """A storefront, a place and two listings, applied; others list the same SKUs in France."""
    monkeypatch.setenv("AMAZON_EU", json.dumps(SECRETS))
    amazon = Emulated(*sp_api_server, WallClock())
    amazon.world.habits.throttled = False
    made = Seller(tmp_path / "r", amazon, STORES + SKUS)
    made.apply()
    for sku in ("KTL-17-BLK", "MUG-RED"):
        offer = {"currency": "EUR", "our_price": [{"schedule": [{"value_with_tax": 99}]}]}
        amazon.hand(sku=sku, marketplaceId=FR, all={"purchasable_offer": [offer]})
    return made


def changed(shop: Seller) -> dict[str, Any]:
    """Everything that Amazon holds, to be compared."""
    held: dict[str, Any] = shop.amazon.emulator.control.answer("dump", {})
    return json.loads(json.dumps(held, default=str))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (DE, FR),
        ("code: DE-BER-MITTE", "code: DE-BER-2"),
        (SELLER, "A2OTHER"),
        ("[Friedrichstraße 43]", "[Friedrichstraße 45]"),
    ],
    ids=["marketplace", "code", "seller", "address"],
)
def test_a_store_that_means_another_one_now_is_left_alone(shop: Seller, old: str, new: str) -> None:
    """What the ledger says was done elsewhere; and a place cannot be made anew under its code."""
    before = changed(shop)
    shop.text((STORES + SKUS).replace(old, new))
    done = shop.run("apply", "--auto-approve")
    assert done.code in (1, 4), done
    assert changed(shop) == before


def test_a_name_of_amazons_own_spelling_is_the_same_place(shop: Seller) -> None:
    """It writes towns in capitals; nothing is made anew for that."""
    (row,) = shop.amazon.account.supply_sources.values()
    row["address"] = {**row["address"], "city": "BERLIN", "stateOrRegion": "BERLIN"}
    assert shop.run("plan", "--detailed-exitcode").code == 0


def test_an_address_that_somebody_changed_is_told_and_left(shop: Seller) -> None:
    """No apply is held up by it."""
    (row,) = shop.amazon.account.supply_sources.values()
    row["address"] = {**row["address"], "addressLine1": "Elsewhere 1"}
    shop.text((STORES + SKUS).replace("49.99", "47.50"))
    result = shop.run("plan")
    assert result.code == 0 and "ACN-031" in result.out
    assert shop.run("apply", "--auto-approve").code == 0
    assert row["status"] == "Active"


def test_a_store_that_left_the_specs_is_the_one_that_it_was(shop: Seller) -> None:
    """A storefront called amazon-fr was Germany: what others list in France is not touched."""
    shop.text((STORES + SKUS).replace("amz-de", "amazon-fr").replace("---", "---\n# renamed\n---", 1))
    fresh = Seller(shop.path.parent / "other", shop.amazon, (STORES + SKUS).replace("amz-de", "amazon-fr"))
    fresh.run("apply", "--auto-approve", "--adopt")
    france = {key: value for key, value in shop.amazon.account.listings.items() if key[1] == FR}
    fresh.text("---".join(STORES.split("---")[1:]))
    fresh.run("apply", "--auto-approve")
    assert {key: value for key, value in shop.amazon.account.listings.items() if key[1] == FR} == france


def test_somebody_elses_place_with_the_stores_name_as_its_code_stays(shop: Seller) -> None:
    """Our shop is called so, its code is another."""
    text = STORES.replace("code: DE-BER-MITTE", "code: BER0001").replace("de-ber-mitte", "de-ber-mitte")
    other = Seller(shop.path.parent / "other", shop.amazon, text)
    (theirs,) = shop.amazon.account.supply_sources.values()
    other.run("apply", "--auto-approve", "--adopt")
    acorn = other.path / "acorn.yaml"
    acorn.write_text(acorn.read_text() + "  policies: {prune: {location: true}}\n")
    other.text(STORES.split("---")[0])
    other.run("apply", "--auto-approve")
    assert theirs["status"] == "Active"


# -- offers ----------------------------------------------------------------------------------------------------------


def listed(amazon: Emulated, *offers: Any, stock: Any = None) -> Any:
    """A listing with these offers, and the adapter to it."""
    everything: dict[str, Any] = {"purchasable_offer": [{"currency": "EUR", **offer} for offer in offers]}
    if stock is not None:
        everything["fulfillment_availability"] = stock
    amazon.hand(sku="A", marketplaceId=DE, all=everything)
    return amazon.adapter(KNOWN)


def amounts(*values: float) -> list[Any]:
    return [{"schedule": [{"value_with_tax": value} for value in values]}]


def seen(adapter: Any) -> dict[str, Any]:
    """The listing as the adapter reads it."""
    return dict(adapter.read(Scope("amz-de")).resources["listing", "A"].attributes)


def write(adapter: Any, **attributes: Any) -> Any:
    (outcome,) = adapter.write("amz-de", [Write("update", LISTING, attributes, etag="", key=str(attributes))])
    return outcome


@pytest.mark.parametrize(
    "offers",
    [
        [{"our_price": amounts(50, 1)}],
        [{"our_price": amounts(50) + amounts(1)}],
        [{"our_price": amounts(50)}, {"our_price": amounts(1), "start_at": {"value": "2026-01-01"}}],
    ],
)
def test_a_listing_with_several_prices_is_ambiguous(amazon: Emulated, offers: list[Any]) -> None:
    """Which of them counts nobody may guess: it is told, and not written."""
    adapter = listed(amazon, offers[0])
    held = amazon.account.listings["A", DE].attributes
    held["purchasable_offer"] = [
        {"currency": "EUR", "audience": "ALL", "marketplace_id": DE, **offer} for offer in offers
    ]
    snapshot = adapter.read(Scope("amz-de"))
    assert ("listing", "A") in snapshot.ambiguous and ("listing", "A") not in snapshot.resources
    assert write(adapter, price={"currency": "EUR", "value": "9.00"}).status == "conflict"


def test_what_goes_off_sale_is_for_sale_to_nobody(amazon: Emulated) -> None:
    """A business could buy it all the same by an offer of its own."""
    business = {"audience": "B2B", "our_price": amounts(11.5)}
    adapter = listed(amazon, business, {"our_price": amounts(12.9)})
    assert write(adapter, status="inactive").status == "observed"
    assert not amazon.account.listings["A", DE].attributes.get("purchasable_offer")


@pytest.mark.parametrize(
    ("offer", "status"),
    [
        ({"our_price": amounts(12.9)}, "active"),
        ({"our_price": amounts(12.9), "end_at": {"value": None}}, "active"),
        ({"our_price": amounts(12.9), "end_at": {"value": "2020-01-01T00:00:00Z"}}, "inactive"),
        ({"our_price": amounts(12.9), "start_at": {"value": "2999-01-01T00:00:00Z"}}, "inactive"),
        ({"audience": "B2B", "our_price": amounts(11.5)}, "active"),
        ({"maximum_seller_allowed_price": amounts(20)}, "inactive"),
    ],
    ids=["on", "without an end", "ended", "not begun", "for businesses", "no price"],
)
def test_active_is_what_somebody_can_buy_now(amazon: Emulated, offer: dict[str, object], status: str) -> None:
    """And what has ended goes on sale again where the specs say so."""
    adapter = listed(amazon, offer)
    assert seen(adapter)["status"] == status
    if "end_at" in offer and status == "inactive":
        price = {"currency": "EUR", "value": "12.90"}
        assert "price" not in seen(adapter), "nobody pays it"
        assert write(adapter, status="active", price=price).status == "observed"
        assert (seen(adapter)["status"], seen(adapter)["price"]) == ("active", price)


def test_an_offer_that_has_ended_is_told_beside_one_to_businesses(amazon: Emulated) -> None:
    ended = {"our_price": amounts(12.9), "end_at": {"value": "2020-01-01T00:00:00Z"}}
    adapter = listed(amazon, ended, {"audience": "B2B", "our_price": amounts(11.5)})
    found = seen(adapter)
    assert (found["status"], found.get("price")) == ("active", None)
    assert write(adapter, price={"currency": "EUR", "value": "12.90"}).status == "observed"


def test_what_is_there_is_not_made_anew_because_a_search_does_not_show_it(
    amazon: Emulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The item itself is asked for before a put, which would take everything that others have said."""
    adapter = listed(
        amazon,
        {"our_price": amounts(12.9)},
        stock=[{"fulfillment_channel_code": "DEFAULT", "quantity": 250}],
    )
    bent(amazon, monkeypatch, "searchListingsItems", lambda _: {"numberOfResults": 0, "items": []})
    wish = {
        "sku": "A",
        "asin": "B0EXAMPLE1",
        "status": "active",
        "price": {"currency": "EUR", "value": "9.00"},
    }
    (outcome,) = adapter.write("amz-de", [Write("create", LISTING, wish, etag="", key="1")])
    assert outcome.status == "rejected"
    assert amazon.account.stock["A"][0]["quantity"] == 250


def test_pieces_stay_when_the_seller_ships_again(amazon: Emulated) -> None:
    """How many there are is the warehouse's to say."""
    stock = [
        {"fulfillment_channel_code": "DEFAULT", "quantity": 7},
        {"fulfillment_channel_code": "AMAZON_EU"},
    ]
    adapter = listed(amazon, {"our_price": amounts(12.9)}, stock=stock)
    assert write(adapter, fulfillment="mfn").status == "observed"
    assert [(r["fulfillment_channel_code"], r.get("quantity")) for r in amazon.account.stock["A"]] == [
        ("DEFAULT", 7)
    ]


def test_what_somebody_changes_during_a_run_is_not_overwritten(amazon: Emulated) -> None:
    """Rows are looked at right before they are written, twenty at a time."""
    assert amazon.adapter(KNOWN).batch("listing", "update", 1000) == 20


# -- answers without an end ------------------------------------------------------------------------------------------


def bent(amazon: Emulated, monkeypatch: pytest.MonkeyPatch, name: str, answer: Callable[[Call], Any]) -> None:
    """One operation of the emulator answers something else."""
    from acorn_gitops.sandbox.amazon import app

    others = [
        Operation(
            one.name,
            one.method,
            one.path,
            rate=one.rate,
            burst=one.burst,
            handle=lambda call: Answer(200, answer(call)),
        )
        if one.name == name
        else one
        for one in app.OPERATIONS
    ]
    monkeypatch.setattr(app, "OPERATIONS", others)


def test_pages_that_are_empty_and_go_on_end(amazon: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    """New tokens for ever."""
    count = iter(range(10_000))
    bent(
        amazon,
        monkeypatch,
        "searchListingsItems",
        lambda _: {"numberOfResults": 40, "items": [], "pagination": {"nextToken": f"t{next(count)}"}},
    )
    with pytest.raises(Incomplete):
        amazon.adapter(KNOWN).read(Scope("amz-de"))
    bent(
        amazon,
        monkeypatch,
        "getSupplySources",
        lambda _: {"supplySources": [], "nextPageToken": f"t{next(count)}"},
    )
    with pytest.raises(Incomplete):
        amazon.adapter().stores()
    assert sum(amazon.world.requests.values()) < 20


@pytest.mark.planted
def test_windows_that_never_fit_end(amazon: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    """However narrow, a thousand and one."""
    fill(amazon, 1)
    (listing,) = amazon.account.listings.values()
    item = {
        "sku": "S",
        "summaries": [{"marketplaceId": DE, "createdDate": "2020-01-01T00:00:00.000000Z"}],
    }
    other = {**item, "summaries": [{"marketplaceId": DE, "createdDate": "2026-01-01T00:00:00.000000Z"}]}
    bent(
        amazon,
        monkeypatch,
        "searchListingsItems",
        lambda call: {
            "numberOfResults": 1001,
            "items": [other if call.query.get("sortOrder") == "DESC" else item],
        },
    )
    with pytest.raises(Incomplete):
        amazon.adapter(KNOWN).read(Scope("amz-de"))
    assert amazon.world.requests["searchListingsItems"] < 500
    assert listing is not None


def test_what_came_of_a_lost_try_is_unknown_whatever_the_next_says() -> None:
    """It was done, the answer was lost, and the repetition is refused."""
    from acorn_gitops.confine import http
    from acorn_gitops.model.finding import Unreachable

    one = client(http.NoAnswer("reset"), said(400, "InvalidInput"))
    with pytest.raises(Unreachable, match="not known"):
        one.call(op.DELETE_LISTING, {"sellerId": SELLER, "sku": "S"})


@pytest.mark.parametrize("sku", [".", "..", ""])
def test_a_sku_that_would_be_another_path_is_refused(sku: str) -> None:
    """Clients take dots out of addresses."""
    with pytest.raises(MarketplaceError):
        client(OK).call(op.PUT_LISTING, {"sellerId": SELLER, "sku": sku}, body={})


def test_a_refusal_of_participations_is_remembered(amazon: Emulated) -> None:
    """Twenty-five storefronts do not wait a minute each."""
    amazon.account.refresh_token = "another"
    adapter = amazon.adapter(KNOWN)
    for _ in range(25):
        with pytest.raises(MarketplaceError):
            adapter.read(Scope("amz-de"))
    assert amazon.spent < 1


@pytest.mark.planted
@pytest.mark.parametrize("item", [{"sku": 5}, {"sku": None}, {"sku": {}}, {"sku": "a\nb"}, {"sku": ""}, []])
def test_an_item_that_is_none_is_the_stores_error(
    amazon: Emulated, monkeypatch: pytest.MonkeyPatch, item: Any
) -> None:
    """And nothing else's."""
    bent(amazon, monkeypatch, "searchListingsItems", lambda _: {"numberOfResults": 1, "items": [item]})
    with pytest.raises(MarketplaceError):
        amazon.adapter(KNOWN).read(Scope("amz-de"))
