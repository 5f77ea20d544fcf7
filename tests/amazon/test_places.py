"""Shops as supply sources: three requests that resume, codes that burn, trees that keep what others said."""

from __future__ import annotations

from typing import Any

import pytest

from acorn_gitops.marketplaces.amazon.supply_sources import SupplySources
from acorn_gitops.marketplaces.protocol import Outcome, Scope, Write
from acorn_gitops.model.finding import MarketplaceError
from acorn_gitops.model.resource import Address, Attributes
from acorn_gitops.plan.compare import holds
from tests.amazon.emulated import Emulated
from tests.amazon.test_client import client, said

SHOP = Address("berlin", "location", "berlin")
KNOWN = {"berlin": {"code": "BER-1"}}
WISH: Attributes = {
    "code": "BER-1",
    "alias": "Nordhaven – Berlin",
    "timezone": "Europe/Berlin",
    "address": {
        "countryCode": "DE",
        "lines": ["Friedrichstraße 43", "Hof"],
        "locality": "Berlin",
        "administrativeArea": "BE",
        "postalCode": "10117",
        "phone": "+493012345678",
    },
    "hours": {"mon": [["09:00", "12:00"], ["13:00", "20:00"]], "sun": []},
    "throughput": {"orders": 40, "per": "day"},
    "capabilities": {
        "shipFromStore": {"enabled": True, "handlingTime": {"value": 2, "unit": "hours"}},
        "bopis": {"enabled": True, "inventoryHold": {"value": 3, "unit": "days"}, "curbside": True},
    },
    "status": "active",
}


def send(adapter: Any, operation: Any, attributes: Attributes, etag: str = "", key: str = "k") -> Outcome:
    """One write."""
    (outcome,) = adapter.write("berlin", [Write(operation, SHOP, attributes, etag=etag, key=key)])
    found: Outcome = outcome
    return found


def test_a_shop_is_read_back_as_it_was_sent(amazon: Emulated) -> None:
    """All of it, after three requests."""
    adapter = amazon.adapter(KNOWN)
    assert send(adapter, "create", WISH).status == "observed"
    live = adapter.read(Scope("berlin")).resources["location", "berlin"]
    assert holds(WISH, live)
    sent = {name: count for name, count in adapter.client.calls.items() if not name.startswith("get")}
    assert sent == {"createSupplySource": 1, "updateSupplySource": 1, "updateSupplySourceStatus": 1}


@pytest.mark.parametrize("lost", ["createSupplySource", "updateSupplySource", "updateSupplySourceStatus"])
@pytest.mark.parametrize("kind", ["lost", "fail"])
def test_whoever_dies_in_between_goes_on(amazon: Emulated, lost: str, kind: str) -> None:
    """Whatever request got no answer: another run finds what is there, and completes it; there is one
    source."""
    from acorn_gitops.sandbox.amazon.world import Fault

    amazon.world.faults.append(Fault(kind, lost, 99))
    first = send(amazon.adapter(KNOWN), "create", WISH)
    assert first.status in ("unknown", "rejected")
    amazon.world.faults.clear()
    adapter = amazon.adapter(KNOWN)
    have = adapter.read(Scope("berlin")).resources.get(("location", "berlin"))
    if have is None:
        assert send(adapter, "create", WISH).status == "observed"
    else:
        wish = {k: v for k, v in WISH.items() if not holds({k: v}, have)}
        assert not wish or send(adapter, "update", wish, have.etag, key="rest").status == "observed"
    assert holds(WISH, adapter.read(Scope("berlin")).resources["location", "berlin"])
    assert len(amazon.account.supply_sources) == 1


@pytest.mark.planted
def test_what_others_keep_in_a_tree_stays(amazon: Emulated) -> None:
    """Contacts, a capacity of slots: read, and sent back with what changes."""
    adapter = amazon.adapter(KNOWN)
    send(adapter, "create", WISH)
    (row,) = amazon.account.supply_sources.values()
    contact = {"primary": {"email": "shop@nordhaven.com"}}
    row["configuration"]["operationalConfiguration"]["contactDetails"] = contact
    row["capabilities"]["services"] = {"isSupported": True}
    have = adapter.read(Scope("berlin")).resources["location", "berlin"]
    hours = {"mon": [["10:00", "18:00"]]}
    assert send(adapter, "update", {"hours": hours}, have.etag, key="hours").status == "observed"
    assert row["configuration"]["operationalConfiguration"]["contactDetails"] == contact
    assert row["capabilities"]["services"] == {"isSupported": True}
    assert holds({**WISH, "hours": hours}, adapter.read(Scope("berlin")).resources["location", "berlin"])


