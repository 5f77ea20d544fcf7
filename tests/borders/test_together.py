"""What goes out together, or stands beside what somebody else has, is judged together: no buyer pays less than a floor
because of what was judged alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.engines.pricing.standing import HeldPromotions
from acorn_gitops.plan.document import Plan
from acorn_gitops.reconcile.applying import ApplyRequest, Hooks
from acorn_gitops.reconcile.workspace import Workspace
from tests.repository import Repository, document, storefront

WINDOW = {
    edge: {"local": f"{day}T00:00", "tz": "UTC"}
    for edge, day in (("start", "2026-11-20"), ("end", "2027-12-20"))
}
PRICE = "amz-de/listing/K-1"
NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACORN_NOW", "2026-11-28T09:00:00Z")


def kettle(price: str, floor: str, key: str = "k", **more: Any) -> dict[str, Any]:
    listing = {"store": "amz-de", "status": "active", "price": {"currency": "EUR", "value": price}, **more}
    return document(
        "SkuMapping", key, {"sku": "K-1", "pricePolicy": {"min": {"amz-de": floor}}, "listings": [listing]}
    )


def promo(name: str, percent: str = "", **more: Any) -> dict[str, Any]:
    said = {"discount": {"percent": percent}} if percent else {}
    where = {"stores": {"names": ["amz-de"]}, "skus": {"names": ["K-1"]}, "window": WINDOW}
    return document("Promo", name, {"type": "percentOff", **where, **said, **more})


def staff(**more: Any) -> dict[str, Any]:
    price = {"salePrice": {"amz-de": {"currency": "EUR", "value": "40.00"}}}
    return promo("staff", type="promoCode", code="STAFF", discount=price, **more)


def discounts(made: Repository) -> dict[str, str]:
    live = made.live()
    return {
        key.rsplit("/", 1)[1]: one["discount"]["percent"]
        for key, one in live.items()
        if "/promotion/" in key and "percent" in one["discount"]
    }


def applied(tmp_path: Path, *documents: dict[str, Any]) -> Repository:
    made = Repository(tmp_path / "r", storefront(), *documents)
    made.apply()
    return made


def test_two_promotions_of_one_batch_are_judged_beside_each_other(tmp_path: Path) -> None:
    """Where the price that they were meant for did not come: 100.00 less 12 % and 12 % is below 80.00."""
    made = applied(tmp_path, kettle("100.00", "80.00"), promo("a", "5"), promo("b", "5"))
    made.run("sandbox", "fault", "reject", "amz-de/listing/*", "--times", "20")
    made.write(storefront(), kettle("110.00", "80.00"), promo("a", "12"), promo("b", "12"))
    done = made.run("apply", "--auto-approve")
    assert (done.code, "K-1 would cost 76.00 EUR with a and b" in done.out) == (3, True), done
    assert discounts(made) == {"a": "12", "b": "5"}


def test_two_that_begin_wait_for_one_that_ends(tmp_path: Path) -> None:
    """The store carries the end out some reads later: until then only one of them begins."""
    made = applied(tmp_path, kettle("100.00", "80.00"), promo("c", "12"))
    made.run("sandbox", "fault", "accept", "amz-de/promotion/c", "--times", "1", "--reads", "3")
    made.write(storefront(), kettle("100.00", "80.00"), promo("a", "7"), promo("b", "7"))
    seen: list[dict[str, str]] = []
    workspace = Workspace(made.path, environ={"ACORN_CACHE_DIR": ""})
    hooks = Hooks(progress=lambda *_: seen.append(discounts(made)))
    done = workspace.apply(ApplyRequest(wait=30.0), hooks)
    assert done.complete
    assert all(sum(map(int, now.values())) <= 20 for now in seen), seen
    assert discounts(made) == {"a": "7", "b": "7"}


def test_a_coupon_that_comes_while_somebody_is_asked_counts_beside_both(tmp_path: Path) -> None:
    made = applied(tmp_path, kettle("100.00", "75.00"))
    made.write(storefront(), kettle("100.00", "75.00"), promo("a", "10"), promo("b", "10"))

    def meanwhile(plan: Plan) -> None:
        coupon = '{"address": "amz-de/promotion/hand", "attributes": %s}'
        body = (
            '{"type": "coupon", "skus": ["K-1"], "start": "2026-11-01T00:00:00Z", "end": "2027-11-01T00:00:00Z",'
            ' "discount": {"percent": "10"}}'
        )
        (tmp_path / "seed.jsonl").write_text(coupon % body + "\n")
        assert made.run("sandbox", "seed", str(tmp_path / "seed.jsonl")).code == 0

    done = Workspace(made.path, environ={"ACORN_CACHE_DIR": ""}).apply(
        ApplyRequest(), Hooks(approve=meanwhile)
    )
    assert not done.complete
    assert sum(map(int, discounts(made).values())) <= 25


@pytest.mark.parametrize(
    ("fault", "left", "code"),
    [("reject amz-de/promotion/old", {"old": "15"}, 3), ("reject amz-de/promotion/new", {}, 3)],
)
def test_a_renamed_promotion_is_made_when_its_former_is_seen_to_be_gone(
    tmp_path: Path, fault: str, left: dict[str, str], code: int
) -> None:
    made = applied(tmp_path, kettle("100.00", "80.00"), promo("old", "15"))
    made.run("sandbox", "fault", *fault.split(), "--times", "20")
    new = promo("new", "15")
    new["metadata"]["movedFrom"] = "old"
    made.write(storefront(), kettle("100.00", "80.00"), new)
    done = made.run("apply", "--auto-approve")
    assert (done.code, discounts(made)) == (code, left), done
    assert ("the old one is already deleted; run apply again" in done.out) == (left == {})
    made.run("sandbox", "fault", "none")
    made.apply()
    assert discounts(made) == {"new": "15"}
    assert "No changes" in made.run("plan").out


@pytest.mark.parametrize("beside", [{}, {"stacking": {"group": "g"}}])
def test_that_staff_pays_little_opens_nothing_for_everybody(tmp_path: Path, beside: dict[str, Any]) -> None:
    """Staff pays 40.00 or less already, below a floor of 70.00; everybody would pay 60.00."""
    made = applied(tmp_path, kettle("100.00", "30.00"), promo("all", "20", **beside), staff(**beside))
    made.run("sandbox", "fault", "reject", "amz-de/promotion/*", "--times", "20")
    made.write(storefront(), kettle("75.00", "70.00"))
    done = made.run("apply", "--auto-approve")
    assert (done.code, "would cost 60.00 EUR" in " ".join(done.out.split())) == (3, True), done
    assert made.live()[PRICE]["price"]["value"] == "100.00"


def test_what_makes_it_worse_for_one_combination_of_codes_is_refused() -> None:
    """Staff pays 40.00. Of two codes neither breaks the floor of 80.00 by itself; whoever has both pays 76.00."""
    held = HeldPromotions(NOW)
    for key, more in {
        "staff": {"discount": {"percent": "60"}, "code": "STAFF", "stacking": {"mode": "bestOnly"}},
        "a": {"discount": {"percent": "12"}, "code": "A"},
    }.items():
        held.put(key, {**RUNNING, **more})
    proposed = held.proposed("b", {**RUNNING, "discount": {"percent": "12"}, "code": "B"})
    found = proposed.breach("K-1", {"currency": "EUR", "value": "100.00"}, 8000)
    assert found is not None
    assert found.pays == 7600
    # Each alone pays 88.00, and for staff nothing changes.
    assert proposed.breach("K-1", {"currency": "EUR", "value": "106.00"}, 8000) is None


RUNNING = {
    "type": "promoCode", "skus": ["K-1"], "start": "2026-01-01T00:00:00Z", "end": "2028-01-01T00:00:00Z",
    "stacking": {"mode": "additive"},
}  # fmt: skip


@pytest.mark.parametrize("select", [(), ("--select", "amz-de/promotion/p")])
def test_a_promotion_is_judged_by_the_floor_that_is_declared(tmp_path: Path, select: tuple[str, ...]) -> None:
    """The specs raise floor and price; the store does not have them yet, as it refuses, or they are not selected."""
    made = applied(tmp_path, kettle("62.00", "30.00"))
    made.run("sandbox", "fault", "reject", "amz-de/listing/*", "--times", "20")
    made.write(storefront(), kettle("105.00", "70.00"), promo("p", "20"))
    done = made.run("apply", "--auto-approve", *select)
    assert (done.code in (3, 4), "K-1 would cost 49.60 EUR with p" in done.out) == (True, True), done
    assert discounts(made) == {}


def test_a_floor_that_falls_in_the_same_change_binds_no_longer(tmp_path: Path) -> None:
    made = applied(tmp_path, kettle("100.00", "90.00"))
    made.write(storefront(), kettle("100.00", "70.00"), promo("p", "20"))
    made.apply()
    assert discounts(made) == {"p": "20"}


def test_a_promotion_reaches_a_listing_in_any_letter_case(tmp_path: Path) -> None:
    """Somebody else lists K-1 with a floor; a promotion names k-1, which the store takes for the same."""
    made = applied(tmp_path)
    theirs = (
        '{"address": "amz-de/listing/theirs", "attributes": {"sku": "K-1", "status": "active", "price":'
        ' {"currency": "EUR", "value": "100.00"}, "minPrice": {"currency": "EUR", "value": "90.00"}}}\n'
    )
    (tmp_path / "seed.jsonl").write_text(theirs)
    assert made.run("sandbox", "seed", str(tmp_path / "seed.jsonl")).code == 0
    mine = document("SkuMapping", "k", {"sku": "k-1", "listings": [{"store": "amz-de", "status": "active", "price": {"currency": "EUR", "value": "100.00"}}]})  # fmt: skip
    half = promo("half", "50")
    half["spec"]["skus"] = {"names": ["k-1"]}
    made.write(storefront(), mine, half)
    done = made.run("apply", "--auto-approve")
    assert (done.code, "amz-de/listing/theirs would cost 50.00" in done.err) == (4, True), done


def test_taking_over_what_is_there_needs_the_right_to_make_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What equals the specs is recorded, marked as ours, and deleted when it leaves them."""
    made = Repository(tmp_path / "r")
    file = made.path / "acorn.yaml"
    enforced = "  policies: {access: enforced, severities: {ROL-010: warning}}\n  environments:"
    file.write_text(file.read_text().replace("  environments:", enforced))
    boss = document(
        "RolePermission",
        "boss",
        {
            "subjects": [{"kind": "user", "id": "ada@example.com", "employment": "employee"}],
            "stores": {"names": ["amz-de"]},
            "rules": [
                {
                    "resources": ["listing", "price", "store", "iam", "content"],
                    "verbs": ["read", "plan", "apply", "delete"],
                }
            ],
        },
    )
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    made.write(storefront(), boss)
    made.apply()
    (tmp_path / "seed.jsonl").write_text(
        '{"address": "amz-de/listing/K-1", "attributes": {"sku": "K-1", "status": "active", "price": {"currency": "EUR",'
        ' "value": "50.00"}, "minPrice": {"currency": "EUR", "value": "30.00"}}}\n'
    )
    assert made.run("sandbox", "seed", str(tmp_path / "seed.jsonl")).code == 0
    made.write(storefront(), boss, kettle("50.00", "30.00"))
    monkeypatch.setenv("ACORN_ACTOR", "mallory@example.com")
    done = made.run("apply", "--auto-approve")
    assert (done.code, "ACN-024" in done.err) == (4, True), done
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    made.apply()


