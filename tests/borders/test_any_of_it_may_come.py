"""What was sent and nobody has seen may have come or not, each part of it by itself: whatever of it is there, no buyer
pays less than a floor because of what is sent next. In a group the end of one promotion can make a price lower."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn_gitops.apply.run import Run
from acorn_gitops.engines.pricing.attested import beside
from acorn_gitops.engines.pricing.forms import ATTESTED
from acorn_gitops.engines.pricing.offer import offer_of
from acorn_gitops.engines.pricing.standing import HeldPromotions
from acorn_gitops.marketplaces.network.adapter import NetworkMarketplace
from tests.borders.test_together import PRICE, applied, discounts, kettle, promo
from tests.repository import Repository, document, storefront
from tests.test_prices import oracle

NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)
DAYS = {"start": "2026-11-01T00:00:00Z", "end": "2027-11-01T00:00:00Z"}
BEST = {"group": "g", "mode": "bestOnly"}
WEAK = {"group": "g"}


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACORN_NOW", "2026-11-28T09:00:00Z")


def paid(made: Repository) -> int:
    """Cents that everybody pays now for K-1, by an engine of its own."""
    live = made.live()
    offers = [
        offer_of(key, one, "EUR", platform="network") for key, one in live.items() if "/promotion/" in key
    ]
    cents = int(live[PRICE]["price"]["value"].replace(".", ""))
    return int(oracle(cents, [one for one in offers if one is not None and not one.choice]))


@pytest.fixture
def lows(monkeypatch: pytest.MonkeyPatch) -> Callable[[Repository], list[int]]:
    """Gathers what everybody pays after each request that writes."""

    def gather(made: Repository) -> list[int]:
        seen: list[int] = []
        write = NetworkMarketplace.write

        def written(*given: Any) -> Any:
            try:
                return write(*given)
            finally:
                seen.append(paid(made))

        monkeypatch.setattr(NetworkMarketplace, "write", written)
        return seen

    return gather


def anew(name: str, percent: str, former: str, **more: Any) -> dict[str, Any]:
    made = promo(name, percent, **more)
    made["metadata"]["movedFrom"] = former
    return made


def seeded(made: Repository, **promotions: dict[str, Any]) -> None:
    """Somebody makes promotions on K-1 in a console."""
    rows = [
        json.dumps({"address": f"amz-de/promotion/{name}", "attributes": {"skus": ["K-1"], **DAYS, **said}})
        for name, said in promotions.items()
    ]
    file = made.path / "seed.jsonl"
    file.write_text("\n".join(rows) + "\n")
    assert made.run("sandbox", "seed", str(file)).code == 0


def meddling(monkeypatch: pytest.MonkeyPatch, when: Callable[[Any], bool], hand: Callable[[], None]) -> None:
    """Once, just before a batch is sent."""
    send, done = Run._send, list[bool]()

    def sent(run: Run, store: str, parts: Any) -> Any:
        if when(parts[0]) and not done:
            done.append(True)
            hand()
        return send(run, store, parts)

    monkeypatch.setattr(Run, "_send", sent)


def test_what_is_paid_while_a_promotion_is_gone_is_judged(
    tmp_path: Path, lows: Callable[[Repository], list[int]]
) -> None:
    """30 % in a group keeps another one away, which stacks: without it 100.00 is 55.00, for a moment."""
    others = [promo("c", "25", stacking=WEAK), promo("d", "20")]
    made = applied(tmp_path, kettle("100.00", "60.00"), *others, promo("a", "30", stacking=BEST))
    made.write(storefront(), kettle("100.00", "60.00"), *others, anew("b", "30", "a", stacking=BEST))
    told = " ".join(made.run("plan").out.split())
    assert "would be held back: while a is gone, K-1 would cost 55.00 EUR" in told, told
    seen = lows(made)
    done = made.run("apply", "--auto-approve")
    said = " ".join(done.out.split())
    assert (done.code, "while amz-de/promotion/a is gone" in said) == (3, True), done
    assert min([paid(made), *seen]) == 7000
    # The remedy works: the new one beside it first, then the end of the old one.
    new = promo("b", "30", stacking=BEST)
    made.write(storefront(), kettle("100.00", "60.00"), *others, promo("a", "30", stacking=BEST), new)
    made.apply()
    made.write(storefront(), kettle("100.00", "60.00"), *others, new)
    made.apply()
    assert min(seen) == 7000


@pytest.mark.parametrize("hand", ["a coupon", "a price"])
def test_a_replacement_is_compared_with_what_was_there_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hand: str
) -> None:
    """What somebody does while it is gone was never there beside its former, and excuses nothing."""
    made = applied(tmp_path, kettle("100.00", "70.00"), promo("p", "20"))
    made.write(storefront(), kettle("100.00", "70.00"), anew("q", "20", "p"))

    def meddle() -> None:
        if hand == "a coupon":
            seeded(made, hand={"type": "percentOff", "discount": {"percent": "12"}})
        else:
            assert made.run("sandbox", "disturb", f"{PRICE}.price=85.00").code == 0

    meddling(monkeypatch, lambda part: part.steps[-1].operation == "create", meddle)
    done = made.run("apply", "--auto-approve")
    assert (done.code, "would cost 68.00 EUR" in done.out) == (3, True), done
    assert "q" not in discounts(made)


def test_what_the_store_shows_counts_and_not_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """105.00 was written and seen; then somebody sets 75.00, which less 20 % is below 70.00."""
    made = applied(tmp_path, kettle("62.00", "50.00"))
    made.write(storefront(), kettle("105.00", "70.00"), promo("p", "20"))

    def meddle() -> None:
        assert made.run("sandbox", "disturb", f"{PRICE}.price=75.00").code == 0

    meddling(monkeypatch, lambda part: part.change.address.type == "promotion", meddle)
    done = made.run("apply", "--auto-approve")
    assert (done.code, "would cost 60.00 EUR" in done.out) == (3, True), done
    assert discounts(made) == {}


@pytest.mark.parametrize("how", ["both end", "both take off less"])
def test_a_batch_of_which_a_part_is_refused(
    tmp_path: Path, how: str, lows: Callable[[Repository], list[int]]
) -> None:
    """The winner of the group goes, what stacks beside it stays, and another one of the group comes."""
    made = applied(tmp_path, kettle("100.00", "60.00"), promo("a", "30", stacking=BEST), promo("d", "20"))
    made.run("sandbox", "fault", "reject", "amz-de/promotion/d", "--times", "20")
    less = [] if how == "both end" else [promo("a", "5", stacking=BEST), promo("d", "1")]
    made.write(storefront(), kettle("100.00", "60.00"), *less, promo("c", "25", stacking=WEAK))
    seen = lows(made)
    assert made.run("apply", "--auto-approve").code == 3
    assert min(seen) >= 6000
    made.run("sandbox", "fault", "none")
    made.apply()
    assert min(seen) >= 6000
    assert discounts(made)["c"] == "25"


def test_a_price_that_rises_late_lets_another_one_win(
    tmp_path: Path, lows: Callable[[Repository], list[int]]
) -> None:
    """Of 119.00 the amount takes more than the quarter, and holds alone; of 121.00 the quarter does, and a
    fifth beside it."""
    thirty = {"amz-de": {"currency": "EUR", "value": "30.00"}}
    amount = promo("a", type="amountOff", discount={"amount": thirty}, stacking=BEST)
    made = applied(tmp_path, kettle("119.00", "80.00"), amount, promo("c", "25", stacking=WEAK))
    made.run("sandbox", "fault", "accept", PRICE, "--times", "1", "--reads", "6")
    made.run("sandbox", "fault", "accept", "amz-de/promotion/c", "--times", "1", "--reads", "30")
    made.write(storefront(), kettle("121.00", "80.00"), amount, promo("d", "20"))
    seen = lows(made)
    done = made.run("apply", "--auto-approve", "--wait", "0")
    assert (done.code, "121.00 EUR was sent" in done.out) == (3, True), done
    later = []
    for _ in range(9):
        made.run("plan")
        later.append(paid(made))
    assert min([*seen, *later]) >= 8000


def test_a_promotion_that_is_renamed_in_place_counts_for_its_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sandbox's adapter is taught what Vendure's can."""
    made = applied(tmp_path, kettle("100.00", "80.00"), promo("p", "5"), promo("b", "5"))
    write = NetworkMarketplace.write

    def in_place(market: Any, store: str, writes: Any, at: str = "") -> Any:
        live, sent, last = made.live(), [], []
        for one in writes:
            if one.former:
                whole = {**live[f"amz-de/promotion/{one.former}"], **one.attributes}
                end = one._replace(
                    address=one.address._replace(key=one.former), attributes={}, key=f"{one.key}d"
                )
                sent.append(end._replace(operation="delete", former=""))
                one = one._replace(operation="create", attributes=whole, former="", etag="")
            sent.append(one)
            last.append(len(sent) - 1)
        answers = write(market, store, sent, at)
        return [answers[number] for number in last]

    monkeypatch.setattr(NetworkMarketplace, "renames", lambda self: frozenset({"promotion"}), raising=False)
    monkeypatch.setattr(NetworkMarketplace, "write", in_place)
    made.run("sandbox", "fault", "reject", "amz-de/listing/*", "--times", "20")
    made.write(storefront(), kettle("110.00", "80.00"), anew("a", "12", "p"), promo("b", "12"))
    done = made.run("apply", "--auto-approve")
    assert (done.code, "would cost 76.00 EUR with a and b" in done.out) == (3, True), done
    assert discounts(made) == {"a": "12", "b": "5"}


