"""Places, as taxes on sales see them. Comes in: a code as a spec, a shop or an address has it. Goes out: the
one code of that place, the areas whose name covers it, and where it stands in the tables of rates. Callers:
engines, rules, cli `tax`.

A country's name covers a part of it only where the law does: the Canary Islands are Spain and no part of the
VAT area, the Azores are a part with rates of their own, Monaco is none of France and taxed as if it were.
Northern Ireland is the United Kingdom for goods from and to Great Britain, and the EU for goods from and to
the EU. `data/territories.json` says it for each place, with its source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

from acorn_gitops.model.reference import rate_periods, rates_on, table

EU: Final = frozenset(
    [
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IE",
        "IT",
        "LT",
        "LU",
        "LV",
        "MT",
        "NL",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
    ]
)
"""Member states (Treaty on European Union; unchanged since 2020-02-01)."""
BLOCS: Final[dict[str, frozenset[str]]] = {"EU": EU, "EEA": EU | {"IS", "LI", "NO"}}
NORTHERN_IRELAND: Final = "XI"
_BRITAIN: Final = "GB"
_USED: Final = frozenset({NORTHERN_IRELAND, "XK"})
"""Codes that are used and not in ISO 3166-1: Northern Ireland, Kosovo."""


class Territory(NamedTuple):
    """A place whose tax is not simply that of the country that its code begins with. `within`: areas whose
    name covers it too; `asked_with`: the country whose sellers are asked about it; `postcodes`: by country of
    the address, a pattern."""

    code: str
    names: tuple[str, ...]
    within: tuple[str, ...]
    asked_with: str | None
    postcodes: Mapping[str, str]
    note: str
    source: str


@cache
def territories() -> dict[str, Territory]:
    """Every such place by its code."""
    rows = table("territories")["territories"]
    return {
        row["code"]: Territory(
            row["code"],
            tuple(row["names"]),
            tuple(row["within"]),
            asked_with=row.get("askedWith"),
            postcodes=row.get("postcodes") or {},
            note=row["note"],
            source=row["source"],
        )
        for row in rows
    }


@cache
def countries() -> frozenset[str]:
    """ISO 3166-1 codes of countries, by the tz database's copy."""
    text = (files("tzdata.zoneinfo") / "iso3166.tab").read_text(encoding="utf-8")
    return frozenset(line[:2] for line in text.splitlines() if line and not line.startswith("#"))


@cache
def subdivisions(country: str) -> frozenset[str]:
    """ISO 3166-2 codes of a country's parts, whole (`DE-BY`)."""
    parts = _subdivisions().get(country, "")
    return frozenset(f"{country}-{part}" for part in parts.split())


@cache
def _subdivisions() -> dict[str, str]:
    found: dict[str, str] = table("subdivisions")["subdivisions"]
    return found


@cache
def _names() -> dict[str, str]:
    return {name: one.code for one in territories().values() for name in (one.code, *one.names)}


@cache
def canonical(code: str) -> str | None:
    """The one code of a place; None where there is no such place. Blocs are no places."""
    if code in _names():
        return _names()[code]
    country, _, part = code.partition("-")
    if country not in countries() and country not in _USED:
        return None
    return code if not part or code in subdivisions(country) else None


def country_of_code(code: str) -> str:
    """The country that a place's code begins with."""
    return (canonical(code) or code).partition("-")[0]


@cache
def _alone(place: str) -> tuple[str, ...]:
    """A place, and what covers it whatever the other end of a sale is."""
    code = canonical(place) or place
    special = territories().get(code)
    if special is None:
        country, _, part = code.partition("-")
        return (code, country) if part else (code,)
    found = [code]
    for area in special.within:
        found += [one for one in _alone(area) if one not in found]
    return tuple(found)


@cache
def areas(place: str, other: str | None = None) -> tuple[str, ...]:
    """A place and all areas whose name covers it, the smallest first: `PT-20, PT, EU, EEA`. `other` is the
    other end of a sale of goods; it decides for Northern Ireland alone, which without one belongs to both
    sides."""
    found = list(_alone(place))
    if found[0] == NORTHERN_IRELAND:
        with_britain = other is not None and _alone(other)[-1] in (_BRITAIN, NORTHERN_IRELAND)
        if other is None or with_britain:
            found.append(_BRITAIN)
        if other is None or not with_britain:
            found += ["EU", "EEA"]
        return tuple(found)
    return (*found, *(bloc for bloc, members in BLOCS.items() if not members.isdisjoint(found)))


def covers(named: str, place: str, other: str | None = None) -> bool:
    """Whether the name of an area (a place, a country, a bloc) covers a place, for taxes on sales."""
    return (canonical(named) or named) in areas(place, other)


def state(place: str) -> str:
    """The country whose tax it is: France for Monaco, Portugal for the Azores; the place itself where it
    belongs to none."""
    return _alone(place)[-1]


