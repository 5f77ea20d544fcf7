"""What was answered wrongly once, and its neighbours: people in any spelling, promotions that are over, languages, names of imported
codes, words of wrong types, approvals that roles ask for, stores with another name, fees of coupons."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from acorn_gitops.engines.access import subject
from acorn_gitops.model.language import canonical_tag
from acorn_gitops.model.reference import coupon_fee, rates_on
from acorn_gitops.model.resource import Address
from acorn_gitops.sandbox import disturb
from acorn_gitops.sandbox.database import Database
from acorn_gitops.specs import gate
from tests.repository import PROJECT, Repository, changes, document, promo, sku, storefront


def desk(*people: str, **more: Any) -> dict[str, Any]:
    """A role for these people."""
    subjects = [{"kind": "user", "id": one, "employment": "employee", "mfa": True} for one in people]
    rules = [{"resources": ["order"], "verbs": ["read"]}]
    return document(
        "RolePermission", "desk", {"subjects": subjects, "stores": {"all": True}, "rules": rules, **more}
    )


def grants(made: Repository) -> set[str]:
    """Live grants."""
    return {name.partition("/grant/")[2] for name in made.live() if "/grant/" in name}


# -- people --------------------------------------------------------------------------------------------------


def test_a_person_is_one_subject_in_any_spelling(tmp_path: Path) -> None:
    """Given, seen, respelt and revoked (cases report-26 and report-27)."""
    made = Repository(tmp_path / "r", storefront(), desk("Ada@Example.com", "bo@example.com"))
    made.apply()
    assert grants(made) == {"desk:user:ada@example.com", "desk:user:bo@example.com"}
    for spelling in ("ada@example.com", "ADA@EXAMPLE.COM", "Ada@example.com"):
        made.write(storefront(), desk(spelling, "bo@example.com"))
        assert made.plan()["changes"] == []
    made.write(storefront(), desk("bo@example.com"))
    made.apply()
    assert grants(made) == {"desk:user:bo@example.com"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ada@Example.com", " ada@example.com ", True),
        ("x@münchen.example", "x@xn--mnchen-3ya.example", True),
        ("x@MÜNCHEN.example", "x@münchen.example.", True),
        ("x@example.com.", "x@example.com", True),
        ("x@münchen.example", "x@munchen.example", False),
        ("josé@example.com", "jose@example.com", False),
        ("x@xn--", "x@xn--a", False),
    ],
)
def test_one_person_has_one_name(one: str, other: str, same: bool) -> None:
    """In any letter case, with a domain in either of its forms."""
    assert (subject("user", one) == subject("user", other)) is same


@pytest.mark.parametrize("live", ["Ada@Example.com", "ada@example.com"])
def test_a_marketplace_may_keep_another_spelling(live: str, tmp_path: Path) -> None:
    """What is there is what was given: no second grant, no drift, and whoever leaves the spec loses the right."""
    made = Repository(tmp_path / "r", storefront(), desk("bo@example.com"))
    made.apply()
    database = Database(made.path / ".acorn" / "sandbox.db")
    disturb.insert(database, Address("amz-de", "grant", f"desk:user:{live}"), {"role": "desk", "subject": {"kind": "user", "id": live}, "employment": "employee", "mfa": True})  # fmt: skip
    database.close()
    made.write(storefront(), desk("ADA@example.com", "bo@example.com"))
    assert made.plan()["changes"] == []
    made.apply()
    assert made.run("drift", "--detailed-exitcode").code == 0
    assert made.plan()["changes"] == []
    made.write(storefront(), desk("bo@example.com"))
    made.apply()
    assert grants(made) == {"desk:user:bo@example.com"}
    made.apply()


def test_a_role_whose_last_day_has_passed_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told, and stops neither the drift of every night nor a price (case report-29)."""
    made = Repository(
        tmp_path / "r",
        storefront(),
        sku("S-1", "20.00"),
        desk("ada@example.com", validity={"until": "2026-12-10"}),
    )
    monkeypatch.setenv("ACORN_NOW", "2026-12-01T00:00:00Z")
    made.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-12-11T00:00:00Z")
    assert made.run("drift", "--detailed-exitcode").code == 0
    assert "ROL-003" in made.run("validate").out
    made.write(storefront(), sku("S-1", "21.00"), desk("ada@example.com", validity={"until": "2026-12-10"}))
    made.apply()
    assert grants(made) == set()
    assert made.live()["amz-de/listing/S-1"]["price"]["value"] == "21.00"


