"""Which tax rule decides: the most specific one, never the first one; a hole or a tie is an error, never a guess."""

from __future__ import annotations

import itertools
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acorn_gitops.engines.sales import matrix
from acorn_gitops.engines.tax import Supply, decide
from acorn_gitops.specs.configuration import Configuration, Spec
from tests.repository import Repository, document, shop, sku, storefront

TODAY = "2026-11-23"


def rule(name: str, result: str = "seller", **more: Any) -> Spec:
    """A rule; `result` is who is liable, so that results differ when it does."""
    body: dict[str, Any] = {
        "validity": more.pop("validity", {"from": "2025-01-01"}),
        "match": {
            k: v for k, v in more.items() if k in ("stores", "supply", "customer", "goods", "value", "seller")
        },
        "result": {
            "liableParty": result,
            "treatment": "standard",
            "rate": more.get("rate", {"percent": "19"}),
        },
    }
    if more.get("border") == "intraCommunity":
        body["result"] = {"liableParty": result, "treatment": "intraCommunity"}
    elif more.get("border"):
        body["result"]["scheme"] = more["border"]
    body |= {k: v for k, v in more.items() if k in ("priority", "enabled")}
    return Spec("TaxRule", name, {}, body, "tax.yaml", 1)


def configuration(*rules: Spec, country: str = "DE", labels: dict[str, str] | None = None) -> Configuration:
    """One storefront and these rules."""
    front = {"platform": "network", "currency": "EUR", "country": country}
    store = Spec("Store", "shop", labels or {}, {"type": "storefront", "storefront": front}, "s.yaml", 1)
    return Configuration(
        "t", "sandbox", {}, {}, {}, {}, {"shop": store}, [], {}, {r.name: r for r in rules}, {}, ""
    )


def winner(supply: Supply, *rules: Spec, **more: Any) -> str:
    """The name of the rule that decides, or the problem; the same in every order of the rules."""
    found = set()
    for order in itertools.islice(itertools.permutations(rules), 24):
        decision = decide(configuration(*order, **more), supply)
        found.add(decision.winner.name if decision.winner is not None else decision.problem)
    assert len(found) == 1, found
    return found.pop()


HOME = Supply("shop", "DE", "DE", date=TODAY, sku="A", tax_class="standard", ptc="A_GEN_STANDARD")

ANY = rule("any")


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ({"goods": {"skus": ["A"]}}, {"goods": {"ptc": ["A_GEN_STANDARD"]}}),
        ({"goods": {"ptc": ["A_GEN_STANDARD"]}}, {"goods": {"taxClass": ["standard"]}}),
        ({"goods": {"taxClass": ["standard"]}}, {}),
        ({"stores": {"names": ["shop"]}}, {"stores": {"marketplaces": ["DE"]}}),
        ({"stores": {"marketplaces": ["DE"]}}, {"stores": {"labels": {"region": "eu"}}}),
        ({"stores": {"labels": {"region": "eu"}}}, {}),
        ({"supply": {"shipTo": ["DE"]}}, {"supply": {"shipTo": ["EU"]}}),
        ({"supply": {"shipTo": ["EU"]}}, {}),
        ({"supply": {"shipFrom": ["DE"]}}, {"supply": {"shipFrom": ["EU"]}}),
        ({"customer": {"type": "b2c"}}, {"customer": {"type": "any"}}),
        ({"value": {"currency": "EUR", "max": "150.00"}}, {}),
        # The order of the dimensions: goods before store before destination before origin before customer.
        (
            {"goods": {"taxClass": ["standard"]}},
            {"stores": {"names": ["shop"]}, "supply": {"shipTo": ["DE"]}},
        ),
        ({"stores": {"labels": {"region": "eu"}}}, {"supply": {"shipTo": ["DE"], "shipFrom": ["DE"]}}),
        ({"supply": {"shipTo": ["EU"]}}, {"supply": {"shipFrom": ["DE"]}, "customer": {"type": "b2c"}}),
        ({"supply": {"shipFrom": ["EU"]}}, {"customer": {"type": "b2c", "vatId": "absent"}}),
    ],
    ids=str,
)
def test_the_more_specific_rule_decides(more: dict[str, Any], less: dict[str, Any]) -> None:
    """Dimension by dimension, from goods to value, whatever the order of the rules and of their names."""
    supply = HOME._replace(value=(Decimal("20.00"), "EUR"))
    for names in (("a", "b"), ("b", "a")):
        two = rule(names[0], "seller", **more), rule(names[1], "customer", **less)
        assert winner(supply, *two, labels={"region": "eu"}) == names[0]