def in_eu(place: str, other: str | None = None) -> bool:
    """Whether a place lies in the EU's VAT area, for goods."""
    return "EU" in areas(place, other)


def specificity(named: str) -> int:
    """How specific the name of an area is: 3 a part of a country, 2 a country, 1 a bloc."""
    if named in BLOCS:
        return 1
    code = canonical(named) or named
    return 3 if "-" in code or code in territories() else 2


def rate_places(place: str) -> tuple[str, ...]:
    """Where a place's rates stand in the tables, the most special first. Northern Ireland has the United
    Kingdom's."""
    code = _alone(place)
    return (*code, _BRITAIN) if code[0] == NORTHERN_IRELAND else code


@cache
def rates_at(place: str, rate_class: str, day: str) -> list[str]:
    """The percentages of a class in a place on a day (ISO text): its own where it has a standard rate of its
    own, else those of the country that it belongs to for taxes on sales."""
    for code in rate_places(place):
        if any(p.country == code and p.rate_class == "standard" for p in rate_periods()):
            return sorted(set(rates_on(code, rate_class, day)))
    return []


def asked_beside(countries: Iterable[str]) -> set[str]:
    """Places that whoever sells to these countries is asked about as well."""
    named = set(countries)
    return {one.code for one in territories().values() if one.asked_with in named}


def of_address(address: Mapping[str, object]) -> str:
    """Where an address lies: its country, or the special place that its area or its postcode names; the state
    or province where sales tax is theirs (United States, Canada)."""
    country = str(address["countryCode"])
    area = str(address.get("administrativeArea") or "")
    code = area if area.startswith(f"{country}-") else f"{country}-{area}"
    known = canonical(code) if area else None
    if known is not None and (known in territories() or country in ("US", "CA")):
        return known
    return by_postcode(country, str(address.get("postalCode") or "")) or canonical(country) or country


def by_postcode(country: str, postcode: str) -> str | None:
    """The special place that a postcode of a country belongs to; None where it belongs to none. Letters of a
    country before it and blanks in it mean nothing: D-78266, 974 00."""
    text = _plain_postcode(country, postcode)
    for one in territories().values():
        pattern = one.postcodes.get(country)
        if text and pattern is not None and re.match(pattern, text):
            return one.code
    return None


_DIGITS: Final[Mapping[str, int]] = {
    "AT": 4, "AU": 4, "DE": 5, "DK": 4, "ES": 5, "FI": 5, "FR": 5, "GR": 5, "IT": 5, "NO": 4, "PT": 7, "US": 5,
}  # fmt: skip
"""Digits of a postcode, in countries where some name a place of its own (Universal Postal Union, addressing
systems). The Faroe Islands have three, PT may be cut to four, US has nine with its extension."""
_SHORTER: Final[Mapping[str, tuple[int, ...]]] = {"DK": (3,), "PT": (4,), "US": (9,)}
_HYPHEN: Final[Mapping[str, str]] = {
    "PT": r"^([0-9]{4})-([0-9]{3})$",
    "US": r"^([0-9]{5})-([0-9]{4})$",
}


def is_postcode(country: str, postcode: str) -> bool:
    """Whether a text can be a postcode of a country, as far as acorn knows: where some postcodes name a place
    with a tax of its own, one of another form would silently mean the rest of the country."""
    text = _plain_postcode(country, postcode)
    wanted = _DIGITS.get(country)
    if wanted is None or not text:
        return True
    if country == "FI":
        text = text.removeprefix("AX")
    # A hyphen stands where a country writes one, and nowhere else: elsewhere the text would name another
    # place.
    text = re.sub(_HYPHEN[country], r"\1\2", text) if country in _HYPHEN else text
    lengths = (wanted, *_SHORTER.get(country, ()))
    return re.fullmatch(r"[0-9]+", text) is not None and len(text) in lengths


def _plain_postcode(country: str, postcode: str) -> str:
    text = "".join(postcode.upper().split())
    if country not in _DIGITS:
        return postcode.strip().upper()
    text = re.sub(r"^AX-(?=[0-9])", "AX", text)
    text = re.sub(r"^(?!AX)[A-Z]{1,3}-(?=[0-9])", "", text)
    if country == "PT" and re.fullmatch(r"[0-9]{7}", text):
        text = f"{text[:4]}-{text[4:]}"
    if country == "US" and re.fullmatch(r"[0-9]{9}", text):
        text = f"{text[:5]}-{text[5:]}"
    return text


def nearest(code: str) -> str:
    """A place that may have been meant, in words of a remedy."""
    import difflib

    country, _, part = code.partition("-")
    if not part or country not in countries():
        return "ISO 3166, e.g. DE; a part of a country like US-NY or ES-CN"
    known = sorted({*subdivisions(country), *(n for n in _names() if n.startswith(f"{country}-"))})
    close = difflib.get_close_matches(code, known, n=3, cutoff=0.5)
    return f"did you mean {', '.join(close or known[:6])}?" if known else f"{country} has no such parts"