def test_a_burnt_code_is_told(amazon: Emulated) -> None:
    """An archived source keeps its code for ever."""
    adapter = amazon.adapter(KNOWN)
    send(adapter, "create", WISH)
    assert send(adapter, "delete", {}, key="gone").status == "observed"
    assert ("location", "berlin") not in adapter.read(Scope("berlin")).resources
    again = send(adapter, "create", WISH, key="again")
    assert again.status == "rejected" and "give this one a code of its own" in again.message


@pytest.mark.parametrize("listed", [True, False])
def test_an_archived_source_is_not_there(amazon: Emulated, listed: bool) -> None:
    """Whether it is in the list or not."""
    amazon.world.habits.archived_listed = listed
    adapter = amazon.adapter(KNOWN)
    send(adapter, "create", WISH)
    send(adapter, "delete", {}, key="gone")
    assert amazon.adapter(KNOWN).read(Scope("berlin")).resources == {}


def test_a_switch_by_hand_is_seen_and_put_back(amazon: Emulated) -> None:
    """Somebody switched the shop off."""
    adapter = amazon.adapter(KNOWN)
    send(adapter, "create", WISH)
    (row,) = amazon.account.supply_sources.values()
    row["status"] = "Inactive"
    have = adapter.read(Scope("berlin")).resources["location", "berlin"]
    assert have.attributes["status"] == "inactive"
    assert send(adapter, "update", {"status": "active"}, have.etag, key="on").status == "observed"
    assert row["status"] == "Active"


@pytest.mark.planted
def test_recorded_sources_are_read(amazon: Emulated) -> None:
    """Hours like `2:00`, `ORDER` in capitals, an address without a name, a day that is closed."""
    amazon.account.supply_sources["x"] = {
        "supplySourceId": "x",
        "supplySourceCode": "Old Shop/1",
        "alias": "",
        "status": "Inactive",
        "address": {
            "addressLine1": "1",
            "city": "R",
            "county": "",
            "stateOrRegion": "WA",
            "countryCode": "US",
        },
        "configuration": {
            "timezone": "Africa/Accra",
            "operationalConfiguration": {
                "throughputConfig": {
                    "throughputUnit": "ORDER",
                    "throughputCap": {"value": 1, "timeUnit": "Days"},
                },
                "operatingHoursByDay": {
                    "monday": [{"startTime": "2:00", "endTime": "06:01"}],
                    "tuesday": [{"startTime": "00:00", "endTime": "00:00"}],
                },
            },
        },
        "capabilities": {"outbound": {"isSupported": True, "futureField": 1}},
        "createdAt": "1.596578152E9",
        "updatedAt": "1.596842808E9",
    }
    adapter = amazon.adapter()
    assert "old-shop-1" in adapter.stores()
    live = adapter.read(Scope("old-shop-1")).resources["location", "old-shop-1"].attributes
    assert live["hours"] == {"mon": [["02:00", "06:01"]], "tue": []}
    assert live["throughput"] == {"orders": 1, "per": "day"}
    assert live["capabilities"]["shipFromStore"] == {"enabled": True}
    assert live["status"] == "inactive" and "alias" not in live


@pytest.mark.planted
def test_pages_of_sources_are_followed(amazon: Emulated) -> None:
    """A hundred at a time."""
    for number in range(250):
        amazon.account.supply_sources[str(number)] = {
            "supplySourceId": str(number),
            "supplySourceCode": f"C{number}",
            "alias": "a",
            "status": "Active",
            "address": {},
        }
    assert len(amazon.adapter().stores()) == 250 + 3


def test_a_list_that_failed_does_not_say_that_nothing_is_there() -> None:
    """Whoever asks next asks Amazon again, and is told again."""
    sources = SupplySources(client(*[said(403, "Unauthorized")] * 4))
    for _ in range(2):
        with pytest.raises(MarketplaceError):
            sources.codes()
