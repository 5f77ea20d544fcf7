"""What other ledgers say binds, and what no store has heard of loosens nothing."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.ledger.opening import open_ledger
from tests.borders.clone import WHO, cloned, connected, git, published
from tests.borders.market import Market, open_market
from tests.borders.test_rights_elsewhere import (
    ASKED,
    ENFORCED,
    EVERYTHING,
    PRICE,
    PROJECT,
    Team,
    helpers,
    owners,
)
from tests.borders.test_ways_around import of_people
from tests.repository import Repository, promo, sku, storefront
from tests.test_access import permission
from tests.test_prior_price import sale, shop_, told  # noqa: F401

# -- of several ledgers that know one store the narrowest limit holds, not the first one's

BOTH = PROJECT.replace("{sandbox: {}}", "{sandbox: {}, other: {}}") + ENFORCED
THERE = BOTH.replace("Environment: sandbox", "Environment: other")


def promoters(most: str) -> dict[str, Any]:
    made = permission("promoters", ["promo"], ["read", "apply"], "mallory@example.com", approvals=ASKED)
    made["spec"]["rules"][0]["constraints"] = {"maxDiscountPercent": most}
    return made


@pytest.mark.parametrize(
    "second",
    ["2026-11-24T09:00:00Z", "2026-11-23T09:00:00Z", "2027-11-23T09:00:00Z"],
    ids=["later", "same second", "clock ahead"],
)
def test_a_narrower_limit_elsewhere_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: str
) -> None:
    team = of_people(tmp_path, monkeypatch)
    wide = [storefront(), owners(), promoters("50"), sku("S-1", "20.00")]
    narrow = [storefront(), owners(), promoters("10"), sku("S-1", "20.00")]
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")
    assert team("ada", BOTH, *wide).code == 0
    # The same marketplace by another environment: ada takes the limit down to 10 %.
    monkeypatch.setenv("ACORN_NOW", second)
    done = team("ada", THERE, *narrow, words=("--adopt",))
    assert done.code == 0, done
    # An old checkout of the first one, with the wide limit, by mallory: 40 % off.
    monkeypatch.setenv("ACORN_NOW", "2026-11-25T09:00:00Z")
    mine = [*wide, promo("deal", "40")]
    done = team("mallory", BOTH, *mine, words=("--select", "amz-de/promotion/*"))
    sold = [one for one in team.made.live() if "/promotion/" in one]
    assert (done.code, sold) == (4, []), done


# -- a store that left the checkout is still one in which another ledger asks for rights

TWO = PROJECT.replace("{sandbox: {}}", "{sandbox: {}, other: {}}")
OTHER = TWO.replace("Environment: sandbox", "Environment: other")


@pytest.mark.parametrize("rest", [False, True], ids=["nothing left", "another store left"])
@pytest.mark.parametrize("says", [False, True], ids=["silent", "enforced by itself"])
def test_what_left_a_store_of_which_another_ledger_asks_for_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rest: bool, says: bool
) -> None:
    team = of_people(tmp_path, monkeypatch)
    more = [storefront("amz-fr")] if rest else []
    mine = [storefront(), *more, sku("S-1", "20.00")]
    assert team("mallory", OTHER, *mine).code == 0
    # The same marketplace by another environment: access is enforced there, and ada alone has rights.
    done = team("ada", TWO + ENFORCED, storefront(), owners(), sku("S-2", "20.00"))
    assert done.code == 0, done
    # Whoever edits is refused ...
    project = OTHER + (ENFORCED if says else "")
    cheap = team("mallory", project, storefront(), *more, sku("S-1", "1.00"))
    assert (cheap.code, "ACN-024" in cheap.err, team.price()) == (4, True, "20.00"), cheap
    # ... and who takes the store out of the specs must be, too.
    done = team("mallory", project, *(more or [storefront("new-1")]))
    assert (done.code, "amz-de/listing/S-1" in team.made.live()) == (4, True), done


# -- an entry of which no store has heard does not make a ledger the one that spoke last of rights


GIVEN = [storefront(), owners(), helpers("amz-de", EVERYTHING)]


def two_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, market: Market
) -> tuple[Team, Path, str, str]:
    """A project with ledgers on a branch: its team, the published repository, and its acorn.yaml for either of
    two environments of one marketplace."""
    for name, value in WHO.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    made = Repository(tmp_path / "r")
    here = connected(market.url).replace("{sandbox: {}}", "{sandbox: {}, other: {}}") + ENFORCED
    (made.path / "acorn.yaml").write_text(here)
    made.write(*GIVEN, sku("S-1", "20.00"))
    there = here.replace("Environment: sandbox", "Environment: other")
    return Team(made, monkeypatch), published(tmp_path, made), here, there


def given_and_taken_away(team: Team, first: str, second: str) -> None:
    """One environment gives a right on the 23rd; the other one says so, too, and takes it away on the 25th."""
    price = sku("S-1", "20.00")
    for day, where, specs in (
        ("23", first, [*GIVEN, price]),
        ("24", second, [*GIVEN, price]),
        ("25", second, [storefront(), owners(), price]),
    ):
        team.monkeypatch.setenv("ACORN_NOW", f"2026-11-{day}T09:00:00Z")
        done = team("ada", where, *specs, words=("--adopt",) if where is second else ())
        assert done.code == 0, done


@pytest.mark.parametrize("by", ["nobody", "sandbox", "other"])
@pytest.mark.parametrize("event", ["write.observed", "write.observed of a grant", "the time of a row"])
def test_an_entry_of_which_no_store_has_heard_speaks_last_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str, event: str
) -> None:
    """Ledgers are on the branch. `by`: whose ledger somebody who may push adds one entry to: it gave a right, and the other
    environment of the same marketplace took it away afterwards."""
    with open_market(tmp_path) as market:
        team, bare, here, there = two_environments(tmp_path, monkeypatch, market)
        # Who gives, and who takes away afterwards: the forged ledger is of the one that gave.
        first, second = (there, here) if by == "other" else (here, there)
        given_and_taken_away(team, first, second)
        if by != "nobody":
            work = cloned(bare, tmp_path / "m", "--branch", "acorn-ledger").path
            (name,) = [one for one in git(work, "ls-files").split() if one.endswith(f"{by}/ledger.db.gz")]
            file = tmp_path / "forged.db"
            file.write_bytes(gzip.decompress((work / name).read_bytes()))
            ledger = open_ledger(file, write=True)
            key = "grant/helpers:user:mallory@example.com" if event.endswith("grant") else "role/helpers"
            body = {"address": f"amz-de/{key}", "action": "update", "attributes": None}
            if event == "the time of a row":
                ledger.close()
                with sqlite3.connect(file) as db:
                    db.execute(
                        "UPDATE resource SET applied_at='2026-11-25T10:00:00Z' WHERE type IN ('role', 'grant')"
                    )
                db.close()
                ledger = open_ledger(file, write=True)
            else:
                ledger.open_up("write.observed", "2026-11-25T10:00:00Z", "mallory", body)
            packed = ledger.packed()
            ledger.close()
            (work / name).write_bytes(packed)
            git(work, "add", "-A")
            git(work, "commit", "-qm", "more")
            git(work, "push", "-q", "origin", "acorn-ledger")
        monkeypatch.setenv("ACORN_NOW", "2026-11-26T09:00:00Z")
        done = team("mallory", here, *GIVEN, sku("S-1", "1.00"), words=("--select", PRICE, "--adopt"))
        # A row that was changed makes one's own ledger useless, and another's a reason to write nothing.
        refused = 6 if (event, by) == ("the time of a row", "sandbox") else 4
        assert (done.code, market.prices()) == (refused, {"20.00"}), done


# -- an entry of which no store has heard does not move a ledger to another marketplace, where it wou


@pytest.mark.parametrize("event", ["nothing", "apply.begin", "apply.end", "import", "state.rebuild"])
def test_an_entry_of_which_no_store_has_heard_moves_no_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    """Ledgers are on the branch. Another environment of the same marketplace took a right away; somebody who may push adds to its
    ledger that it was about another marketplace."""
    with open_market(tmp_path) as market:
        team, bare, here, there = two_environments(tmp_path, monkeypatch, market)
        given_and_taken_away(team, here, there)
        if event != "nothing":
            work = cloned(bare, tmp_path / "m", "--branch", "acorn-ledger").path
            (name,) = [one for one in git(work, "ls-files").split() if one.endswith("other/ledger.db.gz")]
            file = tmp_path / "forged.db"
            file.write_bytes(gzip.decompress((work / name).read_bytes()))
            ledger = open_ledger(file, write=True)
            body = {"owner": "test/other", "bindings": {"amz-de": "0" * 32}}
            ledger.open_up(event, "2026-11-25T10:00:00Z", "mallory", body)
            packed = ledger.packed()
            ledger.close()
            (work / name).write_bytes(packed)
            git(work, "add", "-A")
            git(work, "commit", "-qm", "more")
            git(work, "push", "-q", "origin", "acorn-ledger")
        # Another machine, which has the other ledger from the branch alone.
        shutil.rmtree(team.made.path / ".acorn" / "other")
        monkeypatch.setenv("ACORN_NOW", "2026-11-26T09:00:00Z")
        done = team("mallory", here, *GIVEN, sku("S-1", "1.00"), words=("--select", PRICE, "--adopt"))
        assert (done.code, market.prices()) == (4, {"20.00"}), done


# -- entries of which no store has heard say nothing of what a price was before

KETTLE = "amz-de/listing/KTL-17-BLK"


@pytest.mark.parametrize("event", ["nothing", "adopt", "import", "forget", "write.observed", "state.rm"])
def test_a_price_of_which_no_store_has_heard_was_never_asked(
    shop_: Repository,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    event: str,
) -> None:
    """Raised two weeks ago, and twenty percent off now. Somebody adds to the ledger that it was as dear since September."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-10T09:00:00Z")
    shop_.write(storefront(country="DE"), sku(price="59.99"))
    shop_.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")
    shop_.write(storefront(country="DE"), sku(price="59.99"), sale("20"))
    if event != "nothing":
        ledger = open_ledger(shop_.path / ".acorn" / "sandbox" / "ledger.db", write=True)
        dear = {"price": {"currency": "EUR", "value": "59.99"}, "status": "active"}
        body = {"before": {KETTLE: {"at": "2026-09-01T09:00:01Z", "attributes": dear}}}
        if event == "write.observed":
            body = {
                "address": KETTLE,
                "action": "update",
                "attributes": dear,
                "before": body["before"][KETTLE],
            }
        ledger.open_up(event, "2026-11-22T09:00:00Z", "mallory", body)
        ledger.close()
    found, done = told(shop_), shop_.run("apply", "--auto-approve")
    assert (found, done.code) == ({"PRO-040"}, 4), done