# -- promotions, stores, codes -------------------------------------------------------------------------------


def test_a_promotion_that_is_over_and_gone_is_in_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No drift, and nothing to create: no marketplace takes one in the past."""
    promo = document(
        "Promo", "summer",
        {"type": "percentOff", "stores": {"all": True}, "skus": {"names": ["S-1"]}, "discount": {"percent": "15"},
         "window": {"start": {"local": "2026-12-01T00:00", "tz": "store"}, "end": {"local": "2026-12-05T00:00", "tz": "store"}}},
    )  # fmt: skip
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"), promo)
    monkeypatch.setenv("ACORN_NOW", "2026-11-28T00:00:00Z")
    made.apply()
    database = Database(made.path / ".acorn" / "sandbox.db")
    disturb.delete(database, Address("amz-de", "promotion", "summer"))
    database.close()
    assert made.run("drift", "--detailed-exitcode").code == 2, "while it is to come it is missed"
    monkeypatch.setenv("ACORN_NOW", "2026-12-06T00:00:00Z")
    assert made.run("drift", "--detailed-exitcode").code == 0
    assert made.plan()["changes"] == []


def test_a_store_is_not_renamed_by_deleting_what_it_holds(tmp_path: Path) -> None:
    """The plan is refused, with what to do (case report-28)."""
    made = Repository(tmp_path / "r", storefront("web-de"), document("SkuMapping", "s", {"sku": "S", "listings": [{"store": "web-de", "price": {"currency": "EUR", "value": "5.00"}}]}))  # fmt: skip
    made.apply()
    renamed = storefront("shop-de")
    renamed["metadata"]["movedFrom"] = "web-de"
    made.write(renamed, document("SkuMapping", "s", {"sku": "S", "listings": [{"store": "shop-de", "price": {"currency": "EUR", "value": "5.00"}}]}))  # fmt: skip
    result = made.run("apply", "--auto-approve")
    assert (result.code, "ACN-037" in result.err) == (4, True), result
    assert "web-de/listing/S" in made.live()


def test_codes_with_one_short_name_are_imported_under_two(tmp_path: Path) -> None:
    """What import writes is valid, and plans to nothing (case report-30); twins in letters' case stay, and are told."""
    made = Repository(tmp_path / "r", storefront())
    made.apply()
    database = Database(made.path / ".acorn" / "sandbox.db")
    for code in ("AB 1", "ab-1", "X-1", "x-1"):
        content = {
            "sku": code,
            "condition": "new_new",
            "status": "active",
            "price": {"currency": "EUR", "value": "5.00"},
        }
        disturb.insert(database, Address("amz-de", "listing", code), content)
    database.close()
    result = made.run("import")
    assert result.code == 0, result
    assert "stays unmanaged: but for letters' case or blanks it is 'X-1'" in " ".join(result.err.split())
    assert made.run("validate").code == 0
    assert made.plan()["changes"] == []


