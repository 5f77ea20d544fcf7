"""Schedules of Reports 2021-06-30: which reports are wanted again and again. A new one of the same type and
marketplaces takes the place of the old. None is made by itself in this world."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from acorn_gitops.sandbox.amazon.call import Answer, Call, Json, Operation, Refused, invalid
from acorn_gitops.sandbox.amazon.queued import text_of
from acorn_gitops.sandbox.amazon.reports import REPORTS

_BASE: Final = "/reports/2021-06-30/schedules"
_ONE: Final = f"{_BASE}/{{reportScheduleId}}"
_MINUTES: Final = {f"PT{n}M": n for n in (5, 15, 30)}
_HOURS: Final = {f"PT{n}H": 60 * n for n in (1, 2, 4, 8, 12, 84)}
_DAYS: Final = {f"P{n}D": 1440 * n for n in (1, 2, 3, 7, 14, 15, 18, 30)}
PERIODS: Final = {**_MINUTES, **_HOURS, **_DAYS, "P1M": 1440 * 30}
"""By period, about how many minutes it has."""


def created(call: Call) -> Answer:
    """One that takes the place of another of its type and marketplaces."""
    said = call.block("reportType", "marketplaceIds", "period")
    places = REPORTS.places(call, said["marketplaceIds"])
    if said["period"] not in PERIODS:
        raise invalid(f"Invalid 'period' provided: {said['period']}")
    mine = _mine(call)
    for id, one in [*mine.items()]:
        if one["reportType"] == said["reportType"] and one["marketplaceIds"] == places:
            del mine[id]
    id = call.world.id()
    next_time = call.world.now() + timedelta(minutes=PERIODS[said["period"]])
    mine[id] = {
        "reportScheduleId": id,
        "reportType": str(said["reportType"]),
        "marketplaceIds": places,
        "period": said["period"],
        "nextReportCreationTime": said.get("nextReportCreationTime") or text_of(next_time),
    }
    return Answer(201, {"reportScheduleId": id})


def listed(call: Call) -> Answer:
    """The seller's, of some types."""
    kinds = call.values("reportTypes")
    if not kinds:
        raise invalid("Missing required parameter 'reportTypes'.")
    found = [one for one in _mine(call).values() if one["reportType"] in kinds]
    return Answer(200, {"reportSchedules": found})


def shown(call: Call) -> Answer:
    """One of the seller's."""
    return Answer(200, _one(call))


def cancelled(call: Call) -> Answer:
    """It is gone."""
    del _mine(call)[_one(call)["reportScheduleId"]]
    return Answer(200, {})


def _mine(call: Call) -> dict[str, Json]:
    return call.world.schedules.setdefault(call.account.seller_id, {})


def _one(call: Call) -> Json:
    id = call.path["reportScheduleId"]
    found = _mine(call).get(id)
    if found is None:
        raise Refused(404, "NotFound", f"{id} is not found.")
    return found


OPERATIONS: Final = (
    Operation("getReportSchedules", "GET", _BASE, rate=0.0222, burst=10, handle=listed),
    Operation("createReportSchedule", "POST", _BASE, rate=0.0222, burst=10, handle=created),
    Operation("getReportSchedule", "GET", _ONE, rate=0.0222, burst=10, handle=shown),
    Operation("cancelReportSchedule", "DELETE", _ONE, rate=0.0222, burst=10, handle=cancelled),
)
