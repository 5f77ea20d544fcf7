"""Whoever says stop is heard, also by old checkouts; going back is a change like any other, and what was left is not
applied again."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.engines.standstill import closed, frozen, next_opening
from acorn_gitops.model.finding import Refused
from acorn_gitops.plan.document import Plan
from acorn_gitops.reconcile.addresses import is_as_there
from acorn_gitops.reconcile.applying import ApplyRequest, Hooks, apply
from acorn_gitops.reconcile.workspace import Workspace
from tests.borders.clone import WHO, cloned, git, published
from tests.borders.market import clone_of, open_market
from tests.repository import Repository, sku, storefront

NOW = "2026-11-23T09:00:00Z"


@pytest.fixture(autouse=True)
def _somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever goes back is the author of a branch, and git on a fresh machine knows nobody."""
    for name, value in WHO.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Two stores, applied, with a remote whose default branch is known."""
    made = Repository(
        tmp_path / "r", storefront(), storefront("amz-fr"), sku(), sku("MUG-RED", "12.90", "amz-fr")
    )
    published(tmp_path, made)
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    made.apply()
    return made


def edit(made: Repository, old: str, new: str, message: str = "an edit") -> str:
    file = made.path / "specs" / "all.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    git(made.path, "commit", "-qam", message)
    return git(made.path, "rev-parse", "HEAD").strip()


def freeze(made: Repository, *more: str) -> None:
    words = ("freeze", "black-friday", "--reason", "no changes in peak week", "--owner", "mia@example.com",
             "--until", "2026-12-01T00:00:00+01:00", *more)  # fmt: skip
    done = made.run(*words)
    assert done.code == 0, done


def refusal(made: Repository, id: str) -> str:
    plan = made.run("plan")
    assert (plan.code, id in plan.out) == (4, True), plan
    done = made.run("apply", "--auto-approve")
    assert (done.code, id in done.err) == (4, True), done
    return " ".join(done.err.split())


def test_a_freeze_stops_its_stores_with_its_reason_owner_and_end(team: Repository) -> None:
    freeze(team, "--stores", "amz-d*")
    text = (team.path / "acorn.yaml").read_text()
    assert "2026-11-30T23:00:00Z" in text
    edit(team, "49.99", "47.50")
    said = refusal(team, "ACN-042")
    assert (
        "amz-de: black-friday freezes them: no changes in peak week (mia@example.com); until 2026-11-30 23:00Z"
        in said
    )
    assert team.live()["amz-de/listing/KTL-17-BLK"]["price"]["value"] == "49.99"
    # The other store is free.
    edit(team, "12.90", "11.90")
    assert team.run("apply", "--auto-approve", "--select", "amz-fr").code == 0


def test_a_freeze_ends_by_itself_and_by_its_owner(team: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    freeze(team)
    edit(team, "49.99", "47.50")
    refusal(team, "ACN-042")
    monkeypatch.setenv("ACORN_NOW", "2026-12-01T00:00:00Z")
    assert team.run("plan").code == 0
    monkeypatch.setenv("ACORN_NOW", NOW)
    assert team.run("thaw", "black-friday").code == 0
    assert "freezes" not in (team.path / "acorn.yaml").read_text()
    assert team.run("apply", "--auto-approve").code == 0


def test_an_old_checkout_hears_of_a_freeze_that_was_merged_since(team: Repository, tmp_path: Path) -> None:
    old = cloned(tmp_path / "team.git", tmp_path / "old")
    (old.path / ".acorn").mkdir()
    for file in (team.path / ".acorn").rglob("*.db"):
        target = old.path / file.relative_to(team.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    freeze(team)
    git(team.path, "commit", "-qam", "freeze")
    git(team.path, "push", "-q", "origin", "main")
    edit(old, "49.99", "47.50")
    done = old.run("apply", "--auto-approve")
    assert (done.code, "ACN-042" in done.err) == (4, True), done
    assert "freezes" not in (old.path / "acorn.yaml").read_text()
    assert git(old.path, "rev-parse", "--is-shallow-repository").strip() == "false"


def test_a_freeze_that_a_branch_takes_out_still_holds(team: Repository) -> None:
    freeze(team)
    git(team.path, "commit", "-qam", "freeze")
    git(team.path, "push", "-q", "origin", "main")
    assert team.run("thaw", "black-friday").code == 0
    edit(team, "49.99", "47.50")
    refusal(team, "ACN-042")


def test_a_remote_that_cannot_be_asked_is_told_and_what_was_seen_last_counts(team: Repository) -> None:
    freeze(team)
    git(team.path, "commit", "-qam", "freeze")
    git(team.path, "push", "-q", "origin", "main")
    git(team.path, "remote", "set-url", "origin", str(team.path / "nowhere.git"))
    assert team.run("thaw", "black-friday").code == 0
    edit(team, "49.99", "47.50")
    done = team.run("apply", "--auto-approve")
    assert (done.code, "ACN-042" in done.err) == (4, True), done
    assert "cannot be asked whether somebody said stop" in " ".join(done.err.split())


def test_that_a_remote_cannot_be_asked_is_told_once(team: Repository) -> None:
    """It is asked before and after somebody agreed."""
    git(team.path, "remote", "set-url", "origin", str(team.path / "nowhere.git"))
    edit(team, "49.99", "47.50")
    done = team.run("apply", "--auto-approve")
    assert (done.code, done.err.count("cannot be asked")) == (0, 1), done


UNTIL = "2026-12-01T00:00:00Z"


@pytest.mark.parametrize(
    "freezes",
    [
        f"[{{name: peak, reason: no changes, until: '{UNTIL}'}}]",  # nobody owns it
        f"[{{name: peak, reason: no changes, owner: ada, until: {UNTIL}, x: 1}}]",
        "[",
    ],
)
def test_a_stop_that_cannot_be_read_is_a_stop(team: Repository, tmp_path: Path, freezes: str) -> None:
    old = cloned(tmp_path / "team.git", tmp_path / "old")
    file = team.path / "acorn.yaml"
    file.write_text(file.read_text() + f"  freezes: {freezes}\n")
    git(team.path, "commit", "-qam", "freeze")
    git(team.path, "push", "-q", "origin", "main")
    edit(old, "49.99", "47.50")
    done = old.run("apply", "--auto-approve", "--adopt")
    assert (done.code, "acorn.yaml of the default branch cannot be read" in done.err) == (4, True), done


@pytest.mark.parametrize("scope", ["environments", "stores"])
def test_a_freeze_of_nothing_is_a_mistake(team: Repository, scope: str) -> None:
    """Absent is everything; empty would be nothing, or everything."""
    file = team.path / "acorn.yaml"
    file.write_text(
        file.read_text()
        + f"  freezes: [{{name: peak, reason: x, owner: ada, until: '{UNTIL}', {scope}: []}}]\n"
    )
    done = team.run("validate")
    assert (done.code, scope in done.err + done.out) == (4, True), done


MAIN_SAYS = [
    {"ACORN_DEFAULT_BRANCH": "master"},  # the remote has none
    {"ACORN_DEFAULT_BRANCH": "origin/main"},
    {"ACORN_DEFAULT_BRANCH": "dev"},  # it was the default one once
    {"ACORN_LEDGER_BRANCH": "none"},
]


@pytest.mark.parametrize("environ", MAIN_SAYS, ids=[str(one) for one in MAIN_SAYS])
def test_a_freeze_is_heard_whatever_this_machine_takes_for_the_default_branch(
    team: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    git(team.path, "push", "-q", "origin", "HEAD:refs/heads/dev")
    other = cloned(tmp_path / "team.git", tmp_path / "other")
    freeze(other)
    git(other.path, "commit", "-qam", "freeze")
    git(other.path, "push", "-q", "origin", "main")
    edit(team, "49.99", "47.50")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    done = team.run("apply", "--auto-approve")
    assert (done.code, "ACN-042" in done.err) == (4, True), done


def test_a_remote_of_another_name_is_told_not_to_be_asked(
    team: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACORN_DEFAULT_BRANCH")
    git(team.path, "remote", "rename", "origin", "upstream")
    edit(team, "49.99", "47.50")
    done = team.run("apply", "--auto-approve")
    assert (done.code, "no remote is called origin" in " ".join(done.err.split())) == (0, True), done


@pytest.mark.parametrize("how", ["twice", "moved"])
def test_a_stop_that_was_merged_so_that_it_is_lost_is_a_stop(
    team: Repository, tmp_path: Path, how: str
) -> None:
    old = cloned(tmp_path / "team.git", tmp_path / "old")
    file = team.path / "acorn.yaml"
    one = f"{{name: peak, reason: x, owner: ada, until: '{UNTIL}'}}"
    text = file.read_text()
    if how == "twice":
        file.write_text(
            f"{text}  freezes: [{one.replace(UNTIL, '2026-01-01T00:00:00Z')}]\n  freezes: [{one}]\n"
        )
    else:
        (team.path / "shop").mkdir()
        (team.path / "shop" / "acorn.yaml").write_text(f"{text}  freezes: [{one}]\n")
        file.unlink()
    git(team.path, "add", "-A")
    git(team.path, "commit", "-qm", "freeze")
    git(team.path, "push", "-q", "origin", "main")
    edit(old, "49.99", "47.50")
    done = old.run("apply", "--auto-approve", "--adopt")
    assert (done.code, "ACN-042" in done.err) == (4, True), done


@pytest.mark.parametrize(
    ("setting", "words", "stop"),
    [
        (
            "freezes: [{name: peak, reason: x, owner: ada, until: '2027-02-31T00:00:00Z'}]",
            "there is no moment",
            "ACN-042",
        ),
        (
            "changeWindows: [{from: '24:00', until: '06:00', tz: Europe/Berlin}]",
            "the end of a day",
            "ACN-043",
        ),
    ],
)
def test_a_time_that_there_is_not_is_a_mistake_and_stops(
    team: Repository, tmp_path: Path, setting: str, words: str, stop: str
) -> None:
    old = cloned(tmp_path / "team.git", tmp_path / "old")
    file = team.path / "acorn.yaml"
    file.write_text(f"{file.read_text()}  {setting}\n")
    said = team.run("validate")
    assert (said.code, words in " ".join((said.out + said.err).split())) == (4, True), said
    git(team.path, "commit", "-qam", "freeze")
    git(team.path, "push", "-q", "origin", "main")
    edit(old, "49.99", "47.50")
    done = old.run("apply", "--auto-approve", "--adopt")
    assert (done.code, stop in done.err) == (4, True), done


@pytest.mark.parametrize("what", ["blob:none", "tree:0"])
def test_a_clone_that_holds_a_part_only_is_told_no_stop_that_there_is_not(
    team: Repository, tmp_path: Path, what: str
) -> None:
    """acorn.yaml of the default branch is brought, whatever else the clone leaves out."""
    bare = tmp_path / "team.git"
    git(bare, "config", "uploadpack.allowFilter", "true")
    git(bare, "config", "uploadpack.allowAnySHA1InWant", "true")
    part = cloned(bare, tmp_path / "part", f"--filter={what}")
    edit(part, "49.99", "47.50")
    file = team.path / "acorn.yaml"
    file.write_text(file.read_text() + "# a comment\n")
    git(team.path, "commit", "-qam", "a comment")
    git(team.path, "push", "-q", "origin", "main")
    assert part.run("apply", "--auto-approve", "--adopt").code == 0
    freeze(team)
    git(team.path, "commit", "-qam", "freeze")
    git(team.path, "push", "-q", "origin", "main")
    edit(part, "47.50", "46.50")
    done = part.run("apply", "--auto-approve")
    assert (done.code, "black-friday freezes them" in done.err) == (4, True), done


def test_the_words_of_a_hold_that_were_copied_lift_nothing(team: Repository) -> None:
    good = git(team.path, "rev-parse", "HEAD").strip()
    edit(team, "49.99", "4.99", "a mistake")
    git(team.path, "push", "-q", "origin", "main")
    git(team.path, "branch", "feature")
    assert team.run("rollback", "--to", good, "--reason", "a mistake", "--owner", "mia@example.com").code == 0
    git(team.path, "push", "-q", "origin", "HEAD:main")
    assert team.run("apply", "--auto-approve").code == 0
    held = (team.path / "acorn.yaml").read_text()
    git(team.path, "checkout", "-q", "feature")
    (team.path / "acorn.yaml").write_text(held)
    git(team.path, "commit", "-qam", "as on main")
    done = team.run("apply", "--auto-approve", "--older")
    assert (done.code, "ACN-044" in done.err) == (4, True), done


def test_marks_of_owners_are_not_written_in_a_freeze(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there as the specs say it is only marked as ours: that is a write, too."""
    monkeypatch.setenv("ACORN_TRUST_FILE", str(tmp_path / "trust.json"))
    with open_market(tmp_path) as market:
        made = clone_of(market, tmp_path / "r", storefront(), sku())
        made.trust()
        made.apply()
        with sqlite3.connect(market.path) as db:
            db.execute("UPDATE resource SET document=cast(replace(document, 'test/sandbox', '') AS blob)")
        before = market.revision()
        file = made.path / "acorn.yaml"
        one = "{name: peak, reason: x, owner: ada, until: '2099-01-01T00:00:00Z'}"
        file.write_text(f"{file.read_text()}  freezes: [{one}]\n")
        refusal(made, "ACN-042")
        assert market.revision() == before


