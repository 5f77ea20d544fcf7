"""What Amazon has no interface for is done by people and attested: with a proof, by somebody, until a day."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from acorn_gitops.sandbox.amazon.clock import WallClock
from acorn_gitops.sandbox.amazon.serving import Switch
from tests.amazon.emulated import SECRETS, Emulated
from tests.amazon.test_flow import PROMO, SKUS, STORES, Seller, price

ROLE = """---
apiVersion: acorn/v1
kind: RolePermission
metadata: {name: promo-editors}
spec:
  subjects: [{kind: user, id: ada@nordhaven.example, mfa: true}]
  stores: {names: [amz-de]}
  rules: [{resources: [promo], verbs: [read, write]}]
  review: {lastReviewed: "2026-11-01", by: mia@nordhaven.example}
"""
CODE = PROMO.replace("type: percentOff", "type: promoCode") + "  code: KETTLE20\n"
RECORD = "evidence/attested-sandbox.json"


@pytest.fixture
def seller(tmp_path: Path, sp_api_server: tuple[str, Switch], monkeypatch: pytest.MonkeyPatch) -> Seller:
    """A store with a role and a promotion with a code, applied as far as acorn can."""
    monkeypatch.setenv("AMAZON_EU", json.dumps(SECRETS))
    amazon = Emulated(*sp_api_server, WallClock())
    amazon.world.habits.throttled = False
    made = Seller(tmp_path / "r", amazon, STORES + SKUS + ROLE + CODE)
    (tmp_path / "screenshot.png").write_bytes(b"user permissions, as they are")
    done = made.run("apply", "--auto-approve")
    assert done.code == 3 and "do it by hand" in done.out
    return made


def attested(seller: Seller, *steps: str, until: str = "2027-06-30") -> str:
    """What is said when somebody attests."""
    proof = str(seller.path.parent / "screenshot.png")
    done = seller.run("attest", *steps, "--proof", proof, "--until", until)
    assert done.code == 0, done
    return done.out


def test_what_is_to_be_done_is_a_checklist(seller: Seller) -> None:
    """With all that it asks for."""
    said = seller.run("attest").out
    assert "[ ] amz-de/role/promo-editors" in said
    assert "[ ] amz-de/grant/promo-editors:user:ada@nordhaven.example" in said
    assert "[ ] amz-de/promotion/black-friday" in said and "KETTLE20" in said
    steps = seller.run("attest", "-o", "json").json["steps"]
    assert [step["address"].split("/")[1] for step in steps] == ["role", "grant", "promotion"]


def test_what_is_done_is_in_sync_and_apply_is_complete(seller: Seller) -> None:
    """The record holds who, when, until when, and digests; not the proof."""
    attested(seller, "amz-de/role/*", "amz-de/grant", "amz-de/promotion/black-friday")
    again = seller.run("plan", "--detailed-exitcode")
    assert again.code == 0, again.out
    assert seller.run("apply", "--auto-approve").code == 0
    rows = json.loads((seller.path / RECORD).read_text())["attested"]
    proof = "sha256:" + hashlib.sha256(b"user permissions, as they are").hexdigest()
    assert {(row["by"], row["at"], row["until"], row["proof"]) for row in rows} == {
        ("tester", "2026-11-23", "2027-06-30", proof)
    }
    assert seller.run("attest").out == "Nothing is to be done by hand.\n"


def test_a_spec_that_moves_on_brings_its_step_back(seller: Seller) -> None:
    """And no other."""
    attested(seller, "amz-de/*")
    seller.text((STORES + SKUS + ROLE + CODE).replace("[read, write]", "[read, write, apply]"))
    result = seller.run("plan")
    assert "? role promo-editors" in result.out and "1 by hand" in result.out
    assert "attested by tester on 2026-11-23, and the specs moved on since" in " ".join(result.out.split())


def test_an_attestation_ends(seller: Seller, monkeypatch: pytest.MonkeyPatch) -> None:
    """On its day the step is there again."""
    attested(seller, "amz-de/role/*", until="2026-12-01")
    monkeypatch.setenv("ACORN_NOW", "2026-11-30T23:00:00Z")
    assert "? role" not in seller.run("plan").out
    monkeypatch.setenv("ACORN_NOW", "2026-12-01T00:00:00Z")
    result = seller.run("plan")
    assert "? role promo-editors" in result.out
    assert "counted until 2026-12-01" in " ".join(result.out.split())


def test_what_no_spec_asks_for_any_more_is_told(seller: Seller) -> None:
    """Somebody has to undo it."""
    attested(seller, "amz-de/*")
    seller.text(STORES + SKUS + CODE)
    result = seller.run("plan")
    assert "ACN-046" in result.out and "amz-de/role/promo-editors" in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("amz-de/role/*",), "--proof"),
        (("amz-de/role/*", "--until", "2027-01-01"), "--proof"),
        (("amz-de/role/*", "--proof", "P", "--until", "soon"), "no day"),
        (("amz-de/role/*", "--proof", "P", "--until", "2026-11-23"), "a day after today"),
        (("amz-de/role/*", "--proof", "P", "--until", "2029-01-01"), "within 400 days"),
        (("amz-de/listing/*", "--proof", "P", "--until", "2027-01-01"), "none of these is a step by hand"),
        (("amz-xx", "--proof", "P", "--until", "2027-01-01"), "no such store"),
    ],
)
def test_what_makes_no_sense_attests_nothing(seller: Seller, arguments: tuple[str, ...], words: str) -> None:
    """It is refused, with what to write."""
    proof = str(seller.path.parent / "screenshot.png")
    done = seller.run("attest", *(proof if one == "P" else one for one in arguments))
    assert done.code == 64 and words in done.err, done
    assert not (seller.path / RECORD).exists()


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"format_version": "2.0", "attested": []}',
        '{"format_version": "1.0", "attested": [{}]}',
        '{"format_version": "1.0", "attested": [{"address": "x", "digest": "d", "proof": "p", "by": "b", "at": "2026-01-01", "until": "2027-01-01"}]}',
        '{"format_version": "1.0", "attested": [{"address": "a/role/b", "digest": "d", "proof": "p", "by": "b", "at": "now", "until": "2027-01-01"}]}',
    ],
)
def test_a_record_that_is_none_counts_for_nothing(seller: Seller, content: str) -> None:
    """It is told, and nothing is applied."""
    (seller.path / "evidence").mkdir(exist_ok=True)
    (seller.path / RECORD).write_text(content)
    result = seller.run("plan")
    assert result.code == 4 and "ACN-046" in result.out
    assert seller.run("apply", "--auto-approve").code == 4


def test_strangers_attest_nothing(seller: Seller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a pull request is looked at."""
    monkeypatch.setenv("ACORN_UNTRUSTED", "1")
    proof = str(seller.path.parent / "screenshot.png")
    done = seller.run("attest", "amz-de/role/*", "--proof", proof, "--until", "2027-01-01")
    assert done.code == 4 and not (seller.path / RECORD).exists()


