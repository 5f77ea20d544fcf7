"""What somebody tried after the last mending: other names, other accounts, other ledgers and clocks, entries of which no
store has heard, pieces of plans. Each time what was said before holds."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops import AcornError, ApplyRequest, Workspace
from acorn_gitops.ledger.opening import open_ledger
from acorn_gitops.ledger.records import Settled
from acorn_gitops.model.resource import Address
from acorn_gitops.plan.document import read
from acorn_gitops.reconcile.addresses import environments_leading_to
from acorn_gitops.sandbox import disturb
from acorn_gitops.sandbox.database import Database
from tests.borders.clone import WHO, cloned, connected, git, published
from tests.borders.market import clone_of, open_market
from tests.borders.test_rights_elsewhere import (
    ENFORCED,
    EVERYTHING,
    PRICE,
    PROJECT,
    Team,
    by,
    helpers,
    owners,
    part_of,
)
from tests.gitops.test_stop_and_go_back import edit, freeze
from tests.repository import Repository, promo, sku, storefront
from tests.test_rollout import SOAKING, STORES, everywhere
from tests.test_rollout import Team as Rolling

WINDOW = '  changeWindows: [{from: "22:00", until: "23:30", tz: UTC, environments: [sandbox]}]\n'
SHUT = "  freezes: [{name: peak, reason: x, owner: ada, until: '2099-12-30T00:00:00Z'}]\n"


@pytest.fixture
def environ() -> dict[str, str]:
    """The variables of this process."""
    return dict(os.environ)


@pytest.fixture
def rolling(tmp_path: Path) -> Rolling:
    """Four stores with a canary, in all of which a price is to be another one."""
    return Rolling(tmp_path, SOAKING)


def of_people(path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    """A repository in which different people apply; ledgers are not carried."""
    for name, value in WHO.items():
        monkeypatch.setenv(name, value)
    git(path, "init", "-q", "-b", "main")
    (path / ".gitignore").write_text(".acorn/\nstate/\n")
    return Team(Repository(path), monkeypatch)


def carried_on(team: Rolling, environ: dict[str, str], **asked: Any) -> Any:
    """A run that goes to its end."""
    from tests.test_rollout import _ends_after

    return _ends_after(team, environ, 1e9, **asked)


def broken_off(team: Rolling, environ: dict[str, str]) -> None:
    """A run that ends while the canary stands its time."""
    from tests.test_rollout import _ends_after

    assert _ends_after(team, environ, 30).interrupted


def says(team: Rolling, event: str, unsoaked: object) -> None:
    """Somebody adds an entry to the ledger of which no store has heard."""
    ledger = open_ledger(next((team.made.path / ".acorn").rglob("ledger.db")), write=True)
    body = {"owner": "test/sandbox", "environment": "sandbox", "unsoaked": unsoaked}
    ledger.open_up(event, "2026-11-23T09:00:01Z", "mallory", body)
    ledger.close()


@pytest.mark.parametrize("event", ["apply.begin", "apply.end"])
def test_an_entry_of_which_no_store_has_heard_ends_no_soak(
    rolling: Rolling, environ: dict[str, str], event: str
) -> None:
    broken_off(rolling, environ)
    says(rolling, event, {"canary": []})
    assert carried_on(rolling, environ).complete
    assert sum(rolling.paused) == 600


def test_a_plan_says_that_an_apply_waits_first(rolling: Rolling, environ: dict[str, str]) -> None:
    assert "ACN-051" not in rolling.made.run("plan").out
    broken_off(rolling, environ)
    said = rolling.made.run("plan").out
    assert "ACN-051" in said and "has not stood 600 s yet" in " ".join(said.split())
    assert carried_on(rolling, environ).complete
    assert "ACN-051" not in rolling.made.run("plan").out


@pytest.mark.parametrize(
    "said", [{"canary": ["nonsense"]}, {"canary": [5]}, {"canary": "x"}, {"canary": None}, [], 5]
)
def test_an_entry_that_cannot_be_read_is_told(
    rolling: Rolling, environ: dict[str, str], said: object
) -> None:
    broken_off(rolling, environ)
    says(rolling, "apply.begin", said)
    done = rolling.made.run("apply", "--auto-approve")
    assert (done.code, "says nothing that can be read" in done.err) == (6, True), done


def test_a_part_of_a_plan_that_says_it_is_all_of_it_soaks(rolling: Rolling, environ: dict[str, str]) -> None:
    """The canary's change alone; then a whole plan with the rest."""
    file = rolling.made.path / "plan.json"
    assert rolling.made.run("plan", "--out", "plan.json").code == 0
    part_of(file, lambda address: address.startswith("amz-it/"))
    assert carried_on(rolling, environ, plan=read(file)).complete
    assert sum(rolling.paused) == 0
    assert carried_on(rolling, environ).complete
    assert sum(rolling.paused) == 600


