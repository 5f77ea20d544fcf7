"""One spelling of an address. Comes in: an address block. Goes out: its normal form and digest. Callers:
rules, cli.

The digest is what was verified: whoever edits a part that counts has an unverified address again. Case, width
of letters and spaces do not count; a phone number does not, either.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from typing import Any


def normal_form(address: Mapping[str, Any]) -> str:
    """Country, area, city, postcode and lines, each in Unicode NFKC, folded, with single spaces."""
    parts = [
        address.get(name) or "" for name in ("countryCode", "administrativeArea", "locality", "postalCode")
    ]
    return "\n".join(_plain(part) for part in [*parts, *(address.get("lines") or ())])


def address_hash(address: Mapping[str, object]) -> str:
    """`sha256:` and the digest of the normal form."""
    return "sha256:" + hashlib.sha256(normal_form(address).encode()).hexdigest()


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
