"""Amazon's stores remember no generation: a run that loses its lease sends nothing more, also inside a batch."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from acorn_gitops.marketplaces.amazon.client import STORE_SECONDS
from acorn_gitops.marketplaces.protocol import Scope, Write
from acorn_gitops.model.finding import Stale
from acorn_gitops.model.resource import Address
from acorn_gitops.reconcile.lease import Renewal
from acorn_gitops.sandbox.amazon.app import Emulator, Response
from tests.amazon.emulated import DE, SELLER, Emulated
from tests.amazon.test_flow import SKUS, STORES, Seller, price


def test_the_second_write_of_a_batch_is_not_sent(selling: Seller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both were judged and intended together; the lease is lost after the first."""
    assert selling.run("apply", "--auto-approve").code == 0
    selling.text((STORES + SKUS).replace("12.90", "12.50").replace("49.99", "48.99"))
    sent: list[str] = []
    honest = Emulator.handle

    def handle(
        self: Emulator, method: str, path: str, query: str, *, headers: Mapping[str, str], body: bytes
    ) -> tuple[Response, str]:
        sent.extend([path] if method == "PATCH" else [])
        return honest(self, method, path, query, headers=headers, body=body)

    def holds(self: Renewal) -> bool:
        self.lost = self.lost or (Stale("grace took over") if sent else None)
        return self.lost is None

    monkeypatch.setattr(Emulator, "handle", handle)
    monkeypatch.setattr(Renewal, "holds", holds)
    stopped = selling.run("apply", "--auto-approve")
    assert len(sent) == 1 and stopped.code != 0, (sent, stopped)
    assert "not sent: grace took over" in stopped.out
    changed = {price(selling.amazon, "MUG-RED") == "12.50", price(selling.amazon, "KTL-17-BLK") == "48.99"}
    assert changed == {True, False}


def test_a_run_of_hours_reads_within_the_bounds_of_each_batch(amazon: Emulated) -> None:
    """Each row is looked at before it is written: the hour that a store may take to be read is not that of a run."""
    adapter = amazon.adapter({"amz-de": {"marketplaceId": DE, "sellerId": SELLER}})
    listing = Address("amz-de", "listing", "MUG-RED")
    money = {"currency": "EUR", "value": "12.90"}
    made = {"sku": "MUG-RED", "asin": "B0EXAMPLE2", "price": money, "status": "active"}
    adapter.read(Scope("amz-de"))
    statuses = []
    for number, price_ in enumerate(("12.90", "11.00", "10.00")):
        amazon.wait(STORE_SECONDS + 1)
        sent = made if not number else {"price": {**money, "value": price_}}
        write = Write("update" if number else "create", listing, sent, etag="", key=str(number))
        statuses += [outcome.status for outcome in adapter.write("amz-de", [write])]
        assert not adapter.validate("amz-de", [write])[0].message.startswith("amazon-eu: a store takes")
    assert statuses == ["observed"] * 3 or statuses == ["accepted"] * 3, statuses