FLOOR = "taxClass: standard}\n      listings:\n        - {store: amz-de, asin: B0EXAMPLE2"
"""Of the mug, without a floor yet."""


def floored(price: str, code: str) -> str:
    """The mug at a price with a floor of 9.00, and a code."""
    mug = SKUS.replace(
        FLOOR,
        FLOOR.replace("\n      listings", '\n      pricePolicy: {min: {amz-de: "9.00"}}\n      listings'),
    )
    return STORES + mug.replace("12.90", price) + ROLE + code


def held_back(seller: Seller, text: str) -> None:
    """A plan of these specs is refused, as the mug would cost too little with what was attested."""
    seller.text(text)
    found = seller.run("plan")
    said = " ".join(found.out.split())
    assert (found.code, "would cost 8.80 EUR with attested:black-friday" in said) == (4, True), found


@pytest.mark.parametrize("code", ["", CODE.replace('"20"', '"5"')], ids=["gone", "less"])
def test_a_code_that_was_attested_holds_prices_back_until_somebody_says_that_it_ended(
    seller: Seller, code: str
) -> None:
    """12.90 less 20 % keeps a floor of 9.00, and 11.00 does not: people may not have taken the code back yet."""
    seller.text(floored("12.90", CODE))
    seller.run("apply", "--auto-approve")
    attested(seller, "amz-de/*")
    assert seller.run("plan").code == 0
    held_back(seller, floored("11.00", code))
    assert seller.run("apply", "--auto-approve").code == 4
    # The remedies work: it is changed there and attested, or gone and taken out of the record.
    if code:
        attested(seller, "amz-de/promotion/*")
    else:
        record = json.loads((seller.path / RECORD).read_text())
        record["attested"] = [row for row in record["attested"] if "/promotion/" not in row["address"]]
        (seller.path / RECORD).write_text(json.dumps(record))
    done = seller.run("apply", "--auto-approve")
    assert done.code == 0, done


def test_of_a_code_that_an_older_record_knows_nobody_knows_what_it_takes(seller: Seller) -> None:
    seller.text(floored("12.90", CODE))
    seller.run("apply", "--auto-approve")
    attested(seller, "amz-de/*")
    record = json.loads((seller.path / RECORD).read_text())
    for row in record["attested"]:
        row.pop("content", None)
    (seller.path / RECORD).write_text(json.dumps(record))
    assert seller.run("plan").code == 0
    seller.text(floored("12.80", ""))
    found = seller.run("plan")
    said = " ".join(found.out.split())
    assert (found.code, "does not say what it is for" in said) == (4, True), found


KETTLE_SALE = """---
apiVersion: acorn/v1
kind: Promo
metadata: {name: kettles}
spec:
  type: percentOff
  stores: {names: [amz-de]}
  skus: {names: [KTL-17-BLK]}
  window: {start: {local: "2026-11-27T00:00:00", tz: store}, end: {local: "2027-11-27T00:00:00", tz: store}}
  discount: {percent: "1"}
"""
COUPON = (
    PROMO.replace("type: percentOff", "type: coupon") + '  limits: {budget: {currency: EUR, value: "9000"}}\n'
)