def test_a_subdivision_is_more_specific_than_its_country() -> None:
    """US-NY over US; both over a bloc."""
    supply = HOME._replace(ship_to="US-NY")
    rules = [rule(n, n, supply={"shipTo": [t]}) for n, t in (("customer", "US-NY"), ("seller", "US"))]
    assert winner(supply, *rules) == "customer"
    assert winner(supply._replace(ship_to="US-CA"), *rules) == "seller"


def test_priority_settles_equals_and_nothing_else() -> None:
    """Between equally specific rules the higher one; a less specific rule never wins by it."""
    assert winner(HOME, rule("a", "seller", priority=1), rule("b", "customer", priority=2)) == "b"
    specific = rule("c", "seller", supply={"shipTo": ["DE"]})
    assert winner(HOME, specific, rule("d", "customer", priority=1000)) == "c"


def test_a_tie_with_different_results_is_a_problem() -> None:
    """And names the rules. The same result twice is none."""
    assert winner(HOME, rule("b", "customer"), rule("a", "seller")) == "tie of a and b"
    assert winner(HOME, rule("b"), rule("a")) == "a"
    spelt = rule("a", rate={"percent": "19"}), rule("b", rate={"percent": "19.00"})
    assert winner(HOME, *spelt) == "a", "19 and 19.00 are the same rate"


@pytest.mark.parametrize(
    "lost",
    [
        rule("r", enabled=False),
        rule("r", validity={"from": "2026-11-24"}),
        rule("r", validity={"from": "2025-01-01", "to": TODAY}),
        rule("r", supply={"shipTo": ["EU"], "territoryExclude": ["DE"]}),
        rule("r", supply={"shipTo": ["FR"]}),
        rule("r", supply={"shipFrom": ["CN"]}),
        rule("r", customer={"type": "b2b"}),
        rule("r", customer={"vatId": "valid"}),
        rule("r", goods={"skus": ["B"]}),
        rule("r", stores={"names": ["other"]}),
    ],
    ids=lambda r: str(r.spec["match"]) + str(r.spec["validity"]),
)
def test_a_rule_that_does_not_match_says_why(lost: Spec) -> None:
    """And where none matches there is a hole, not a default."""
    decision = decide(configuration(lost), HOME)
    assert decision.problem == "no rule"
    assert decision.winner is None
    assert decision.percent is None
    assert decision.candidates[0].lost


def test_validity_is_half_open() -> None:
    """The first day counts, the last does not."""
    one = rule("one", validity={"from": "2026-01-01", "to": "2026-07-01"})
    two = rule("two", "customer", validity={"from": "2026-07-01"})
    assert winner(HOME._replace(date="2026-01-01"), one, two) == "one"
    assert winner(HOME._replace(date="2026-06-30"), one, two) == "one"
    assert winner(HOME._replace(date="2026-07-01"), one, two) == "two"
    assert winner(HOME._replace(date="2025-12-31"), one, two) == "no rule"


@pytest.mark.parametrize(
    ("value", "wins"),
    [("150.00", "low"), ("150.01", "high"), ("0.00", "low"), ("149.999", "low")],
)
def test_a_value_bound_is_inclusive(value: str, wins: str) -> None:
    """Up to and including the bound (Directive 2006/112/EC art. 14a: not exceeding EUR 150)."""
    low = rule("low", "marketplace", value={"currency": "EUR", "max": "150.00"})
    assert winner(HOME._replace(value=(Decimal(value), "EUR")), low, rule("high")) == wins


