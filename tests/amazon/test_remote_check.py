"""`plan --validate-remote`: the marketplace's own verdict at the line of the spec, before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.amazon.test_flow import SKUS, STORES, Seller
from tests.repository import Repository, sku, storefront

WORDS = "The image of this product is missing."


def test_what_amazon_would_refuse_stands_at_the_line_of_its_spec(selling: Seller) -> None:
    """New, changed and left alone; nothing is sent, and without being asked nobody asks."""
    selling.apply()
    world = selling.amazon.world
    for name in ("KTL-17-BLK", "NEW-1"):
        selling.amazon.emulator.control.answer("verdict", {"sku": name, "message": WORDS})
    more = (
        SKUS
        + '    - sku: NEW-1\n      listings: [{store: amz-de, asin: B0EXAMPLE3, status: active, price: {currency: EUR, value: "9.00"}}]\n'
    )
    selling.text(STORES + more.replace("49.99", "48.99").replace("12.90", "12.80"))
    assert "ACN-048" not in selling.run("plan").out
    before = {key: one.updated for key, one in selling.amazon.account.listings.items()}
    found = selling.plan("--validate-remote")["findings"]
    refused = {f["subject"]: f for f in found if f["id"] == "ACN-048"}
    assert {*refused} == {"amz-de/listing/KTL-17-BLK", "amz-de/listing/NEW-1"}
    for one in refused.values():
        assert (one["severity"], WORDS in one["message"]) == ("error", True)
        file, line, *_ = str(one["place"]).split(":")
        assert file == "specs/all.yaml" and int(line) > 1
    assert selling.run("plan", "--validate-remote").code == 4
    assert {key: one.updated for key, one in selling.amazon.account.listings.items()} == before
    selling.amazon.emulator.control.answer("verdict", {"sku": "KTL-17-BLK"})
    selling.amazon.emulator.control.answer("verdict", {"sku": "NEW-1"})
    assert selling.run("plan", "--validate-remote").code == 0
    assert world.verdicts == {}


def test_an_account_that_cannot_be_asked_is_told(selling: Seller) -> None:
    selling.apply()
    selling.text(STORES + SKUS.replace("49.99", "48.99"))
    selling.amazon.emulator.control.answer(
        "fault", {"kind": "html", "operation": "patchListingsItem", "times": 50}
    )
    found = [f for f in selling.plan("--validate-remote")["findings"] if f["id"] == "ACN-048"]
    assert [f["severity"] for f in found] == ["warning"]
    assert "could not be asked" in found[0]["message"]


def test_a_stranger_asks_nobody(selling: Seller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACORN_UNTRUSTED", "1")
    assert selling.run("plan", "--validate-remote").code != 0


def test_other_marketplaces_say_what_they_would_refuse(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", storefront(), sku("A", "20.00"))
    made.apply()
    made.write(storefront(), sku("A", "19.00"))
    assert made.run("plan", "--validate-remote").code == 0
