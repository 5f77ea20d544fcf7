"""What an audit with oracles of its own found: prices for businesses where they are written back, shown and watched; an
order of files that decided; a row without shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.model.territory import by_postcode
from tests.repository import Repository, document, storefront
from tests.test_business_prices import kettle

NOW = "2026-11-28T09:00:00Z"


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACORN_NOW", NOW)


def tiers(*said: tuple[int, str]) -> list[dict[str, Any]]:
    return [{"minimumQuantity": pieces, "price": price} for pieces, price in said]


def live_tiers(*said: tuple[int, str]) -> str:
    rows = [{"minimumQuantity": p, "price": {"currency": "EUR", "value": v}} for p, v in said]
    return json.dumps(rows)


@pytest.mark.parametrize("pieces", [(5, 10), (9, 12), (2, 5), (2, 10)])
@pytest.mark.parametrize("turned", [False, True])
def test_tiers_that_somebody_changed_are_taken_in_in_the_order_of_their_pieces(
    tmp_path: Path, pieces: tuple[int, int], turned: bool
) -> None:
    few, many = pieces
    made = Repository(
        tmp_path / "r", *kettle({"price": "95.00", "tiers": tiers((few, "90.00"), (many, "85.00"))})
    )
    made.apply()
    rows = [(few, "89.00"), (many, "84.00")]
    now = live_tiers(*(reversed(rows) if turned else rows))
    assert made.run("sandbox", "disturb", f"amz-de/listing/K.businessTiers={now}").code == 0
    done = made.run("import", "--drifted")
    assert done.code == 0, done
    again = made.run("plan", "--detailed-exitcode")
    assert again.code == 0, again


def test_a_listing_with_its_tiers_in_any_order_is_imported(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", storefront())
    made.apply()
    row = {
        "address": "amz-de/listing/K-1",
        "attributes": {
            "sku": "K-1",
            "status": "active",
            "price": {"currency": "EUR", "value": "50.00"},
            "businessPrice": {"currency": "EUR", "value": "45.00"},
            "businessTiers": json.loads(live_tiers((10, "35.00"), (5, "40.00"))),
        },
    }
    (tmp_path / "seed.jsonl").write_text(json.dumps(row) + "\n")
    assert made.run("sandbox", "seed", str(tmp_path / "seed.jsonl")).code == 0
    taken = made.run("import")
    assert (taken.code, "unmanaged" in taken.err) == (0, False), taken
    assert made.run("validate").code == 0
    assert "No changes" in made.run("plan").out


SIXTY = {"discount": {"percent": "60"}}
BUSINESS = {"price": "95.00", "tiers": tiers((10, "80.00"))}


def test_the_calendar_ends_with_one_where_businesses_pay_less_than_the_floor(tmp_path: Path) -> None:
    """60 % off 100.00 is 40.00 for everybody, and 32.00 for businesses from ten pieces on; the floor is 35.00."""
    documents = kettle(BUSINESS, SIXTY)
    documents[1]["spec"]["pricePolicy"]["min"]["amz-de"] = "35.00"
    made = Repository(tmp_path / "r", *documents)
    done = made.run("calendar", "-o", "json")
    span = done.json["spans"][0]
    assert (done.code, span["below_floor"]) == (1, 1), done
    assert (span["worst"]["pays"], span["deepest"]["pays"], span["skus"]) == ("32.00", "32.00", 1)
    documents[1]["spec"]["pricePolicy"]["min"]["amz-de"] = "32.00"
    made.write(*documents)
    assert made.run("calendar").code == 0


@pytest.mark.parametrize(
    ("promo", "percent"),
    [
        (
            {"type": "amountOff", "discount": {"amount": {"amz-de": {"currency": "EUR", "value": "39.00"}}}},
            "48.8",
        ),
        (SIXTY, "60.0"),
    ],
)
def test_the_depth_of_a_promotion_is_that_for_whoever_is_asked_least(
    tmp_path: Path, promo: dict[str, Any], percent: str
) -> None:
    documents = kettle(BUSINESS, promo)
    documents[1]["spec"]["pricePolicy"]["min"]["amz-de"] = "1.00"
    made = Repository(tmp_path / "r", *documents)
    assert made.run("view", "promotions", "-o", "json").json["rows"][0]["deepest_percent"] == percent


def test_the_lowest_price_is_that_of_businesses_also_without_a_promotion(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", *kettle(BUSINESS))
    assert made.run("view", "prices", "-o", "json").json["rows"][0]["lowest"] == "80.00"


@pytest.mark.parametrize(
    "field",
    [
        'businessPrice={"currency": "EUR", "value": "12.00"}',
        f"businessTiers={live_tiers((10, '12.00'))}",
    ],
    ids=["price", "tier"],
)
def test_what_businesses_are_asked_is_watched_like_any_price(tmp_path: Path, field: str) -> None:
    made = Repository(tmp_path / "r", *kettle(BUSINESS))
    made.apply()
    assert made.run("sandbox", "disturb", f"amz-de/listing/K.{field}").code == 0
    done = made.run("drift", "--detailed-exitcode")
    assert (done.code, "MON-007" in done.out + done.err) == (2, True), done


@pytest.mark.parametrize("files", [("a", "b"), ("b", "a")])
def test_a_waiver_for_a_promotion_does_not_depend_on_the_order_of_files(
    tmp_path: Path, files: tuple[str, str]
) -> None:
    """Of two that meet, the finding is about the one whose name comes first."""
    window = {
        e: {"local": f"{d}T00:00", "tz": "UTC"} for e, d in (("start", "2026-12-01"), ("end", "2026-12-20"))
    }
    where = {
        "stores": {"names": ["amz-de"]},
        "skus": {"names": ["K"]},
        "window": window,
        "type": "percentOff",
    }
    made = Repository(tmp_path / "r", *kettle())
    for file, name in zip(files, ("easter", "advent"), strict=True):
        made.write(document("Promo", name, {**where, "discount": {"percent": "1"}}), file=f"{file}.yaml")
    found = [f for f in made.run("validate", "-o", "json").json["findings"] if f["id"] == "PRO-020"]
    assert [f["subject"] for f in found] == ["Promo/advent"]


def test_a_row_without_shape_is_the_error_of_its_store(tmp_path: Path) -> None:
    """The other store is planned, and applied where the project says so."""
    role = document(
        "RolePermission",
        "editors",
        {
            "subjects": [{"kind": "user", "id": "u@example.com", "mfa": True}],
            "stores": {"names": ["amz-de"]},
            "rules": [{"resources": ["price"], "verbs": ["read", "write"]}],
        },
    )
    made = Repository(tmp_path / "r", storefront(), storefront(name="amz-fr"), role)
    made.apply()
    broken = 'amz-de/role/editors.rules=[{"resources": ["price"], "verbs": null}]'
    assert made.run("sandbox", "disturb", broken).code == 0
    done = made.run("plan", "-o", "json")
    errors = {one["store"]: bool(one["error"]) for one in done.json["stores"]}
    assert (done.code, errors) == (1, {"amz-de": True, "amz-fr": False}), done


@pytest.mark.parametrize("postcode", ["7562", "7563"])
def test_samnaun_is_known_by_its_postcodes(postcode: str) -> None:
    assert by_postcode("CH", postcode) == "CH-SAMNAUN"
    assert by_postcode("CH", "7560") is None
