"""What Vendure can hold is brought into its form, exactly; what it cannot is told or refused. No server is needed here."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acorn_gitops.marketplaces.vendure.channels import language_code, language_tag, slug
from acorn_gitops.marketplaces.vendure.fit import HELD, fitted
from acorn_gitops.marketplaces.vendure.permissions import (
    BUNDLES,
    canonical,
    permissions_of,
    rights_of,
    wished,
)
from acorn_gitops.marketplaces.vendure.tax import percent, rate_form, rates_of
from acorn_gitops.model.resource import Attributes, Desired, Origin
from acorn_gitops.resources.registry import TYPES

ORIGIN = Origin("specs/all.yaml", 3, "X", "x")
TODAY = "2026-11-23"
FRONT: dict[tuple[str, str], Desired] = {
    ("storefront", "shop"): Desired({"platform": "vendure", "currency": "EUR"}, ORIGIN)
}


def fit(
    type: str, attributes: Attributes, key: str = "K", today: str = TODAY
) -> tuple[Any, list[str], list[str]]:
    """(fitted attributes or None, what was told, what was refused) of one resource in a storefront."""
    made = fitted({"shop": {**FRONT, (type, key): Desired(attributes, ORIGIN)}}, today)
    want = made.shards["shop"].get((type, key))
    told = [f.message for f in made.findings if f.severity == "warning"]
    return (
        want.attributes if want else None,
        told,
        [f.message for f in made.findings if f.severity == "error"],
    )


def test_every_type_is_thought_of() -> None:
    """A new resource type must be given a place here."""
    assert set(HELD) == set(TYPES)


@pytest.mark.parametrize(
    ("rule", "rate"),
    [
        ({"rate": {"class": "standard"}}, {"percents": {"DE/standard": "19", "FR/standard": "20"}}),
        ({"rate": {"percent": "7.00"}}, {"percent": "7"}),
        ({"rate": {"percent": "5.5"}}, {"percent": "5.5"}),
        ({"treatment": "zero"}, {"percent": "0"}),
    ],
)
def test_a_rate_becomes_percentages(rule: dict[str, Any], rate: dict[str, Any]) -> None:
    """A class is resolved for each country; a percentage is spelt as it is read back."""
    said = {
        "validFrom": "2021-07-01",
        "liableParty": "seller",
        "treatment": "standard",
        "supply": {"shipTo": ["FR", "DE"]},
        "goods": {"taxClass": ["standard"]},
        **rule,
    }
    made, _, refused = fit("tax-rule", said)
    assert refused == []
    assert made["rate"] == rate
    assert rates_of(made).keys() == {("DE", "standard"), ("FR", "standard")}


@pytest.mark.parametrize(
    ("leaves", "rate"), [(["DE"], {"percent": "19"}), (["DE", "NL"], None), (["EU"], None), (None, None)]
)
def test_a_rate_of_the_country_of_departure(leaves: list[str] | None, rate: Any) -> None:
    """It is one number where goods leave one country, and otherwise nothing that Vendure could hold."""
    said = {
        "validFrom": "2021-07-01",
        "liableParty": "seller",
        "treatment": "standard",
        "supply": {"shipTo": ["FR", "IT"], **({"shipFrom": leaves} if leaves else {})},
        "goods": {"taxClass": ["standard"]},
        "rate": {"class": "standard", "of": "shipFrom"},
    }
    made, _, refused = fit("tax-rule", said)
    assert (made and made["rate"]) == rate
    assert [("write a percentage" in words) for words in refused] == ([] if rate else [True])


@pytest.mark.parametrize(("start", "end", "there"), [
    ("2026-11-23", None, True), ("2026-11-24", None, False), ("2026-01-01", "2026-11-23", False),
    ("2026-01-01", "2026-11-24", True),
])  # fmt: skip
def test_a_tax_rule_is_wished_for_while_it_holds(start: str, end: str | None, there: bool) -> None:
    """Vendure's rates have no dates: acorn brings and takes them."""
    said = {
        "validFrom": start,
        "validTo": end,
        "liableParty": "seller",
        "treatment": "standard",
        "supply": {"shipTo": ["DE"]},
        "goods": {"taxClass": ["standard"]},
        "rate": {"percent": "19"},
    }
    made, _, refused = fit("tax-rule", said)
    assert refused == []
    assert (made is not None) is there


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["DE", "FR", "AT"]), st.sampled_from(["a", "b"])), st.integers(0, 1000)
    )
)
def test_rates_survive_their_form(tenths: dict[tuple[str, str], int]) -> None:
    """Percentages by country and class, said in the short form where all are equal, are read back as they were."""
    countries, classes = sorted({c for c, _ in tenths}), sorted({n for _, n in tenths})
    if set(tenths) != {(c, n) for c in countries for n in classes} or not tenths:
        return
    percents = {cell: percent(value / 10) for cell, value in tenths.items()}
    form = {"supply": {"shipTo": countries}, "goods": {"taxClass": classes}, "rate": rate_form(percents)}
    assert rates_of(form) == percents


@given(st.sets(st.sampled_from(sorted({right for bundle in BUNDLES for right in bundle.rights}))))
def test_never_a_right_too_many(rights: set[tuple[str, str]]) -> None:
    """The permissions of a role open exactly the rights that were wished for; a wish that cannot be met exactly is
    refused, and nothing is granted in its place."""
    wish = wished(canonical(rights))
    granted, extra = rights_of(permissions_of(wish.rules))
    assert extra == []
    opened = {(r, v) for rule in granted for r in rule["resources"] for v in rule["verbs"]}
    assert opened <= rights
    if not wish.impossible:
        assert opened == rights
        assert granted == wish.rules


