"""Field types that the kinds share. Comes in: nothing. Goes out: annotated types. Callers: the kinds.

Each constraint here is one that JSON Schema can say too, so that pydantic and the published schema accept
the same documents; a test holds them together. What needs arithmetic or another document is a rule.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


class Strict(BaseModel):
    """A block of a spec: unknown fields and silently converted values are errors."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, use_attribute_docstrings=True, defer_build=True
    )


def _real_date(text: str) -> str:
    datetime.date.fromisoformat(text)
    return text


NAME: Final = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
Name = Annotated[
    str,
    StringConstraints(pattern=NAME),
    Field(
        description="Lower-case letters, digits and hyphens; at most 63 characters.",
        examples=["amz-de"],
        json_schema_extra={"patternErrorMessage": "use lower-case letters, digits and hyphens, e.g. amz-de"},
    ),
]
LabelText = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$"),
    Field(description="A label's key or value: letters, digits and . _ / - inside."),
]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
SellerSku = Annotated[
    str,
    StringConstraints(pattern=r"^[!-~]([ -~]{0,38}[!-~])?$"),
    Field(
        description="At most 40 printable ASCII characters. Quote it when it looks like a number.",
        examples=["KTL-17-BLK"],
    ),
]
Asin = Annotated[
    str,
    StringConstraints(pattern=r"^(B[0-9A-Z]{9}|[0-9]{9}[0-9X])$"),
    Field(
        description="Amazon's item number: B and nine letters or digits, or an ISBN-10.",
        examples=["B0EXAMPLE1"],
    ),
]
Gtin = Annotated[
    str,
    StringConstraints(pattern=r"^([0-9]{8}|[0-9]{12,14})$"),
    Field(
        description="GTIN (EAN, UPC) of 8, 12, 13 or 14 digits, quoted; the check digit is verified.",
        examples=["4006381333931"],
    ),
]
Amount = Annotated[
    str,
    StringConstraints(pattern=r"^(0|[1-9][0-9]{0,12})(\.[0-9]{1,4})?$"),
    Field(
        description="An amount of money as a quoted decimal, in the currency's major unit.",
        examples=["49.99"],
        json_schema_extra={"patternErrorMessage": 'write the amount as a quoted decimal, e.g. "49.99"'},
    ),
]
Percent = Annotated[
    str,
    StringConstraints(pattern=r"^((0|[1-9][0-9]?)(\.[0-9]{1,4})?|100(\.0{1,4})?)$"),
    Field(description="A percentage as a quoted decimal from 0 to 100.", examples=["19", "5.5"]),
]
Decimal6 = Annotated[
    str,
    StringConstraints(pattern=r"^-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,8})?$"),
    Field(description="A decimal number, quoted."),
]
Factor = Annotated[
    str,
    StringConstraints(pattern=r"^([1-9][0-9]{0,8}(\.[0-9]{1,8})?|0\.0{0,7}[1-9][0-9]{0,7})$"),
    Field(description="A decimal number above zero, quoted.", examples=["1.15"]),
]
Currency = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{3}$"),
    Field(description="ISO 4217 currency code.", examples=["EUR", "JPY"]),
]
Country = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{2}$"),
    Field(
        description='ISO 3166-1 country code, quoted where YAML could misread it ("NO").',
        examples=["DE", "US"],
    ),
]
Territory = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{2}(-[A-Z0-9-]{1,20})?$|^(EU|EEA)$"),
    Field(
        description="A country, a subdivision of one (US-CA, DE-BUSINGEN), or a bloc (EU).",
        examples=["DE", "US-CA", "EU"],
    ),
]
Language = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z]{2,3}([_-][A-Za-z]{4})?([_-]([A-Za-z]{2}|[0-9]{3}))?$"),
    Field(
        description="Language tag (BCP 47), with underscore or hyphen: de_DE, es_419, zh_Hans.",
        examples=["de_DE", "es_419"],
    ),
]
Timezone = Annotated[
    str,
    StringConstraints(pattern=r"^(UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+){1,2})$"),
    Field(description="IANA time zone.", examples=["Europe/Berlin"]),
]


def _real_instant(value: str) -> str:
    """Refused where no calendar has it."""
    datetime.datetime.fromisoformat(value)
    return value


Date = Annotated[
    str,
    StringConstraints(pattern=r"^(19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}$"),
    AfterValidator(_real_date),
    Field(
        description="Calendar date, YYYY-MM-DD.",
        examples=["2026-11-27"],
        json_schema_extra={"format": "date"},
    ),
]
Instant = Annotated[
    str,
    StringConstraints(
        pattern=r"^(19|2[0-9])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?(Z|[+-][0-9]{2}:[0-9]{2})$"
    ),
    AfterValidator(_real_instant),
    Field(description="An instant with its zone, quoted.", examples=["2026-12-01T00:00:00Z"]),
]
Clock = Annotated[
    str,
    StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"),
    Field(
        description='Time of day HH:MM, quoted ("12:30" unquoted is 750 to some YAML readers).',
        examples=["14:00"],
    ),
]
LocalTime = Annotated[
    str,
    StringConstraints(
        pattern=r"^(19|2[0-9])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
    ),
    Field(description="Local date and time without offset, YYYY-MM-DDTHH:MM.", examples=["2026-11-27T00:00"]),
]
SecretRef = Annotated[
    str,
    StringConstraints(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|(file|keyring|vault):[!-~]+)$"),
    Field(
        description="Where a secret is kept: env:NAME, file:PATH or keyring:NAME. Never the secret itself.",
        examples=["env:ACME_EU_SPAPI"],
    ),
]
Sha256 = Annotated[
    str,
    StringConstraints(pattern=r"^sha256:[0-9a-f]{6,64}$"),
    Field(description="SHA-256 of the evidence.", examples=["sha256:9f86d081884c7d65"]),
]
Phone = Annotated[
    str,
    StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$"),
    Field(description="E.164 phone number, quoted.", examples=["+493012345678"]),
]


class Money(Strict):
    """An amount in a currency. Never a float."""

    currency: Currency
    value: Amount


class Selector(Strict):
    """Which stores (or SKUs) are meant: by name, by labels, or all of them; less the excluded.

    Labels given together must all match; a list of values means any of them. A selector that names
    nothing selects nothing: there is no silent "all".
    """

    names: list[Name] | None = None
    """Named one by one."""
    labels: dict[LabelText, LabelText | list[LabelText]] | None = None
    """All of these labels must match; a list means any of its values."""
    exclude: list[Name] | None = None
    """Left out, whatever else selects them."""
    all: bool | None = None
    """Every store. Must be said, never assumed."""
