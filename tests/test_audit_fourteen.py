"""Right answers that an audit of 2026-11-27 found wrong, each with its neighbours."""

from __future__ import annotations

from pathlib import Path

import pytest

from acorn_gitops.rules.families.tax.company import well_formed
from acorn_gitops.specs.comments import lost_comment
from acorn_gitops.specs.fmt import formatted
from tests.repository import PROJECT, Repository, document, promo, sku, storefront

US = {"platform": "amazon", "sellerId": "A1EXAMPLE23456", "marketplaceId": "ATVPDKIKX0DER", "region": "na", "currency": "USD"}  # fmt: skip


@pytest.mark.parametrize(
    ("front", "start"),
    [
        (US, "2026-11-27T08:00:00Z"),
        ({**US, "timezone": "America/New_York"}, "2026-11-27T05:00:00Z"),
        (
            {"platform": "amazon", "sellerId": "A1EXAMPLE23456", "marketplaceId": "A1PA6795UKMFR9", "region": "eu", "currency": "EUR"},
            "2026-11-26T23:00:00Z",
        ),
    ],
)  # fmt: skip
def test_the_sale_day_of_an_amazon_store_is_its_marketplaces(
    tmp_path: Path, front: dict[str, str], start: str
) -> None:
    store = document("Store", "shop", {"type": "storefront", "storefront": front})
    window = {"start": {"local": "2026-11-27T00:00", "tz": "store"}, "end": {"local": "2026-12-01T00:00", "tz": "store"}}  # fmt: skip
    made = Repository(
        tmp_path / "r",
        store,
        sku(store="shop", currency=front["currency"]),
        promo("bf", "10", type="lightningDeal", window=window),
    )
    told = next(c for c in made.plan()["changes"] if "/promotion/" in c["address"])
    assert told["after"]["start"] == start


COMMENTED = """apiVersion: acorn/v1
kind: RolePermission
metadata: {name: r}
spec:
  subjects:
    - {kind: user, id: a@example.com}
    # leaves in May
    - {kind: user, id: b@example.com} # contractor
  stores: {all: true}
  rules:
    - {resources: [price], verbs: [read]}
"""


def test_fmt_never_loses_a_comment(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", storefront())
    made.text(COMMENTED, "roles.yaml")
    made.run("fmt")
    assert "# leaves in May" in (made.path / "specs" / "roles.yaml").read_text()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# owned by tax\n---\napiVersion: acorn/v1\n", "# owned by tax\napiVersion: acorn/v1\n"),
        ("# a\n\n# b\n--- # c\napiVersion: acorn/v1\n", "# a\n\n# b\n# c\napiVersion: acorn/v1\n"),
        ("---\napiVersion: acorn/v1\n", "apiVersion: acorn/v1\n"),
    ],
)
def test_fmt_keeps_a_head_of_comments_above_the_first_mark(before: str, after: str) -> None:
    assert formatted(before.encode(), "a.yaml") == (after, [])
    assert formatted(after.encode(), "a.yaml") == (after, [])


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ("a: 1 # x\n", "a: 1 # x\n", None),
        ("# x\na: 1\n", "a: 1\n", "# x"),
        ("# x\n# x\na: 1\n", "# x\na: 1\n", "# x"),
        ("a: '#1'\n", 'a: "#1"\n', None),
        ("a: b#c\n", "a: b#c\n", None),
        ("# ---\na: 1\n", "a: 1\n", "# ---"),
        ("#\na: 1\n", "a: 1\n", None),
    ],
)
def test_a_comment_is_lost_where_its_words_are_nowhere(before: str, after: str, lost: str | None) -> None:
    found = lost_comment(before, after)
    assert (found.words if found else None) == lost


@pytest.mark.parametrize("swap", [False, True])
def test_two_counts_of_one_moment_are_asked_about_whatever_their_order(tmp_path: Path, swap: bool) -> None:
    made = Repository(tmp_path / "r", storefront(), sku())
    (made.path / "facts").mkdir()
    rows = ["l1,S,10,2026-11-23T08:00:00Z", "l1,S,99,2026-11-23T09:00:00+01:00"]
    text = "\n".join(["location,sku,onHand,asOf", *(reversed(rows) if swap else rows)]) + "\n"
    (made.path / "facts" / "stock.csv").write_text(text)
    said = made.run("validate")
    assert (said.code, "GEN-015" in said.out) == (4, True)
    assert "facts/stock.csv:2" in said.out
    (made.path / "facts" / "stock.csv").write_text(text.replace("99", "10"))
    assert made.run("validate").code == 0


