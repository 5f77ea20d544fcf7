"""What a fifth audit found: codes that change places, going back behind a rename, nulls, and remedies that lost a day."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.borders.clone import WHO, git, published
from tests.repository import Repository, document, promo, sku, storefront

NOW = "2026-11-23T09:00:00Z"


def moved(code: str, former: str, price: str) -> dict[str, Any]:
    """A SKU whose listing had another code until now."""
    made = sku(code, price)
    made["spec"]["listings"][0]["movedFrom"] = former
    return made


def ids(made: Repository) -> set[str]:
    """What a plan finds, and apply refuses by the same."""
    found = {one["id"] for one in made.plan()["findings"]}
    done = made.run("apply", "--auto-approve")
    assert (done.code != 0) == bool({"ACN-050", "ACN-031"} & found), done
    return found


@pytest.fixture
def two(tmp_path: Path) -> Repository:
    """A kettle at 50 and a mug at 10, whose titles no spec says."""
    made = Repository(tmp_path / "r", storefront(), sku("KETTLE", "50.00"), sku("MUG", "10.00"))
    made.apply()
    done = made.run(
        "sandbox", "disturb", "amz-de/listing/KETTLE.title=Kettle", "amz-de/listing/MUG.title=Mug"
    )
    assert done.code == 0
    return made


@pytest.mark.parametrize(
    "wished",
    [
        [moved("MUG", "KETTLE", "50.00"), moved("KETTLE", "MUG", "10.00")],
        [moved("MUG", "KETTLE", "50.00"), moved("BOWL", "MUG", "10.00")],
    ],
    ids=["a swap", "a chain"],
)
def test_codes_that_change_places_in_one_change_are_refused(
    two: Repository, wished: list[dict[str, Any]]
) -> None:
    """What nobody declares stays with the code: the kettle would be sold for the price of the mug."""
    two.write(storefront(), *wished)
    assert "ACN-050" in ids(two)
    live = two.live()
    assert [live[f"amz-de/listing/{one}"]["price"]["value"] for one in ("KETTLE", "MUG")] == [
        "50.00",
        "10.00",
    ]


def test_a_code_that_another_listing_still_has_is_not_taken_over(two: Repository) -> None:
    """A chain whose codes are all there, and a swap of which only one side says so."""
    two.write(storefront(), sku("KETTLE", "50.00"), sku("MUG", "10.00"), sku("BOWL", "30.00"))
    two.apply()
    two.write(storefront(), moved("MUG", "KETTLE", "50.00"), moved("KETTLE", "BOWL", "30.00"))
    assert "ACN-050" in ids(two)
    two.write(storefront(), sku("MUG", "10.00"), moved("KETTLE", "BOWL", "30.00"))
    assert "ACN-050" in ids(two)
    first, second = sku("KETTLE", "50.00"), sku("MUG", "10.00")
    first["spec"]["listings"][0] |= {"sellerSku": "MUG", "movedFrom": "KETTLE"}
    second["spec"]["listings"][0] |= {"sellerSku": "KETTLE"}
    two.write(storefront(), first, second, sku("BOWL", "30.00"))
    assert "ACN-050" in ids(two)


def test_an_old_word_of_a_rename_stands_in_nobodys_way(two: Repository) -> None:
    """The former code is used anew, and goes again."""
    two.write(storefront(), moved("THIRD", "KETTLE", "50.00"), sku("MUG", "10.00"))
    two.apply()
    two.write(storefront(), moved("THIRD", "KETTLE", "50.00"), sku("KETTLE", "5.00"), sku("MUG", "10.00"))
    two.apply()
    two.write(storefront(), moved("THIRD", "KETTLE", "51.00"), sku("KETTLE", "5.50"), sku("MUG", "10.00"))
    two.apply()
    two.write(storefront(), moved("THIRD", "KETTLE", "52.00"), sku("MUG", "10.00"))
    two.apply()
    assert two.run("plan", "--detailed-exitcode").code == 0


def test_a_chain_goes_in_the_two_changes_that_the_remedy_names(two: Repository) -> None:
    two.write(storefront(), sku("KETTLE", "50.00"), moved("BOWL", "MUG", "10.00"))
    two.apply()
    two.write(storefront(), moved("MUG", "KETTLE", "50.00"), moved("BOWL", "MUG", "10.00"))
    two.apply()
    live = two.live()
    assert {one: live[f"amz-de/listing/{one}"]["title"] for one in ("MUG", "BOWL")} == {
        "MUG": "Kettle",
        "BOWL": "Mug",
    }
    assert two.run("plan", "--detailed-exitcode").code == 0


def test_a_swap_goes_over_a_third_code(two: Repository) -> None:
    for wished in (
        [moved("THIRD", "KETTLE", "50.00"), sku("MUG", "10.00")],
        [moved("THIRD", "KETTLE", "50.00"), moved("KETTLE", "MUG", "10.00")],
        [moved("MUG", "THIRD", "50.00"), moved("KETTLE", "MUG", "10.00")],
    ):
        two.write(storefront(), *wished)
        two.apply()
    live = two.live()
    assert {one: live[f"amz-de/listing/{one}"]["title"] for one in ("MUG", "KETTLE")} == {
        "MUG": "Kettle",
        "KETTLE": "Mug",
    }


def test_a_rename_that_is_none_is_told(two: Repository) -> None:
    two.write(storefront(), moved("MUG", "KETTLE", "10.00"))
    assert "movedFrom names KETTLE, and both are there; nothing is" in " ".join(two.run("plan").out.split())
    two.write(storefront(), sku("KETTLE", "50.00"), sku("MUG", "10.00"), moved("BOWL", "MUG", "9.00"))
    assert "movedFrom names MUG, which stays; nothing is renamed" in " ".join(two.run("plan").out.split())


def test_going_back_behind_a_rename_renames_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that has another name now: what a marketplace keeps of it stays."""
    for name, value in WHO.items():
        monkeypatch.setenv(name, value)
    made = Repository(tmp_path / "r", storefront(), sku("OLD", "20.00"), promo("one", "10"))
    published(tmp_path, made)
    made.apply()
    good = git(made.path, "rev-parse", "HEAD").strip()
    done = made.run("sandbox", "disturb", "amz-de/listing/OLD.title=Kettle")
    assert done.code == 0
    renamed = promo("uno", "10")
    renamed["metadata"]["movedFrom"] = "one"
    made.write(storefront(), moved("NEW", "OLD", "20.00"), renamed)
    git(made.path, "commit", "-qam", "renamed")
    made.apply()
    back = made.run("rollback", "--to", good, "--reason", "wrong", "--owner", "ada@example.com")
    assert back.code == 0, back
    changes = {one["address"]: one["action"] for one in made.plan()["changes"]}
    assert changes == {"amz-de/listing/OLD": "replace", "amz-de/promotion/one": "replace"}
    git(made.path, "push", "-q", "origin", "HEAD:main")
    made.apply()
    assert made.live()["amz-de/listing/OLD"]["title"] == "Kettle"
    assert made.run("plan", "--detailed-exitcode").code == 0