@pytest.mark.parametrize("beside", ["", KETTLE_SALE], ids=["alone", "beside a sale"])
def test_a_coupon_without_a_code_is_not_hidden_by_another_promotion(seller: Seller, beside: str) -> None:
    seller.text(floored("12.90", COUPON + beside))
    seller.run("apply", "--auto-approve")
    attested(seller, "amz-de/*")
    assert seller.run("plan").code == 0
    held_back(seller, floored("11.00", beside))


def test_what_was_attested_holds_until_its_own_end_whatever_day_was_named(
    seller: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That nobody has looked since changes nothing of what buyers pay."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-26T10:00:00Z")
    seller.text(floored("12.90", CODE))
    seller.run("apply", "--auto-approve")
    attested(seller, "amz-de/*", until="2026-11-27")
    seller.text(floored("11.00", ""))
    for now, code in (("2026-11-26T11:00:00Z", 4), ("2026-11-28T10:00:00Z", 4), ("2028-01-01T00:00:00Z", 0)):
        monkeypatch.setenv("ACORN_NOW", now)
        assert seller.run("plan").code == code, now


def test_a_code_that_is_as_attested_is_reckoned_with_beside_what_somebody_else_makes(
    tmp_path: Path, sp_api_server: tuple[str, Switch], monkeypatch: pytest.MonkeyPatch
) -> None:
    """12.00 less 20 % and 20 % is 7.20, below a floor of 9.00; and at 12.90 it is told that it is sold so now."""
    from tests.amazon.test_promotions import made

    monkeypatch.setenv("AMAZON_EU", json.dumps(SECRETS))
    amazon = Emulated(*sp_api_server, WallClock())
    amazon.world.habits.throttled = False
    seller = Seller(tmp_path / "r", amazon, floored("12.90", CODE))
    file = seller.path / "acorn.yaml"
    file.write_text(file.read_text().replace("options: {", "options: {promotions: read, "))
    assert seller.run("trust", "main").code == 0
    (tmp_path / "screenshot.png").write_bytes(b"codes")
    seller.run("apply", "--auto-approve")
    attested(seller, "amz-de/*")
    monkeypatch.setenv("ACORN_NOW", "2026-11-28T10:00:00Z")
    days = {"start": "2026-11-20T00:00:00+00:00", "end": "2099-01-01T00:00:00+00:00"}
    coupon = made(amazon, **days)
    for said in (seller.run("plan", "--refresh").out, seller.run("drift").out):
        assert "ACN-033" in said and "attested:black-friday" in said
    seller.text(floored("12.00", CODE))
    found = seller.run("plan")
    assert (found.code, "would cost 7.20 EUR" in " ".join(found.out.split())) == (4, True), found
    # What Amazon shows under the same code is that promotion, and no second one.
    amazon.emulator.control.answer("promotion", {"cancel": coupon})
    made(amazon, type="BASKET_BUILDING", code="KETTLE20", **days)
    assert seller.run("plan", "--refresh").code == 0


def test_what_was_attested_in_one_environment_holds_back_another_that_leads_there(seller: Seller) -> None:
    """The account is the same; the steps are done in each, and what buyers may pay is not counted in one alone.
    A record that cannot be read says nothing, and stops both."""
    seller.text(floored("12.90", CODE))
    seller.run("apply", "--auto-approve")
    attested(seller, "amz-de/*")
    file = seller.path / "acorn.yaml"
    file.write_text(
        file.read_text().replace("environments: {sandbox: {}}", "environments: {sandbox: {}, other: {}}")
    )
    seller.text(floored("11.00", ""))
    for more in ((), ("--adopt",)):
        seller.run("apply", "--auto-approve", "--env", "other", *more)
        assert price(seller.amazon, "MUG-RED") == "12.90"
    said = " ".join(seller.run("plan", "--env", "other", "--adopt").out.split())
    assert "would cost 8.80 EUR with attested:black-friday" in said
    (seller.path / RECORD).write_text("{}")
    assert "ACN-046" in seller.run("plan", "--env", "other").out


@pytest.mark.parametrize("listed", [False, True], ids=["a rename", "a second SKU"])
def test_what_was_attested_holds_for_every_sku_of_its_product(seller: Seller, listed: bool) -> None:
    """Amazon takes a code for a product: another SKU of it costs as much less."""
    seller.text(floored("12.90", CODE))
    seller.run("apply", "--auto-approve")
    attested(seller, "amz-de/*")
    other = floored("12.90", "").replace("sku: MUG-RED", "sku: MUG-R2")
    if listed:
        seller.text(other)
        seller.run("apply", "--auto-approve")
        assert price(seller.amazon, "MUG-R2") == "12.90"
    held_back(seller, other.replace("12.90", "11.00"))
