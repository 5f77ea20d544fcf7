"""Killed at every request that changes something, before it has its effect and after: the same command run again ends
where it would have, nothing is made twice, and nothing is sent below its floor on the way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from acorn_gitops.sandbox.amazon.app import Emulator
from acorn_gitops.sandbox.amazon.world import Account, Listing
from tests.amazon.emulated import BEGIN, DE
from tests.amazon.test_durations import shelf
from tests.amazon.test_flow import PROMO, SKUS, STORES, Seller
from tests.faults import KILLED, ROOT
from tests.repository import Result

READS = ("GET",)
LATER = (
    (STORES + SKUS)
    .replace("Nordhaven – Berlin Mitte", "Nordhaven Mitte")
    .replace('"49.99"', '"44.99"')
    .replace("- sku: MUG-RED", "- sku: MUG-BLUE")
    .replace("B0EXAMPLE2", "B0EXAMPLE3")
)
"""Another name of the shop, a lower price, one SKU gone and another in its place, and no sale any more."""


class Deadly:
    """Counts requests that change something, and kills who asks at one of them: before it has its effect, or after."""

    def __init__(self, selling: Seller, monkeypatch: pytest.MonkeyPatch) -> None:
        self.selling, self.count, self.victim = selling, 0, 0
        self.at, self.first = 0, True
        honest = Emulator.handle

        def handle(
            emulator: Emulator, method: str, path: str, query: str, *, headers: Mapping[str, str], body: bytes
        ) -> Any:
            if method in READS or path.startswith(("/auth/", "/_emulator/")):
                return honest(emulator, method, path, query, headers=headers, body=body)
            self.count += 1
            hit = self.victim and self.count == self.at
            if hit and self.first:
                os.kill(self.victim, signal.SIGKILL)
                return (503, {"content-type": "text/plain"}, b""), ""
            answer = honest(emulator, method, path, query, headers=headers, body=body)
            if hit:
                os.kill(self.victim, signal.SIGKILL)
            return answer

        monkeypatch.setattr(Emulator, "handle", handle)

    def apply(self, at: int, *, first: bool) -> subprocess.CompletedProcess[str]:
        """Apply in a process of its own, which dies at the `at`-th request that changes something."""
        self.count, self.at, self.first = 0, at, first
        script = "from acorn_gitops.cli import main; main()"
        running = subprocess.Popen(
            [sys.executable, "-c", script, "apply", "--auto-approve", "--wait", "5"],
            cwd=self.selling.path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.victim = running.pid
        out, err = running.communicate(timeout=60)
        return subprocess.CompletedProcess([], running.returncode, out, err)

    def whole(self) -> Result:
        """Apply here, to the end."""
        self.count, self.at = 0, 0
        return self.selling.run("apply", "--auto-approve", "--wait", "5")

    def world(self) -> Any:
        """All that Amazon has, without ids and dates."""
        account = self.selling.amazon.account
        places = [
            {
                name: value
                for name, value in row.items()
                if name not in ("supplySourceId", "createdAt", "updatedAt")
            }
            for row in account.supply_sources.values()
        ]
        listings = {key: (one.product_type, one.attributes) for key, one in account.listings.items()}
        return sorted(map(repr, places)), listings, account.stock


@pytest.fixture
def deadly(selling: Seller, monkeypatch: pytest.MonkeyPatch) -> Deadly:
    """A seller with everything declared, and nothing there yet."""
    selling.text(STORES + SKUS + PROMO)
    return Deadly(selling, monkeypatch)


def emptied(deadly: Deadly) -> None:
    """As before the first run."""
    account = deadly.selling.amazon.account
    account.supply_sources.clear()
    account.listings.clear()
    account.stock.clear()
    account.revision += 1
    shutil.rmtree(deadly.selling.path / ".acorn", ignore_errors=True)


@pytest.mark.parametrize("first", [True, False], ids=["before its effect", "after its effect"])
def test_made_from_nothing(deadly: Deadly, first: bool) -> None:
    whole = deadly.whole()
    assert whole.code == 0, whole
    effects, there = deadly.count, deadly.world()
    assert effects >= 6
    for at in range(1, effects + 1):
        emptied(deadly)
        assert deadly.apply(at, first=first).returncode == KILLED, at
        again = deadly.whole()
        assert (again.code, deadly.world()) == (0, there), (at, again)


@pytest.mark.parametrize("first", [True, False], ids=["before its effect", "after its effect"])
def test_changed_and_taken_away(deadly: Deadly, first: bool) -> None:
    """A lower price after a sale that ends, a deletion, a creation, another name of a place."""
    text = deadly.selling.path / "specs" / "all.yaml"

    def begun() -> None:
        emptied(deadly)
        text.write_text(STORES + SKUS + PROMO)
        assert deadly.whole().code == 0
        text.write_text(LATER)

    begun()
    whole = deadly.whole()
    assert whole.code == 0, whole
    effects, there = deadly.count, deadly.world()
    assert effects >= 4
    assert {sku for sku, _ in deadly.selling.amazon.account.listings} == {"KTL-17-BLK", "MUG-BLUE"}
    for at in range(1, effects + 1):
        begun()
        assert deadly.apply(at, first=first).returncode == KILLED, at
        again = deadly.whole()
        assert (again.code, deadly.world()) == (0, there), (at, again)


@pytest.mark.parametrize("first", [True, False], ids=["before its effect", "after its effect"])
def test_by_a_feed(deadly: Deadly, first: bool) -> None:
    """A document is asked for, put, and named: nothing happens twice, whichever of these was the last."""
    project = deadly.selling.path / "acorn.yaml"
    project.write_text(project.read_text().replace("options: {", "options: {feedsFrom: 25, "))
    assert deadly.selling.run("trust", "main").code == 0
    account = deadly.selling.amazon.account
    deadly.selling.amazon.world.habits.feed_seconds = 0.5
    text = deadly.selling.path / "specs" / "all.yaml"

    def begun() -> None:
        emptied(deadly)
        listed(account, 25)
        text.write_text(STORES + shelf(25, "12.90"))
        assert deadly.selling.run("apply", "--auto-approve", "--adopt").code == 0
        text.write_text(STORES + shelf(25, "11.90"))

    begun()
    whole = deadly.whole()
    assert whole.code == 0, whole
    effects, there = deadly.count, deadly.world()
    assert effects == 3
    for at in range(1, effects + 1):
        begun()
        assert deadly.apply(at, first=first).returncode == KILLED, at
        again = deadly.whole()
        if again.code == 3:
            # The feed came between two looks of this run: a conflict, and there afterwards.
            again = deadly.whole()
        assert (again.code, deadly.world()) == (0, there), (at, again)
    prices = {
        offer["our_price"][0]["schedule"][0]["value_with_tax"]
        for (_, place), one in account.listings.items()
        if place == DE
        for offer in one.attributes["purchasable_offer"]
    }
    assert {str(one) for one in prices} == {"11.90"}


def listed(account: Account, count: int) -> None:
    """So many are on sale already, at 12.90."""
    for number in range(count):
        offer = {"currency": "EUR", "our_price": [{"schedule": [{"value_with_tax": Decimal("12.90")}]}]}
        account.listings[f"S-{number}", DE] = Listing(
            "PRODUCT",
            {"purchasable_offer": [{**offer, "marketplace_id": DE, "audience": "ALL"}]},
            created=BEGIN,
            updated=BEGIN,
            asin="B0EXAMPLE1",
        )