@pytest.mark.parametrize("with_staff", [False, True])
def test_the_order_within_a_group_counts(tmp_path: Path, with_staff: bool) -> None:
    """Half of what an amount leaves is 35.00; less the weaker share first, the same amount leaves 21.00. That staff
    pays 10.00 opens nothing."""
    weak = promo("weak", "49", stacking={"group": "g", "mode": "multiplicative", "tier": 10})
    strong = promo("strong", "50", stacking={"group": "g", "mode": "multiplicative", "tier": 40})
    made = applied(tmp_path, kettle("100.00", "34.00"), weak, strong)
    thirty = {"amount": {"currency": "EUR", "value": "30.00"}}
    hand = {
        "amt": {"type": "amountOff", "discount": thirty, "stacking": {"mode": "multiplicative", "tier": 20}}
    }
    if with_staff:
        hand["staff"] = {"type": "promoCode", "code": "STAFF", "discount": {"percent": "90"}}
        hand["staff"]["stacking"] = {"mode": "bestOnly"}
    seeded(made, **hand)
    made.write(storefront(), kettle("100.00", "34.00"), weak)
    done = made.run("apply", "--auto-approve")
    assert (done.code, "would cost 21.00 EUR" in done.err) == (4, True), done  # a plan says so, too
    assert paid(made) == 3500