def test_a_bound_in_another_currency_needs_a_rate() -> None:
    """No exchange rate is guessed: where the answer depends on it, there is none. A dated rate of acorn.yaml turns the value into
    the currency of the bound, to the penny (case engine-09)."""
    low, high = (
        rule("low", "marketplace", value={"currency": "GBP", "max": "135.00"}),
        rule("high", "customer"),
    )
    problem = "the value decides, and acorn.yaml has no exchange rate EUR/GBP"
    assert winner(HOME._replace(value=(Decimal(1), "EUR")), low, high) == problem
    alike = rule("alike", "marketplace", supply={"shipTo": ["DE"]})
    assert winner(HOME._replace(value=(Decimal(1), "EUR")), low, alike) == "alike"
    config = configuration(low, high)
    rate = {"rate": "1.15", "asOf": TODAY, "source": "ECB"}
    config.settings = {"exchangeRates": {"GBP/EUR": rate}}  # type: ignore[misc]
    for value, wins in (("100", "low"), ("155.25", "low"), ("155.26", "high")):
        decision = decide(config, HOME._replace(value=(Decimal(value), "EUR")))
        assert decision.winner is not None
        assert decision.winner.name == wins, value


def test_a_value_that_decides_is_asked_for() -> None:
    """Where every value has one answer it is that; else nothing is fallen through to."""
    low, high = rule("low", "marketplace", value={"currency": "EUR", "max": "150"}), rule("high", "customer")
    decision = decide(configuration(low, high), HOME)
    assert decision.winner is None
    assert decision.problem == (
        "the value decides, and none is said (up to 150 EUR marketplace: standard 19 %; above 150 EUR customer: standard 19 %)"
    )
    both = [low, rule("above", "marketplace", value={"currency": "EUR", "above": "150"})]
    assert decide(configuration(*both), HOME).words == "marketplace: standard 19 %"


def test_a_marketplace_that_is_liable_comes_before_the_sellers_own_rules() -> None:
    """Whatever the specificity and the priority (cases engine-10 and engine-11); and not before a rule by which the customer is."""
    market = rule("market", "marketplace", priority=-1000)
    own = rule("own", "seller", goods={"skus": ["A"]}, supply={"shipTo": ["DE"]}, priority=1000)
    assert winner(HOME, market, own) == "market"
    assert winner(HOME, market, own, rule("firm", "customer", supply={"shipTo": ["DE"]})) == "firm"
    other = rule("other", "marketplace", priority=-1000, rate={"percent": "7"})
    assert winner(HOME, market, other) == "tie of market and other"


def test_several_taxes_on_one_sale_are_told_one_by_one() -> None:
    """Each with who owes it; together they are the percentage."""
    two = rule("bc")
    two.spec["result"] |= {
        "rate": None,
        "taxes": [
            {"name": "GST", "percent": "5"},
            {"name": "PST", "percent": "7", "liableParty": "marketplace"},
        ],
    }
    decision = decide(configuration(two), HOME)
    assert decision.percent == "12"
    assert decision.words == "seller: standard 12 % (GST 5 %, PST 7 % owed by the marketplace)"


@pytest.mark.parametrize(
    ("wanted", "have", "matches"),
    [
        ("any", "absent", True),
        ("present", "valid", True),
        ("present", "present", True),
        ("present", "absent", False),
        ("valid", "present", False),
        ("valid", "valid", True),
        ("absent", "absent", True),
        ("absent", "valid", False),
    ],
)
def test_a_vat_id_that_was_only_told_is_not_valid(wanted: str, have: str, matches: bool) -> None:
    """`valid` includes `present`, never the other way round."""
    supply = HOME._replace(customer="b2b", vat_id=have)
    assert (winner(supply, rule("r", customer={"vatId": wanted})) == "r") is matches


@pytest.mark.parametrize(
    ("to", "date", "percent"),
    [
        ("DE", TODAY, "19"),
        ("FR", TODAY, "20"),
        ("HU", TODAY, "27"),
        ("LU", TODAY, "17"),
        ("EE", "2025-06-30", "22"),
        ("EE", "2025-07-01", "24"),
        ("DE", "2024-01-01", "19"),
    ],
)
def test_a_class_is_resolved_by_country_and_date(to: str, date: str, percent: str) -> None:
    """Estonia raised its rate on 2025-07-01."""
    one = rule("r", rate={"class": "standard"}, validity={"from": "2010-01-01"})
    decision = decide(configuration(one), HOME._replace(ship_to=to, date=date))
    assert decision.percent == percent


