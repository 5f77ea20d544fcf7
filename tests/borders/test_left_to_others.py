"""What is left to others (`ignoreFields`, `ceded`) is judged as the store holds it, and is shown where it is sent after all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.ledger.opening import open_ledger
from tests.repository import Repository, document, promo, sku, storefront

BUDGET = """apiVersion: acorn/v1
kind: Project
metadata: {name: test}
spec:
  specs: [specs]
  connections: {main: {adapter: network, url: "sandbox:"}}
  environments: {sandbox: {}}
  defaultEnvironment: sandbox
  policies: {budgets: {all: {priceDrop: "30"}}}
"""


def listing(code: str, price: str, *, lifecycle: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """One product in one store, floor 12.00."""
    listed = {"store": "amz-de", "sellerSku": "K-1", "price": {"currency": "EUR", "value": price}, **more}
    spec = {"sku": code, "pricePolicy": {"min": {"amz-de": "12.00"}}, "listings": [listed]}
    return document("SkuMapping", "k", spec) | ({"lifecycle": lifecycle} if lifecycle else {})


HALF = promo("half", "50")
BAND = {"ceded": {"price": {"by": "repricer", "min": "12.00", "max": "60.00"}}}


@pytest.mark.parametrize(
    ("lifecycle", "disturbed", "declared"),
    [
        (BAND, "price=13.00", {"price": "50.00", "status": "active"}),
        ({"ignoreFields": ["price"]}, "price=13.00", {"price": "50.00", "status": "active"}),
        ({"ignoreFields": ["status"]}, "status=active", {"price": "20.00", "status": "inactive"}),
    ],
    ids=["a ceded price", "an ignored price", "an ignored status"],
)
def test_a_promotion_meets_the_price_that_is_there(
    lifecycle: dict[str, Any], disturbed: str, declared: dict[str, str], tmp_path: Path
) -> None:
    """Another field of the listing is sent in the same run: what was not sent is still as it was."""
    price, status = declared["price"], declared["status"]
    made = Repository(
        tmp_path / "r",
        storefront(),
        listing("A-1", price, lifecycle=lifecycle, status=status, fulfillment="mfn"),
    )
    made.apply()
    assert made.run("sandbox", "disturb", f"amz-de/listing/K-1.{disturbed}").code == 0
    made.write(
        storefront(), listing("A-1", price, lifecycle=lifecycle, status=status, fulfillment="afn"), HALF
    )
    said = made.run("apply", "--auto-approve")
    assert said.code == 4, said
    assert "below its floor 12.00" in said.out + said.err
    assert "amz-de/promotion/half" not in made.live()


@pytest.mark.parametrize("lifecycle", [BAND, {"ignoreFields": ["price"]}], ids=["ceded", "ignored"])
def test_a_replacement_carries_what_others_have_set(lifecycle: dict[str, Any], tmp_path: Path) -> None:
    """It is made anew with the price that a repricer has set, not with the one that the spec once said."""
    made = Repository(tmp_path / "r", storefront(), listing("A-1", "59.00"))
    (made.path / "acorn.yaml").write_text(BUDGET)
    made.apply()
    made.write(storefront(), listing("A-2", "12.50", lifecycle=lifecycle))
    changed = made.plan()["changes"][0]
    assert changed["action"] == "replace"
    assert {field["path"] for field in changed["fields"]} == {"sku"}
    made.apply()
    live = made.live()["amz-de/listing/K-1"]
    assert (live["sku"], live["price"]["value"]) == ("A-2", "59.00")
    assert made.run("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("name", ["nonsense", "a/b/c", 1, "amz-de/listing/K-1"])
def test_an_entry_that_names_no_address_is_no_crash(name: object, tmp_path: Path) -> None:
    """A ledger that somebody continued: commands answer, and none with a fault of acorn's own."""
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"))
    made.apply()
    ledger = open_ledger(made.path / ".acorn" / "sandbox" / "ledger.db", write=True)
    ledger.open_up("state.begin", "2026-11-27T00:00:00Z", "x@example.com", {"forgetting": [name]})
    ledger.close()
    for command in (["plan"], ["drift"], ["apply", "--auto-approve"]):
        said = made.run(*command)
        assert "internal error" not in said.out + said.err


@pytest.mark.parametrize("ended", [5, [5], [[]], ["x"], [[{}]], [["amz-de/listing/K-1", 3, "a", None, 9]]])
def test_an_entry_that_ends_nonsense_is_no_crash(ended: object, tmp_path: Path) -> None:
    """The same of an entry that says what ended, after one that began to forget, and with something open."""
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"))
    made.apply()
    ledger = open_ledger(made.path / ".acorn" / "sandbox" / "ledger.db", write=True)
    begun = {"forgetting": ["amz-de/listing/S-1"]}
    opening = ledger.open_up("state.begin", "2026-11-27T00:00:00Z", "x@example.com", begun)
    for event in ("state.rm", "apply.ended"):
        ledger.open_up(event, "2026-11-27T00:00:00Z", "x@example.com", {"opening": opening, "ended": ended})
    ledger.close()
    for command in (["plan"], ["drift"], ["apply", "--auto-approve"]):
        said = made.run(*command)
        assert "internal error" not in said.out + said.err
