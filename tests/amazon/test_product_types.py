"""Amazon's own keywords in the schemas of product types are heard."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.rules.product_type_schema import product_type_validator

META = "https://schemas.amazon.com/selling-partners/definitions/product-types/meta-schema/v1"
BULLETS = {
    "type": "array",
    "selectors": ["marketplace_id", "language_tag"],
    "minUniqueItems": 1,
    "maxUniqueItems": 2,
    "items": {
        "type": "object",
        "required": ["value"],
        "properties": {"value": {"type": "string", "maxUtf8ByteLength": 6, "minUtf8ByteLength": 2}},
    },
}
SCHEMA = {"$schema": META, "type": "object", "properties": {"bullet_point": BULLETS}, "editable": True}
REAL = Path(
    os.environ.get("ACORN_PRODUCT_TYPES") or Path(__file__).parents[3] / "shared" / "amazon" / "product-types"
)


def wrong(bullets: Any, schema: Any = None) -> list[str]:
    """What is wrong with these."""
    made = product_type_validator(schema or SCHEMA)
    return sorted(error.message for error in made.iter_errors({"bullet_point": bullets}))


def bullet(value: str = "abc", language: str = "de_DE", **more: Any) -> dict[str, Any]:
    return {"value": value, "language_tag": language, "marketplace_id": "A1PA6795UKMFR9", **more}


@pytest.mark.parametrize(
    "bullets",
    [
        [bullet()],
        [bullet(), bullet()],
        [bullet(), bullet(), bullet(language="en_GB"), bullet(language="en_GB")],
        [bullet("äöü")],
    ],
)
def test_what_fits_fits(bullets: Any) -> None:
    """So many for each combination of selectors; six bytes."""
    assert wrong(bullets) == []


@pytest.mark.parametrize(
    ("bullets", "words"),
    [
        (
            [bullet(), bullet(), bullet()],
            "3 items with marketplace_id A1PA6795UKMFR9, language_tag de_DE, and 2 is the most",
        ),
        ([{"value": "abc"}] * 3, "3 items, and 2 is the most"),
        ([bullet("äöüß")], "'äöüß' has more than 6 bytes in UTF-8"),
        ([bullet("a")], "'a' has fewer than 2 bytes in UTF-8"),
        ([{}], "'value' is a required property"),
    ],
)
def test_what_does_not_is_told(bullets: Any, words: str) -> None:
    """Plain JSON Schema passes all but the last."""
    assert words in wrong(bullets)


@pytest.mark.parametrize("items", [None, 5, "text", [1, "a", None], [[]], {}])
def test_what_is_no_list_of_objects_is_no_error_of_ours(items: Any) -> None:
    """The type is another keyword's to tell."""
    assert all("items" not in words or "most" in words for words in wrong(items))


if REAL.is_dir():  # Amazon's own schemas lie beside the project, where somebody has them, and not in it

    @pytest.mark.parametrize("country", ["us", "de", "jp", "fr"])
    def test_real_schemas_of_amazon_are_understood(country: str) -> None:
        """HOME, in four countries: too many bullet points and too long a title are told."""
        schema = json.loads((REAL / f"HOME-{country}.json").read_bytes())
        most = schema["properties"]["bullet_point"]["maxUniqueItems"]
        validator = product_type_validator(schema)
        place = {"marketplace_id": "A", "language_tag": "de_DE"}

        def told(**attributes: Any) -> list[str]:
            return [
                e.message
                for e in validator.iter_errors(attributes)
                if "items with" in e.message or "bytes" in e.message
            ]

        few = [{"value": "x", **place}] * most
        assert told(bullet_point=few) == []
        assert len(told(bullet_point=[*few, few[0]])) == 1
        offer = {"marketplace_id": "A", "currency": "EUR", "audience": "ALL"}
        assert len(told(purchasable_offer=[offer, offer])) == 1
        assert told(purchasable_offer=[offer, {**offer, "audience": "B2B"}]) == []
