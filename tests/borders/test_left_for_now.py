"""What is left to others for a time, or within a band, is theirs, and is seen."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from acorn_gitops.reconcile.siblings import _Search
from tests.repository import PROJECT, Repository, document, storefront

WAIVER = """  waivers:
    - {rule: MON-007, scope: amz-de/listing/K, owner: otto@example.com, reason: weekend match, until: "2026-12-20"}
"""


def kettle(title: str, **more: object) -> list[dict[str, object]]:
    listing = {"store": "amz-de", "price": {"currency": "EUR", "value": "100.00"}, "status": "active"}
    body = {"sku": "K", "attributes": {"title": title}, "listings": [listing]}
    return [storefront(), {**document("SkuMapping", "k", body), **more}]


@pytest.mark.parametrize("lifecycle", [False, True])
@pytest.mark.parametrize("between", [False, True], ids=["nothing else", "a title meanwhile"])
def test_it_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, between: bool, lifecycle: bool) -> None:
    monkeypatch.setenv("ACORN_NOW", "2026-11-26T09:00:00Z")
    more = {"lifecycle": {"preventDestroy": True}} if lifecycle else {}
    made = Repository(tmp_path / "r", *kettle("Kettle", **more))
    made.apply()
    hand = 'amz-de/listing/K.price={"currency": "EUR", "value": "80.00"}'
    assert made.run("sandbox", "disturb", hand).code == 0
    (made.path / "acorn.yaml").write_text(PROJECT + WAIVER)
    found = made.run("apply", "--auto-approve")
    assert made.live()["amz-de/listing/K"]["price"]["value"] == "80.00", found
    if between:
        made.write(*kettle("Kettle, black", **more))
        made.apply()
        assert made.live()["amz-de/listing/K"]["title"] == "Kettle, black"
        assert made.live()["amz-de/listing/K"]["price"]["value"] == "80.00"
    found = made.run("apply", "--auto-approve")
    print(found.out)
    assert made.live()["amz-de/listing/K"]["price"]["value"] == "80.00", found.out


EURO = {"currency": "EUR", "value": "50.00"}


def kettle_left(**more: Any) -> list[dict[str, Any]]:
    listing = {"store": "amz-de", "price": EURO, "status": "active", "business": {"price": "49.00"}}
    if more:
        del listing["business"]
    return [storefront(), {**document("SkuMapping", "k", {"sku": "KTL-1", "listings": [listing]}), **more}]


@pytest.mark.parametrize(("value", "code"), [("45.00", 0), ("10.00", 2)], ids=["within", "left"])
def test_a_ceded_price_that_left_its_band_is_drift(tmp_path: Path, value: str, code: int) -> None:
    made = Repository(
        tmp_path / "r",
        *kettle_left(lifecycle={"ceded": {"price": {"by": "repricer", "min": "40.00", "max": "60.00"}}}),
    )
    made.apply()
    hand = f'amz-de/listing/KTL-1.price={{"currency": "EUR", "value": "{value}"}}'
    assert made.run("sandbox", "disturb", hand).code == 0
    found = made.run("drift", "--detailed-exitcode")
    assert found.code == code, found.out
    assert ("changed outside" in made.run("plan").out) == bool(code)


def test_a_hand_on_a_business_price_is_alerted(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", *kettle_left())
    made.apply()
    for name in ("price", "businessPrice"):
        hand = f'amz-de/listing/KTL-1.{name}={{"currency": "EUR", "value": "30.00"}}'
        assert made.run("sandbox", "disturb", hand).code == 0
        found = made.run("drift")
        assert "MON-007" in found.out + found.err, (name, found)
        made.apply()


def test_no_name_hides_another() -> None:
    """amz-de is there since ever; amz-zz was there once, and is elsewhere now."""
    ever = {"amz-de": frozenset({"D"}), "amz-zz": frozenset({"D", "F"})}
    ledger: Any = SimpleNamespace(stores=lambda: [*ever], bindings=ever.get)
    state: Any = SimpleNamespace(
        connections={"shop": "main"},
        ledger=SimpleNamespace(stores=list),
        marketplaces_like=lambda store: frozenset({"D"}),
        is_embedded=lambda store: False,
        has_identity=lambda store: True,
    )
    with ExitStack() as opened:
        found = _Search(SimpleNamespace(), state, opened)._names(ledger, near=True)  # type: ignore[arg-type]
    assert "amz-de" in str(found)