@pytest.mark.parametrize(
    ("price", "band", "floor", "percents", "refused"),
    [
        ("12.00", ("10.04", "20.00"), "2.01", ("50", "30"), True),
        ("12.00", ("10.06", "10.06"), "2.01", ("50", "30"), False),
        ("12.00", ("10.02", "20.00"), "4.02", ("20", "20", "20"), True),
        ("12.00", ("10.04", "20.00"), "2.00", ("50", "30"), False),
    ],
)
def test_no_price_in_a_ceded_band_falls_below_the_floor(
    tmp_path: Path, price: str, band: tuple[str, str], floor: str, percents: tuple[str, ...], refused: bool
) -> None:
    """Rounding each percentage makes what is left not monotone: the brute force over the whole band agrees."""
    listed = sku(price=price, pricePolicy={"min": {"amz-de": floor}})
    listed["lifecycle"] = {"ceded": {"price": {"by": "repricer", "min": band[0], "max": band[1]}}}
    promos = [
        promo(f"p{n}", percent, stacking={"mode": "additive", "tier": 10 * n + 10})
        for n, percent in enumerate(percents)
    ]
    made = Repository(tmp_path / "r", storefront(), listed, *promos)
    said = made.run("validate")
    assert ("PRO-030" in said.out) == refused, said.out


def test_a_band_in_which_nothing_lies_is_told(tmp_path: Path) -> None:
    listed = sku()
    listed["lifecycle"] = {"ceded": {"price": {"by": "repricer", "min": "20.00", "max": "12.00"}}}
    said = Repository(tmp_path / "r", storefront(), listed).run("validate")
    assert said.code == 4
    assert "nothing lies in it" in said.out


def test_a_price_from_which_others_are_computed_is_taken_in_with_a_word(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", storefront(), storefront("amz-fr"))
    rules = "  priceRules:\n    follow: {fromStore: amz-de}\n"
    (made.path / "acorn.yaml").write_text(PROJECT + rules)
    both = sku()
    both["spec"]["listings"].append({"store": "amz-fr", "price": {"rule": "follow"}, "status": "active"})
    made.write(storefront(), storefront("amz-fr"), both)
    made.apply()
    assert made.run("sandbox", "disturb", "amz-de/listing/KTL-17-BLK.price=44.90").code == 0
    taken = made.run("import", "--drifted")
    assert taken.code == 0, taken
    assert "the prices in amz-fr are computed from it" in taken.err


def test_another_kind_of_discount_is_not_written_beside_the_first(tmp_path: Path) -> None:
    amount = promo(
        "off", type="amountOff", discount={"amount": {"amz-de": {"currency": "EUR", "value": "5.00"}}}
    )
    made = Repository(tmp_path / "r", storefront(), sku(), amount)
    made.apply()
    before = (made.path / "specs" / "all.yaml").read_text()
    assert made.run("sandbox", "disturb", 'amz-de/promotion/off.discount={"percent":"15"}').code == 0
    taken = made.run("import", "--drifted")
    assert (made.path / "specs" / "all.yaml").read_text() == before, taken
    assert made.run("validate").code == 0


@pytest.mark.parametrize(
    ("country", "number", "right"),
    [
        ("SG", "M90312345A", True),
        ("SG", "M9-0002345-P", True),
        ("SG", "M9031234A", False),
        ("NZ", "49-091-850", True),
        ("NZ", "49-091-851", False),
        ("ZA", "4123456789", True),
        ("ZA", "3123456789", False),
        ("ZA", "412345678", False),
        ("KR", "116-82-00276", True),
        ("KR", "116-82-0027", False),
        ("IM", "GB980780684", True),
        ("IM", "x", False),
        ("GR", "EL094259216", True),
        ("GR", "GR094259216", True),
        ("DE", "136695976", False),
    ],
)
def test_a_tax_number_has_its_countrys_form(country: str, number: str, right: bool) -> None:
    assert well_formed(country, number) is right


def test_a_number_without_its_prefix_is_told_the_prefix(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", storefront(), sku())
    entity = '  entities:\n    a: {name: A, establishedIn: DE, registrations: [{country: DE, number: "136695976"}]}\n'
    (made.path / "acorn.yaml").write_text(PROJECT + entity)
    assert "write it with its prefix: DE136695976" in made.run("validate").out


def test_a_drill_of_nothing_passes_and_every_file_is_there(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", storefront())
    done = made.run("export", "out", "--drill")
    assert done.code == 0, done
    for name in ("live.jsonl", "declared.jsonl", "ledger.jsonl", "history.jsonl"):
        assert (made.path / "out" / name).exists()


def test_what_is_recorded_and_never_sent_is_exported(tmp_path: Path) -> None:
    made = Repository(
        tmp_path / "r", storefront(), sku(attributes={"cost": {"currency": "EUR", "value": "17.31"}})
    )
    made.apply()
    assert made.run("export", "out").code == 0
    assert "17.31" in (made.path / "out" / "declared.jsonl").read_text()