def test_a_part_of_a_plan_is_no_whole_apply(rolling: Rolling, environ: dict[str, str]) -> None:
    """What was left out of the file was not applied with its commit."""
    file = rolling.made.path / "plan.json"
    assert rolling.made.run("plan", "--out", "plan.json").code == 0
    assert carried_on(rolling, environ, plan=read(file)).complete
    rolling.made.write(*map(storefront, STORES), everywhere("44.00"))
    assert rolling.made.run("plan", "--out", "plan.json").code == 0
    part_of(file, lambda address: address.startswith("amz-it/"))
    assert carried_on(rolling, environ, plan=read(file)).complete
    ledger = open_ledger(next((rolling.made.path / ".acorn").rglob("ledger.db")))
    ends = [bool(entry.body.get("selected")) for entry in ledger.history() if entry.event == "apply.end"]
    ledger.close()
    assert ends[-2:] == [False, True]


def test_a_phase_with_another_name_soaks_what_the_old_one_left(
    rolling: Rolling, environ: dict[str, str]
) -> None:
    broken_off(rolling, environ)
    rolling.phases(SOAKING.replace("name: canary", "name: first"))
    assert carried_on(rolling, environ).complete
    assert sum(rolling.paused) == 600


@pytest.mark.parametrize(
    "first",
    ["{name: pre, stores: {names: [amz-at]}}", "{name: pre, stores: {names: [amz-at]}, soakSeconds: 60}"],
)
def test_a_later_phase_with_another_name_soaks_as_long(
    tmp_path: Path, environ: dict[str, str], first: str
) -> None:
    """What waits goes by its store: the first phase may have no time to stand."""
    team = Rolling(tmp_path, first, SOAKING)
    from tests.test_rollout import _ends_after

    assert _ends_after(team, environ, 90 if "60" in first else 30).interrupted
    team.phases(first, SOAKING.replace("name: canary", "name: other"))
    assert carried_on(team, environ).complete
    assert sum(team.paused) >= 600


def test_a_store_may_be_called_unsoaked(tmp_path: Path) -> None:
    made = Repository(tmp_path, storefront("unsoaked"), sku("S-1", "20.00", "unsoaked"))
    made.apply()
    made.write(storefront("unsoaked"), sku("S-1", "19.00", "unsoaked"))
    made.apply()


def test_a_deletion_that_did_not_stay_ends_the_rollout_of_a_later_run(
    rolling: Rolling, environ: dict[str, str]
) -> None:
    """Somebody made it again while nobody was running."""
    both = everywhere("49.99")
    more = {**both, "metadata": {"name": "more"}, "spec": {**both["spec"], "sku": "KTL-18"}}
    rolling.phases()
    rolling.made.write(*map(storefront, STORES), both, more)
    rolling.made.apply()
    rolling.phases(SOAKING)
    rolling.made.write(*map(storefront, STORES), both)
    broken_off(rolling, environ)
    database = Database(rolling.made.path / ".acorn" / "sandbox.db")
    again = {"sku": "KTL-18", "status": "active", "price": {"currency": "EUR", "value": "30.00"}}
    disturb.insert(database, Address("amz-it", "listing", "KTL-18"), again)
    database.close()
    done = carried_on(rolling, environ)
    assert [one for one in STORES if f"{one}/listing/KTL-18" in rolling.made.live()] == [*STORES]
    assert any("the rollout ended after canary" in outcome.message for _, outcome in done.outcomes)