def test_what_is_on_its_way_has_no_cause_to_be_mended(tmp_path: Path) -> None:
    made = applied(tmp_path, kettle("100.00", "80.00"))
    made.run("sandbox", "fault", "accept", "amz-de/listing/*", "--times", "1", "--reads", "0")
    made.write(storefront(), kettle("101.00", "80.00"))
    done = made.run("apply", "--auto-approve", "--wait", "0")
    assert (done.code, "wait until it is there and run the same command again" in done.out) == (3, True), done
    made.run("sandbox", "fault", "none")
    made.run("sandbox", "fault", "reject", "amz-de/listing/*", "--times", "1")
    made.write(storefront(), kettle("102.00", "80.00"))
    assert "mend the cause and run the same command again" in made.run("apply", "--auto-approve").out


def by_hand(made: Repository, tmp_path: Path, percent: str) -> None:
    """Somebody makes a coupon on K-1 in a console."""
    body = (
        '{"address": "amz-de/promotion/hand", "attributes": {"type": "coupon", "skus": ["K-1"], "start":'
        ' "2026-11-01T00:00:00Z", "end": "2027-11-01T00:00:00Z", "discount": {"percent": "%s"}}}\n'
    )
    (tmp_path / "seed.jsonl").write_text(body % percent)
    assert made.run("sandbox", "seed", str(tmp_path / "seed.jsonl")).code == 0


