"""Supply Sources 2020-07-01: places that parcels leave from. A code is unique for a seller for ever; a new
source is inactive; its address never changes; an archived one is never changed again."""

from __future__ import annotations

import base64
from datetime import UTC
from typing import Final

from acorn_gitops.sandbox.amazon.call import Answer, Call, Json, Operation, Refused, invalid

_BASE: Final = "/supplySources/2020-07-01/supplySources"
_ADDRESS: Final = ("name", "addressLine1", "stateOrRegion", "countryCode")
"""Required by the model."""
ACTIVE, INACTIVE, ARCHIVED = "Active", "Inactive", "Archived"


def listed(call: Call) -> Answer:
    """Short rows: no status, no configuration."""
    rows = [
        {name: row[name] for name in ("alias", "supplySourceId", "supplySourceCode", "address")}
        for row in call.account.supply_sources.values()
        if row["status"] != ARCHIVED or call.world.habits.archived_listed
    ]
    size = _page_size(call.query.get("pageSize", "10"))
    start = _start(call.query.get("nextPageToken", ""))
    body: Json = {"supplySources": rows[start : start + size]}
    if start + size < len(rows):
        body["nextPageToken"] = base64.urlsafe_b64encode(f"after:{start + size}".encode()).decode()
    return Answer(200, body)


def created(call: Call) -> Answer:
    """A new source, inactive."""
    said = call.block("supplySourceCode", "alias", "address")
    code = said["supplySourceCode"]
    for name in _ADDRESS:
        if not isinstance(said["address"], dict) or not said["address"].get(name):
            raise invalid(f"Missing required field 'address.{name}'.")
    if any(row["supplySourceCode"] == code for row in call.account.supply_sources.values()):
        raise invalid(f"Supply source with supplySourceCode {code} already exists.", "1004")
    id, now = call.world.id(), _now(call)
    call.account.supply_sources[id] = {
        "supplySourceId": id,
        "supplySourceCode": code,
        "alias": said["alias"],
        "status": INACTIVE,
        "address": said["address"],
        "configuration": {},
        "capabilities": {},
        "createdAt": now,
        "updatedAt": now,
    }
    return Answer(200, {"supplySourceId": id, "supplySourceCode": code})


def shown(call: Call) -> Answer:
    """One source with all that is known of it."""
    return Answer(200, _source(call))


def updated(call: Call) -> Answer:
    """Its name, its configuration, its capabilities; a tree that is given takes the place of the former."""
    row = _living(call)
    body = call.body or {}
    for name in ("alias", "configuration", "capabilities"):
        if name in body:
            row[name] = body[name]
    row["updatedAt"] = _now(call)
    return Answer(204)


def switched(call: Call) -> Answer:
    """Active or inactive."""
    row = _living(call)
    status = call.block("status")["status"]
    if status not in (ACTIVE, INACTIVE):
        raise invalid(f"Invalid 'status' provided: {status}")
    row["status"], row["updatedAt"] = status, _now(call)
    return Answer(204)


def archived(call: Call) -> Answer:
    """For good."""
    row = _living(call)
    row["status"], row["updatedAt"] = ARCHIVED, _now(call)
    return Answer(204)


def _source(call: Call) -> Json:
    row = call.account.supply_sources.get(call.path["supplySourceId"])
    if row is None:
        raise Refused(404, "NotFound", "Supply source not found.")
    return row


def _living(call: Call) -> Json:
    row = _source(call)
    if row["status"] == ARCHIVED:
        raise invalid("The supply source is archived and cannot be modified.", "1005")
    return row


def _page_size(said: str) -> int:
    if not said.isdigit() or not 1 <= int(said) <= 100:
        raise invalid(f"Invalid 'pageSize' provided: {said}")
    return int(said)


def _start(token: str) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token).decode().removeprefix("after:"))
    except ValueError:
        raise invalid("Invalid 'nextPageToken' provided.") from None


def _now(call: Call) -> str:
    return call.world.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_ONE: Final = f"{_BASE}/{{supplySourceId}}"
# The rates are those of the official SDK's table; the model names none.
OPERATIONS: Final = (
    Operation("getSupplySources", "GET", _BASE, rate=10, burst=10, handle=listed),
    Operation("createSupplySource", "POST", _BASE, rate=2, burst=2, handle=created),
    Operation("getSupplySource", "GET", _ONE, rate=40, burst=40, handle=shown),
    Operation("updateSupplySource", "PUT", _ONE, rate=1, burst=1, handle=updated),
    Operation("archiveSupplySource", "DELETE", _ONE, rate=20, burst=20, handle=archived),
    Operation("updateSupplySourceStatus", "PUT", f"{_ONE}/status", rate=20, burst=20, handle=switched),
)