# -- languages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "tag"),
    [("de-DE", "de_DE"), ("DE_de", "de_DE"), ("es-419", "es_419"), ("zh-hans", "zh_Hans"), ("fil_ph", "fil_PH"),
     ("sr_latn_rs", "sr_Latn_RS"), ("en", "en"), ("EN", "en")],
)  # fmt: skip
def test_a_language_has_one_spelling(written: str, tag: str, tmp_path: Path) -> None:
    """Any case, hyphen or underscore is taken; what is sent and what `fmt` writes is one of them (case report-40)."""
    assert canonical_tag(written) == tag
    made = Repository(tmp_path / "r", storefront(languages=[written]))
    made.apply()
    assert made.live()["amz-de/storefront/amz-de"]["languages"] == [tag]
    assert made.plan()["changes"] == []
    assert made.run("fmt").code == 0
    assert f"[{tag}]" in (made.path / "specs" / "all.yaml").read_text().replace("- ", "[").replace("\n", "]")


@pytest.mark.parametrize("wrong", ["german", "d", "de_", "de_DEU", "de DE", "419"])
def test_what_is_no_language_is_refused(wrong: str, tmp_path: Path) -> None:
    """With an example."""
    said = Repository(tmp_path / "r", storefront(languages=[wrong])).run("validate")
    assert said.code == 4
    assert "de_DE" in said.out


# -- words ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        ("Promo", {"stores": "all"}, "write `stores: {all: true}`"),
        ("Promo", {"skus": ["MUG-RED"]}, "write `skus: {names: [MUG-RED]}`"),
        ("Promo", {"window": {"start": "2026-12-01T00:00"}}, 'write `start: {local: "2026-12-01T00:00", tz: store}`'),
        ("Promo", {"window": {"start": "2026-12-01"}}, 'write `start: {local: "2026-12-01T00:00", tz: store}`'),
        ("Promo", {"window": {"start": "soon"}}, "write `start: {local: …, tz: store}`"),
        ("Promo", {"discount": "20%"}, 'write `discount: {percent: "20"}`'),
        ("Promo", {"discount": {"salePrice": {"amz-de": "cheap"}}}, "write `amz-de: {currency: EUR, value: …}`"),
        ("Promo", {"discount": {"amount": {"amz-de": "1.00"}}}, 'write `amz-de: {currency: EUR, value: "1.00"}`'),
        ("SkuMapping", {"sku": "A", "pricePolicy": {"min": "34.99"}}, 'write `min: {NAME: "34.99"}`'),
        ("SkuMapping", {"sku": "A", "listings": [{"price": "12.90"}]}, 'write `price: {currency: EUR, value: "12.90"}`'),
        ("RolePermission", {"rules": [{"resources": "price"}]}, "write `resources: [price]`"),
    ],
)  # fmt: skip
def test_a_wrong_type_is_told_with_the_form_to_write(kind: str, spec: dict[str, Any], words: str) -> None:
    """Case team-04 and its neighbours."""
    found = gate.problems(kind, document(kind, "a", spec), partial=True)
    assert words in {problem.hint for problem in found}, found


@pytest.mark.parametrize("kind", ["Store", "SkuMapping", "RolePermission", "TaxRule", "Promo"])
def test_each_wrong_value_is_told_in_our_words_with_what_to_write(kind: str) -> None:
    """Wrong values of every type and size at every field of a kind."""
    root = gate.schema(kind)

    def paths(node: dict[str, Any], path: list[Any], depth: int = 0) -> Any:
        if "$ref" in node:
            node = root["$defs"][node["$ref"].rsplit("/", 1)[1]]
        if depth > 6:
            return
        yield path
        for branch in node.get("anyOf") or node.get("oneOf") or ():
            yield from paths(branch, path, depth + 1)
        for name, inner in (node.get("properties") or {}).items():
            yield from paths(inner, [*path, name], depth + 1)
        if isinstance(node.get("items"), dict):
            yield from paths(node["items"], [*path, 0], depth + 1)

    for path in {tuple(map(str, p)): p for p in paths(root["properties"]["spec"], [])}.values():
        for value in ("x", 7, 1.5, True, [], ["a"], {"q": 1}, None, "", -1, 10**12, "x" * 9_000, ["a"] * 200):
            spec: Any = value
            for part in reversed(path):
                spec = [spec] if part == 0 else {part: spec}
            for problem in gate.problems(kind, document(kind, "a", spec)):
                told = (path, str(value)[:40], problem.message, problem.hint)
                for word in (
                    "instance of",
                    "dictionary",
                    "pydantic",
                    "BaseModel",
                    "should",
                    "input",
                    "validation",
                ):
                    assert word not in problem.message, told
                assert problem.hint or problem.message.endswith("is missing"), told