def test_what_has_ended_by_itself_keeps_no_rollout_up(rolling: Rolling, environ: dict[str, str]) -> None:
    """A promotion of the canary that was over before it had stood its time, and that the marketplace dropped."""
    rolling.phases()
    rolling.made.write(*map(storefront, STORES), everywhere("49.99"))
    rolling.made.apply()
    rolling.phases(SOAKING)
    deal = promo("deal", "10")
    deal["spec"]["stores"] = {"names": [*STORES]}
    deal["spec"]["window"] = {
        "start": {"local": "2026-11-23T10:30:00", "tz": "store"},
        "end": {"local": "2026-11-23T12:00:00", "tz": "store"},
    }
    rolling.made.write(*map(storefront, STORES), everywhere("49.99"), deal)
    environ["ACORN_NOW"] = "2026-11-23T09:00:00Z"
    broken_off(rolling, environ)
    database = Database(rolling.made.path / ".acorn" / "sandbox.db")
    (key,) = [one for one in rolling.made.live() if one.startswith("amz-it/promotion/")]
    store, _, name = key.split("/", 2)
    disturb.delete(database, Address(store, "promotion", name))
    database.close()
    environ["ACORN_NOW"] = "2026-11-24T09:00:00Z"
    rolling.made.write(*map(storefront, STORES), everywhere("47.50"), deal)
    assert carried_on(rolling, environ).complete


@pytest.mark.parametrize("options", ["{sellerId: x}", "{timeoutSeconds: 61}"])
@pytest.mark.parametrize("stop", ["freeze", "window"])
def test_an_account_is_no_way_around_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: str, options: str
) -> None:
    """It means nothing to this adapter; the address is the same."""
    with open_market(tmp_path) as market:
        made = clone_of(market, tmp_path / "r", storefront(), sku())
        file = made.path / "acorn.yaml"
        published(tmp_path, made)
        monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
        made.apply()
        if stop == "freeze":
            freeze(made, "--env", "sandbox")
        else:
            file.write_text(file.read_text() + WINDOW)
        git(made.path, "commit", "-qam", "stop")
        git(made.path, "push", "-q", "origin", "main")
        edit(made, "49.99", "9.99")
        mine = f"{{sandbox: {{}}, mine: {{connections: {{main: {{options: {options}}}}}}}"
        file.write_text(file.read_text().replace("{sandbox: {}", mine))
        done = made.run("apply", "--env", "mine", "--auto-approve", "--adopt")
        assert (done.code, market.prices()) == (4, {"49.99"}), done


