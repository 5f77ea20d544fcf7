"""What is left of a price, and what a plan may cost."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acorn_gitops.engines.pricing.margin import OUT_OF_REACH, Margins
from acorn_gitops.specs.load import load
from tests.repository import Repository, document, shop, sku, storefront

SETTINGS = """  exchangeRates:
    USD/EUR: {rate: "0.92", asOf: "2026-11-20", source: ECB}
"""


def vat(rate: str = "19", **more: Any) -> dict[str, Any]:
    """A rule for every sale at home."""
    result = {"liableParty": "seller", "treatment": "standard", "rate": {"percent": rate}}
    return document(
        "TaxRule", "t", {"validity": {"from": "2024-01-01"}, "match": {}, "result": result, **more}
    )


def costed(cost: str = "20.00", currency: str = "EUR", **more: Any) -> dict[str, Any]:
    """The kettle, with what it cost."""
    return sku(attributes={"cost": {"currency": currency, "value": cost}}, **more)


def margins(path: Path, *documents: dict[str, Any], settings: str = SETTINGS) -> tuple[Margins, Any]:
    """The engine and the SKU."""
    made = Repository(path, *documents)
    (path / "acorn.yaml").write_text((path / "acorn.yaml").read_text() + settings)
    config = load(made.path, None, None).configuration
    return Margins(config, "2026-11-23"), config.skus[0]


@pytest.mark.parametrize(
    ("documents", "price", "percent"),
    [
        (
            [storefront(country="DE"), vat(), costed()],
            "49.99",
            "52.4",
        ),  # 49.99 / 1.19 = 42.0084…; (42.0084 - 20) / 42.0084
        ([storefront(country="DE"), vat("7"), costed()], "49.99", "57.2"),
        ([storefront(country="DE", pricesIncludeTax=False), costed()], "50.00", "60.0"),
        ([storefront(country="DE"), vat(), costed("20.00", "USD")], "49.99", "56.2"),
        ([storefront(country="DE"), vat(), costed()], "23.80", "0.0"),
        ([storefront(country="DE"), vat(), costed()], "11.90", "-100.0"),
        ([storefront(country="DE"), costed()], "49.99", None),  # no rule: the tax is not known
        ([storefront(), vat(), costed()], "49.99", None),  # no country: neither
        ([storefront(country="DE"), vat(), costed("20.00", "GBP")], "49.99", None),  # no rate for pounds
        ([storefront(country="DE"), vat(), sku()], "49.99", None),  # no cost
    ],
)
def test_what_is_left(documents: list[Any], price: str, percent: str | None, tmp_path: Path) -> None:
    """Without tax, over cost; and nothing where anything is not known."""
    engine, spec = margins(tmp_path / "r", *documents)
    found = engine.percent(spec, "amz-de", Decimal(price), "EUR")
    assert (None if found is None else str(found)) == percent


def test_american_prices_are_without_tax(tmp_path: Path) -> None:
    """Unless the store says otherwise."""
    front = storefront("amz-us", "USD", country="US")
    engine, spec = margins(
        tmp_path / "r",
        front,
        sku(store="amz-us", currency="USD", attributes={"cost": {"currency": "USD", "value": "20.00"}}),
    )
    assert str(engine.percent(spec, "amz-us", Decimal("40.00"), "USD")) == "50.0"


FEES = "store,kind,sku,productType,currency,percent,minimum,amount,from,to,source\n"


@pytest.mark.parametrize(
    ("rows", "percent"),
    [
        (["amz-de,referral,,,EUR,15,0.30,,2026-01-01,,S"], "34.5"),  # (42.0084 - 7.4985 - 20) / 42.0084
        (
            ["amz-de,referral,,,EUR,15,,,2026-01-01,,S", "amz-de,fulfilment,,,EUR,,,3.50,2026-01-01,,S"],
            "26.2",
        ),
        (["amz-de,fulfilment,,,USD,,,5.00,2026-01-01,,S"], "41.4"),  # 4.60 EUR
        (["amz-de,referral,,,EUR,1,9.00,,2026-01-01,,S"], "31.0"),  # the minimum is more than the share
        (
            ["amz-de,referral,,,EUR,15,,,2026-01-01,,S", "amz-de,referral,KTL-17-BLK,,EUR,8,,,2026-01-01,,S"],
            "42.9",
        ),
        (["amz-de,referral,OTHER,,EUR,15,,,2026-01-01,,S"], "52.4"),  # of another SKU
        (["amz-fr,referral,,,EUR,15,,,2026-01-01,,S"], "52.4"),  # of another store
        (
            ["amz-de,referral,,,EUR,15,,,2025-01-01,2026-01-01,S", "amz-de,referral,,,EUR,8,,,2026-01-01,,S"],
            "42.9",
        ),
        (["amz-de,referral,,,EUR,15,,,2025-01-01,2026-01-01,S"], None),  # what holds today nobody recorded
        (["amz-de,referral,,,GBP,,,1.00,2026-01-01,,S"], None),  # no rate for pounds
    ],
)
def test_fees_are_what_was_recorded(rows: list[str], percent: str | None, tmp_path: Path) -> None:
    """Of what the buyer pays, by the closest row that holds today; a fee that is over is no fee."""
    (tmp_path / "r" / "facts").mkdir(parents=True)
    (tmp_path / "r" / "facts" / "fees.csv").write_text(FEES + "\n".join(rows) + "\n")
    engine, spec = margins(tmp_path / "r", storefront(country="DE"), vat(), costed())
    found = engine.percent(spec, "amz-de", Decimal("49.99"), "EUR")
    assert (None if found is None else str(found)) == percent


@pytest.mark.parametrize(
    ("place", "percent"),
    [({"country": "DE"}, "42.1"), ({}, None), ({"pricesIncludeTax": True}, None)],
    ids=["at home", "nobody says where home is", "no tax that is known"],
)
def test_a_fee_of_a_tax_that_is_not_known_is_no_small_fee(
    place: dict[str, Any], percent: str | None, tmp_path: Path
) -> None:
    """Marketplaces take their share of the tax as well: (49.99 - 15 % of 59.49 - 20) / 49.99 at home."""
    (tmp_path / "r" / "facts").mkdir(parents=True)
    (tmp_path / "r" / "facts" / "fees.csv").write_text(FEES + "amz-de,referral,,,EUR,15,,,2026-01-01,,S\n")
    store = storefront(**{"pricesIncludeTax": False, **place})
    engine, spec = margins(tmp_path / "r", store, vat(), costed(pricePolicy={"minMarginPercent": "10"}))
    found = engine.percent(spec, "amz-de", Decimal("49.99"), "EUR")
    assert (None if found is None else str(found)) == percent
    assert engine.enough(spec, "10")("amz-de", "EUR", 4999) is (True if percent else None)
    assert (engine.least(spec, "amz-de", "EUR") is None) is (percent is None)


share = st.tuples(st.integers(0, 30), st.sampled_from([0, 30, 250]), st.sampled_from([0, 99, 350]))


@given(share, share, st.integers(0, 60), st.integers(1, 5_000))
def test_the_least_price_leaves_the_margin_after_fees(
    one: tuple[int, int, int], two: tuple[int, int, int], least: int, cost: int
) -> None:
    """Counted upwards from one minor unit below; where no price is enough, none is said."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "r" / "facts").mkdir(parents=True)
        kinds = zip(("referral", "closing"), (one, two), strict=True)
        rows = [f"amz-de,{k},,,EUR,{p},{m / 100:.2f},{a / 100:.2f},2026-01-01,,S" for k, (p, m, a) in kinds]
        (Path(name) / "r" / "facts" / "fees.csv").write_text(FEES + "\n".join(rows) + "\n")
        policy = {"minMarginPercent": str(least)}
        spec_of = costed(f"{cost // 100}.{cost % 100:02}", pricePolicy=policy)
        engine, spec = margins(Path(name) / "r", storefront(country="DE"), vat(), spec_of)
        found = engine.least(spec, "amz-de", "EUR")
        assert found is not None

        def leaves(price: int) -> bool:
            net = Fraction(price) / Fraction("1.19")
            kept = sum(max(Fraction(price * p, 100), m) + a for p, m, a in (one, two))
            return net - kept - cost >= net * least / 100

        price = int(found.amount * 100)
        judge = engine.enough(spec, str(least))
        if price == OUT_OF_REACH:
            assert not any(leaves(10**n) for n in range(2, 13))
            return
        assert (leaves(price), leaves(price - 1)) == (True, False)
        assert (judge("amz-de", "EUR", price), judge("amz-de", "EUR", price - 1)) == (True, False)