# -- approvals -----------------------------------------------------------------------------------------------


def test_a_clone_of_an_empty_repository_can_be_filled(tmp_path: Path) -> None:
    """`init --empty`: git keeps no empty folder (case team-01)."""
    from acorn_gitops.cli import run

    assert run(["init", str(tmp_path / "r"), "--empty"]) == 0
    assert [p.name for p in (tmp_path / "r" / "specs").iterdir()] == [".gitkeep"]


@pytest.mark.parametrize(
    ("currency", "day", "redemptions", "sales", "fee"),
    [
        ("USD", "2026-11-26", 1000, "80000", "2005.0"),
        ("USD", "2026-11-26", 100, "8000", "205.0"),
        ("USD", "2025-06-02", 1000, "80000.01", "2005.00025"),
        ("USD", "2025-11-04", 1000, "100000", "2505.0"),
        ("USD", "2025-11-05", 1000, "100000", "2005"),
        ("USD", "2025-06-01", 1000, "80000", "600.00"),
        ("JPY", "2026-11-26", 1000, "80000", "0"),
    ],
)
def test_fees_of_coupons_have_dates(currency: str, day: str, redemptions: int, sales: str, fee: str) -> None:
    """Five dollars and 2.5 percent since 2025-06-02, of which at most 2,000 since 2025-11-05 (case engine-27)."""
    assert coupon_fee(currency, day).of(redemptions, Decimal(sales)) == Decimal(fee)


# -- tables --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "rows", "wanted"),
    [
        (
            "",
            "A-01,amz-de,9.90,EUR\r\nB-02,amz-de,1.00,EUR\r\n",
            "A-01,amz-de,8.50,EUR\r\nB-02,amz-de,1.00,EUR\r\n",
        ),
        (', delimiter: ";", decimalComma: true', 'A-01;amz-de;"9,90";EUR\n', "A-01;amz-de;8,50;EUR\n"),
        (", decimalComma: true", 'A-01,amz-de,"9,90",EUR\n', 'A-01,amz-de,"8,50",EUR\n'),
    ],
    ids=["points and CRLF", "semicolons", "a quoted comma"],
)
def test_what_drifted_is_written_into_its_cell(table: str, rows: str, wanted: str, tmp_path: Path) -> None:
    """`import --drifted` changes the cell and no other letter; what a default says has no cell, and is told (case team-11)."""
    made = Repository(tmp_path / "r", storefront())
    head = "sku,store,price,currency".replace(",", ";" if ";" in table else ",") + (
        "\r\n" if "\r" in rows else "\n"
    )
    place = made.path / "specs" / "t.csv"
    place.write_bytes((head + rows).encode())
    made.text(
        f"apiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {{name: t}}\nspec:\n  table: {{file: t.csv{table}}}\n"
        "  defaults: {listing: {condition: new_new, fulfillment: mfn, status: active}}\n",
        "t.yaml",
    )
    assert made.apply().code == 0
    assert (
        made.run(
            "sandbox", "disturb", "amz-de/listing/A-01.price=8.50", "amz-de/listing/A-01.status=inactive"
        ).code
        == 0
    )
    said = made.run("import", "--drifted")
    assert "listings.0.status has no cell of its own in specs/t.csv" in said.err
    assert place.read_bytes() == (head + wanted).encode()
    assert [change[0] for change in changes(made.plan())] == ["update"]


# -- what another audit found --------------------------------------------------------------------------------