def test_going_back_behind_two_renames_renames_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger knows of both, also where no spec says so any more."""
    for name, value in WHO.items():
        monkeypatch.setenv(name, value)
    made = Repository(tmp_path / "r", storefront(), sku("OLD", "20.00"))
    published(tmp_path, made)
    made.apply()
    good = git(made.path, "rev-parse", "HEAD").strip()
    for wished in (moved("MID", "OLD", "20.00"), moved("NEW", "MID", "20.00"), sku("NEW", "20.00")):
        made.write(storefront(), wished)
        git(made.path, "commit", "-qam", "renamed")
        made.apply()
    assert made.run("rollback", "--to", good, "--reason", "wrong", "--owner", "ada@example.com").code == 0
    (change,) = made.plan()["changes"]
    assert (change["address"], change["action"]) == ("amz-de/listing/OLD", "replace")


def called(code: str, seller_sku: str, price: str = "20.00", **more: str) -> dict[str, Any]:
    """A SKU that is listed under a code of its own."""
    made = sku(code, price)
    made["spec"]["listings"][0] |= {"sellerSku": seller_sku, **more}
    return made


@pytest.mark.parametrize(
    "since",
    [
        [[called("KETTLE", "NEW", movedFrom="OLD")], [], [called("MUG", "NEW")]],
        [
            [called("KETTLE", "MID", movedFrom="OLD")],
            [called("KETTLE", "NEW", movedFrom="MID")],
            [],
            [called("MUG", "MID")],
        ],
        [
            [called("KETTLE", "NEW", movedFrom="OLD")],
            [called("KETTLE", "OLD", movedFrom="NEW")],
            [],
            [called("MUG", "NEW")],
        ],
        [[called("KETTLE", "NEW", movedFrom="OLD")], [called("MUG", "NEW")]],
        [
            [called("KETTLE", "MID", movedFrom="OLD")],
            [called("KETTLE", "NEW", movedFrom="MID"), called("MUG", "MID")],
            [called("MUG", "MID")],
        ],
    ],
    ids=["ended", "the middle one", "there and back", "at once", "beside"],
)
def test_going_back_takes_no_code_from_other_goods(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, since: list[list[dict[str, Any]]]
) -> None:
    """One of the codes that the listing had on its way is somebody else's by now."""
    for name, value in WHO.items():
        monkeypatch.setenv(name, value)
    (mug,) = (one["spec"]["listings"][0]["sellerSku"] for one in since[-1])
    rest = sku("REST", "1.00")
    made = Repository(tmp_path / "r", storefront(), rest, called("KETTLE", "OLD"))
    published(tmp_path, made)
    made.apply()
    good = git(made.path, "rev-parse", "HEAD").strip()
    for wished in since:
        made.write(storefront(), rest, *wished)
        git(made.path, "commit", "-qam", "on")
        made.apply()
    assert made.run("rollback", "--to", good, "--reason", "wrong", "--owner", "ada@example.com").code == 0
    assert {c["address"]: c["action"] for c in made.plan()["changes"]} == {
        "amz-de/listing/OLD": "create",
        f"amz-de/listing/{mug}": "delete",
    }


