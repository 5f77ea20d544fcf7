"""Sellers v1: in which marketplaces an account takes part, and what kind of account it is."""

from __future__ import annotations

from typing import Final

from acorn_gitops.model.reference import AmazonMarketplace, amazon_marketplaces
from acorn_gitops.sandbox.amazon.call import Answer, Call, Json, Operation


def participations(call: Call) -> Answer:
    """Every marketplace of the account's region in which it takes part."""
    return Answer(200, {"payload": _participations(call)})


def account(call: Call) -> Answer:
    """The account; of a seller nobody else knows more than this."""
    contact = {"addressLine1": "1 Emulator Street", "countryCode": "US", "city": "Seattle"}
    return Answer(
        200,
        {
            "payload": {
                "businessType": "PRIVATE_LIMITED",
                "sellingPlan": "PROFESSIONAL",
                "marketplaceParticipationList": _participations(call),
                "business": {"name": "Emulated Seller Ltd", "registeredBusinessAddress": contact},
                "primaryContact": {"name": "Emulated Person", "address": contact},
            }
        },
    )


def _participations(call: Call) -> list[Json]:
    known = amazon_marketplaces()
    return [_one(known[id], name) for id, name in sorted(call.account.marketplaces.items())]


def _one(row: AmazonMarketplace, store: str) -> Json:
    return {
        "marketplace": {
            "id": row.marketplace_id,
            "countryCode": row.country,
            "name": row.domain.capitalize(),
            "defaultCurrencyCode": row.currency,
            "defaultLanguageCode": row.languages[0],
            "domainName": f"www.{row.domain}",
        },
        "storeName": store,
        "participation": {"isParticipating": True, "hasSuspendedListings": False},
    }


OPERATIONS: Final = (
    Operation(
        "getMarketplaceParticipations",
        "GET",
        "/sellers/v1/marketplaceParticipations",
        rate=0.016,
        burst=15,
        handle=participations,
    ),
    Operation("getAccount", "GET", "/sellers/v1/account", rate=0.016, burst=15, handle=account),
)