def test_a_second_freeze_of_the_same_name_takes_nothing_from_the_first(team: Repository) -> None:
    one = f"{{name: peak, reason: no changes, owner: ada, until: '{UNTIL}'}}"
    file = team.path / "acorn.yaml"
    file.write_text(
        file.read_text() + f"  freezes: [{one}, {one.replace('until', 'stores: [amz-fr], until')}]\n"
    )
    git(team.path, "commit", "-qam", "freeze")
    git(team.path, "push", "-q", "origin", "main")
    old = cloned(team.path.parent / "team.git", team.path.parent / "old")
    git(old.path, "reset", "-q", "--hard", "HEAD~1")
    edit(old, "49.99", "47.50")
    done = old.run("apply", "--auto-approve", "--adopt")
    assert (done.code, "ACN-042: amz-de, amz-fr: peak freezes them" in done.err) == (4, True), done


def test_the_remote_is_asked_which_branch_is_its_default_one(
    team: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who made the repository has never cloned it, and knows no default branch."""
    monkeypatch.delenv("ACORN_DEFAULT_BRANCH")
    other = cloned(tmp_path / "team.git", tmp_path / "other")
    freeze(other)
    git(other.path, "commit", "-qam", "freeze")
    git(other.path, "push", "-q", "origin", "main")
    edit(team, "49.99", "47.50")
    done = team.run("apply", "--auto-approve")
    assert (done.code, "ACN-042" in done.err) == (4, True), done


@pytest.mark.parametrize("stop", ["freezes", "holds"])
def test_a_stop_that_is_merged_while_a_canary_stands_its_time_is_heard(
    team: Repository, tmp_path: Path, stop: str
) -> None:
    """A soak may take a day: the second phase asks again, and writes nothing."""
    with (team.path / "acorn.yaml").open("a") as file:
        file.write("  policies:\n    rollout: [{name: canary, stores: {names: [amz-de]}, soakSeconds: 60}]\n")
    edit(team, "49.99", "47.50")
    bad = edit(team, "12.90", "11.90")
    git(team.path, "push", "-q", "origin", "main")
    other = cloned(tmp_path / "team.git", tmp_path / "other")
    said = (
        'freezes: [{name: stop, reason: wrong, owner: mia@example.com, until: "2026-12-24T00:00:00Z"}]'
        if stop == "freezes"
        else f"holds: [{{commit: {bad}, reason: wrong, owner: mia@example.com}}]"
    )

    def merged(_: float) -> None:
        file = other.path / "acorn.yaml"
        if stop not in file.read_text():
            file.write_text(f"{file.read_text()}  {said}\n")
            git(other.path, "commit", "-qam", "stop")
            git(other.path, "push", "-q", "origin", "main")

    done = Workspace(team.path, environ=dict(os.environ), pause=merged).apply(ApplyRequest(wait=0))
    told = {change.address.store: outcome for change, outcome in done.outcomes}
    assert (told["amz-de"].status, told["amz-fr"].status) == ("observed", "skipped")
    assert "wrong (mia@example.com)" in told["amz-fr"].message
    assert team.live()["amz-fr/listing/MUG-RED"]["price"]["value"] == "12.90"


def test_a_stop_that_is_merged_while_somebody_is_asked_is_heard(team: Repository, tmp_path: Path) -> None:
    other = cloned(tmp_path / "team.git", tmp_path / "other")
    edit(team, "49.99", "47.50")

    def meanwhile(_: Plan) -> None:
        freeze(other)
        git(other.path, "commit", "-qam", "freeze")
        git(other.path, "push", "-q", "origin", "main")

    workspace = Workspace(team.path, environ=os.environ, clock=lambda: datetime.fromisoformat(NOW))
    with pytest.raises(Refused) as refused:
        apply(workspace, ApplyRequest(), Hooks(approve=meanwhile))
    assert [finding.id for finding in refused.value.findings] == ["ACN-042"]
    assert team.live()["amz-de/listing/KTL-17-BLK"]["price"]["value"] == "49.99"


@pytest.mark.parametrize("deep", [True, False])
def test_what_was_built_on_a_held_commit_is_held_also_where_its_history_is_cut_off(
    team: Repository, tmp_path: Path, deep: bool
) -> None:
    good = git(team.path, "rev-parse", "HEAD").strip()
    edit(team, "49.99", "4.99", "a mistake")
    git(team.path, "push", "-q", "origin", "main")
    edit(team, "12.90", "11.90", "built on it")
    git(team.path, "push", "-q", "origin", "HEAD:refs/heads/feature")
    git(team.path, "reset", "-q", "--hard", "HEAD~1")
    assert team.run("rollback", "--to", good, "--reason", "a mistake", "--owner", "mia@example.com").code == 0
    git(team.path, "push", "-q", "origin", "HEAD:main")
    options = () if deep else ("--depth=1",)
    other = cloned(tmp_path / "team.git", tmp_path / "other", "-b", "feature", *options)
    done = other.run("apply", "--auto-approve", "--adopt")
    assert (done.code, "ACN-044" in done.err) == (4, True), done
    assert ("--unshallow" in done.err) is not deep


@pytest.mark.parametrize(
    "words",
    [
        ("--until", "tomorrow"),
        ("--until", "2026-12-01T00:00:00"),
        ("--until", "2026-12-01T00:00:00Z", "--from", "soon"),
    ],
)
def test_an_end_is_an_instant_with_its_zone(team: Repository, words: tuple[str, ...]) -> None:
    before = (team.path / "acorn.yaml").read_bytes()
    done = team.run("freeze", "x", "--reason", "r", "--owner", "o", *words)
    assert done.code == 64
    assert (team.path / "acorn.yaml").read_bytes() == before


WINDOW: dict[str, Any] = {"days": ["mon", "tue"], "from": "09:00", "until": "17:00", "tz": "Europe/Berlin"}
NIGHT: dict[str, Any] = {"days": ["fri"], "from": "22:00", "until": "02:00", "tz": "America/New_York"}


@pytest.mark.parametrize(
    ("window", "now", "opens"),
    [
        (WINDOW, "2026-11-23T08:00:00Z", ""),  # a Monday, nine in Berlin
        (WINDOW, "2026-11-23T15:59:59Z", ""),
        (WINDOW, "2026-11-23T07:59:00Z", "2026-11-23T08:00:00+00:00"),
        (WINDOW, "2026-11-23T16:00:00Z", "2026-11-24T08:00:00+00:00"),
        (WINDOW, "2026-11-25T12:00:00Z", "2026-11-30T08:00:00+00:00"),
        (
            {**WINDOW, "days": ["sun"]},
            "2026-10-24T12:00:00Z",
            "2026-10-25T08:00:00+00:00",
        ),  # the clocks go back that day
        (NIGHT, "2026-11-28T06:59:00Z", ""),  # Saturday, two in New York less a minute
        (NIGHT, "2026-11-28T07:00:00Z", "2026-12-05T03:00:00+00:00"),
        (NIGHT, "2026-11-27T06:00:00Z", "2026-11-28T03:00:00+00:00"),
    ],
)
def test_a_window_is_open_by_its_own_clock_and_its_next_opening_is_known(
    window: dict[str, Any], now: str, opens: str
) -> None:
    found = list(closed({"changeWindows": [window]}, ["sandbox"], ["a"], datetime.fromisoformat(now)))
    assert bool(found) is bool(opens)
    if opens:
        assert found[0].until == datetime.fromisoformat(opens)
        assert next_opening(window, datetime.fromisoformat(now)) == datetime.fromisoformat(opens)


def test_windows_and_freezes_are_for_the_stores_and_environments_that_they_name() -> None:
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    one = {**WINDOW, "stores": ["amz-*"], "environments": ["production"]}
    other = {**WINDOW, "stores": ["amz-de"], "days": ["wed"]}
    names = ["amz-de", "amz-fr", "shop"]
    settings = {"changeWindows": [one, other]}
    assert [stop.stores for stop in closed(settings, ["production"], names, now)] == [("amz-fr",)]
    assert list(closed(settings, ["sandbox"], names, now)) == []
    ice = {
        "name": "f",
        "reason": "r",
        "owner": "o",
        "from": "2026-11-25T12:00:01Z",
        "until": "2026-11-26T00:00:00Z",
    }
    assert list(frozen({"freezes": [ice]}, ["sandbox"], names, now)) == []
    later = now.replace(minute=1)
    assert [stop.stores for stop in frozen({"freezes": [ice]}, ["sandbox"], names, later)] == [tuple(names)]


def test_a_freeze_of_an_environment_is_of_its_marketplace_by_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkout that calls the same connection another environment, or has it in one that the default branch
    knows for something else, writes to what is frozen all the same."""
    with open_market(tmp_path) as market:
        made = clone_of(market, tmp_path / "r", storefront(), sku())
        file = made.path / "acorn.yaml"
        file.write_text(
            file.read_text().replace(
                "{sandbox: {}}", '{sandbox: {}, tests: {connections: {main: {url: "sandbox:"}}}}'
            )
        )
        assert "tests" in file.read_text()
        published(tmp_path, made)
        monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
        made.apply()
        freeze(made, "--env", "sandbox")
        assert "environments: [sandbox]" in file.read_text()
        git(made.path, "commit", "-qam", "freeze")
        git(made.path, "push", "-q", "origin", "main")
        edit(made, "49.99", "9.99")
        text = file.read_text()
        by_another_name = market.url.replace("127.0.0.1", "localhost") + "/"
        by_another_token = text.replace(
            "{sandbox: {}, tests",
            "{sandbox: {}, mine: {connections: {main: {options: {timeoutSeconds: 61}}}}, tests",
        )
        file.write_text(by_another_token)
        done = made.run("apply", "--env", "mine", "--auto-approve", "--adopt")
        assert (done.code, "ACN-042" in done.err) == (4, True), done
        for name, there in {
            "mine": text.replace(
                "{sandbox: {}, tests",
                f'{{sandbox: {{}}, mine: {{connections: {{main: {{url: "{by_another_name}"}}}}}}, tests',
            ),
            "tests": text.replace('{url: "sandbox:"}', f'{{url: "{market.url}"}}'),
            "sandbox": text.replace("environments: [sandbox]", "environments: [tests]"),
        }.items():
            file.write_text(there)
            done = made.run("apply", "--env", name, "--auto-approve", "--adopt")
            assert (done.code, "ACN-042" in done.err) == (4, True), (name, done)
        file.write_text(text)
        done = made.run("apply", "--env", "tests", "--auto-approve")
        assert done.code == 0, "what is embedded is another marketplace"
        assert market.prices() == {"49.99"}


def test_the_window_of_one_environment_opens_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two environments of one marketplace, each with its own time; and a name that only a checkout knows."""
    with open_market(tmp_path) as market:
        made = clone_of(market, tmp_path / "r", storefront(), sku())
        file = made.path / "acorn.yaml"
        file.write_text(file.read_text().replace("{sandbox: {}}", "{sandbox: {}, tests: {}}"))
        published(tmp_path, made)
        monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
        made.apply()
        windows = "".join(
            f'\n    - {{from: "{begin}", until: "{end}", tz: UTC, environments: [{name}]}}'
            for name, begin, end in (("sandbox", "22:00", "23:30"), ("tests", "06:00", "20:00"))
        )
        file.write_text(f"{file.read_text()}  changeWindows:{windows}\n")
        git(made.path, "commit", "-qam", "windows")
        git(made.path, "push", "-q", "origin", "main")
        edit(made, "49.99", "39.99")
        refused = made.run("apply", "--auto-approve")
        assert (refused.code, "ACN-043" in refused.err) == (4, True), refused
        text = file.read_text()
        file.write_text(text.replace("{sandbox: {}, tests: {}}", "{sandbox: {}, tests: {}, mine: {}}"))
        refused = made.run("apply", "--env", "mine", "--auto-approve", "--adopt")
        assert (refused.code, "ACN-043" in refused.err) == (4, True), refused
        file.write_text(text)
        monkeypatch.setenv("ACORN_NOW", "2026-11-23T22:30:00Z")
        assert made.run("apply", "--auto-approve").code == 0


@pytest.mark.parametrize(
    ("here", "same"),
    [
        ({"main": "http://y:1"}, True),
        ({"main": "https://Y:1/"}, True),
        ({"main": "http://x:1"}, False),
        ({"main": "http://x:1", "spare": "http://y:1"}, False),
        ({"main": "http://y:1", "spare": "http://x:1"}, False),
    ],
    ids=[
        "as there",
        "another spelling",
        "elsewhere",
        "its own place is only beside",
        "another one is beside",
    ],
)
def test_an_environment_is_the_one_of_the_default_branch_connection_by_connection(
    here: dict[str, str], same: bool
) -> None:
    """A connection that nothing uses makes no environment the same."""
    settings: Any = {
        "connections": {"main": {"adapter": "network", "url": "http://x:1"}},
        "environments": {"sandbox": {}, "tests": {"connections": {"main": {"url": "http://y:1"}}}},
    }
    used: Any = {name: {"adapter": "network", "url": url} for name, url in here.items()}
    assert is_as_there(settings, "tests", used) is same
    assert not is_as_there(settings, "mine", used)


def test_outside_of_its_windows_a_store_is_refused_with_the_next_opening(team: Repository) -> None:
    window = '  changeWindows: [{stores: [amz-de], days: [tue], from: "09:00", until: "17:00", tz: Europe/Berlin}]\n'
    project = team.path / "acorn.yaml"
    project.write_text(project.read_text() + window)
    git(team.path, "commit", "-qam", "windows")
    git(team.path, "push", "-q", "origin", "main")
    edit(team, "49.99", "47.50")
    assert "the next one opens 2026-11-24 08:00Z" in refusal(team, "ACN-043")


def test_rollback_is_a_branch_with_the_specs_of_then_its_plan_and_a_hold(
    team: Repository, tmp_path: Path
) -> None:
    good = git(team.path, "rev-parse", "HEAD").strip()
    (team.path / "specs" / "more.yaml").write_text("# nothing yet\n")
    git(team.path, "add", "-A")
    bad = edit(team, "49.99", "9.99", "a slip")
    git(team.path, "push", "-q", "origin", "main")
    budget = team.path / "acorn.yaml"
    assert budget.exists()
    team.run("apply", "--auto-approve")
    done = team.run("rollback", "--to", good, "--reason", "a slip of the pen", "--owner", "mia@example.com")
    assert done.code == 0, done
    branch = f"acorn/rollback/{good[:10]}"
    assert git(team.path, "branch", "--show-current").strip() == branch
    assert git(team.path, "status", "--porcelain") == ""
    assert "49.99" in (team.path / "specs" / "all.yaml").read_text()
    assert not (team.path / "specs" / "more.yaml").exists()
    assert bad in (team.path / "acorn.yaml").read_text()
    assert "9.99 EUR → 49.99 EUR" in done.out or "9.99 → 49.99" in done.out
    # Nothing was applied by going back; merged, it is applied as any change is, and is not older.
    assert team.live()["amz-de/listing/KTL-17-BLK"]["price"]["value"] == "9.99"
    git(team.path, "push", "-q", "origin", f"{branch}:main")
    team.apply()
    assert team.live()["amz-de/listing/KTL-17-BLK"]["price"]["value"] == "49.99"
    # The bad commit is not applied again, not even by somebody who says that an older one is meant.
    git(team.path, "checkout", "-q", bad)
    again = team.run("apply", "--auto-approve", "--older")
    assert (again.code, "ACN-044" in again.err) == (4, True), again
    assert "a slip of the pen (mia@example.com)" in " ".join(again.err.split())
    # Nor is what was built on it elsewhere.
    git(team.path, "checkout", "-qb", "side")
    edit(team, "12.90", "11.90")
    built = team.run("apply", "--auto-approve", "--older")
    assert (built.code, "ACN-044" in built.err) == (4, True), built


@pytest.mark.parametrize("to", ["nowhere", "--upload-pack=x", "HEAD..main", ""])
def test_a_revision_that_git_does_not_know_changes_nothing(team: Repository, to: str) -> None:
    before = git(team.path, "rev-parse", "HEAD")
    done = team.run("rollback", "--to", to, "--reason", "r", "--owner", "o")
    assert done.code != 0
    assert git(team.path, "branch", "--show-current").strip() == "main"
    assert git(team.path, "rev-parse", "HEAD") == before


def test_only_what_specs_are_made_of_goes_back(team: Repository) -> None:
    file = team.path / "acorn.yaml"
    file.write_text(file.read_text().replace("specs: [specs]", 'specs: ["."]'))
    pipeline = team.path / ".forge" / "ci.yml"
    script = team.path / "specs" / "build.sh"
    pipeline.parent.mkdir()
    pipeline.write_text("old: true\n")
    script.write_text("old\n")
    git(team.path, "add", "-A")
    git(team.path, "commit", "-qm", "then")
    pipeline.write_text("new: true\n")
    script.write_text("new\n")
    edit(team, "49.99", "47.50")
    done = team.run("rollback", "--to", "HEAD~1", "--reason", "too cheap", "--owner", "mia@example.com")
    assert done.code == 0, done
    assert (pipeline.read_text(), script.read_text()) == ("new: true\n", "new\n")
    assert "49.99" in (team.path / "specs" / "all.yaml").read_text()


def test_a_file_that_is_a_folder_by_now_goes_back(team: Repository) -> None:
    place = team.path / "specs" / "more.yaml"
    place.write_text("# nothing yet\n")
    git(team.path, "add", "-A")
    git(team.path, "commit", "-qm", "a file")
    place.unlink()
    place.mkdir()
    (place / "one.yaml").write_text("# nothing either\n")
    git(team.path, "add", "-A")
    git(team.path, "commit", "-qm", "a folder")
    done = team.run("rollback", "--to", "HEAD~1", "--reason", "a file", "--owner", "mia@example.com")
    assert done.code == 0, done
    assert place.read_text() == "# nothing yet\n"
    assert git(team.path, "status", "--porcelain") == ""


def test_what_git_does_not_keep_is_not_rolled_over(team: Repository) -> None:
    (team.path / "specs" / "eu").mkdir()
    (team.path / "specs" / "eu" / "one.yaml").write_text("# nothing yet\n")
    git(team.path, "add", "-A")
    git(team.path, "commit", "-qm", "a folder")
    git(team.path, "rm", "-rq", "specs/eu")
    (team.path / ".gitignore").write_text(".acorn/\nspecs/eu\n")
    git(team.path, "add", "-A")
    git(team.path, "commit", "-qm", "none")
    mine = team.path / "specs" / "eu"
    mine.write_text("mine\n")
    done = team.run("rollback", "--to", "HEAD~1", "--reason", "x", "--owner", "mia@example.com")
    assert (done.code, "specs/eu is in the way" in done.err) == (1, True), done
    assert mine.read_text() == "mine\n"
    assert git(team.path, "branch", "--show-current").strip() == "main"


def test_what_is_staged_for_another_project_stays_staged(tmp_path: Path) -> None:
    made = Repository(tmp_path / "both" / "one", storefront(), sku())
    beside = tmp_path / "both" / "two.txt"
    beside.write_text("then\n")
    top = beside.parent
    (top / ".gitignore").write_text(".acorn/\n")
    git(top, "init", "-q", "-b", "main")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "then")
    edit(made, "49.99", "47.50")
    beside.write_text("staged\n")
    git(top, "add", "two.txt")
    beside.write_text("and more\n")
    done = made.run("rollback", "--to", "HEAD~1", "--reason", "x", "--owner", "mia@example.com")
    assert (done.code, "49.99" in (made.path / "specs" / "all.yaml").read_text()) == (0, True), done
    assert git(top, "show", ":two.txt") == "staged\n"
    assert git(top, "status", "--porcelain").split("\n")[0] == "MM two.txt"


def test_who_is_unknown_to_git_is_told_what_to_write(
    team: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(team, "49.99", "47.50")
    git(team.path, "config", "user.useConfigOnly", "true")
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    for name in WHO:
        monkeypatch.delenv(name)
    done = team.run("rollback", "--to", "HEAD~1", "--reason", "x", "--owner", "mia@example.com")
    assert (done.code, "`git config user.name NAME`" in done.err) == (1, True), done
    assert git(team.path, "branch", "--show-current").strip() == "main"
    assert git(team.path, "status", "--porcelain") == ""


def test_nothing_is_rolled_back_over_work_that_is_not_committed(team: Repository) -> None:
    good = git(team.path, "rev-parse", "HEAD").strip()
    edit(team, "49.99", "47.50")
    file = team.path / "specs" / "all.yaml"
    file.write_text(file.read_text() + "# a thought\n")
    done = team.run("rollback", "--to", good, "--reason", "r", "--owner", "o")
    assert done.code == 1
    assert "# a thought" in file.read_text()
    assert git(team.path, "branch", "--show-current").strip() == "main"