def test_going_back_finds_a_listing_although_its_code_in_between_is_anothers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in WHO.items():
        monkeypatch.setenv(name, value)
    made = Repository(tmp_path / "r", storefront(), called("KETTLE", "OLD"))
    published(tmp_path, made)
    made.apply()
    good = git(made.path, "rev-parse", "HEAD").strip()
    for wished in (
        [called("KETTLE", "MID", movedFrom="OLD")],
        [called("KETTLE", "NEW", movedFrom="MID")],
        [called("KETTLE", "NEW"), called("MUG", "MID")],
    ):
        made.write(storefront(), *wished)
        git(made.path, "commit", "-qam", "on")
        made.apply()
    assert made.run("rollback", "--to", good, "--reason", "wrong", "--owner", "ada@example.com").code == 0
    assert {c["address"]: c["action"] for c in made.plan()["changes"]} == {
        "amz-de/listing/OLD": "replace",
        "amz-de/listing/MID": "delete",
    }


@pytest.mark.parametrize("before", [False, True], ids=["never renamed", "renamed once, long ago"])
def test_a_rename_of_long_ago_excuses_none_of_today(tmp_path: Path, before: bool) -> None:
    """A kettle and a mug change places between two codes; the kettle went the same way once."""
    made = Repository(tmp_path, storefront(), called("A", "K1" if before else "K2", "90.00"))
    made.apply()
    if before:
        made.write(storefront(), called("A", "K2", "90.00", movedFrom="K1"))
        made.apply()
        made.write(storefront(), called("A", "K2", "90.00"))
        made.apply()
    made.write(storefront(), called("A", "K2", "90.00"), called("B", "K1", "9.00"))
    made.apply()
    made.write(storefront(), called("A", "K1", "90.00"), called("B", "K2", "9.00", movedFrom="K1"))
    done = made.run("apply", "--auto-approve")
    assert (done.code, "ACN-050" in done.err) == (4, True), done


@pytest.mark.parametrize(
    ("policy", "left"),
    [
        ({"min": {"amz-de": "40.00"}, "max": None}, {"minPrice", "mapPrice"}),
        ({"min": {"amz-de": "40.00"}, "max": None, "map": None}, {"minPrice"}),
        (None, set()),
    ],
)
def test_null_takes_a_bound_away(tmp_path: Path, policy: object, left: set[str]) -> None:
    bounds = {
        part: {"amz-de": value} for part, value in (("min", "40.00"), ("max", "60.00"), ("map", "42.00"))
    }
    made = Repository(tmp_path / "r", storefront(), sku(price="45.00", pricePolicy=bounds))
    made.apply()
    made.write(storefront(), sku(price="45.00", pricePolicy=policy))
    made.apply()
    live = made.live()["amz-de/listing/KTL-17-BLK"]
    assert {"minPrice", "maxPrice", "mapPrice"} & {name for name, value in live.items() if value} == left
    assert made.run("plan", "--detailed-exitcode").code == 0