def test_a_class_is_of_the_country_that_is_meant() -> None:
    """Where goods arrive, unless the rule says that it is where they leave; two rules that differ in that alone are a tie where
    they meet."""
    arrival = rule("arrival", rate={"class": "standard"})
    departure = rule("departure", rate={"class": "standard", "of": "shipFrom"})
    abroad = HOME._replace(ship_to="FR")
    assert decide(configuration(arrival), abroad).percent == "20"
    assert decide(configuration(departure), abroad).percent == "19"
    assert winner(abroad, arrival, departure).startswith("tie")
    assert winner(abroad, arrival, rule("said", rate={"class": "standard", "of": "shipTo"})) in (
        "arrival",
        "said",
    )


def test_a_class_without_rate_is_a_problem() -> None:
    """Denmark has no reduced rate; the United States have none at all."""
    one = rule("r", rate={"class": "reduced"})
    for to in ("DK", "US-NY"):
        decision = decide(configuration(one), HOME._replace(ship_to=to))
        assert decision.problem.startswith("the table has no reduced rate"), decision
        assert decision.percent is None


def test_nothing_is_said_of_days_before_the_table() -> None:
    """Germany's rate was 16 percent in the second half of 2020: today's must not be taken for it."""
    one = rule("r", rate={"class": "standard"}, validity={"from": "2010-01-01"})
    decision = decide(configuration(one), HOME._replace(date="2020-12-31"))
    assert decision.percent is None
    assert decision.problem.startswith("the table of rates begins on 2024-01-01")


TERRITORIES = ["DE", "FR", "EU", "US", "US-NY", "ES-CN", "ES"]
choices = st.fixed_dictionaries(
    {},
    optional={
        "stores": st.sampled_from(
            [
                {"names": ["shop"]},
                {"marketplaces": ["DE"]},
                {"labels": {"region": "eu"}},
                {"names": ["other"]},
            ]
        ),
        "supply": st.fixed_dictionaries(
            {},
            optional={
                "shipTo": st.lists(st.sampled_from(TERRITORIES), min_size=1, max_size=2),
                "shipFrom": st.lists(st.sampled_from(TERRITORIES), min_size=1, max_size=2),
                "territoryExclude": st.just(["ES-CN"]),
            },
        ),
        "customer": st.fixed_dictionaries(
            {},
            optional={
                "type": st.sampled_from(["b2c", "b2b", "any"]),
                "vatId": st.sampled_from(["any", "present", "valid", "absent"]),
            },
        ),
        "goods": st.fixed_dictionaries(
            {},
            optional={
                "skus": st.sampled_from([["A"], ["B"]]),
                "ptc": st.just(["A_GEN_STANDARD"]),
                "taxClass": st.sampled_from([["standard"], ["books"]]),
            },
        ),
        "value": st.sampled_from(
            [
                {"currency": "EUR", "max": "150.00"},
                {"currency": "EUR", "above": "150"},
                {"currency": "EUR", "above": "149.99", "max": "150.99"},
            ]
        ),
        "border": st.sampled_from(["intraCommunity", "union-oss"]),
        "priority": st.integers(-2, 2),
        "enabled": st.booleans(),
    },
)
supplies = st.builds(
    Supply,
    st.just("shop"),
    st.sampled_from(["DE", "FR", "US-NY", "CN"]),
    st.sampled_from(["DE", "FR", "US-NY", "US-CA", "ES", "ES-CN"]),
    st.sampled_from(["b2c", "b2b"]),
    st.sampled_from(["absent", "present", "valid"]),
    st.just(TODAY),
    st.sampled_from(["A", "C"]),
    st.sampled_from(["standard", "books", ""]),
    st.sampled_from(["A_GEN_STANDARD", ""]),
    st.sampled_from([(Decimal("150"), "EUR"), (Decimal("151"), "EUR")]),
)


def inside(territory: str, named: str) -> bool:
    """Said again from scratch, for the oracle. The Canary Islands are in nothing but themselves."""
    if territory == "ES-CN":
        return named == territory
    if named == "EU":
        return territory.split("-")[0] in {"DE", "FR", "ES"}
    return territory == named or territory.startswith(named + "-")


def border(r: Spec) -> bool:
    """Whether it speaks of goods that cross one."""
    result = r.spec["result"]
    return result["treatment"] == "intraCommunity" or (
        result.get("scheme") == "union-oss" and result["liableParty"] == "seller"
    )