OWNERS = [
    {
        "resources": ["listing", "price", "promo", "tax", "store"],
        "verbs": ["read", "apply", "write", "delete"],
    }
]
LIMITED = {
    "resources": ["promo"],
    "verbs": ["read", "apply", "delete"],
    "constraints": {"maxDiscountPercent": "10"},
}


def role(name: str, who: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    subjects = [{"kind": "user", "id": who, "mfa": True}]
    return document("RolePermission", name, {"subjects": subjects, "stores": {"all": True}, "rules": rules})


@pytest.mark.parametrize("left", [[], [promo("a", "5", stacking=BEST)]], ids=["ended", "weakened"])
def test_a_limit_binds_what_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: list[dict[str, Any]]
) -> None:
    """Who may take off a tenth does not make 70.00 to 55.00 by ending what was better and alone."""
    roles = [role("owners", "ada@example.com", OWNERS), role("promoters", "eve@example.com", [LIMITED])]
    base = [
        storefront(),
        kettle("100.00", "50.00"),
        promo("c", "25", stacking=WEAK),
        promo("d", "20"),
        *roles,
    ]
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    made = Repository(tmp_path / "r", *base, promo("a", "30", stacking=BEST))
    project = (made.path / "acorn.yaml").read_text()
    (made.path / "acorn.yaml").write_text(f"{project}  policies: {{access: open, budgets: {{}}}}\n")
    made.apply()
    (made.path / "acorn.yaml").write_text(f"{project}  policies: {{access: enforced, budgets: {{}}}}\n")
    made.write(*base, *left)
    monkeypatch.setenv("ACORN_ACTOR", "eve@example.com")
    done = made.run("apply", "--auto-approve")
    assert (done.code, "45 % off, more than 10 %" in done.err) == (4, True), done
    assert paid(made) == 7000


@pytest.mark.parametrize(("left", "end"), [([], None), ([promo("p", "10")], "10")], ids=["ended", "less"])
def test_a_promotion_ends_beside_one_that_nobody_understands(
    tmp_path: Path, left: list[dict[str, Any]], end: str | None
) -> None:
    """Stopping a sale is never made to wait for somebody else's."""
    made = applied(tmp_path, kettle("100.00", "70.00"), promo("p", "20"))
    seeded(made, hand={"type": "amountOff", "discount": {"amount": {"currency": "USD", "value": "3.00"}}})
    made.write(storefront(), kettle("100.00", "70.00"), *left)
    made.apply()
    assert discounts(made).get("p") == end


def money(value: str) -> dict[str, str]:
    return {"currency": "EUR", "value": value}


