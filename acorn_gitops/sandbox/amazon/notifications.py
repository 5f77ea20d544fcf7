"""Notifications v1: where messages are to go, and which are wanted. None is ever sent: there is no queue in
this world to put it in."""

from __future__ import annotations

import re
from typing import Final

from acorn_gitops.sandbox.amazon.call import Answer, Call, Json, Operation, Refused, invalid

_BASE: Final = "/notifications/v1"
_WANTED: Final = f"{_BASE}/subscriptions/{{notificationType}}"
_QUEUE: Final = re.compile(r"arn:aws:sqs:\S+:\S+:\S+")


def destined(call: Call) -> Answer:
    """A destination, for the application and all of its sellers."""
    said = call.block("name", "resourceSpecification")
    wanted = said["resourceSpecification"]
    queue, bus = wanted.get("sqs"), wanted.get("eventBridge")
    if (queue is None) == (bus is None):
        raise invalid("One of 'sqs' and 'eventBridge' must be given.")
    if queue is not None and not _QUEUE.fullmatch(str(queue.get("arn", ""))):
        raise invalid("Invalid 'arn' provided.")
    if any(one["resource"] == {"sqs": queue} for one in call.world.destinations.values()):
        raise Refused(409, "Conflict", "Destination already exists.")
    resource: Json = {"sqs": {"arn": queue["arn"]}} if queue is not None else {"eventBridge": _bus(bus)}
    id = call.world.id()
    made: Json = {"name": str(said["name"]), "destinationId": id, "resource": resource}
    call.world.destinations[id] = made
    return Answer(200, {"payload": made})


def _bus(said: Json) -> Json:
    account = str(said["accountId"])
    name = f"aws.partner/sellingpartnerapi.amazon.com/{account}"
    return {"name": name, "region": str(said["region"]), "accountId": account}


def destinations(call: Call) -> Answer:
    """All of them."""
    return Answer(200, {"payload": [*call.world.destinations.values()]})


def destination(call: Call) -> Answer:
    """One."""
    return Answer(200, {"payload": _destination(call, call.path["destinationId"])})


def forgotten(call: Call) -> Answer:
    """One is gone; not while somebody wants messages there."""
    found = _destination(call, call.path["destinationId"])
    held = (one for wanted in call.world.subscriptions.values() for one in wanted.values())
    if any(one["destinationId"] == found["destinationId"] for one in held):
        raise Refused(409, "Conflict", "Destination has subscriptions.")
    del call.world.destinations[found["destinationId"]]
    return Answer(200, {})


def subscribed(call: Call) -> Answer:
    """A seller's messages of one type are wanted there; one subscription for each type."""
    said = call.block("payloadVersion", "destinationId")
    if str(said["destinationId"]) not in call.world.destinations:
        raise invalid("Invalid 'destinationId' provided.")
    directive = said.get("processingDirective") or {}
    if len({"eventFilter", "filterExpression"} & directive.keys()) > 1:
        raise invalid("'processingDirective' takes one of 'eventFilter' and 'filterExpression'.")
    mine, kind = _mine(call), call.path["notificationType"]
    if kind in mine:
        raise Refused(409, "Conflict", f"Subscription already exists for notification type: {kind}")
    made = {
        "subscriptionId": call.world.id(),
        "payloadVersion": str(said["payloadVersion"]),
        "destinationId": str(said["destinationId"]),
    }
    mine[kind] = made | ({"processingDirective": directive} if directive else {})
    return Answer(200, {"payload": mine[kind]})


def subscription(call: Call) -> Answer:
    """The seller's of one type."""
    return Answer(200, {"payload": _wanted(call)})


def subscriptions(call: Call) -> Answer:
    """The seller's, or those of some types."""
    kinds = call.values("notificationTypes")
    found = [one for kind, one in sorted(_mine(call).items()) if not kinds or kind in kinds]
    return Answer(200, {"payload": {"subscriptions": found}})


def subscription_by_id(call: Call) -> Answer:
    """One of any seller, for the application."""
    return Answer(200, {"payload": _by_id(call)[1]})


def unsubscribed(call: Call) -> Answer:
    """One is gone, for the application."""
    seller, _ = _by_id(call)
    del call.world.subscriptions[seller][call.path["notificationType"]]
    return Answer(200, {})


def _destination(call: Call, id: str) -> Json:
    found = call.world.destinations.get(id)
    if found is None:
        raise Refused(404, "NotFound", f"Destination {id} is not found.")
    return found


def _mine(call: Call) -> dict[str, Json]:
    return call.world.subscriptions.setdefault(call.account.seller_id, {})


def _wanted(call: Call) -> Json:
    kind = call.path["notificationType"]
    if kind not in _mine(call):
        raise _none(kind)
    return _mine(call)[kind]


def _by_id(call: Call) -> tuple[str, Json]:
    kind, id = call.path["notificationType"], call.path["subscriptionId"]
    for seller, wanted in call.world.subscriptions.items():
        if kind in wanted and wanted[kind]["subscriptionId"] == id:
            return seller, wanted[kind]
    raise _none(kind)


def _none(kind: str) -> Refused:
    words = f"Subscription doesn't exist for notification type: {kind}"
    return Refused(404, "NotFound", "The resource specified doesn't exist.", details=words)


OPERATIONS: Final = (
    Operation("getSubscriptions", "GET", f"{_BASE}/subscriptions", rate=1, burst=5, handle=subscriptions),
    Operation("getSubscription", "GET", _WANTED, rate=1, burst=5, handle=subscription),
    Operation("createSubscription", "POST", _WANTED, rate=1, burst=5, handle=subscribed),
    Operation(
        "getSubscriptionById",
        "GET",
        f"{_WANTED}/{{subscriptionId}}",
        rate=1,
        burst=5,
        handle=subscription_by_id,
        grantless=True,
    ),
    Operation(
        "deleteSubscriptionById",
        "DELETE",
        f"{_WANTED}/{{subscriptionId}}",
        rate=1,
        burst=5,
        handle=unsubscribed,
        grantless=True,
    ),
    Operation(
        "getDestinations",
        "GET",
        f"{_BASE}/destinations",
        rate=1,
        burst=5,
        handle=destinations,
        grantless=True,
    ),
    Operation(
        "createDestination", "POST", f"{_BASE}/destinations", rate=1, burst=5, handle=destined, grantless=True
    ),
    Operation(
        "getDestination",
        "GET",
        f"{_BASE}/destinations/{{destinationId}}",
        rate=1,
        burst=5,
        handle=destination,
        grantless=True,
    ),
    Operation(
        "deleteDestination",
        "DELETE",
        f"{_BASE}/destinations/{{destinationId}}",
        rate=1,
        burst=5,
        handle=forgotten,
        grantless=True,
    ),
)