def oracle(rules: list[Spec], s: Supply) -> str:
    """Brute force: compare every pair of matching rules, and let those that nobody beats decide."""

    def vector(r: Spec) -> list[int] | None:
        m = r.spec["match"]
        goods, supply, customer = m.get("goods", {}), m.get("supply", {}), m.get("customer", {})
        checks = [
            r.spec.get("enabled", True),
            "skus" not in goods or s.sku in goods["skus"],
            "ptc" not in goods or s.ptc in goods["ptc"],
            "taxClass" not in goods or s.tax_class in goods["taxClass"],
            m.get("stores", {}).get("names", ["shop"]) == ["shop"],
            "shipTo" not in supply or any(inside(s.ship_to, t) for t in supply["shipTo"]),
            "shipFrom" not in supply or any(inside(s.ship_from, t) for t in supply["shipFrom"]),
            not any(inside(s.ship_to, t) for t in supply.get("territoryExclude", [])),
            customer.get("type", "any") in ("any", s.customer),
            {"any": True, "valid": s.vat_id == "valid", "present": s.vat_id != "absent", "absent": s.vat_id == "absent"}[
                customer.get("vatId", "any")
            ],
            "value" not in m
            or (
                s.value is not None
                and s.value[1] == m["value"]["currency"]
                and s.value[0] <= Decimal(m["value"].get("max", "1e9"))
                and s.value[0] > Decimal(m["value"].get("above", "-1"))
            ),
            not border(r) or s.ship_from[:2] != s.ship_to[:2] or "ES-CN" in (s.ship_to, s.ship_from),
        ]  # fmt: skip
        if not all(checks):
            return None

        def place(named: list[str], territory: str) -> int:
            fitting = [t for t in named if inside(territory, t)]
            return (
                3
                if any("-" in t for t in fitting)
                else 2
                if any(t != "EU" for t in fitting)
                else 1
                if fitting
                else 0
            )

        stores = m.get("stores", {})
        return [
            3 if "skus" in goods else 2 if "ptc" in goods else 1 if "taxClass" in goods else 0,
            3 if "names" in stores else 2 if "marketplaces" in stores else 1 if "labels" in stores else 0,
            place(supply.get("shipTo", []), s.ship_to),
            place(supply.get("shipFrom", []), s.ship_from),
            {"any": 0, "valid": 2, "present": 1, "absent": 1}[customer.get("vatId", "any")],
            0 if customer.get("type", "any") == "any" else 1,
            1 if "value" in m else 0,
            r.spec.get("priority", 0),
        ]

    matching = [(r, v) for r in rules if (v := vector(r)) is not None]
    if any(r.spec["result"]["liableParty"] == "marketplace" for r, _ in matching):
        matching = [(r, v) for r, v in matching if r.spec["result"]["liableParty"] != "seller"]
    if not matching:
        return "no rule"
    top = [r for r, v in matching if all(v >= other for _, other in matching)]
    results = {(r.spec["result"]["liableParty"], r.spec["result"]["treatment"], r.spec["result"].get("scheme")) for r in top}  # fmt: skip
    return next(iter(results))[0] if len(results) == 1 else "tie"


@given(
    st.lists(st.tuples(choices, st.sampled_from(["seller", "marketplace", "customer"])), max_size=6), supplies
)
def test_decisions_agree_with_brute_force(drawn: list[tuple[dict[str, Any], str]], supply: Supply) -> None:
    """On any rules and any sale the engine and an oracle that compares all pairs say the same."""
    rules = [rule(f"r{n}", result, **more) for n, (more, result) in enumerate(drawn)]
    decision = decide(configuration(*rules, labels={"region": "eu"}), supply)
    got = (
        decision.winner.spec["result"]["liableParty"]
        if decision.winner
        else decision.problem.split(" of ")[0]
    )
    assert got == oracle(rules, supply)
    assert len(decision.candidates) == len(rules)
    assert [c for c in decision.candidates if not c.lost and decision.winner] == [
        c for c in decision.candidates if c.rule is decision.winner
    ]


