"""Entries of which no store has heard say nothing of what a price was before."""

from __future__ import annotations

import pytest

from acorn_gitops.ledger.opening import open_ledger
from tests.repository import Repository, sku, storefront
from tests.test_prior_price import sale, shop_, told  # noqa: F401

KETTLE = "amz-de/listing/KTL-17-BLK"


@pytest.mark.parametrize("event", ["nothing", "adopt", "import", "forget", "write.observed", "state.rm"])
def test_a_price_of_which_no_store_has_heard_was_never_asked(
    shop_: Repository,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    event: str,
) -> None:
    """Raised two weeks ago, and twenty percent off now. Somebody adds to the ledger that it was as dear since September."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-10T09:00:00Z")
    shop_.write(storefront(country="DE"), sku(price="59.99"))
    shop_.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")
    shop_.write(storefront(country="DE"), sku(price="59.99"), sale("20"))
    if event != "nothing":
        ledger = open_ledger(shop_.path / ".acorn" / "sandbox" / "ledger.db", write=True)
        dear = {"price": {"currency": "EUR", "value": "59.99"}, "status": "active"}
        body = {"before": {KETTLE: {"at": "2026-09-01T09:00:01Z", "attributes": dear}}}
        if event == "write.observed":
            body = {
                "address": KETTLE,
                "action": "update",
                "attributes": dear,
                "before": body["before"][KETTLE],
            }
        ledger.open_up(event, "2026-11-22T09:00:00Z", "mallory", body)
        ledger.close()
    found, done = told(shop_), shop_.run("apply", "--auto-approve")
    assert (found, done.code) == ({"PRO-040"}, 4), done
