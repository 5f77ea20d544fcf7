"""Listings Restrictions 2021-08-01: why a seller may not offer a product. None where nobody said so."""

from __future__ import annotations

from typing import Final

from acorn_gitops.sandbox.amazon.call import Answer, Call, Operation, Refused, invalid

REASONS: Final = ("APPROVAL_REQUIRED", "ASIN_NOT_FOUND", "NOT_ELIGIBLE")


def restricted(call: Call) -> Answer:
    """What stands against an offer, by marketplace."""
    missing = [name for name in ("asin", "sellerId") if not call.query.get(name)]
    if missing:
        raise invalid(f"Missing required parameter '{missing[0]}'.")
    if call.query["sellerId"] != call.account.seller_id:
        raise Refused(403, "Unauthorized", "Access to requested resource is denied.")
    asin, condition = call.query["asin"], call.query.get("conditionType", "")
    rows = []
    for place in call.marketplaces():
        reason = call.world.restrictions.get((asin, place))
        if reason is not None:
            code, words = reason
            row = {"marketplaceId": place, "reasons": [{"message": words, "reasonCode": code}]}
            rows.append(row | ({"conditionType": condition} if condition else {}))
    return Answer(200, {"restrictions": rows})


OPERATIONS: Final = (
    Operation(
        "getListingsRestrictions",
        "GET",
        "/listings/2021-08-01/restrictions",
        rate=5,
        burst=10,
        handle=restricted,
    ),
)