def renamed(percent: str) -> dict[str, Any]:
    new = promo("new", percent)
    new["metadata"]["movedFrom"] = "old"
    return new


def test_a_rename_beside_a_coupon_that_is_too_deep_already_changes_nothing_for_anybody(
    tmp_path: Path,
) -> None:
    """It is judged in the place of its former: 75.00 with both is below a floor of 80.00, before and after."""
    made = applied(tmp_path, kettle("100.00", "80.00"), promo("old", "15"))
    by_hand(made, tmp_path, "10")
    made.write(storefront(), kettle("100.00", "80.00"), renamed("15"))
    made.apply()
    assert discounts(made) == {"hand": "10", "new": "15"}
    assert "No changes" in made.run("plan").out


def test_a_rename_that_makes_it_worse_ends_nothing(tmp_path: Path) -> None:
    """The former is not ended where the new one would not be sent."""
    made = applied(tmp_path, kettle("100.00", "70.00"), promo("old", "15"))
    made.write(storefront(), kettle("100.00", "70.00"), renamed("22"))
    workspace = Workspace(made.path, environ={"ACORN_CACHE_DIR": ""})
    done = workspace.apply(ApplyRequest(), Hooks(approve=lambda _: by_hand(made, tmp_path, "10")))
    assert [outcome.status for _, outcome in done.outcomes] == ["rejected"]
    assert discounts(made) == {"hand": "10", "old": "15"}


