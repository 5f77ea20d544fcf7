"""Places are data: one place has one code under all its names, and a country's name covers it only where the law does."""

from __future__ import annotations

import pytest

from acorn_gitops.model.territory import (
    EU,
    areas,
    by_postcode,
    canonical,
    countries,
    covers,
    in_eu,
    is_postcode,
    of_address,
    rates_at,
    state,
    subdivisions,
    territories,
)

TODAY = "2026-11-26"


def test_subdivisions_are_those_of_iso_3166_2() -> None:
    """Every code that pycountry has, and no other."""
    import pycountry

    theirs: dict[str, set[str]] = {}
    for one in pycountry.subdivisions:
        theirs.setdefault(one.country_code, set()).add(one.code)
    assert {country: subdivisions(country) for country in theirs} == theirs
    assert {one.alpha_2 for one in pycountry.countries} == countries()


def test_every_name_is_one_place() -> None:
    """No spelling stands for two places, and every area that a place lies within exists."""
    names = [name for one in territories().values() for name in (one.code, *one.names)]
    assert len(names) == len(set(names))
    for one in territories().values():
        assert all(canonical(area) is not None for area in one.within), one
        assert one.asked_with is None or one.asked_with in EU | {"GB"}, one


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ("FR-971 FR-GP GP", "FR-GP"),
        ("FR-974 FR-RE RE FR-LRE", "FR-RE"),
        ("FR-MF MF FR-978", "FR-MF"),
        ("ES-CN ES-GC ES-TF IC", "ES-CN"),
        ("FI-01 AX", "FI-01"),
        ("GB-NIR XI GB-BFS", "XI"),
        ("US-PR PR", "US-PR"),
        ("DE-BUSINGEN DE-BUESINGEN", "DE-BUSINGEN"),
        ("IT-MC", "IT-MC"),
        ("ES-PM", "ES-PM"),
    ],
)
def test_all_names_of_a_place_are_one(names: str, code: str) -> None:
    """ISO 3166-2, its country-code twin and older spellings; and what only looks like one stays itself (Macerata is not Monaco)."""
    assert {canonical(name) for name in names.split()} == {code}


@pytest.mark.parametrize("code", ["ES-ZZ", "ZZ", "FR-999", "US-XX", "EU-DE", "DE-DE", "es-cn", ""])
def test_a_place_that_is_not_there_is_none(code: str) -> None:
    """An error wherever it is written, never a place of its own."""
    assert canonical(code) is None


@pytest.mark.parametrize(
    ("place", "inside", "outside"),
    [
        ("ES-GC", "ES-CN", "ES EU EEA"),
        ("FR-974", "RE", "FR EU"),
        ("FR-2A", "FR EU", "FR-GP"),
        ("PT-20", "PT EU EEA", "PT-30 ES"),
        ("MC", "FR EU", "GB"),
        ("IM", "GB", "EU"),
        ("DE-HELGOLAND", "DE-HELGOLAND", "DE EU"),
        ("DE-BUSINGEN", "CH", "DE EU"),
        ("IT-CAMPIONE", "IT-CAMPIONE", "IT EU CH"),
        ("GR-69", "GR-69", "GR EU"),
        ("ES-CE", "EA", "ES EU ES-ML"),
        ("NO-21", "SJ", "NO EEA"),
        ("CN-HK", "HK", "CN"),
        ("US-PR", "PR", "US"),
        ("US-NY", "US", "US-CA"),
        ("LI", "CH EEA", "EU"),
    ],
)
def test_a_name_covers_what_the_law_says(place: str, inside: str, outside: str) -> None:
    """Directive 2006/112/EC Art. 6 and 7, and the laws that the table names."""
    assert [name for name in inside.split() if not covers(name, place)] == []
    assert [name for name in outside.split() if covers(name, place)] == []


