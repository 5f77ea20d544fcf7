"""SKU codes: what is the same code to people and spreadsheets. Comes in: text. Goes out: text. Callers: rules
`sku`, cli `sku`."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_GAPS: Final = re.compile(r"[\s/]+")
_OTHERS: Final = re.compile(r"[^A-Z0-9._-]+")
_HYPHENS: Final = re.compile(r"-{2,}")
_FOLD: Final = re.compile(r"[\s/_.-]+")


def normal_form(text: str) -> str:
    """How the code would be written: NFKC, upper case, letters, digits, dot, underscore and single hyphens,
    at most 40 of them."""
    upper = unicodedata.normalize("NFKC", text).strip().upper()
    tidy = _OTHERS.sub("-", _GAPS.sub("-", upper))
    return _HYPHENS.sub("-", tidy).strip("-._")[:40].rstrip("-._")


def collision_key(text: str) -> str:
    """Equal where people take two codes for one: in NFKC and upper case, with spaces, slash, underscore, dot
    and hyphen as one. Never written anywhere."""
    return _FOLD.sub("-", unicodedata.normalize("NFKC", text).upper()).strip("-")