def test_what_is_only_marked_is_asked_about_when_a_stop_comes(
    rolling: Rolling, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store in which nothing is written, and something would be marked as ours."""
    from acorn_gitops.marketplaces.network.adapter import NetworkMarketplace

    database = Database(rolling.made.path / ".acorn" / "sandbox.db")
    there = {"sku": "KTL-18", "status": "active", "price": {"currency": "EUR", "value": "30.00"}}
    disturb.insert(database, Address("amz-de", "listing", "KTL-18"), there)
    database.close()
    made = everywhere("47.50")
    for one in made["spec"]["listings"]:
        one["price"]["value"] = "49.99" if one["store"] == "amz-de" else "47.50"
    rolling.made.write(*map(storefront, STORES), made, sku("KTL-18", "30.00"))
    freezes = SHUT.replace("owner: ada,", "owner: ada, from: '2026-11-23T09:05:00Z',")
    file = rolling.made.path / "acorn.yaml"
    file.write_text(file.read_text() + freezes)
    claimed: list[str] = []

    def claim(self: object, store: str, keys: Any, owner: str) -> dict[Any, str]:
        claimed.append(store)
        return dict.fromkeys(keys, owner)

    monkeypatch.setattr(NetworkMarketplace, "claim", claim)
    environ["ACORN_NOW"] = "2026-11-23T09:00:00Z"
    workspace = rolling.workspace(environ)

    def later() -> None:
        workspace.environ = {**environ, "ACORN_NOW": "2026-11-23T09:10:00Z"}

    rolling.meanwhile = later
    workspace.apply(ApplyRequest(wait=0))
    assert claimed == []


@pytest.mark.parametrize(
    "named",
    [
        "environments:\n    sandbox:\n      ledger: state/ledger#1.db",
        "environments:\n    sandbox:\n      ledger: state/ledger,1.db",
        "environments:\n    sandbox:\n      ? &a ledger\n      : state/ledger.db",
        "environments: {sandbox: {ledger: state/a\n  b.db}}",
    ],
)
def test_a_ledger_is_found_however_it_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    team = of_people(tmp_path, monkeypatch)
    project = PROJECT.replace("environments: {sandbox: {}}", named) + ENFORCED
    first = [storefront(), owners(), sku("S-1", "20.00")]
    assert team("ada", project, *first).code == 0
    bosses = owners()
    bosses["spec"]["subjects"] = [{"kind": "user", "id": "mallory@example.com", "mfa": True}]
    other = PROJECT.replace("{sandbox: {}}", "{sandbox: {ledger: .acorn/new.db}}")
    (tmp_path / "acorn.yaml").write_text(other)
    team.made.write(*first)
    git(tmp_path, "add", "-A")
    by(team.made, "mallory")
    rebuilt = team.run("mallory", "state", "rebuild")
    assert (rebuilt.code, "ACN-024" in rebuilt.err) == (4, True), rebuilt
    team("mallory", other, storefront(), bosses, sku("S-1", "1.00"), words=("--adopt",))
    assert team.price() == "20.00"


@pytest.mark.parametrize("owner", ["", "test/zz", ".", "..", "a\x01b", "x" * 500, "the true one, continued"])
def test_a_ledger_of_which_no_store_has_heard_permits_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: str
) -> None:
    """Somebody who may push puts another one on the branch, that spoke last and gives everything away: of an owner whom
    the store does not know, or cannot be asked about, or a copy of the true one with an entry more."""
    for name, value in WHO.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    with open_market(tmp_path) as market:
        made = Repository(tmp_path / "r")
        team = Team(made, monkeypatch)
        project = connected(market.url) + ENFORCED
        (made.path / "acorn.yaml").write_text(project)
        made.write(storefront(), owners(), sku("S-1", "20.00"))
        bare = published(tmp_path, made)
        assert team("ada", project, storefront(), owners(), sku("S-1", "20.00")).code == 0
        if owner:
            _gives_everything(made.path, tmp_path / "decoy.db", owner)
            work = cloned(bare, tmp_path / "m", "--branch", "acorn-ledger").path
            (name,) = [one for one in git(work, "ls-files").split() if one.endswith(".gz")]
            where = work / name.replace("sandbox", "zz")
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_bytes(gzip.compress((tmp_path / "decoy.db").read_bytes()))
            git(work, "add", "-A")
            git(work, "commit", "-qm", "more")
            git(work, "push", "-q", "origin", "acorn-ledger")
        mine = [storefront(), owners(), helpers("amz-de", EVERYTHING), sku("S-1", "1.00")]
        done = team("mallory", project, *mine, words=("--select", PRICE))
        assert (done.code, "ACN-024" in done.err, market.prices()) == (4, True, {"20.00"}), done


def _gives_everything(project: Path, decoy: Path, owner: str) -> None:
    true = project / ".acorn" / "sandbox" / "ledger.db"
    own = open_ledger(true)
    where = own.binding("amz-de")
    own.close()
    key = "helpers:user:mallory@example.com"
    role = {"rules": [{"resources": EVERYTHING, "verbs": ["apply"]}]}
    grant = {"role": "helpers", "subject": {"kind": "user", "id": "mallory@example.com"}, "mfa": True}
    told = {"amz-de": [["role", "helpers", role], ["grant", key, grant]]}
    copied = owner.startswith("the true")
    said = {"owner": "test/sandbox" if copied else owner, "bindings": {"amz-de": where}}
    if copied:
        shutil.copyfile(true, decoy)
    ledger = open_ledger(decoy, write=True)
    at = "2026-11-24T08:59:59Z"
    about = {**said, "by_hand": told, "guards": {"access": "enforced"}}
    if copied:
        ledger.begin_plan("p" * 20, at, "ada", "c" * 40, "sandbox", "run", about=about)
        ledger.close()
        return
    ledger.open_up("apply.begin", at, "ada", about)
    rows = [
        Settled(Address("amz-de", "role", "helpers"), "adopt", "p", outcome="observed", attributes=role),
        Settled(Address("amz-de", "grant", key), "adopt", "p", outcome="observed", attributes=grant),
    ]
    ledger.record(rows, at, "ada", "", "import", said)
    ledger.close()


def test_what_people_are_told_counts_up_to_what_a_store_has_heard_of(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "ledger.db", write=True)
    heads = []
    for number in range(2):
        told = {"amz-de": [["role", f"r{number}", {}]]}
        about = {"owner": "test/sandbox", "by_hand": told}
        heads.append(ledger.open_up("apply.begin", f"2026-11-24T09:00:0{number}Z", "ada", about))
        ledger.end_plan(f"p{number}", "complete", f"2026-11-24T09:00:0{number}Z", "ada", {})
    assert [*ledger.by_hand("amz-de")] == [("role", "r1")]
    ledger.believe(heads[:1])
    assert [*ledger.by_hand("amz-de")] == [("role", "r0")]
    ledger.believe(heads)
    assert [*ledger.by_hand("amz-de")] == [("role", "r1")]
    ledger.close()


def at_amazon(seller: str, token: str) -> dict[str, Any]:
    """A connection to one address, which serves every account."""
    options = {"sellerId": seller} if seller else {}
    return {"adapter": "amazon", "url": "https://api.example.com", "token": token, "options": options}


@pytest.mark.parametrize(
    ("seller", "token", "leads"),
    [
        ("A", "env:A", ["a"]),
        ("B", "env:B", ["b"]),
        ("B", "env:A", ["a", "b"]),
        ("C", "env:A", ["a", "b"]),
        ("", "env:A", ["a", "b"]),
        ("A", "env:C", ["a", "b"]),
    ],
)
def test_an_account_counts_where_the_default_branch_says_it_of_the_token(
    seller: str, token: str, leads: list[str]
) -> None:
    """Two accounts at one address; what is stopped in one goes on in the other."""
    environments = {
        name: {"connections": {"x": at_amazon(name.upper(), f"env:{name.upper()}")}} for name in "ab"
    }
    settings: Any = {"connections": {"x": at_amazon("", "env:Z")}, "environments": environments}
    used: Any = {"x": at_amazon(seller, token)}
    assert environments_leading_to(settings, used) == leads


@pytest.mark.parametrize("at", ["2026-11-23T09:00:00Z", "2027-11-23T09:00:00Z"])
def test_a_clock_that_was_ahead_keeps_no_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Another environment of the same marketplace took it away afterwards."""
    team = of_people(tmp_path, monkeypatch)
    both = PROJECT.replace("{sandbox: {}}", "{sandbox: {}, other: {}}") + ENFORCED
    there = both.replace("Environment: sandbox", "Environment: other")
    given = [storefront(), owners(), helpers("amz-de", EVERYTHING)]
    monkeypatch.setenv("ACORN_NOW", at)
    assert team("ada", both, *given, sku("S-1", "20.00")).code == 0
    monkeypatch.setenv("ACORN_NOW", "2026-11-24T09:00:00Z")
    assert team("ada", there, *given, sku("S-1", "20.00"), words=("--adopt",)).code == 0
    monkeypatch.setenv("ACORN_NOW", "2026-11-25T09:00:00Z")
    assert team("ada", there, storefront(), owners(), sku("S-1", "20.00"), words=("--adopt",)).code == 0
    monkeypatch.setenv("ACORN_NOW", "2026-11-26T09:00:00Z")
    team("mallory", both, *given, sku("S-1", "1.00"), words=("--select", PRICE, "--adopt"))
    assert team.price() == "20.00"


class Elsewhere:
    """A marketplace that is no trial, and a workspace of somebody's own."""

    def __init__(self, path: Path, url: str, environ: dict[str, str], more: str) -> None:
        self.made = Repository(path, *map(storefront, STORES), everywhere("49.99"))
        (self.made.path / "acorn.yaml").write_text(connected(url) + more)
        self.environ = {name: value for name, value in environ.items() if name != "ACORN_NOW"}

    def apply(self, **given: Any) -> Any:
        """With a clock or a pause of the caller's."""
        return Workspace(self.made.path, environ=self.environ, **given).apply(ApplyRequest(wait=0))


def _honest_once() -> Callable[[], datetime]:
    asked: list[None] = []

    def clock() -> datetime:
        asked.append(None)
        now = datetime.now(UTC)
        return now if len(asked) == 1 else now.replace(year=2100)

    return clock


def test_where_something_real_is_written_no_other_clock_counts(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACORN_NOW")
    monkeypatch.setattr("acorn_gitops.reconcile.authority._is_trial", lambda url: False)
    with open_market(tmp_path) as market:
        elsewhere = Elsewhere(tmp_path / "r", market.url, environ, "  policies: {budgets: {}}\n" + SHUT)
        with pytest.raises(AcornError, match="nothing may be changed now"):
            elsewhere.apply(clock=_honest_once())
        assert market.prices() == set()


class Late(dict[str, str]):
    """Variables of which one appears later."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.asked = 0

    def get(self, name: str, default: Any = None) -> Any:
        """The present instant is another one from the third question on."""
        self.asked += name == "ACORN_NOW"
        return (
            "2100-01-01T00:00:00Z" if name == "ACORN_NOW" and self.asked > 2 else super().get(name, default)
        )


def test_variables_are_as_they_were_given(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACORN_NOW")
    monkeypatch.setattr("acorn_gitops.reconcile.authority._is_trial", lambda url: False)
    with open_market(tmp_path) as market:
        elsewhere = Elsewhere(tmp_path / "r", market.url, environ, "  policies: {budgets: {}}\n" + SHUT)
        elsewhere.environ = Late(elsewhere.environ)
        with pytest.raises(AcornError, match="nothing may be changed now"):
            elsewhere.apply()
        assert market.prices() == set()


def test_where_something_real_is_written_a_canary_stands_its_time_whatever_pause_was_given(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACORN_NOW")
    monkeypatch.setattr("acorn_gitops.reconcile.authority._is_trial", lambda url: False)
    waited: list[float] = []
    real = "acorn_gitops.reconcile.workspace.time.sleep"
    monkeypatch.setattr(real, waited.append)
    phases = "  policies:\n    budgets: {}\n    rollout:\n      - " + SOAKING + "\n"
    with open_market(tmp_path) as market:
        elsewhere = Elsewhere(tmp_path / "r", market.url, environ, phases)
        assert elsewhere.apply(pause=lambda seconds: None).complete
    assert sum(waited) >= 600