TEMPLATES = """apiVersion: acorn/v1
kind: SkuMapping
metadata: {name: ground, abstract: true}
spec: {attributes: {brand: Ground, title: Ground}}
---
apiVersion: acorn/v1
kind: SkuMapping
metadata: {name: special, abstract: true}
spec: {inherits: [ground], attributes: {brand: Special}}
---
apiVersion: acorn/v1
kind: SkuMapping
metadata: {name: other, abstract: true}
spec: {inherits: [ground], attributes: {productType: KETTLE}}
---
apiVersion: acorn/v1
kind: SkuMapping
metadata: {name: one}
spec: {sku: A-1, inherits: [NAMES], listings: [{store: amz-de, price: {currency: EUR, value: "9.00"}}]}
"""


@pytest.mark.parametrize(
    ("names", "brand"),
    [
        ("special, ground", "Ground"),  # named last, it counts last
        ("ground, special", "Special"),
        ("special", "Special"),
        ("special, other", "Special"),  # `other` says nothing of it; what it inherits lies below both
        ("other, special", "Special"),
    ],
)
def test_a_template_counts_where_it_is_named_last(names: str, brand: str, tmp_path: Path) -> None:
    """From left to right; where others only inherit it, before the first of them."""
    made = Repository(tmp_path / "r", storefront())
    made.text(TEMPLATES.replace("NAMES", names), "t.yaml")
    created = {
        str(c["address"]): c["after"] for c in orjson.loads(made.run("plan", "-o", "json").out)["changes"]
    }
    assert created["amz-de/listing/A-1"]["brand"] == brand


def test_one_code_is_told_in_every_store_where_it_means_two_things(tmp_path: Path) -> None:
    """Promotions that meet others in one store and third ones in another are told for both (PRO-023)."""
    both = {"stores": {"names": ["a", "b"]}, "code": "SAVE"}
    made = Repository(
        tmp_path / "r",
        storefront("a"),
        storefront("b"),
        sku("A-1", "50.00", "a"),
        sku("B-1", "50.00", "b"),
        promo("p75", "5", stores={"names": ["a"]}, code="SAVE"),
        promo("p76", "6", stores={"names": ["b"]}, code="save"),
        promo("p77", "7", **both),
    )
    said = made.run("validate").out
    assert "p75 and p77 hold at one time in a" in said and "p76 and p77 hold at one time in b" in said, said


@pytest.mark.parametrize("ends", ["", "\n", "\n\n", "\n\n---\n" + TEMPLATES.split("---\n")[0]])
def test_what_was_formatted_is_formatted(ends: str, tmp_path: Path) -> None:
    """At once, also where the head has to be put in order and blank lines stand behind it."""
    made = Repository(tmp_path / "r")
    text = (
        "spec:\n  type: storefront\n  storefront: {platform: network, currency: EUR}\n"
        "metadata: {name: b}\nkind: Store\napiVersion: acorn/v1\n"
    )
    made.text(text + ends, "x.yaml")
    assert made.run("fmt").code == 0
    assert made.run("fmt", "--check").code == 0
    assert (made.path / "specs" / "x.yaml").read_text().startswith("apiVersion")


@pytest.mark.parametrize("code", ["abr-95", "janv.-95", "mei-95", "sty-95", "ott-2095"])
def test_a_code_that_may_have_been_a_day_is_told(code: str, tmp_path: Path) -> None:
    """In small letters, as spreadsheets of other languages write it: a code can look so, so that it is a warning (SKU-001)."""
    made = Repository(tmp_path / "r", storefront())
    (made.path / "specs" / "t.csv").write_text(f"sku,store,price,currency\n{code},amz-de,9.00,EUR\n")
    made.text(
        "apiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: t}\nspec:\n  table: {file: t.csv}\n",
        "t.yaml",
    )
    said = made.run("validate").out
    assert "looks like a month that a spreadsheet made of a code" in " ".join(said.split()), said


@pytest.mark.parametrize(("country", "percent"), [("BE", "12"), ("MT", "12")])
def test_parking_rates_are_known(country: str, percent: str) -> None:
    """Article 118 of Directive 2006/112/EC: a class of its own."""
    assert rates_on(country, "parking", "2026-11-27") == [percent]


