"""What is left to others is judged as it is there: a field that no update sends gives nobody a better price, a
lower discount or narrower rights than the store shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acorn_gitops.apply.price_guard import bounds_of
from acorn_gitops.model.resource import Desired, Live, Origin
from acorn_gitops.plan.compare import same
from acorn_gitops.plan.diff import Policy, diff_store
from tests.borders.test_appliers import sale
from tests.repository import Repository, document, sku, storefront

VALUES = st.sampled_from(["a", "b", None, {"value": "1.00", "currency": "EUR"}, ["x"]])
NAMES = st.sampled_from(["price", "title", "status", "category", "brand"])


@given(
    want=st.dictionaries(NAMES, VALUES, min_size=1),
    have=st.dictionaries(NAMES, VALUES),
    ignored=st.sets(NAMES),
)
def test_what_a_change_says_will_be_is_what_is_there_once_it_was_sent(
    want: dict[str, Any], have: dict[str, Any], ignored: set[str]
) -> None:
    """An update sends what differs; with what was there before, that is its `after`, name by name."""
    lifecycle = {"ignoreFields": sorted(ignored)} if ignored else None
    desired = {("listing", "S-1"): Desired(want, Origin("specs/all.yaml", 1, "SkuMapping", "s-1"), lifecycle)}
    live = {("listing", "S-1"): Live(have, etag="1", remote_id="r-1")}
    found = diff_store("amz-de", "main", desired, live=live, applied={}, policy=Policy(adopt="any"))
    for change in found.changes:
        assert change.after is not None
        then = {**have, **{name: change.after[name] for name in change.touched}}
        assert all(same(value, then.get(name), name) for name, value in change.after.items())
        if change.action == "update":
            assert not change.touched & ignored


OWNERS = document(
    "RolePermission",
    "owners",
    {
        "subjects": [{"kind": "user", "id": "ada@example.com", "mfa": True}],
        "stores": {"all": True},
        "rules": [
            {"resources": ["listing", "price", "promo", "tax", "store"], "verbs": ["read", "apply", "write"]}
        ],
    },
)
PROMOTERS = document(
    "RolePermission",
    "promoters",
    {
        "subjects": [{"kind": "user", "id": "mallory@example.com", "mfa": True}],
        "stores": {"names": ["amz-de"]},
        "rules": [
            {
                "resources": ["promo"],
                "verbs": ["read", "apply"],
                "constraints": {"maxDiscountPercent": "10"},
            }
        ],
    },
)


def promo(percent: str, begin: str = "", end: str = "", *, left: bool = False) -> dict[str, Any]:
    made = sale(percent)
    made["spec"].pop("floors", None)
    if begin:
        made["spec"]["window"] = {edge: {"local": at, "tz": "store"} for edge, at in (("start", begin), ("end", end))}  # fmt: skip
    if left:
        made["lifecycle"] = {"ignoreFields": ["discount"]}
    return made


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize(
    ("policies", "code", "id"),
    [
        ("access: open, budgets: {all: {priceDrop: '30'}}", 5, "BUD-002"),
        ("access: enforced, budgets: {}", 4, "ACN-024"),
    ],
)
def test_a_deep_promotion_is_not_brought_forward_by_leaving_its_discount_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policies: str, code: int, id: str, left: bool
) -> None:
    """90 % in 2028 were agreed; whoever may take 10 % off moves it to today, and says 10 % and that the
    discount is somebody else's."""
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    deep = promo("90", "2028-01-01T00:00", "2028-02-01T00:00")
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"), deep, OWNERS, PROMOTERS)
    file = made.path / "acorn.yaml"
    begins = file.read_text()
    file.write_text(begins + "  policies: {access: open, budgets: {}}\n")
    made.apply()
    file.write_text(begins + f"  policies: {{{policies}}}\n")
    now = promo("10", left=True) if left else promo("90")
    made.write(storefront(), sku("S-1", "20.00"), now, OWNERS, PROMOTERS)
    monkeypatch.setenv("ACORN_ACTOR", "mallory@example.com")
    done = made.run("apply", "--auto-approve")
    assert (done.code, id in done.err) == (code, True), done
    assert made.live()["amz-de/promotion/now"]["start"].startswith("2027-12-31")


BOUNDS = [
    ("minPrice", {"min": "10.00"}, {"min": "40.00"}, "35.00", "below its floor 40.00"),
    ("mapPrice", {"map": "10.00"}, {"map": "40.00"}, "35.00", "below its minimum advertised price 40.00"),
    ("maxPrice", {"max": "200.00"}, {"max": "95.00"}, "99.00", "above its ceiling 95.00"),
]


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize(("name", "before", "now", "price", "words"), BOUNDS)
def test_a_bound_that_is_left_to_others_is_still_a_bound(
    tmp_path: Path, name: str, before: dict[str, str], now: dict[str, str], price: str, words: str, left: bool
) -> None:
    """Whoever else keeps it at the store does not open what the specs have closed, and no waiver does."""

    def listing(amount: str, bounds: dict[str, str]) -> dict[str, Any]:
        made = sku("S-1", amount, pricePolicy={kind: {"amz-de": value} for kind, value in bounds.items()})
        return {**made, "lifecycle": {"ignoreFields": [name]}} if left else made

    made = Repository(tmp_path / "r", storefront(), listing("90.00", before))
    file = made.path / "acorn.yaml"
    file.write_text(file.read_text() + "  policies: {budgets: {}, severities: {SKU-016: warning}}\n")
    made.apply()
    made.write(storefront(), listing(price, now))
    done = made.run("apply", "--auto-approve")
    assert (done.code, "ACN-025" in done.err, words in done.err) == (4, True, True), done


@pytest.mark.parametrize(
    ("said", "there", "sign", "counts"),
    [("40.00", "10.00", -1, "40.00"), ("40.00", "50.00", -1, "50.00"), ("40.00", "10.00", 1, "10.00")],
)
def test_of_two_bounds_the_stricter_one_counts(said: str, there: str, sign: int, counts: str) -> None:
    name = "minPrice" if sign < 0 else "maxPrice"
    bound, shown = ({"value": value, "currency": "EUR"} for value in (said, there))
    want = Desired({name: bound}, Origin("a.yaml", 1, "SkuMapping", "s-1"), {"ignoreFields": [name]})
    assert bounds_of(want, {name: shown})[name]["value"] == counts
    assert bounds_of(want, {name: {**shown, "currency": "USD"}})[name] == bound
    assert bounds_of(want, {})[name] == bound
    # One that the specs keep themselves binds before the store has it, and one that it still has, too.
    assert bounds_of(want._replace(lifecycle=None), {name: shown})[name]["value"] == counts