def tax_rule(name: str, result: str = "seller", **more: Any) -> dict[str, Any]:
    """A document."""
    made = rule(name, result, **more).spec
    return document("TaxRule", name, made)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A German storefront that sells from a shop in Berlin to Germany and France."""
    pot = sku(
        inventory={"pool": "p", "sources": [{"location": "de-ber-mitte"}]},
        attributes={"taxClass": "standard"},
    )
    return Repository(
        tmp_path / "r",
        storefront(country="DE"),
        shop(),
        pot,
        tax_rule("home", supply={"shipFrom": ["DE"], "shipTo": ["DE"]}),
        tax_rule("france", rate={"class": "standard"}, supply={"shipFrom": ["DE"], "shipTo": ["FR"]}),
    )


def test_explain_shows_the_winner_and_every_loser(repository: Repository) -> None:
    """With the rate, the place of the rule, and in words why the others lost."""
    result = repository.run("tax", "explain", "--store", "amz-de", "--sku", "KTL-17-BLK", "--to", "FR")
    assert result.code == 0, result
    for words in (
        "KTL-17-BLK (standard) from DE to FR",
        "rate       20 %",
        "rule       france",
        "home: it goes to FR",
    ):
        assert words in result.out
    rows = repository.run("tax", "explain", "--store", "amz-de", "--to", "DE", "-o", "json").json
    assert (rows["rule"], rows["percent"], rows["problem"]) == ("home", "19", None)
    assert {c["rule"]: bool(c["lost"]) for c in rows["candidates"]} == {"home": False, "france": True}
    short = repository.run("tax", "--store", "amz-de", "--sku", "KTL-17-BLK", "--to", "FR")
    assert (short.code, short.out) == (result.code, result.out)


def test_a_hole_is_an_error_of_explain_and_of_the_matrix(repository: Repository) -> None:
    """Exit 1; in validate it is a warning for consumers."""
    result = repository.run("tax", "explain", "--store", "amz-de", "--to", "IT")
    assert result.code == 1
    assert "no rule" in result.out
    assert repository.run("tax", "matrix").code == 0
    repository.write(
        tax_rule("italy", rate={"class": "zero"}, supply={"shipFrom": ["DE"], "shipTo": ["IT"]}),
        file="it.yaml",
    )
    result = repository.run("tax", "matrix")
    assert result.code == 1
    assert "the table has no zero rate in IT" in result.out
    assert "4 without an answer" in result.out


def test_a_tie_is_an_error_of_validate(repository: Repository) -> None:
    """TAX-002 names both rules; a priority mends it."""
    repository.write(
        tax_rule("other", "customer", supply={"shipFrom": ["DE"], "shipTo": ["FR"]}), file="o.yaml"
    )
    result = repository.run("validate")
    assert result.code == 4
    assert "TAX-002" in result.out
    assert "tie of france and other" in result.out
    repository.write(
        tax_rule("other", "customer", priority=1, supply={"shipFrom": ["DE"], "shipTo": ["FR"]}),
        file="o.yaml",
    )
    assert repository.run("validate").code == 0


def test_a_hole_is_an_error_of_validate(repository: Repository) -> None:
    """TAX-001, with the sale that has no rule; a rule for everybody closes it, and so does a severity that is configured."""
    repository.write(
        tax_rule("companies", supply={"shipTo": ["IT"]}, customer={"type": "b2b"}), file="b.yaml"
    )
    result = repository.run("validate")
    assert result.code == 4
    assert "TAX-001" in result.out
    assert "from DE to consumers in IT through amz-de" in result.out
    repository.write(tax_rule("all", supply={"shipTo": ["IT"]}), file="b.yaml")
    assert repository.run("validate").code == 0
    repository.write(
        tax_rule("consumers", supply={"shipTo": ["IT"]}, customer={"type": "b2c"}), file="b.yaml"
    )
    assert "from DE to businesses (VAT id absent) in IT" in repository.run("validate").out
    with (repository.path / "acorn.yaml").open("a") as file:
        file.write("  policies: {severities: {TAX-001: warning}}\n")
    assert repository.run("validate").code == 0


def test_the_matrix_of_the_demo_organisation_has_one_answer_everywhere(root: Path) -> None:
    """Hundreds of cells, none without an answer."""
    made = Repository.__new__(Repository)
    made.path = root
    result = made.run("tax", "matrix", "-o", "json")
    assert result.code == 0
    assert len(result.json["cells"]) > 500
    assert result.json["problems"] == 0


def test_the_matrix_asks_only_what_the_specs_speak_of() -> None:
    """Where a rule is for goods from elsewhere, its destination is no cell of this store."""
    config = configuration(
        rule("home", supply={"shipTo": ["DE"]}),
        rule("imports", supply={"shipFrom": ["CN"], "shipTo": ["FR"]}),
    )
    assert {c.supply.ship_to for c in matrix(config, TODAY)} == {"DE", "DE-BUSINGEN", "DE-HELGOLAND"}


def test_the_matrix_asks_for_places_beside_a_country_that_is_named() -> None:
    """A rule for Spain says nothing of the Canary Islands, under any of their names (case engine-07): a hole, and a rule that names
    them in any spelling closes it."""
    spain = rule("spain", supply={"shipTo": ["ES"]})
    cells = {c.supply.ship_to: c.decision.problem for c in matrix(configuration(spain, country="ES"), TODAY)}
    assert cells == {"ES": "", "ES-CN": "no rule", "ES-CE": "no rule", "ES-ML": "no rule"}
    islands = rule("islands", "none", supply={"shipTo": ["IC", "EA"]})
    cells = {
        c.supply.ship_to: c.decision.problem
        for c in matrix(configuration(spain, islands, country="ES"), TODAY)
    }
    assert cells == {"ES": "", "IC": "", "EA": "", "ES-CE": "", "ES-ML": ""}


def test_the_matrix_knows_every_member_of_a_bloc() -> None:
    """Two rules for the EU that differ are a tie in each of its countries, not only at home."""
    config = configuration(
        rule("home", supply={"shipTo": ["DE"]}),
        rule("one", "seller", supply={"shipTo": ["EU"]}),
        rule("two", "customer", supply={"shipTo": ["EU"]}),
    )
    problems = {(c.supply.ship_to, c.decision.problem) for c in matrix(config, TODAY)}
    assert len({place for place, _ in problems if "-" not in place}) == 27
    assert ("DE", "") in problems
    assert ("SE", "tie of one and two") in problems


def test_the_matrix_looks_on_both_sides_of_a_bound() -> None:
    """A rule up to 150 leaves a hole above it, unless another rule begins there."""
    small = rule("small", supply={"shipTo": ["DE"]}, value={"currency": "EUR", "max": "150"})
    seen = {
        (c.supply.worth, c.decision.problem)
        for c in matrix(configuration(small), TODAY)
        if c.supply.ship_to == "DE"
    }
    assert seen == {("150 EUR", ""), ("151 EUR", "no rule")}
    large = rule("large", supply={"shipTo": ["DE"]}, value={"currency": "EUR", "above": "150"})
    cells = matrix(configuration(small, large), TODAY)
    assert {(c.supply.worth, c.decision.winner.name) for c in cells if c.decision.winner} == {
        ("150 EUR", "small"),
        ("151 EUR", "large"),
    }


def test_a_storefront_of_which_no_rule_speaks_is_a_hole() -> None:
    """As soon as there are tax rules at all."""
    config = configuration(rule("elsewhere", stores={"names": ["other"]}))
    assert {c.decision.problem for c in matrix(config, TODAY)} == {"no rule"}


def test_what_begins_at_a_border_never_decides_inside_a_country() -> None:
    """A business in Germany that buys from stock in Germany is a domestic sale, whatever the rule for the EU says."""
    business = rule("business", "customer", supply={"shipFrom": ["EU"], "shipTo": ["EU"]}, border="intraCommunity")  # fmt: skip
    parcels = rule("parcels", supply={"shipFrom": ["EU"], "shipTo": ["EU"]}, border="union-oss")
    for one in (business, parcels):
        assert winner(HOME, one) == "no rule"
        assert winner(HOME._replace(ship_to="FR"), one) == one.name


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["explain", "--store", "nope", "--to", "DE"], 1),
        (["explain", "--store", "amz-de", "--to", "DE", "--sku", "nope"], 1),
        (["explain", "--store", "amz-de", "--to", "DE", "--date", "soon"], 64),
        (["explain", "--store", "amz-de", "--to", "DE", "--value", "much"], 64),
        (["explain", "--store", "amz-de", "--to", "Deutschland"], 64),
        (["explain", "--store", "amz-de"], 64),
        (["matrix", "--store", "nope"], 1),
        (["matrix", "--date", "2026-13-01"], 64),
    ],
)
def test_wrong_questions_are_answered_in_words(
    arguments: list[str], code: int, repository: Repository
) -> None:
    """Never with a traceback, never with an empty matrix."""
    result = repository.run("tax", *arguments)
    assert result.code == code, result
    assert "internal error" not in result.err