# -- the audit of 27 November ---------------------------------------------------------------------------------

THREE = {
    "1.500 of euros": ("EUR", "1.500", True),
    "12.900 of euros": ("EUR", "12.900", True),
    "5.000 of yen": ("JPY", "5.000", True),
    "1.500 of dinars": ("KWD", "1.500", False),
    "1500.00 of euros": ("EUR", "1500.00", False),
    "1.50 of euros": ("EUR", "1.50", False),
    "1234.500 of euros": ("EUR", "1234.500", False),
}


@pytest.mark.parametrize("name", THREE)
def test_three_decimals_may_be_thousands(name: str, tmp_path: Path) -> None:
    """Also where the last are zeros: in YAML, as a floor, and in tables with either sign."""
    currency, value, asked = THREE[name]
    store = storefront("s", currency=currency)
    made = Repository(tmp_path / "r", store, sku("A", value, "s", currency))
    found = made.run("validate")
    assert ("may be" in found.out) == asked, found
    assert found.code == (4 if asked else 0), found
    if not asked:
        return
    plain = value.replace(".", "")
    floor = sku("A", plain, "s", currency, pricePolicy={"min": {"s": value}})
    made.write(store, floor)
    assert made.run("validate").code == 4
    for sign, comma in ((";", False), (";", True)):
        table = sign.join(["sku", "store", "price", "currency"]) + "\n"
        table += sign.join(["A", "s", value.replace(".", ",") if comma else value, currency]) + "\n"
        (made.path / "specs" / "t.csv").write_text(table)
        listed = document(
            "SkuMapping", "t", {"table": {"file": "t.csv", **({"decimalComma": True} if comma else {})}}
        )
        made.write(store, listed)
        assert made.run("validate").code == 4, (table, comma)


def pack(**more: Any) -> list[dict[str, Any]]:
    """Two of A as a pack, for 20.00."""
    return [
        sku("A", "119.00", **more),
        sku("PACK", "20.00", composition={"type": "multipack", "of": "A", "qty": 2}),
    ]


