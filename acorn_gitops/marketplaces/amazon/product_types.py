"""The schema of a product type, as Amazon has it for a marketplace and a language. Comes in: a client. Goes
out: the schema's bytes, checked by Amazon's own checksum. Caller: `adapter`.

Schemas are written into the repository and reviewed there: what is validated is never fetched by the way.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

import orjson

from acorn_gitops.confine.text import one_line
from acorn_gitops.marketplaces.amazon import operations as op
from acorn_gitops.marketplaces.amazon.client import Client, Missing
from acorn_gitops.marketplaces.by_looking import Raw
from acorn_gitops.model.finding import MarketplaceError


def schema_of(client: Client, name: str, marketplace: str, *, seller: str, language: str) -> bytes:
    """One schema, with what is required of a new product. MarketplaceError where Amazon has none, or what
    comes is not what it says."""
    query = {
        "marketplaceIds": marketplace,
        "sellerId": seller,
        "requirements": "LISTING",
        "locale": language or "DEFAULT",
    }
    try:
        said: Raw = client.call(op.GET_PRODUCT_TYPE, {"productType": name}, query)
    except Missing:
        raise MarketplaceError(
            f"Amazon has no product type {one_line(name, 60)} in this marketplace",
            hint="Seller Central shows the product type of a listing; names are in capitals, like HOME",
        ) from None
    link = said["schema"]
    content = client.fetch(str(link["link"]["resource"]))
    checksum = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    if not hmac.compare_digest(checksum, str(link["checksum"])):
        raise MarketplaceError(f"the schema of {name} is not what its checksum says", hint="run it again")
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("properties"), dict):
        raise MarketplaceError(f"what Amazon has for {name} is no schema", hint="run it again")
    return content