def test_northern_ireland_is_both_by_the_other_end_of_a_sale() -> None:
    """The EU for goods from and to the EU and elsewhere abroad, the United Kingdom with Great Britain; its rates are the latter's."""
    assert covers("EU", "GB-NIR", "DE")
    assert not covers("GB", "GB-NIR", "DE")
    assert covers("EU", "XI", "CN")
    for other in ("GB", "GB-SCT", "IM", "XI"):
        assert covers("GB", "XI", other), other
        assert not covers("EU", "XI", other), other
    assert rates_at("XI", "standard", TODAY) == ["20"]
    assert state("XI") == "XI"
    assert in_eu("XI")
    assert areas("XI")[0] == "XI"


@pytest.mark.parametrize(
    ("place", "rate_class", "percent"),
    [
        ("PT-20", "standard", "16"),
        ("PT-30", "standard", "22"),
        ("PT-07", "standard", "23"),
        ("MC", "standard", "20"),
        ("IM", "standard", "20"),
        ("FR-974", "standard", "8.5"),
        ("ES-CE", "standard", None),
        ("CA-NS", "standard", "14"),
        ("CA-BC", "standard", None),
        ("PT-20", "superReduced", None),
    ],
)
def test_a_place_has_its_own_rates_or_those_of_its_state(
    place: str, rate_class: str, percent: str | None
) -> None:
    """Where it has a standard rate of its own, no class is borrowed."""
    assert rates_at(place, rate_class, TODAY) == ([] if percent is None else [percent])


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ({"countryCode": "DE", "postalCode": "78266"}, "DE-BUSINGEN"),
        ({"countryCode": "DE", "postalCode": "27498"}, "DE-HELGOLAND"),
        ({"countryCode": "DE", "postalCode": "10115"}, "DE"),
        ({"countryCode": "IT", "postalCode": "23041"}, "IT-LIVIGNO"),
        ({"countryCode": "IT", "postalCode": "22061"}, "IT-CAMPIONE"),
        ({"countryCode": "ES", "postalCode": "35001"}, "ES-CN"),
        ({"countryCode": "ES", "postalCode": "28001", "administrativeArea": "TF"}, "ES-CN"),
        ({"countryCode": "ES", "postalCode": "07001", "administrativeArea": "PM"}, "ES"),
        ({"countryCode": "FR", "postalCode": "97400"}, "FR-RE"),
        ({"countryCode": "FR", "postalCode": "97150"}, "FR-MF"),
        ({"countryCode": "FR", "postalCode": "98000"}, "MC"),
        ({"countryCode": "RE", "postalCode": "97400"}, "FR-RE"),
        ({"countryCode": "GB", "postalCode": "BT1 5GS"}, "XI"),
        ({"countryCode": "GB", "postalCode": "JE2 3AB"}, "JE"),
        ({"countryCode": "GB", "postalCode": "GY1 1AA"}, "GG"),
        ({"countryCode": "GB", "postalCode": "GX11 1AA"}, "GI"),
        ({"countryCode": "GB", "postalCode": "G1 1AA"}, "GB"),
        ({"countryCode": "NO", "postalCode": "9170"}, "SJ"),
        ({"countryCode": "NO", "postalCode": "9180"}, "NO"),
        ({"countryCode": "DK", "postalCode": "3900"}, "GL"),
        ({"countryCode": "DK", "postalCode": "100"}, "FO"),
        ({"countryCode": "DK", "postalCode": "1000"}, "DK"),
        ({"countryCode": "FI", "postalCode": "AX-22100"}, "FI-01"),
        ({"countryCode": "US", "postalCode": "00601"}, "US-PR"),
        ({"countryCode": "US", "postalCode": "00501"}, "US"),
        ({"countryCode": "AU", "postalCode": "2899"}, "NF"),
        ({"countryCode": "GB", "postalCode": "B1 1AA"}, "GB"),
        ({"countryCode": "PT", "postalCode": "9500-321"}, "PT-20"),
        ({"countryCode": "PT", "postalCode": "9000-045"}, "PT-30"),
        ({"countryCode": "US", "administrativeArea": "NY", "postalCode": "10001"}, "US-NY"),
        ({"countryCode": "US", "administrativeArea": "PR", "postalCode": "00901"}, "US-PR"),
        ({"countryCode": "CA", "administrativeArea": "BC", "postalCode": "V5K 0A1"}, "CA-BC"),
        ({"countryCode": "JP", "administrativeArea": "Tokyo", "postalCode": "100-0001"}, "JP"),
    ],
)
def test_an_address_lies_where_its_area_or_its_postcode_says(address: dict[str, str], place: str) -> None:
    """ISO has no code for Büsingen, Helgoland, Livigno and Campione: their postcodes are known."""
    assert of_address(address) == place


