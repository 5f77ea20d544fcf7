"""Product Type Definitions 2020-09-01: which product types there are, and the JSON Schema of each, behind a
link that is good for some minutes. Without any of its own a world has one, PRODUCT."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final

import orjson

from acorn_gitops.model.reference import amazon_marketplaces
from acorn_gitops.sandbox.amazon.call import Answer, Call, Json, Operation, Refused, invalid
from acorn_gitops.sandbox.amazon.world import World

_BASE: Final = "/definitions/2020-09-01/productTypes"
META: Final = "https://schemas.amazon.com/selling-partners/definitions/product-types/meta-schema/v1"
_SETS: Final = ("LISTING", "LISTING_PRODUCT_ONLY", "LISTING_OFFER_ONLY")


def _attribute(title: str, kind: Json) -> Json:
    item = {
        "type": "object",
        "required": ["value"],
        "properties": {"value": {"title": title, **kind}, "marketplace_id": {"type": "string"}},
    }
    return {"title": title, "type": "array", "minItems": 1, "selectors": ["marketplace_id"], "items": item}


PRODUCT: Final[Json] = {
    "$schema": META,
    "type": "object",
    "required": ["item_name", "brand"],
    "properties": {
        "item_name": _attribute("Title", {"type": "string", "maxLength": 200, "examples": ["Kettle, black"]}),
        "brand": _attribute("Brand", {"type": "string", "maxLength": 100}),
        "color": _attribute("Colour", {"type": "string", "enum": ["Black", "Red", "White"]}),
    },
}


def searched(call: Call) -> Answer:
    """Those whose name holds one of the keywords; all of them without any."""
    places = call.marketplaces()
    words = [word.upper() for word in call.values("keywords")]
    names = sorted(name for name in known(call.world) if not words or any(word in name for word in words))
    rows = [
        {"name": name, "displayName": name.replace("_", " ").capitalize(), "marketplaceIds": places}
        for name in names
    ]
    return Answer(200, {"productTypes": rows, "productTypeVersion": _VERSION})


def defined(call: Call) -> Answer:
    """One of them, for one marketplace."""
    (place,) = call.marketplaces(most=1)
    name = call.path["productType"]
    schema = known(call.world).get(name)
    if schema is None:
        raise Refused(404, "NOT_FOUND", f"Unable to find definition for product type {name}.")
    wanted = call.query.get("requirements", "LISTING")
    if wanted not in _SETS:
        raise invalid(f"Invalid 'requirements' provided: {wanted}")
    spoken = amazon_marketplaces()[place].languages[0]
    locale = call.query.get("locale", "DEFAULT")
    return Answer(
        200,
        {
            "metaSchema": _link(call, b"{}"),
            "schema": _link(call, orjson.dumps(schema)),
            "requirements": wanted,
            "requirementsEnforced": call.query.get("requirementsEnforced", "ENFORCED"),
            "propertyGroups": {
                "product_identity": {"title": "Identity", "propertyNames": sorted(schema["properties"])}
            },
            "locale": spoken if locale == "DEFAULT" else locale,
            "marketplaceIds": [place],
            "productType": name,
            "displayName": name.capitalize(),
            "productTypeVersion": {"version": _VERSION, "latest": True, "releaseCandidate": False},
        },
    )


def known(world: World) -> dict[str, Any]:
    """Schemas by name."""
    return world.product_types or {"PRODUCT": PRODUCT}


def _link(call: Call, content: bytes) -> Json:
    documents = call.world.documents
    address = documents.address(documents.new("application/json", content))
    checksum = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    return {"link": {"resource": f"{call.base}{address}", "verb": "GET"}, "checksum": checksum}


_VERSION: Final = "UHqSqmb4FNUk="
OPERATIONS: Final = (
    Operation("searchDefinitionsProductTypes", "GET", _BASE, rate=5, burst=10, handle=searched),
    Operation(
        "getDefinitionsProductType", "GET", f"{_BASE}/{{productType}}", rate=5, burst=10, handle=defined
    ),
)