FIFTH = {"type": "promoCode", "code": "KETTLE20", "skus": ["K"], **DAYS, "discount": {"percent": "20"}}
LATER = {"start": "2090-11-20T00:00:00Z", "end": "2099-01-01T00:00:00Z"}
COUPON = {name: value for name, value in FIFTH.items() if name != "code"}


@pytest.mark.parametrize(
    ("attested", "shown", "least"),
    [
        pytest.param(FIFTH, {}, 880, id="nothing is shown"),
        pytest.param(FIFTH, FIFTH, 880, id="it is shown as it is"),
        pytest.param(FIFTH, {**FIFTH, "code": "kettle20"}, 880, id="the code in another letter case"),
        pytest.param(FIFTH, {**FIFTH, "skus": ["L"], "discount": {"percent": "1"}}, 880, id="on other goods"),
        pytest.param(FIFTH, {**FIFTH, **LATER, "discount": {"percent": "1"}}, 880, id="in 64 years"),
        pytest.param(FIFTH, {**FIFTH, "discount": {"percent": "30"}}, 770, id="more by now"),
        pytest.param({**FIFTH, "discount": {"percent": "30"}}, FIFTH, 770, id="less by now"),
        pytest.param(COUPON, {**COUPON, **LATER, "foreign": True}, 880, id="a coupon that comes later"),
        pytest.param(COUPON, {**COUPON, "foreign": True}, 880, id="the same coupon"),
        pytest.param(FIFTH, {**FIFTH, "code": "OTHER"}, 660, id="another code counts beside it"),
    ],
)
def test_what_people_made_is_one_with_what_is_shown_or_holds_by_itself(
    attested: dict[str, Any], shown: dict[str, Any], least: int
) -> None:
    """Of one promotion the deeper form counts, once; of two promotions both; and each on its goods only."""
    there = {"shown": shown} if shown else {}
    held = HeldPromotions(NOW, beside(there, {f"{ATTESTED}mine": attested}).items(), platform="network")
    assert held.breach("K", money("11.00"), None, floor=least) is None
    found = held.breach("K", money("11.00"), None, floor=least + 1)
    assert found is not None
    assert found.pays == least


PROMOTIONS = st.builds(
    lambda percent, group, mode, tier, code, goods: {
        "type": "promoCode" if code else "percentOff", "skus": goods, **DAYS, "discount": {"percent": str(percent)},
        "stacking": {**({"group": group} if group else {}), "mode": mode, "tier": tier},
        **({"code": code} if code else {}),
    },
    st.integers(1, 60),
    st.sampled_from(["", "g"]),
    st.sampled_from(["additive", "multiplicative", "bestOnly"]),
    st.sampled_from([10, 40]),
    st.sampled_from(["", "", "STAFF"]),
    st.sampled_from([["K"], ["K", "L"], ["L"]]),
)  # fmt: skip


def least(price: int, contents: list[tuple[str, dict[str, Any] | None]], *, staff: bool) -> int:
    """What a buyer pays at least who has a code for staff, or has none."""
    here = [(key, one) for key, one in contents if one is not None and "K" in one["skus"]]
    offers = [offer_of(key, one, "EUR", platform="network") for key, one in here]
    free = [one for one in offers if one is not None and not one.choice]
    every = [one for one in offers if one is not None]
    return min(int(oracle(price, free)), int(oracle(price, every)) if staff else price)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.lists(st.none() | PROMOTIONS, min_size=1, max_size=2), min_size=1, max_size=3),
    st.none() | PROMOTIONS,
    st.none() | PROMOTIONS,
    st.integers(2000, 9000),
)
def test_a_promotion_is_sent_only_where_no_world_makes_it_worse_for_anybody(
    others: list[list[dict[str, Any] | None]],
    was: dict[str, Any] | None,
    then: dict[str, Any] | None,
    floor: int,
) -> None:
    """Brute force over every way in which what was sent has come or not, and over who has the code."""
    held = HeldPromotions(NOW, platform="network")
    for number, forms in enumerate(others):
        held.may_be(f"p{number}", [one if one is None else (f"p{number}", one) for one in forms])
    held.put("x", was)
    worse = any(
        least(10_000, [*world, ("x", then)], staff=staff)
        < min(floor, least(10_000, [*world, ("x", was)], staff=staff))
        for chosen in product(*others)
        for world in [[(f"p{number}", one) for number, one in enumerate(chosen)]]
        for staff in (False, True)
    )
    found = held.proposed("x", then).breach("K", money("100.00"), floor)
    assert (found is not None) == worse