def test_stores_hear_of_promotions_by_the_keys_that_they_have(tmp_path: Path) -> None:
    first, second = (
        promo("eins", "10", key="SUMMER_10"),
        promo("two", "20", stacking={"combinableWith": ["eins"]}),
    )
    made = Repository(tmp_path / "r", storefront(), sku(), first, second)
    made.apply()
    assert made.live()["amz-de/promotion/two"]["stacking"]["combinableWith"] == ["SUMMER_10"]


@pytest.mark.parametrize("word", ["null", "NULL", "None", "NaN", "undefined", "n/a"])
def test_what_programs_write_for_nothing_is_no_title(tmp_path: Path, word: str) -> None:
    made = Repository(tmp_path / "r", storefront())
    table = {"file": "listings.csv"}
    made.write(storefront(), document("SkuMapping", "table", {"table": table}))
    rows = "sku,title,store,currency,price,status\nA-1,{},amz-de,EUR,20.00,active\n"
    (made.path / "specs" / "listings.csv").write_text(rows.format(word))
    refused = made.run("validate")
    assert (
        refused.code == 4 and f"title {word} is what programs write for nothing" in refused.err + refused.out
    )
    (made.path / "specs" / "listings.csv").write_text(rows.format(f"'{word}"))
    made.apply()
    assert made.live()["amz-de/listing/A-1"]["title"] == word


@pytest.mark.parametrize("title", ["Teapot", None])
def test_what_comes_back_into_the_specs_was_changed_by_nobody_else(tmp_path: Path, title: str | None) -> None:
    """It left them, and stayed in the store as it was."""
    made = Repository(tmp_path / "r", storefront(), sku(attributes={"title": "Kettle"}))
    made.apply()
    made.write(storefront(), sku())
    made.apply()
    made.write(storefront(), sku(attributes={"title": title}))
    (change,) = made.plan()["changes"]
    assert {field["reason"] for field in change["fields"]} == {"edited"}
    made.apply()
    assert made.run("sandbox", "disturb", "amz-de/listing/KTL-17-BLK.title=Pot").code == 0
    (change,) = made.plan()["changes"]
    assert {field["reason"] for field in change["fields"]} == {"drifted"}


def test_the_remedy_for_an_hour_keeps_the_last_day(tmp_path: Path) -> None:
    """A sale until a minute before midnight ends at that midnight, and not a day before."""
    front = storefront(platform="amazon", country="DE", marketplaceId="A1PA6795UKMFR9", sellerId="A1")
    window = {
        "start": {"local": "2026-11-27T00:00", "tz": "store"},
        "end": {"local": "2026-11-30T23:59", "tz": "store"},
    }
    made = Repository(tmp_path / "r", front, sku(), promo("cyber", "10", window=window))
    told = made.run("validate").out + made.run("validate").err
    assert 'write {local: "2026-12-01T00:00", tz: store}' in told
    window["end"]["local"] = "2026-12-01T00:00"
    made.write(front, sku(), promo("cyber", "10", window=window))
    assert "PRO-011" not in made.run("validate").out


def test_a_computed_price_is_blamed_on_whoever_moved_it_last(tmp_path: Path) -> None:
    """The price in the other store, or the factor: not on whoever once wrote the rule's name."""
    other = sku("KETTLE", "20.00")
    other["spec"]["listings"].append(
        {"store": "amz-fr", "price": {"currency": "EUR", "rule": "to-fr"}, "status": "active"}
    )
    made = Repository(tmp_path / "r", storefront(), storefront("amz-fr"), other)
    project = made.path / "acorn.yaml"
    project.write_text(
        f'{project.read_text()}  priceRules:\n    to-fr: {{fromStore: amz-de, factor: "1.10"}}\n'
    )
    published(tmp_path, made)

    def by(who: str, file: Path, old: str, new: str) -> str:
        file.write_text(file.read_text().replace(old, new))
        git(
            made.path,
            "commit",
            "-qam",
            who,
            "--author",
            f"{who} <{who}@example.com>",
            "--date",
            f"2026-11-2{len(said)}T10:00:00Z",
        )
        made.apply()
        said.append(who)
        return made.run("blame", "amz-fr/listing/KETTLE").out.split("price:", 1)[1]

    said: list[str] = []
    assert "by dora" in by("dora", made.path / "specs" / "all.yaml", "20.00", "30.00")
    assert "by erik" in by("erik", project, "1.10", "1.20")
    assert "by dora" in by("dora", made.path / "specs" / "all.yaml", "30.00", "31.00")