@given(
    st.sets(
        st.sampled_from(
            sorted({p for bundle in BUNDLES for p in bundle.permissions} | {"SuperAdmin", "Public"})
        )
    )
)
def test_no_permission_is_overlooked(permissions: set[str]) -> None:
    """What is read is said by rules or named as foreign; only what the server adds by itself is left out."""
    rules, extra = rights_of(permissions)
    assert set(permissions_of(rules)) | set(extra) == permissions - {"Public"}


def test_languages_go_there_and_back() -> None:
    """`de_DE` is Vendure's `de`; Austria's German has a code of its own."""
    for tag in ("de_DE", "de_AT", "en_US", "en_GB", "ja_JP", "sv_SE", "fr_CA", "pl_PL"):
        assert language_tag(language_code(tag)) == tag
    assert language_code("de_DE") == "de"
    assert language_code("de_AT") == "de_AT"


def test_names_become_store_names() -> None:
    """Letters, digits and hyphens."""
    assert slug("__default_channel__") == "default-channel"
    assert slug("Default Stock Location") == "default-stock-location"
    assert slug("shop-de") == "shop-de"


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ({"type": "percentOff", "discount": {"percent": "20.0"}}, {"type": "percentOff", "discount": {"percent": "20"}}),
        (
            {"type": "coupon", "code": "SAVE", "discount": {"percent": "10"}},
            {"type": "promoCode", "code": "SAVE", "discount": {"percent": "10"}},
        ),
        (
            {"type": "buyXGetY", "discount": {"buyXGetY": {"buy": 2, "get": 1}}},
            {"type": "buyXGetY", "discount": {"buyXGetY": {"buy": 2, "get": 1}}},
        ),
        ({"type": "freeShipping", "audience": "all"}, {"type": "freeShipping"}),
        (
            {"type": "amountOff", "discount": {"amount": {"currency": "EUR", "value": "5.00"}}, "limits": {"perCustomer": 1}},
            {"type": "amountOff", "discount": {"amount": {"currency": "EUR", "value": "5.00"}}, "limits": {"perCustomer": 1}},
        ),
    ],
)  # fmt: skip
def test_promotions_in_the_form_that_is_read_back(said: dict[str, Any], made: dict[str, Any]) -> None:
    """Types follow from what Vendure knows: a discount, a code, a condition."""
    common = {"skus": ["A"], "start": "2026-11-26T23:00:00Z", "end": "2026-11-30T23:00:00Z"}
    got, _, refused = fit("promotion", {**common, **said})
    assert refused == []
    assert got == {"code": None, "discount": None, **common, **made, "foreign": None}


@pytest.mark.parametrize(
    ("type", "said", "words"),
    [
        ("promotion", {"type": "salePrice", "discount": {"salePrice": {"currency": "EUR", "value": "1.00"}}}, "no sale price"),
        ("promotion", {"type": "buyXGetY", "discount": {"buyXGetY": {"buy": 2, "get": 1, "discountPercent": "50"}}}, "not for nothing"),
        ("promotion", {"type": "percentOff", "audience": "prime", "discount": {"percent": "5"}}, "it is for prime"),
        ("promotion", {"type": "percentOff", "limits": {"quantity": 5}, "discount": {"percent": "5"}}, "a quantity is spent"),
        ("promotion", {"type": "quantityTier", "discount": {"percent": "5"}}, "nothing like quantityTier"),
        ("listing", {"sku": "K", "fulfillment": "afn"}, "no fulfilment by the marketplace"),
        ("role", {"rules": [{"resources": ["promo"], "verbs": ["write"], "constraints": {"maxDiscountPercent": "20"}}]}, "it would grant more"),
        ("grant", {"role": "r", "subject": {"kind": "app", "id": "x"}}, "Vendure has no apps"),
    ],
)  # fmt: skip
def test_what_would_mean_something_else_is_refused(type: str, said: dict[str, Any], words: str) -> None:
    """By name, and it is not among what is planned."""
    if type == "promotion":
        said = {"skus": ["A"], "start": "2026-11-26T23:00:00Z", "end": "2026-11-30T23:00:00Z", **said}
    made, _, refused = fit(type, said)
    assert made is None
    assert len(refused) == 1
    assert words in refused[0]


def test_one_state_for_all_channels() -> None:
    """A listing that is active in one store and inactive in the other cannot be held: the inactive one is refused."""
    shard = {("storefront", "a"): FRONT[("storefront", "shop")]}
    made = fitted(
        {
            "a": {**shard, ("listing", "K"): Desired({"sku": "K", "status": "active"}, ORIGIN)},
            "b": {**shard, ("listing", "K"): Desired({"sku": "K", "status": "inactive"}, ORIGIN)},
        },
        TODAY,
    )
    assert {str(a) for a in made.withheld} == {"b/listing/K"}
    assert ("listing", "K") in made.shards["a"]
    assert ("listing", "K") not in made.shards["b"]


def test_a_bound_is_kept_for_the_guard() -> None:
    """Vendure does not know a floor; the whole wish stays at hand for the last look before a write."""
    floor = {"currency": "EUR", "value": "34.99"}
    made = fitted(
        {"shop": {**FRONT, ("listing", "K"): Desired({"sku": "K", "minPrice": floor}, ORIGIN)}}, TODAY
    )
    want = made.shards["shop"][("listing", "K")]
    assert "minPrice" not in want.attributes
    assert want.whole is not None
    assert want.whole["minPrice"] == floor
    assert made.findings == []