def test_a_postcode_means_something_in_its_country_only() -> None:
    """35001 is in the Canaries in Spain, and elsewhere it is not."""
    assert by_postcode("ES", "35001") == "ES-CN"
    assert by_postcode("DE", "35001") is None


@pytest.mark.parametrize("country", sorted({*EU, "GB"}))
def test_reduced_rates_agree_with_eu_vat_rates_data(country: str) -> None:
    """Every reduced rate of today, territories included: what the package counts to the country, and is one of an island, stands
    here under the island or is named as left out."""
    from decimal import Decimal

    import eu_vat_rates_data

    theirs = eu_vat_rates_data.get_rate(country)
    wanted = {Decimal(str(one)) for one in theirs["reduced"] or ()}
    if theirs["super_reduced"] is not None:
        wanted.add(Decimal(str(theirs["super_reduced"])))
    ours = {Decimal(one) for name in ("reduced", "superReduced") for one in rates_at(country, name, TODAY)}
    islands = {
        Decimal(one)
        for place in territories().values()
        if place.code.startswith(f"{country}-")
        for name in ("standard", "reduced")
        for one in rates_at(place.code, name, TODAY)
    }
    assert wanted - ours - islands == {Decimal(one) for one in LEFT_OUT.get(country, ())}
    assert ours - wanted == set()


LEFT_OUT = {
    "AT": ["19"],  # Jungholz and Mittelberg: for companies that are established there
    "FR": ["0.9", "1.05", "13"],  # Corsica
    "GR": ["4", "17"],  # some Aegean islands: for what is delivered there from there
}
"""Rates of the package that are no rate of a sale at a distance."""


@pytest.mark.parametrize(
    ("country", "postcode", "place"),
    [
        ("DE", "D-78266", "DE-BUSINGEN"),
        ("FR", "F-97400", "FR-RE"),
        ("FR", "974 00", "FR-RE"),
        ("ES", "E-38001", "ES-CN"),
        ("FI", "FIN-22100", "FI-01"),
        ("FI", "AX-22100", "FI-01"),
        ("US", "009011234", "US-PR"),
        ("US", "96799 1234", "US-AS"),
        ("PT", "9000001", "PT-30"),
        ("GR", "630 86", "GR-69"),
        ("IT", "I-23041", "IT-LIVIGNO"),
        ("IT", "23030", None),
        ("IT", "22060", None),
        ("IT", "22061", "IT-CAMPIONE"),
        ("GB", "BT1 1AA", "XI"),
        ("US", "00901-1234", "US-PR"),
        ("DK", "100", "FO"),
        ("FI", "AX-22100", "FI-01"),
        ("US", "009011234", "US-PR"),
        ("US", "96799 1234", "US-AS"),
    ],
)
def test_a_postcode_means_its_place_however_it_is_written(
    country: str, postcode: str, place: str | None
) -> None:
    """Letters of the country and blanks change nothing; codes that ordinary towns share name no special place."""
    assert is_postcode(country, postcode)
    assert by_postcode(country, postcode) == place


@pytest.mark.parametrize(("country", "postcode"), [("FR", "97"), ("ES", "35"), ("IT", "022061"), ("FR", "FR97400"), ("DE", "7826A"), ("AT", "66911"), ("DE", "782-66"), ("DE", "78266-"), ("IT", "²3041"), ("DE", "７８２６６"), ("ES", "3-5001"), ("US", "009-01"), ("FI", "AX22-100")])  # fmt: skip
def test_what_is_no_postcode_is_none(country: str, postcode: str) -> None:
    """It would silently be the mainland."""
    assert not is_postcode(country, postcode)
