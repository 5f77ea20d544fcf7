"""Locations as supply sources. Comes in: jobs. Goes out: rows. Caller: adapter.

Found by the seller's own code, which is unique for ever. Making one takes three requests (the source, its
configuration, its switch): whoever dies in between leaves an inactive one, and what is missing is sent by the
next run, as an update. An archived source is gone: its code is burnt, and it is never changed again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from acorn_gitops.marketplaces.amazon import operations as op
from acorn_gitops.marketplaces.amazon.client import Client, Missing, Refusal
from acorn_gitops.marketplaces.by_looking import Job, Raw, RemoteStore, Row, Rows, Trouble, live, one_by_one
from acorn_gitops.model.finding import Incomplete, MarketplaceError
from acorn_gitops.model.resource import Attributes

Tree = Raw
PAGE: Final = 100
MOST: Final = 100_000
"""Sources of one account."""
DAYS: Final[Mapping[str, str]] = {
    "mon": "monday",
    "tue": "tuesday",
    "wed": "wednesday",
    "thu": "thursday",
    "fri": "friday",
    "sat": "saturday",
    "sun": "sunday",
}
UNITS: Final[Mapping[str, str]] = {"minutes": "Minutes", "hours": "Hours", "days": "Days"}
PERIODS: Final[Mapping[str, str]] = {"hour": "Hours", "day": "Days"}
_CODE_TAKEN: Final = "1004"
_LINES: Final = ("addressLine1", "addressLine2", "addressLine3")


class SupplySources:
    """`location`: one supply source."""

    type = "location"
    shared = False

    def __init__(self, client: Client) -> None:
        self._client = client
        self._ids: dict[str, list[str]] | None = None

    def codes(self) -> dict[str, list[str]]:
        """Ids by code, as they were listed last in this run; archived ones may be among them."""
        if self._ids is None:
            found: dict[str, list[str]] = {}
            for row in self._listed():
                found.setdefault(str(row["supplySourceCode"]), []).append(str(row["supplySourceId"]))
            self._ids = found  # only once it is whole: half a list would say that the other half is gone
        return self._ids

    def rows(self, store: RemoteStore, keys: Collection[str] | None) -> Rows:
        """The one source of a store: `store.id` is its code."""
        if keys is not None and store.store not in keys:
            return Rows()
        found = [raw for id in self.codes().get(store.id, []) if (raw := self._source(id)) is not None]
        return Rows("supply sources", [(store.store, _row(raw, store.raw.get("address"))) for raw in found])

    def create(self, store: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Three requests: a new source does nothing until it is switched on."""
        return one_by_one(jobs, lambda job: self._create(store, job))

    def update(self, store: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Whole trees, with what others keep in them: nobody documents what becomes of a part that is left
        out."""
        return one_by_one(jobs, self._update)

    def delete(self, store: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Archive it, for good."""
        return one_by_one(jobs, self._archive)

    # -- requests --------------------------------------------------------------------------------------------

    def _listed(self) -> list[Tree]:
        found: list[Tree] = []
        token, seen = "", set[str]()
        while True:
            query = {"pageSize": str(PAGE), "nextPageToken": token}
            page = self._client.call(op.LIST_SOURCES, query=query)
            found += page["supplySources"]
            token = str(page.get("nextPageToken") or "")
            if not token:
                return found
            if token in seen or len(found) > MOST or not page["supplySources"]:
                raise Incomplete("the list of supply sources does not come to an end")
            seen.add(token)

    def _source(self, id: str) -> Tree | None:
        """One source with all that is known of it; None where it is archived or gone."""
        try:
            raw = self._client.call(op.GET_SOURCE, {"supplySourceId": id})
        except Missing:
            return None
        if not isinstance(raw, dict) or raw.get("supplySourceId") != id:
            raise Incomplete(f"supply source {id}: another one was answered")
        return None if raw.get("status") == "Archived" else raw

    def _create(self, store: RemoteStore, job: Job) -> None:
        wish = job.attributes
        body = {
            "supplySourceCode": wish["code"],
            "alias": wish.get("alias") or wish["code"],
            "address": _address(wish),
        }
        self._ids = None  # whatever comes of it, the list is another one now
        try:
            made = self._client.call(op.CREATE_SOURCE, body=body)
        except Refusal as error:
            if error.details != _CODE_TAKEN:
                raise
            raise MarketplaceError(
                f"the code {wish['code']} belongs to a source that was archived, or to another store: give this one a code of its own"
            ) from None
        self._complete(str(made["supplySourceId"]), {}, wish)

    def _update(self, job: Job) -> None:
        raw = job.row.raw if job.row is not None else {}
        self._complete(str(raw["supplySourceId"]), raw, job.attributes)

    def _complete(self, id: str, raw: Tree, wish: Attributes) -> None:
        where = {"supplySourceId": id}
        if {*wish} - {"code", "address", "status"}:
            body = {
                "alias": wish.get("alias") or raw.get("alias") or wish.get("code"),
                "configuration": _configuration(raw.get("configuration") or {}, wish),
                "capabilities": _capabilities(raw.get("capabilities") or {}, wish),
            }
            self._client.call(op.UPDATE_SOURCE, where, body=body)
        if wish.get("status"):
            status = "Active" if wish["status"] == "active" else "Inactive"
            self._client.call(op.SWITCH_SOURCE, where, body={"status": status})

    def _archive(self, job: Job) -> None:
        if job.row is not None:
            self._ids = None
            self._client.call(op.ARCHIVE_SOURCE, {"supplySourceId": job.row.live.remote_id})


# -- there -------------------------------------------------------------------------------------------------------


def _address(wish: Attributes) -> Tree:
    said = wish["address"]
    parts = {
        "name": wish.get("alias") or wish["code"],
        **dict(zip(_LINES, said["lines"], strict=False)),
        "city": said.get("locality"),
        "stateOrRegion": said.get("administrativeArea"),
        "postalCode": said.get("postalCode"),
        "countryCode": said["countryCode"],
        "phone": said.get("phone"),
    }
    return {name: part for name, part in parts.items() if part}


def _configuration(raw: Tree, wish: Attributes) -> Tree:
    made = {**raw}
    operational = {**(raw.get("operationalConfiguration") or {})}
    if "timezone" in wish:
        _put(made, "timezone", wish["timezone"])
    if "hours" in wish:
        days = {DAYS[day]: [_span(span) for span in spans] for day, spans in (wish["hours"] or {}).items()}
        _put(operational, "operatingHoursByDay", days or None)
    if "throughput" in wish:
        said = wish["throughput"]
        cap = said and {
            "throughputUnit": "Order",
            "throughputCap": {"value": said["orders"], "timeUnit": PERIODS[said["per"]]},
        }
        _put(operational, "throughputConfig", cap)
    if operational or raw.get("operationalConfiguration"):
        made["operationalConfiguration"] = operational
    return made


def _capabilities(raw: Tree, wish: Attributes) -> Tree:
    if "capabilities" not in wish:
        return raw
    said = wish["capabilities"] or {}
    ship, pickup = said.get("shipFromStore") or {}, said.get("bopis") or {}
    outbound = {**(raw.get("outbound") or {})}
    outbound["isSupported"] = bool(ship.get("enabled") or pickup.get("enabled"))
    operational = {**(outbound.get("operationalConfiguration") or {})}
    _put(operational, "handlingTime", _duration(ship.get("handlingTime")))
    _put(outbound, "operationalConfiguration", operational or None)
    delivery = {**(outbound.get("deliveryChannel") or {}), "isSupported": bool(ship.get("enabled"))}
    outbound["deliveryChannel"] = delivery
    channel = {**(outbound.get("pickupChannel") or {}), "isSupported": bool(pickup.get("enabled"))}
    _put(channel, "inventoryHoldPeriod", _duration(pickup.get("inventoryHold")))
    if pickup.get("curbside") is not None:
        kerb = {**(channel.get("curbsidePickupConfiguration") or {}), "isSupported": pickup["curbside"]}
        channel["curbsidePickupConfiguration"] = kerb
    outbound["pickupChannel"] = channel
    return {**raw, "outbound": outbound}


def _put(tree: Tree, name: str, value: object) -> None:
    if value is None:
        tree.pop(name, None)
    else:
        tree[name] = value


def _duration(said: Any) -> Tree | None:
    return {"value": said["value"], "timeUnit": UNITS[said["unit"]]} if said else None


def _span(span: Sequence[str]) -> Tree:
    return {"startTime": span[0], "endTime": span[1]}


# -- and back ----------------------------------------------------------------------------------------------------


def address_sent(said: Mapping[str, object]) -> Tree:
    """An address of the specs in Amazon's parts: it wants a state of every one, and where a country has
    none, the town stands for it."""
    place = {name: part for name, part in said.items() if part is not None and name != "verification"}
    if not place.get("administrativeArea"):
        place["administrativeArea"] = place.get("locality") or place["countryCode"]
    return place


def _spelled(live: Tree, wished: Any) -> Tree:
    """A live address in the spelling of the specs, where it differs in nothing else: Amazon writes towns and
    streets as it likes."""
    return dict(wished) if wished and _plainly(live) == _plainly(wished) else live


def _plainly(address: Mapping[str, Any]) -> str:
    parts = [*address.get("lines", ()), *(str(address[name]) for name in sorted(address) if name != "lines")]
    return " ".join(" ".join(map(str, parts)).casefold().split())


def _row(raw: Tree, wished: object = None) -> Row:
    configuration = raw.get("configuration") or {}
    operational = configuration.get("operationalConfiguration") or {}
    attributes: Attributes = {
        "code": raw["supplySourceCode"],
        "alias": raw.get("alias") or None,
        "status": "active" if raw.get("status") == "Active" else "inactive",
        "timezone": configuration.get("timezone") or None,
        "address": _spelled(_address_of(raw.get("address") or {}), wished),
        "hours": _hours_of(operational.get("operatingHoursByDay") or {}) or None,
        "throughput": _throughput_of(operational.get("throughputConfig") or {}),
        "capabilities": _capabilities_of(raw.get("capabilities") or {}),
    }
    aged = {"updatedAt": raw.get("updatedAt")}
    return Row(live(attributes, aged, str(raw["supplySourceId"])), raw)


def _address_of(said: Tree) -> Tree:
    parts = {
        "countryCode": said.get("countryCode"),
        "lines": [said[line] for line in _LINES if said.get(line)],
        "locality": said.get("city"),
        "administrativeArea": said.get("stateOrRegion"),
        "postalCode": said.get("postalCode"),
        "phone": said.get("phone"),
    }
    return {name: part for name, part in parts.items() if part}


def _hours_of(by_day: Tree) -> Tree:
    """Spans by day; a day from midnight to midnight is one that is closed."""
    found: Tree = {}
    for day, name in DAYS.items():
        if isinstance(by_day.get(name), list):
            spans = [[_clock(s["startTime"]), _clock(s["endTime"])] for s in by_day[name]]
            found[day] = [span for span in spans if span != ["00:00", "00:00"]]
    return found


def _clock(text: str) -> str:
    return text.rjust(5, "0")


def _throughput_of(said: Tree) -> Tree | None:
    cap = said.get("throughputCap") or {}
    periods = {amazon: ours for ours, amazon in PERIODS.items()}
    if cap.get("timeUnit") not in periods:
        return None
    return {"orders": cap["value"], "per": periods[cap["timeUnit"]]}


def _capabilities_of(said: Tree) -> Tree | None:
    outbound = said.get("outbound")
    if not isinstance(outbound, dict):
        return None
    channel, delivery = outbound.get("pickupChannel") or {}, outbound.get("deliveryChannel") or {}
    ships = bool(outbound.get("isSupported")) and delivery.get("isSupported", True)
    handling = (outbound.get("operationalConfiguration") or {}).get("handlingTime")
    kerb = (channel.get("curbsidePickupConfiguration") or {}).get("isSupported")
    ship = {"enabled": ships, "handlingTime": _duration_of(handling)}
    pickup = {
        "enabled": bool(channel.get("isSupported")),
        "inventoryHold": _duration_of(channel.get("inventoryHoldPeriod")),
        "curbside": kerb,
    }
    return {
        "shipFromStore": {k: v for k, v in ship.items() if v is not None},
        "bopis": {k: v for k, v in pickup.items() if v is not None},
    }


def _duration_of(said: object) -> Tree | None:
    units = {amazon: ours for ours, amazon in UNITS.items()}
    if not isinstance(said, dict) or said.get("timeUnit") not in units:
        return None
    return {"value": said["value"], "unit": units[said["timeUnit"]]}
