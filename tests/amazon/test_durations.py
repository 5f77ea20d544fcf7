"""How long a plan takes under Amazon's limits is said beforehand, and is about so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from acorn_gitops.marketplaces.amazon import operations as op
from acorn_gitops.marketplaces.amazon.adapter import AT_ONCE
from acorn_gitops.marketplaces.protocol import Scope, Wave, Write
from acorn_gitops.model.resource import Address
from acorn_gitops.sandbox.amazon.world import Listing
from benchmarks.amazon import ran
from tests.amazon.emulated import BEGIN, DE, FR, SELLER, UK, Emulated
from tests.amazon.test_flow import STORES, Seller

FRONTS = {
    name: {"marketplaceId": id, "sellerId": SELLER}
    for name, id in (("amz-de", DE), ("amz-fr", FR), ("amz-uk", UK))
}
CURRENCY = {"amz-de": "EUR", "amz-fr": "EUR", "amz-uk": "GBP"}


def priced(amazon: Emulated, each: int) -> None:
    """So many listings in every marketplace."""
    for name, front in FRONTS.items():
        for number in range(each):
            offer = {
                "currency": CURRENCY[name],
                "our_price": [{"schedule": [{"value_with_tax": 10}]}],
                "marketplace_id": front["marketplaceId"],
                "audience": "ALL",
            }
            made = BEGIN.replace(month=1).replace(microsecond=number)
            amazon.account.listings[f"S{number:05d}", front["marketplaceId"]] = Listing(
                "PRODUCT", {"purchasable_offer": [offer]}, made, made
            )


def changes(amazon: Emulated, adapter: object, store: str) -> list[Write]:
    """A new price for every listing of a store."""
    resources = adapter.read(Scope(store)).resources  # type: ignore[attr-defined]
    return [
        Write("update", Address(store, type, key), {"price": {"currency": CURRENCY[store], "value": "12.00"}}, live.etag, f"{store} {key}")
        for (type, key), live in resources.items()
        if type == "listing"
    ]  # fmt: skip


@pytest.mark.parametrize("each", [7, 40, 300])
def test_prices_of_an_account_take_as_long_as_was_said(amazon: Emulated, each: int) -> None:
    """Three marketplaces share the limits of one account: within a fifth of the emulator's time, hardly a request more than it
    takes, and none that is refused."""
    priced(amazon, each)
    adapter = amazon.adapter(FRONTS)
    writes = {store: changes(amazon, adapter, store) for store in FRONTS}
    total = sum(map(len, writes.values()))
    assert total == 3 * each
    calls, seconds, _ = adapter.foresees([Wave(store, {("listing", "update"): each}) for store in FRONTS])
    before, sent, at = amazon.spent, sum(adapter.client.calls.values()), adapter.client.calls.copy()
    for store, every in writes.items():
        for begin in range(0, each, AT_ONCE):
            batch = every[begin : begin + AT_ONCE]
            outcomes = adapter.write(store, batch)
            assert {one.status for one in outcomes} <= {"observed", "accepted"}, outcomes[0]
    took = amazon.spent - before
    assert took == pytest.approx(seconds, rel=0.2, abs=5), (took, seconds)
    made = sum(adapter.client.calls.values()) - sent
    assert made <= calls * 1.05 + 6, (made, calls)
    assert adapter.client.calls["patchListingsItem"] - at.get("patchListingsItem", 0) == total
    assert amazon.world.throttled == {}


@pytest.mark.parametrize(
    ("writes", "slowest"),
    [
        ({}, 0.0),
        ({("listing", "update"): 5}, 0.0),
        ({("listing", "update"): 1_400}, 1_395 / 5),
        ({("listing", "update"): 1_000, ("promotion", "create"): 1_000}, 1_995 / 5),
        ({("listing", "create"): 1_010}, 200.0),
        # 4,000 looks and eight feeds; of new listings each is asked for.
        ({("listing", "update"): 40_000}, 3_995 / 5 + 8 * 300),
        ({("listing", "update"): 20_000, ("promotion", "create"): 20_000}, 3_995 / 5 + 8 * 300),
        ({("listing", "create"): 40_000}, 39_990 / 5),
        ({("location", "create"): 61}, 60.0),
        ({("grant", "create"): 1_000}, 0.0),
    ],
)
def test_the_slowest_operation_says_how_long(
    amazon: Emulated, writes: Mapping[tuple[str, str], int], slowest: float
) -> None:
    assert amazon.adapter(FRONTS).foresees([Wave("amz-de", writes)]).seconds == pytest.approx(slowest)


def test_every_write_that_acorn_plans_has_its_requests() -> None:
    kinds = {
        (type, step)
        for type in ("listing", "promotion", "location")
        for step in ("create", "update", "delete")
    }
    assert all(op.requests_for([Wave("amz-de", {kind: 1})], least=1500, most=5_000) for kind in kinds)


def shelf(count: int, price: str) -> str:
    rows = "".join(
        f'    - sku: S-{number}\n      listings: [{{store: amz-de, asin: B0EXAMPLE1, status: active, price: {{currency: EUR, value: "{price}"}}}}]\n'
        for number in range(count)
    )
    return f"---\napiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {{name: shelf}}\nspec:\n  items:\n{rows}"


@pytest.mark.parametrize(("begins", "late"), [("2026-11-24T00:00:00", True), ("2026-11-25T00:00:00", False)])
def test_a_promotion_that_begins_before_the_plan_is_done_is_told(
    selling: Seller, monkeypatch: pytest.MonkeyPatch, begins: str, late: bool
) -> None:
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T22:59:30Z")
    promo = f"""---
apiVersion: acorn/v1
kind: Promo
metadata: {{name: flash}}
spec:
  type: percentOff
  stores: {{names: [amz-de]}}
  skus: {{names: [S-1]}}
  window: {{start: {{local: "{begins}", tz: store}}, end: {{local: "2026-12-01T00:00:00", tz: store}}}}
  discount: {{percent: "20"}}
"""
    selling.text(STORES + shelf(700, "12.00") + promo)
    found = [f for f in selling.plan()["findings"] if f["id"] == "ACN-047"]
    (one,) = found
    assert "about 2 min" in one["message"], one
    assert ("begins 23:00Z: late" in one["message"]) == late
    assert one["severity"] == ("warning" if late else "info")


@pytest.mark.parametrize(("each", "feeds_from"), [(60, 0), (60, 50)])
def test_a_whole_run_takes_what_its_plan_says(tmp_path: Path, each: int, feeds_from: int) -> None:
    """Ten storefronts, planned and applied: within a fifth of the virtual time, within a twentieth of the requests."""
    told = ran(tmp_path, each, feeds_from=feeds_from)
    assert told.complete
    said = re.search(r"takes about (\d+) min .*: ([\d,]+) requests", told.words)
    assert said is not None, told.words
    assert told.minutes == pytest.approx(int(said[1]), rel=0.2, abs=0.5), told
    assert sum(told.requests.values()) == pytest.approx(int(said[2].replace(",", "")), rel=0.05, abs=12), told
    assert ("with 10 feeds" in told.words) == bool(feeds_from)
    assert told.requests.get("patchListingsItem", 0) == (0 if feeds_from else 10 * each)
    assert told.refused <= 5