@pytest.mark.parametrize("count", [3, 12])
@pytest.mark.parametrize("beside", [{}, {"stacking": {"group": "g"}}], ids=["stacked", "one group"])
def test_codes_that_go_below_a_new_floor_can_be_ended(
    tmp_path: Path, count: int, beside: dict[str, Any]
) -> None:
    """However many there are: fewer of them are never a lower price for anybody."""
    codes = [promo(f"c{n}", "5", type="promoCode", code=f"CODE{n}", **beside) for n in range(count)]
    made = applied(tmp_path, kettle("100.00", "10.00"), *codes)
    made.write(storefront(), kettle("100.00", "99.00"))
    made.apply()
    assert discounts(made) == {}


def test_with_too_many_codes_to_tell_buyers_apart_a_price_may_rise_and_not_fall(tmp_path: Path) -> None:
    codes = [promo(f"c{n}", "5", type="promoCode", code=f"CODE{n}") for n in range(12)]
    made = applied(tmp_path, kettle("100.00", "10.00"), *codes)
    made.run("sandbox", "fault", "reject", "amz-de/promotion/*", "--times", "50")
    made.write(storefront(), kettle("105.00", "99.00"))
    assert made.run("apply", "--auto-approve").code == 3  # no code can be ended
    assert made.live()[PRICE]["price"]["value"] == "105.00"
    made.write(storefront(), kettle("104.00", "99.00"))
    done = made.run("apply", "--auto-approve")
    assert (done.code, made.live()[PRICE]["price"]["value"]) == (3, "105.00"), done


def test_a_listing_is_taken_off_sale_whatever_it_will_cost(tmp_path: Path) -> None:
    """Nobody can buy it; it is judged when it is put on sale again."""
    made = applied(tmp_path, kettle("100.00", "80.00"), promo("p", "15"))
    made.write(storefront(), kettle("90.00", "80.00", status="inactive"), promo("p", "15"))
    made.apply()
    assert made.live()[PRICE]["status"] == "inactive"
    made.write(storefront(), kettle("90.00", "80.00"), promo("p", "15"))
    done = made.run("apply", "--auto-approve")
    assert (done.code, made.live()[PRICE]["status"]) == (4, "inactive"), done


def test_two_that_wait_for_each_other_say_the_way_out(tmp_path: Path) -> None:
    def week(first: int) -> dict[str, Any]:
        edges = (("start", f"2026-12-{first:02}"), ("end", f"2026-12-{first + 7:02}"))
        return {"window": {edge: {"local": f"{day}T00:00", "tz": "UTC"} for edge, day in edges}}

    made = applied(
        tmp_path, kettle("100.00", "80.00"), promo("a", "15", **week(1)), promo("b", "15", **week(8))
    )
    made.write(
        storefront(), kettle("100.00", "80.00"), promo("a", "15", **week(8)), promo("b", "15", **week(1))
    )
    done = made.run("apply", "--auto-approve")
    said = " ".join(done.out.split())
    assert (done.code, "where they wait for each other, end one, apply, and make it anew" in said) == (
        3,
        True,
    ), done
    made.write(storefront(), kettle("100.00", "80.00"), promo("b", "15", **week(8)))
    made.apply()
    made.write(storefront(), kettle("100.00", "80.00"), promo("b", "15", **week(1)))
    made.apply()
    made.write(
        storefront(), kettle("100.00", "80.00"), promo("a", "15", **week(8)), promo("b", "15", **week(1))
    )
    made.apply()


def test_a_rename_goes_on_where_somebody_changes_something_else_in_between(tmp_path: Path) -> None:
    """The store is another one by the time the new one is sent: what this run has ended is no change of others."""
    made = applied(tmp_path, kettle("100.00", "70.00"), promo("old", "15"))
    made.write(storefront(), kettle("100.00", "70.00"), renamed("15"))
    seen: list[str] = []

    def meanwhile() -> bool:
        if not seen and "old" not in discounts(made):
            seen.append("once")
            by_hand(made, tmp_path, "1")
        return False

    done = Workspace(made.path, environ={"ACORN_CACHE_DIR": ""}).apply(
        ApplyRequest(), Hooks(stopping=meanwhile)
    )
    assert (done.complete, seen) == (True, ["once"]), done.outcomes
    assert discounts(made) == {"hand": "1", "new": "15"}