def test_a_pack_is_advertised_for_no_less_than_its_parts(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", storefront(), *pack(pricePolicy={"map": {"amz-de": "90.00"}}))
    found = made.run("validate")
    assert (found.code, "minimum advertised price 180.00" in found.out) == (4, True), found


@pytest.mark.parametrize(
    ("other", "id"),
    [
        ({"attributes": {"cost": {"currency": "EUR", "value": "50.00"}, "taxClass": "standard"}}, "PRO-032"),
        ({"attributes": {"cost": {"currency": "USD", "value": "50.00"}, "taxClass": "standard"}}, "PRO-034"),
        ({"attributes": {"taxClass": "standard"}}, "PRO-034"),
    ],
)
def test_a_set_leaves_what_one_of_its_parts_asks_for(other: dict[str, Any], id: str, tmp_path: Path) -> None:
    """Whether the other one asks for anything, costs dollars, or nobody knows what it costs."""
    asks = {
        "attributes": {"cost": {"currency": "EUR", "value": "50.00"}, "taxClass": "standard"},
        "pricePolicy": {"minMarginPercent": "20"},
    }
    parts = [{"sku": "A", "qty": 1}, {"sku": "B", "qty": 1}]
    tax = document(
        "TaxRule",
        "vat",
        {
            "validity": {"from": "2026-01-01"},
            "match": {"supply": {"shipTo": ["DE"]}},
            "result": {
                "liableParty": "seller",
                "treatment": "standard",
                "scheme": "local",
                "rate": {"percent": "19"},
            },
        },
    )
    made = Repository(
        tmp_path / "r",
        storefront(country="DE", pricesIncludeTax=True),
        tax,
        sku("A", "119.00", **asks),
        sku("B", "119.00", **other),
        sku(
            "SET",
            "12.00",
            composition={"type": "bundle", "components": parts},
            attributes={"taxClass": "standard"},
        ),
    )
    found = made.run("validate")
    assert f"error {id}: SET" in found.out, found


def test_a_default_of_a_part_that_does_not_reach_the_pack_is_told(tmp_path: Path) -> None:
    part = {"pricePolicy": {"default": {"min": {"currency": "EUR", "value": "5.00"}}}}
    whole = {"composition": {"type": "multipack", "of": "A", "qty": 2}}
    made = Repository(
        tmp_path / "r",
        storefront(),
        storefront("uk", currency="GBP"),
        sku("A", "10.00", **part),
        sku("PACK", "1.00", "uk", "GBP", **whole),
    )
    assert "SKU-028: PACK has no floor in uk" in made.run("validate").out


def test_prime_is_what_its_type_says(tmp_path: Path) -> None:
    made = Repository(
        tmp_path / "r", storefront(), sku("A", "100.00"), promo("p", "30", type="primeExclusive")
    )
    asked = ("price", "--store", "amz-de", "--sku", "A", "--at", "2026-11-26T14:00:00Z", "-o", "json")
    assert made.run(*asked).json["pays"] == "100.00"
    assert made.run(*asked, "--audience", "prime").json["pays"] == "70.00"


def test_nobody_is_prime_and_business_where_promotions_must_not_meet(tmp_path: Path) -> None:
    apart = [
        promo("p", "10", audience="prime", stacking={"combinableWith": []}),
        promo("b", "10", audience="b2b"),
    ]
    made = Repository(tmp_path / "r", storefront(), sku("A", "100.00"), *apart)
    assert "PRO-021" not in made.run("validate").out
    apart[1]["spec"].pop("audience")
    made.write(storefront(), sku("A", "100.00"), *apart)
    assert "PRO-021" in made.run("validate").out


@pytest.mark.parametrize("verb", [("price", "--store", "amz-de", "--sku", "A"), ("view", "prices")])
def test_no_price_is_told_while_a_promotion_cannot_be_read(verb: tuple[str, ...], tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", storefront(), sku("A", "100.00"), promo("p", "33.3333333333"))
    found = made.run(*verb, "-o", "json")
    assert (found.code, found.out) == (4, ""), found


def test_a_plan_says_what_would_stay_half_done(tmp_path: Path) -> None:
    """At the price that is there, where it is left to others; and where the rule about promotions was waived."""
    floor = {"pricePolicy": {"min": {"amz-de": "80.00"}}}
    made = Repository(tmp_path / "r", storefront(), sku("A", "100.00", **floor))
    made.apply()
    waived = PROJECT + "  policies: {severities: {PRO-030: warning}}\n"
    (made.path / "acorn.yaml").write_text(waived)
    made.write(storefront(), sku("A", "100.00", **floor), promo("p", "30"))
    found = made.run("plan")
    assert (found.code, "ACN-025" in found.out) == (4, True), found
    (made.path / "acorn.yaml").write_text(PROJECT)
    others = {**sku("A", "200.00", **floor), "lifecycle": {"ignoreFields": ["price"]}}
    made.write(storefront(), others, promo("p", "30"))
    found = made.run("plan")
    assert (found.code, "ACN-025" in found.out) == (4, True), found


def test_a_role_for_stores_of_two_currencies_is_limited_in_one(tmp_path: Path) -> None:
    role = document(
        "RolePermission",
        "promoters",
        {
            "subjects": [{"kind": "user", "id": "pat@example.com", "mfa": True}],
            "stores": {"all": True},
            "rules": [
                {
                    "resources": ["promo"],
                    "verbs": ["apply"],
                    "constraints": {"maxBudget": {"currency": "EUR", "value": "2000.00"}},
                }
            ],
        },
    )
    made = Repository(tmp_path / "r", storefront(), storefront("us", currency="USD"), role)
    made.apply()