@given(st.integers(1, 20_000), st.integers(0, 99), st.integers(1, 10_000))
def test_enough_agrees_with_fractions(price: int, least: int, cost: int) -> None:
    """The sweep's integers say what exact fractions say."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        amount = f"{cost // 100}.{cost % 100:02}"
        engine, spec = margins(Path(name) / "r", storefront(country="DE"), vat(), costed(amount))
        net = Fraction(price) / Fraction("1.19")
        expected = (net - cost) / net * 100 >= least
        assert engine.enough(spec, str(least))("amz-de", "EUR", price) is expected


@given(
    st.integers(0, 99),
    st.integers(1, 10_000),
    st.sampled_from(["0", "7", "19", "25.5"]),
    st.sampled_from(["EUR", "USD"]),
)
def test_the_least_price_is_the_first_that_is_enough(least: int, cost: int, rate: str, currency: str) -> None:
    """One minor unit less leaves too little; counted upwards it is the first, by exact fractions."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        amount = f"{cost // 100}.{cost % 100:02}"
        engine, spec = margins(
            Path(name) / "r",
            storefront(country="DE"),
            vat(rate),
            costed(amount, currency, pricePolicy={"minMarginPercent": str(least)}),
        )
        found = engine.least(spec, "amz-de", "EUR")
        assert found is not None
        paid = Fraction(cost) * (Fraction("0.92") if currency == "USD" else 1)
        tax = 1 + Fraction(rate) / 100

        def leaves(minor: int) -> bool:
            net = minor / tax
            return net > 0 and (net - paid) / net * 100 >= least

        minor = int(found.amount * 100)
        assert leaves(minor)
        assert not leaves(minor - 1)


@pytest.mark.parametrize(
    ("rules", "sources", "percent"),
    [
        ({"wh-leipzig": "19"}, ["wh-leipzig"], "52.4"),
        ({"wh-leipzig": "19", "wh-paris": "25"}, ["wh-leipzig", "wh-paris"], "50.0"),  # the worse of both
        ({"wh-leipzig": "19"}, ["wh-leipzig", "wh-paris"], None),  # from Paris nobody knows the tax
        ({"wh-leipzig": "19"}, [], None),  # from home: no rule
    ],
)
def test_the_tax_is_that_of_where_goods_come_from(
    rules: dict[str, str], sources: list[str], percent: str | None, tmp_path: Path
) -> None:
    """Stock in Leipzig, sold in France: the rule for supplies from Germany to France decides."""
    country = {"wh-leipzig": "DE", "wh-paris": "FR"}
    made = [
        document(
            "TaxRule",
            f"from-{name}",
            {
                "validity": {"from": "2024-01-01"},
                "match": {"supply": {"shipFrom": [country[name]], "shipTo": ["IT"]}},
                "result": {"liableParty": "seller", "treatment": "standard", "rate": {"percent": rate}},
            },
        )
        for name, rate in rules.items()
    ]
    places = [
        document(
            "Store",
            name,
            {
                "type": "physical",
                "physical": {
                    "code": name.upper(), "alias": name, "timezone": "Europe/Berlin",
                    "address": {"countryCode": country[name], "lines": ["Weg 1"], "locality": "Ort", "postalCode": "04103"},
                },
            },
        )
        for name in sources
    ]  # fmt: skip
    inventory = {"pool": "p", "sources": [{"location": name} for name in sources]}
    engine, spec = margins(
        tmp_path / "r",
        storefront(country="IT"),
        *made,
        *places,
        costed(inventory=inventory) if sources else costed(),
    )
    found = engine.percent(spec, "amz-de", Decimal("49.99"), "EUR")
    assert (None if found is None else str(found)) == percent


def test_amounts_are_exchanged_in_either_direction(tmp_path: Path) -> None:
    """By the one dated rate."""
    engine, _ = margins(tmp_path / "r", storefront(), sku())
    assert engine.exchange(Decimal("100"), "USD", "EUR") == Decimal("92.00")
    assert engine.exchange(Decimal("92"), "EUR", "USD") == Decimal("100")
    assert engine.exchange(Decimal("1"), "GBP", "EUR") is None


# Plans


class Priced(Repository):
    """A store with recorded stock and known costs."""

    def settle(self) -> None:
        """Apply, and record stock."""
        self.apply()
        (self.path / "facts").mkdir()
        (self.path / "facts" / "stock.csv").write_text(
            "location,sku,onHand,reserved,asOf\n"
            + "".join(f"de-ber-mitte,S-{n},{10 * (n + 1)},0,2026-11-23T08:00:00Z\n" for n in range(3))
        )

    def prices(self, *values: str) -> None:
        """The SKUs at these prices."""
        self.write(
            storefront(country="DE"), shop(), vat(), *(stocked(n, value) for n, value in enumerate(values))
        )

    def policies(self, text: str) -> None:
        """Budgets."""
        path = self.path / "acorn.yaml"
        path.write_text(
            path.read_text().partition("  policies:")[0] + f"  policies: {{budgets: {{day: {text}}}}}\n"
        )


def stocked(number: int, value: str) -> dict[str, Any]:
    """A SKU with a pool and a cost."""
    return sku(
        f"S-{number}",
        value,
        attributes={"cost": {"currency": "EUR", "value": "10.00"}},
        inventory={"pool": "p", "sources": [{"location": "de-ber-mitte"}]},
    )


@pytest.fixture
def priced(tmp_path: Path) -> Priced:
    """Three SKUs at 50.00."""
    made = Priced(tmp_path / "r")
    made.prices("50.00", "50.00", "50.00")
    made.settle()
    return made


def test_a_plan_says_what_it_costs(priced: Priced) -> None:
    """Margin after, pieces times difference, the dearest first; the sum by store and currency."""
    priced.prices("49.00", "45.00", "52.00")
    text = priced.run("plan").out
    lines = [line.strip() for line in text.splitlines()]
    assert [line.split()[2] for line in lines if line.startswith("~ listing")] == ["S-1", "S-0", "S-2"]
    assert "leaves 73.6 %, 20 pieces: -100.00 EUR" in text
    assert "leaves 77.1 %, 30 pieces: +60.00 EUR" in text
    assert "amz-de: -50.00 EUR for the stock that is there" in text
    money = {c["address"]: c["money"] for c in priced.plan()["changes"]}
    assert money["amz-de/listing/S-0"] == {
        "currency": "EUR", "old": "50.00", "new": "49.00", "percent": "-2.0",
        "margin_percent": "75.7", "stock": 10, "effect": "-10.00",
    }  # fmt: skip
    assert "**-50.00 EUR** for the stock" in priced.run("plan", "-o", "markdown").out


def test_a_saved_plan_keeps_what_it_said(priced: Priced) -> None:
    """Shown later it says the same, and it is applied."""
    priced.prices("49.00", "45.00", "52.00")
    assert priced.run("plan", "--out", "p.acorn.json").code == 0
    (priced.path / "facts" / "stock.csv").unlink()
    shown = priced.run("show", "p.acorn.json").out
    assert "leaves 73.6 %, 20 pieces: -100.00 EUR" in shown
    assert priced.run("apply", "p.acorn.json").code == 0


def test_without_facts_nothing_is_guessed(priced: Priced) -> None:
    """No stock: the margin alone. No cost: neither."""
    (priced.path / "facts" / "stock.csv").unlink()
    priced.prices("49.00", "50.00", "50.00")
    assert "leaves 75.7 %" in (text := priced.run("plan").out)
    assert "pieces" not in text
    priced.write(storefront(country="DE"), shop(), vat(), *(sku(f"S-{n}", "48.00") for n in range(3)))
    assert "leaves" not in priced.run("plan").out


@pytest.mark.parametrize(
    ("budget", "prices", "id"),
    [
        ('{priceSum: "5"}', ("47.00", "47.00", "47.00"), "BUD-003"),
        ('{priceSum: "5"}', ("47.50", "47.50", "47.50"), None),  # exactly five percent
        ('{priceSum: "5"}', ("60.00", "60.00", "60.00"), "BUD-003"),
        ('{priceSum: "5"}', ("40.00", "60.00", "50.00"), None),  # together nothing moved
        ('{priceSum: "5", stores: ["de-*"]}', ("40.00", "40.00", "40.00"), None),
    ],
)
def test_prices_together_have_a_budget(
    budget: str, prices: tuple[str, ...], id: str | None, priced: Priced
) -> None:
    """Each change is small, and together they are a sale."""
    priced.policies(budget)
    priced.prices(*prices)
    found = {f["id"] for f in priced.plan()["findings"]}
    assert (found & {"BUD-003"}) == ({id} if id else set())
    assert priced.run("apply", "--auto-approve").code == (5 if id else 0)


def role(ids: list[str], verbs: list[str], until: str = "2027-06-01") -> dict[str, Any]:
    """A role with people."""
    subjects = [{"kind": "user", "id": i, "mfa": True} for i in ids]
    return document(
        "RolePermission", "r", {
            "subjects": subjects,
            "stores": {"all": True},
            "rules": [{"resources": ["price"], "verbs": verbs}],
            "validity": {"until": until},
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("after", "over"),
    [
        (role(["a@x.y"], ["read", "write"]), True),  # two people less
        (role(["a@x.y", "b@x.y", "c@x.y"], ["read"]), False),  # one right less
        (role(["a@x.y", "b@x.y"], ["read"]), True),  # one of each
        (role(["a@x.y", "b@x.y", "c@x.y"], ["read", "write", "plan"]), False),
        (role(["a@x.y", "b@x.y", "c@x.y"], ["read", "write"], until="2026-12-24"), True),  # everybody, then
        (
            role(["a@x.y", "b@x.y", "c@x.y"], ["read", "write"], until="2027-07-01"),
            False,
        ),  # longer than before
    ],
)
def test_permissions_that_go_have_a_budget(after: dict[str, Any], over: bool, tmp_path: Path) -> None:
    """An emptied selector locks everybody out."""
    made = Priced(tmp_path / "r", storefront(), sku(), role(["a@x.y", "b@x.y", "c@x.y"], ["read", "write"]))
    made.apply()
    made.policies("{permissionsRemoved: 1}")
    made.write(storefront(), sku(), after)
    assert ("BUD-004" in {f["id"] for f in made.plan()["findings"]}) is over
    assert made.run("apply", "--auto-approve").code == (5 if over else 0)


@pytest.mark.parametrize(
    ("included", "price"), [(True, "119.00"), (False, "100.00")], ids=["with tax", "without tax"]
)
def test_a_fee_is_taken_of_what_the_buyer_pays_however_prices_are_shown(
    tmp_path: Path, included: bool, price: str
) -> None:
    """The same sale leaves the same margin: 100 - 75 - 15 % of 119 = 7.15 %."""
    store = storefront(country="DE", pricesIncludeTax=included)
    made = costed("75.00", price=price, pricePolicy={"minMarginPercent": "10"})
    repository = Repository(tmp_path / "r", store, vat(), made)
    (repository.path / "facts").mkdir()
    row = "amz-de,referral,,,EUR,15,,,2026-01-01,,S\n"
    (repository.path / "facts" / "fees.csv").write_text(FEES + row)
    config = load(repository.path, None, None).configuration
    engine, spec = Margins(config, "2026-11-23"), config.skus[0]
    assert str(engine.percent(spec, "amz-de", Decimal(price), "EUR")) in ("7.1", "7.2")
    assert engine.enough(spec, "7.1")("amz-de", "EUR", int(Decimal(price) * 100)) is True
    assert engine.enough(spec, "7.2")("amz-de", "EUR", int(Decimal(price) * 100)) is False


@pytest.mark.parametrize("more", ["amz-de,referral,KTL-17-BLK,,EUR,20,,,2027-01-01,,S\n", "amz-de,referral,KTL-17-BLK,,EUR,20,,,2026-01-01,2026-06-30,S\n"])  # fmt: skip
def test_a_fee_that_is_announced_or_over_hides_none_that_holds(tmp_path: Path, more: str) -> None:
    """The general one is known today."""
    repository = Repository(tmp_path / "r", storefront(country="DE"), vat(), costed("20.00"))
    (repository.path / "facts").mkdir()
    general = "amz-de,referral,,,EUR,15,,,2026-01-01,,S\n"
    found = []
    for rows in (general, general + more):
        (repository.path / "facts" / "fees.csv").write_text(FEES + rows)
        config = load(repository.path, None, None).configuration
        found.append(Margins(config, "2026-11-23").percent(config.skus[0], "amz-de", Decimal("49.99"), "EUR"))
    assert found[0] == found[1] is not None


@pytest.mark.parametrize("what", ["tax", "fee"])
def test_a_promotion_is_judged_by_the_rates_of_its_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """What is known to begin before it ends counts; what the listing costs by itself then can be changed until then."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")

    def rates(later: str) -> list[dict[str, Any]]:
        now = vat("19", validity={"from": "2024-01-01", "to": "2026-12-10"})
        coming = vat(later, validity={"from": "2026-12-10"})
        return [now, {**coming, "metadata": {"name": "later"}}]

    kettle = costed("20.00", price="49.99", pricePolicy={"minMarginPercent": "30"})
    taxes = rates("26") if what == "tax" else [vat()]
    made = Repository(tmp_path / "r", storefront(country="DE"), kettle, *taxes)
    if what == "fee":
        (made.path / "facts").mkdir()
        rows = "amz-de,referral,,,EUR,0,,,2026-01-01,2026-12-10,S\namz-de,referral,,,EUR,8,,,2026-12-10,,S\n"
        (made.path / "facts" / "fees.csv").write_text(FEES + rows)

    def found(start: str, end: str) -> bool:
        window = {
            edge: {"local": f"{day}T00:00", "tz": "store"} for edge, day in (("start", start), ("end", end))
        }
        body = {"type": "percentOff", "stores": {"all": True}, "skus": {"all": True}, "window": window}
        made.write(
            storefront(country="DE"),
            kettle,
            *taxes,
            document("Promo", "p", {**body, "discount": {"percent": "30"}}),
        )
        return "PRO-032" in made.run("validate").out

    assert not found("2026-12-01", "2026-12-08")
    assert found("2026-12-01", "2026-12-20"), "it runs on when the rate is another"
    assert found("2026-12-15", "2026-12-20")
