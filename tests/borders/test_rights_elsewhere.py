"""Whoever drops a rule in one place is judged by the others: another checkout, another ledger, another environment, a
part of everything, a reviewed plan of which a part was taken out (twenty-first attack)."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from acorn_gitops.ledger.opening import open_ledger
from acorn_gitops.model.finding import Refused
from acorn_gitops.reconcile.siblings import siblings_of
from acorn_gitops.reconcile.states import Wishes, gather
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.specs.project import ledgers_plainly
from tests.borders.clone import git
from tests.borders.test_own_rights import by
from tests.repository import PROJECT, Repository, sku, storefront
from tests.test_access import EVERYTHING, permission

ASKED = {"requiredFor": ["iam.grant"], "approvers": [{"user": "heidi@example.com"}], "min": 1}
TWO_MARKETS = PROJECT.replace(
    '{main: {adapter: network, url: "sandbox:"}}',
    '{main: {adapter: network, url: "sandbox:"}, two: {adapter: network, url: "sandbox:two"}}',
)
ENFORCED = "  policies: {access: enforced}\n"
PRICE = "amz-de/listing/S-1"


def owners() -> dict[str, Any]:
    """Ada, in every store."""
    verbs = ["read", "apply", "write", "delete"]
    return permission("owners", EVERYTHING, verbs, stores={"all": True}, approvals=ASKED)


def helpers(store: str, resources: list[str]) -> dict[str, Any]:
    """Mallory, in one store."""
    return permission(
        "helpers",
        resources,
        ["read", "apply"],
        "mallory@example.com",
        stores={"names": [store]},
        approvals=ASKED,
    )


class Team:
    """People who commit to one repository and apply it."""

    def __init__(self, made: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made, self.monkeypatch = made, monkeypatch

    def __call__(
        self, who: str, project: str, *documents: dict[str, Any], words: tuple[str, ...] = ()
    ) -> Any:
        """Somebody commits acorn.yaml and specs, and applies."""
        (self.made.path / "acorn.yaml").write_text(project)
        self.made.write(*documents)
        git(self.made.path, "add", "-A")
        if git(self.made.path, "status", "--porcelain"):
            by(self.made, who)
        return self.run(who, "apply", "--auto-approve", *words)

    def run(self, who: str, *words: str) -> Any:
        """A command by somebody."""
        self.monkeypatch.setenv("ACORN_ACTOR", f"{who}@example.com")
        return self.made.run(*words)

    def price(self, address: str = PRICE) -> Any:
        """What it costs now."""
        return self.made.live()[address]["price"]["value"]


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    made = Repository(tmp_path / "r")
    (made.path / ".gitignore").write_text(".acorn/\n*.acorn.json\n")
    git(made.path, "init", "-q", "-b", "main")
    return Team(made, monkeypatch)


def on(store: str, connection: str) -> dict[str, Any]:
    """A storefront of a connection."""
    made = storefront(store)
    return {**made, "spec": {"type": "storefront", "connection": connection, **made["spec"]}}


@pytest.mark.parametrize("words", [("--select", "amz-de"), ()])
def test_what_a_store_has_heard_that_left_the_checkout_still_forbids(
    team: Team, words: tuple[str, ...]
) -> None:
    """Enforcement was applied with a write in another marketplace; mallory's checkout knows neither."""
    both = [on("amz-de", "main"), on("amz-fr", "two"), owners()]
    assert team("ada", TWO_MARKETS, *both, sku("S-1", "20.00"), sku("F-1", "20.00", "amz-fr")).code == 0
    enforced = team("ada", TWO_MARKETS + ENFORCED, *both, sku("S-1", "20.00"), sku("F-1", "21.00", "amz-fr"))
    assert enforced.code == 0, enforced
    skip = "" if words else "  policies: {onUnreadable: skip}\n"
    refused = team("mallory", PROJECT + skip, on("amz-de", "main"), sku("S-1", "2.00"), owners(), words=words)
    assert (refused.code, "ACN-024" in refused.err) == (4, True), refused
    assert team.price() == "20.00"


def test_who_has_rights_in_one_store_does_not_end_enforcement_for_all(team: Team) -> None:
    """Neither in a checkout that lacks the others, nor with a part of everything."""
    all_of_it = [storefront(), storefront("amz-fr"), owners(), helpers("amz-fr", EVERYTHING)]
    assert (
        team("ada", PROJECT + ENFORCED, *all_of_it, sku("S-1", "20.00"), sku("F-1", "20.00", "amz-fr")).code
        == 0
    )
    without = [storefront("amz-fr"), owners(), helpers("amz-fr", EVERYTHING), sku("F-1", "19.00", "amz-fr")]
    ended = team("mallory", PROJECT, *without, words=("--select", "amz-fr"))
    assert (ended.code, "no longer enforce access" in ended.err) == (4, True), ended
    lowered = team("mallory", PROJECT, *all_of_it, sku("S-1", "1.00"), sku("F-1", "20.00", "amz-fr"))
    assert lowered.code == 4, lowered
    assert team.price() == "20.00"


def test_a_part_that_its_owner_opened_opens_nothing_else(team: Team) -> None:
    everything = [storefront(), storefront("amz-fr"), owners()]
    assert (
        team("ada", PROJECT + ENFORCED, *everything, sku("S-1", "20.00"), sku("F-1", "20.00", "amz-fr")).code
        == 0
    )
    lower = [*everything, sku("S-1", "19.00"), sku("F-1", "20.00", "amz-fr")]
    assert team("ada", PROJECT, *lower, words=("--select", PRICE)).code == 0
    assert team("mallory", PROJECT, *everything, sku("S-1", "18.00"), sku("F-1", "20.00", "amz-fr")).code == 4
    assert team("ada", PROJECT, *everything, sku("S-1", "18.00"), sku("F-1", "20.00", "amz-fr")).code == 0
    assert (
        team("mallory", PROJECT, *everything, sku("S-1", "17.00"), sku("F-1", "20.00", "amz-fr")).code == 0
    ), "once its owner has applied all of it, it is open"


def _other_ledger(project: str) -> str:
    return project.replace("{sandbox: {}}", "{sandbox: {ledger: .acorn/next.db}}")


def _other_environment(project: str) -> str:
    return project.replace("{sandbox: {}}", "{sandbox: {}, other: {}}").replace(
        "Environment: sandbox", "Environment: other"
    )


@pytest.mark.parametrize("elsewhere", [_other_ledger, _other_environment])
@pytest.mark.parametrize("enforced", ["", ENFORCED])
def test_another_ledger_knows_what_was_enforced(
    team: Team, elsewhere: Callable[[str], str], enforced: str
) -> None:
    """One commit names another environment, or another file, and gives mallory what the specs may give."""
    first = [storefront(), owners(), sku("S-1", "20.00")]
    assert team("ada", PROJECT + ENFORCED, *first).code == 0
    mine = [storefront(), owners(), helpers("amz-de", EVERYTHING), sku("S-1", "1.00")]
    for words in (("--adopt",), ()):
        refused = team("mallory", elsewhere(PROJECT) + enforced, *mine, words=words)
        assert refused.code in (4, 6), refused
    rebuilt = team.run("mallory", "state", "rebuild")
    assert team.run("mallory", "apply", "--auto-approve", "--adopt").code in (4, 6), rebuilt
    assert team.price() == "20.00"


def test_whoever_may_give_rights_moves_to_another_ledger(team: Team) -> None:
    """What still says that access is enforced is named, and is moved away."""
    first = [storefront(), owners(), sku("S-1", "20.00")]
    assert team("ada", PROJECT + ENFORCED, *first).code == 0
    team("ada", _other_ledger(PROJECT), *first)
    assert team.run("ada", "state", "rebuild").code == 0
    assert team("ada", _other_ledger(PROJECT), storefront(), owners(), sku("S-1", "19.00")).code == 0
    lower = (_other_ledger(PROJECT), storefront(), owners(), sku("S-1", "18.00"))
    refused = team("mallory", *lower)
    assert (refused.code, ".acorn/sandbox/ledger.db says that access is enforced there" in refused.err) == (
        4,
        True,
    ), refused
    (team.made.path / ".acorn" / "sandbox" / "ledger.db").unlink()
    assert team("mallory", *lower).code == 0


def test_nobody_is_told_what_to_make_where_the_marketplace_makes_it(team: Team) -> None:
    """An entry that somebody adds to the ledger gives no right there, and none elsewhere."""
    body = [storefront(), owners()]
    assert team("ada", PROJECT + ENFORCED, *body, sku("S-1", "20.00")).code == 0
    role = {"rules": [{"resources": ["price"], "verbs": ["apply"]}]}
    grant = {"role": "helpers", "subject": {"kind": "user", "id": "mallory@example.com"}, "mfa": True}
    told = [["role", "helpers", role], ["grant", "helpers:user:mallory@example.com", grant]]
    ledger = open_ledger(team.made.path / ".acorn" / "sandbox" / "ledger.db", write=True)
    said = {"owner": "test/sandbox", "by_hand": {"amz-de": told, "gone": told}}
    ledger.open_up("apply.begin", "2026-11-27T00:00:00Z", "ada@example.com", said)
    ledger.close()
    new = [*body, helpers("amz-de", ["price"]), sku("S-1", "1.00")]
    refused = team("mallory", PROJECT + ENFORCED, *new, words=("--select", PRICE))
    assert (refused.code, "only about to be given" in refused.err) == (4, True), refused


# -- a reviewed plan -----------------------------------------------------------------------------------------


def part_of(path: Path, keep: Callable[[str], bool]) -> None:
    """A plan of which changes were taken out, with its name computed anew."""
    document = orjson.loads(path.read_bytes())
    document["changes"] = [one for one in document["changes"] if keep(one["address"])]
    actions = [one["action"] for one in document["changes"]]
    document["summary"] |= {action: actions.count(action) for action in ("create", "update", "delete")}
    for store in document["stores"]:
        store["changes"] = len(document["changes"])
    named = {name: said for name, said in document.items() if name not in ("id", "created_at")}
    document["id"] = hashlib.sha256(orjson.dumps(named, option=orjson.OPT_SORT_KEYS)).hexdigest()
    path.write_bytes(orjson.dumps(document))


def test_a_part_of_a_reviewed_plan_is_within_the_budget_by_itself(team: Team) -> None:
    """Falls and rises made each other up in sum; the rises were taken out."""
    project = PROJECT + '  policies: {budgets: {money: {types: [listing], priceSum: "5"}}}\n'
    shelf = lambda down, up: [storefront(), sku("D", down), sku("U", up)]  # noqa: E731
    assert team("ada", project, *shelf("20.00", "20.00")).code == 0
    team.made.write(*shelf("12.00", "28.00"))
    git(team.made.path, "add", "-A")
    by(team.made, "ada")
    assert team.run("ada", "plan", "--out", "p.acorn.json").code == 0
    part_of(team.made.path / "p.acorn.json", lambda address: address.endswith("/D"))
    refused = team.run("mallory", "apply", "--auto-approve", "p.acorn.json")
    assert (refused.code, "BUD-003" in refused.err) == (5, True), refused
    assert team.price("amz-de/listing/D") == "20.00"


def test_nobody_enters_a_role_that_was_widened_since_the_review(team: Team) -> None:
    pickers = lambda *who: permission(  # noqa: E731
        "pickers", ["order"], ["read"], stores={"all": True}, approvals=ASKED,
        subjects=[{"kind": "user", "id": f"{one}@example.com", "mfa": True} for one in who],
    )  # fmt: skip
    body = [storefront(), owners(), sku("S-1", "20.00")]
    assert team("ada", PROJECT, *body, pickers("pat")).code == 0
    team.made.write(*body, pickers("pat", "mallory"))
    git(team.made.path, "add", "-A")
    by(team.made, "grace")
    assert team.run("ada", "plan", "--out", "p.acorn.json").code == 0
    wide = '[{"resources":["order","price","payout"],"verbs":["read","write"]}]'
    assert team.made.run("sandbox", "disturb", f"amz-de/role/pickers.rules={wide}").code == 0
    refused = team.run("ada", "apply", "--auto-approve", "p.acorn.json")
    assert (refused.code, "ACN-041" in refused.err) == (4, True), refused
    assert "amz-de/grant/pickers:user:mallory@example.com" not in team.made.live()


def test_the_rest_of_a_reviewed_plan_goes_on(team: Team) -> None:
    """What came up meanwhile elsewhere is no reason to refuse what was reviewed."""
    body = [storefront(), sku("A", "20.00"), sku("B", "20.00")]
    assert team("ada", PROJECT, *body).code == 0
    team.made.write(storefront(), sku("A", "19.00"), sku("B", "20.00"))
    assert team.run("ada", "plan", "--out", "p.acorn.json").code == 0
    dearer = 'amz-de/listing/B.price={"currency":"EUR","value":"25.00"}'
    assert team.made.run("sandbox", "disturb", dearer).code == 0
    done = team.run("ada", "apply", "--auto-approve", "p.acorn.json")
    assert done.code == 0, done
    assert (team.price("amz-de/listing/A"), team.price("amz-de/listing/B")) == ("19.00", "25.00")


# -- what softens a rule about oneself -----------------------------------------------------------------------

SOFT = {
    "a severity": "  policies: {access: enforced, severities: {ROL-012: warning}}\n",
    "a waiver": ENFORCED
    + '  waivers:\n    - {rule: ROL-012, scope: RolePermission/owners, reason: because, owner: mallory, until: "2027-06-01"}\n',
}


@pytest.mark.parametrize("how", SOFT)
def test_what_softens_the_rule_about_oneself_counts_from_the_next_apply_on(team: Team, how: str) -> None:
    admins = permission("admins", ["iam", "store"], ["read", "apply"], "mallory@example.com", stores={"all": True}, approvals=ASKED)  # fmt: skip
    body = [storefront(), owners(), admins]
    assert team("ada", PROJECT + ENFORCED, *body, sku("S-1", "20.00")).code == 0
    wide = owners()
    wide["spec"]["subjects"].append({"kind": "user", "id": "mallory@example.com", "mfa": True})
    mine = [storefront(), wide, admins, sku("S-1", "20.00")]
    refused = team("mallory", PROJECT + SOFT[how], *mine)
    assert (refused.code, "counts from the next apply on" in refused.err) == (4, True), refused
    assert team("ada", PROJECT + SOFT[how], *body, sku("S-1", "19.00")).code == 0
    assert team("mallory", PROJECT + SOFT[how], storefront(), wide, admins, sku("S-1", "19.00")).code == 0


def test_twins_whose_rule_was_softened_are_refused_in_words(team: Team) -> None:
    twins = [storefront(), sku("S-1", "20.00"), {**sku("S-1", "21.00"), "metadata": {"name": "other"}}]
    project = PROJECT + "  policies: {severities: {SKU-010: warning, SKU-001: warning}}\n"
    refused = team("ada", project, *twins)
    assert (refused.code, "Traceback" in refused.err, "internal error" in refused.err) == (4, False, False), (
        refused
    )


# -- ledgers that a commit chooses, or brings (twenty-second attack) -----------------------------------------

SOFTENED = (
    "  policies: {access: enforced, severities: {ROL-012: warning, ROL-021: warning, ROL-024: warning}}\n"
)


def _ledger(project: str, where: str) -> str:
    return project.replace("{sandbox: {}}", f"{{sandbox: {{ledger: {where}}}}}")


def takes_over(team: Team, project: str, price: str = "1.00") -> Any:
    """Mallory makes himself the owner in a ledger that begins anew, and lowers a price."""
    bosses = owners()
    bosses["spec"]["subjects"] = [{"kind": "user", "id": "mallory@example.com", "mfa": True}]
    team.run("mallory", "state", "rebuild")
    return team("mallory", project, storefront(), bosses, sku("S-1", price), words=("--adopt",))


@pytest.mark.parametrize(
    "where", [".acorn/a/ledger.db", "state/ledger.db", ".acorn/a/ledger.sqlite", ".acorn/sandbox-ledger.db"]
)
def test_the_ledger_that_knows_is_found_wherever_it_lay(team: Team, where: str) -> None:
    (team.made.path / ".gitignore").write_text(".acorn/\nstate/\n*.acorn.json\n")
    first = [storefront(), owners(), sku("S-1", "20.00")]
    assert team("ada", _ledger(PROJECT, where) + ENFORCED, *first).code == 0
    assert takes_over(team, _ledger(PROJECT, ".acorn/new.db") + SOFTENED).code in (4, 6)
    renamed = _ledger(PROJECT, ".acorn/new.db").replace("{name: test}", "{name: other}")
    assert takes_over(team, renamed + SOFTENED).code in (4, 6)
    assert team.price() == "20.00"


def test_a_ledger_that_cannot_be_read_stops_whoever_begins_another(team: Team) -> None:
    first = [storefront(), owners(), sku("S-1", "20.00")]
    assert team("ada", PROJECT + ENFORCED, *first).code == 0
    (team.made.path / ".acorn" / "sandbox" / "ledger.db").write_bytes(b"spoilt")
    assert takes_over(team, _ledger(PROJECT, ".acorn/new.db") + SOFTENED).code in (4, 6)
    assert team.price() == "20.00"


def test_a_ledger_that_git_carries_gives_nobody_a_right(team: Team, tmp_path: Path) -> None:
    """Whoever proposes a change may have written it."""
    first = [storefront(), owners(), sku("S-1", "20.00")]
    assert team("ada", PROJECT + ENFORCED, *first).code == 0
    decoy = team.made.path / ".acorn" / "zz" / "ledger.db"
    decoy.parent.mkdir()
    ledger = open_ledger(decoy, write=True)
    grant = {"role": "owners", "subject": {"kind": "user", "id": "mallory@example.com"}, "mfa": True}
    rights = [["role", "owners", {"rules": [{"resources": EVERYTHING, "verbs": ["apply"]}]}], ["grant", "owners:user:mallory@example.com", grant]]  # fmt: skip
    ledger.open_up("apply.begin", "2098-01-01T00:00:00Z", "ada", {"owner": "test/zz", "by_hand": {"amz-de": rights}, "guards": {"access": None}})  # fmt: skip
    ledger.close()
    git(team.made.path, "add", "-f", ".acorn/zz/ledger.db")
    assert takes_over(team, _ledger(PROJECT, ".acorn/new.db") + SOFTENED).code in (4, 6)
    assert team.price() == "20.00"


def test_a_first_apply_that_harms_nobody_opens_no_store_of_others(team: Team) -> None:
    """An environment begins with a store that is mallory's, without enforcement, and gains the other one later."""
    mine = helpers("amz-fr", EVERYTHING)
    both = [storefront(), storefront("amz-fr"), owners(), mine]
    assert (
        team("ada", PROJECT + ENFORCED, *both, sku("S-1", "20.00"), sku("F-1", "20.00", "amz-fr")).code == 0
    )
    other = _other_environment(PROJECT)
    team("mallory", other, storefront("amz-fr"), mine, sku("F-1", "19.00", "amz-fr"), words=("--adopt",))
    refused = team(
        "mallory", other, *both, sku("S-1", "1.00"), sku("F-1", "19.00", "amz-fr"), words=("--adopt",)
    )
    assert (refused.code, "ACN-024" in refused.err) == (4, True), refused
    assert team.price() == "20.00"


def test_a_long_list_of_waivers_hides_none_of_them(team: Team) -> None:
    """It is kept as a digest: what softens the rules about oneself is kept beside it."""
    admins = permission("admins", ["iam", "store"], ["read", "apply"], "mallory@example.com", stores={"all": True}, approvals=ASKED)  # fmt: skip
    many = "".join(
        f'    - {{rule: SKU-001, scope: SkuMapping/none-{n:04}, reason: {"r" * 60}, owner: ada, until: "2027-06-01"}}\n'
        for n in range(700)
    )
    assert team("ada", PROJECT + ENFORCED, storefront(), owners(), admins, sku("S-1", "20.00")).code == 0
    wide = owners()
    wide["spec"]["subjects"].append({"kind": "user", "id": "mallory@example.com", "mfa": True})
    project = PROJECT + SOFT["a waiver"] + many
    refused = team("mallory", project, storefront(), wide, admins, sku("S-1", "20.00"))
    assert (refused.code, "counts from the next apply on" in refused.err) == (4, True), refused


def test_a_rename_in_a_part_of_a_plan_is_no_creation(team: Team) -> None:
    project = PROJECT + '  policies: {budgets: {money: {types: [listing], priceSum: "5"}}}\n'
    assert team("ada", project, storefront(), sku("D", "20.00"), sku("U", "20.00")).code == 0
    renamed = sku("D", "12.00")
    renamed["spec"]["listings"][0] |= {"sellerSku": "D2", "movedFrom": "D"}
    team.made.write(storefront(), renamed, sku("U", "28.00"))
    git(team.made.path, "add", "-A")
    by(team.made, "ada")
    assert team.run("ada", "plan", "--out", "p.acorn.json").code == 0
    part_of(team.made.path / "p.acorn.json", lambda address: address.endswith("/D2"))
    refused = team.run("mallory", "apply", "--auto-approve", "p.acorn.json")
    assert (refused.code, "BUD-003" in refused.err) == (5, True), refused


@pytest.mark.parametrize("words", [("state", "rm", PRICE), ("state", "rebuild")])
def test_an_ended_role_holds_at_no_other_time(
    team: Team, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """Where something real is written, also in the ledger alone."""
    assert team("ada", PROJECT + ENFORCED, storefront(), owners(), sku("S-1", "20.00")).code == 0
    monkeypatch.setattr("acorn_gitops.reconcile.authority._is_trial", lambda url: False)
    refused = team.run("ada", *words)
    assert (refused.code, "ACORN_NOW is set" in refused.err) == (64, True), refused


# -- which ledgers are looked at -----------------------------------------------------------------------------


def found(team: Team) -> list[str]:
    """Where the other ledgers lie that bind here."""
    workspace = Workspace(team.made.path, environ=dict(os.environ))
    state = gather(workspace, workspace.load(), Wishes())
    try:
        return sorted(one.where for one in siblings_of(workspace, state))
    finally:
        state.ledger.close()
        workspace.close()


PLACES = {
    "below .acorn": ".acorn/a/ledger.db",
    "elsewhere in the repository": "state/ledger.db",
    "with another suffix": ".acorn/a/ledger.sqlite",
    "named like a sandbox": ".acorn/sandbox-ledger.db",
}


@pytest.mark.parametrize("place", PLACES)
def test_a_ledger_is_found_where_it_lies_and_where_acorn_yaml_named_it(team: Team, place: str) -> None:
    (team.made.path / ".gitignore").write_text(".acorn/\nstate/\n*.acorn.json\n")
    first = [storefront(), owners(), sku("S-1", "20.00")]
    assert team("ada", _ledger(PROJECT, PLACES[place]) + ENFORCED, *first).code == 0
    assert found(team) == [], "its own is no other"
    for name in ("test", "renamed"):
        moved = _ledger(PROJECT, ".acorn/new.db").replace("{name: test}", f"{{name: {name}}}")
        (team.made.path / "acorn.yaml").write_text(moved)
        assert found(team) == [PLACES[place]]


def test_what_git_carries_is_no_ledger_and_what_cannot_be_read_is_named(team: Team) -> None:
    first = [storefront(), owners(), sku("S-1", "20.00")]
    assert team("ada", PROJECT + ENFORCED, *first).code == 0
    (team.made.path / "acorn.yaml").write_text(_ledger(PROJECT, ".acorn/new.db"))
    assert found(team) == [".acorn/sandbox/ledger.db"]
    beside = team.made.path / ".acorn" / "sandbox" / "ledger.db-journal"
    beside.touch()
    for carried in (".acorn/sandbox/ledger.db", ".acorn/sandbox/ledger.db-journal"):
        # It may be true: a machine that keeps it brought the commit. It may be forged: nobody believes it.
        git(team.made.path, "add", "-f", carried)
        with pytest.raises(Refused, match="is tracked by git"):
            found(team)
        git(team.made.path, "rm", "-q", "--cached", carried)
    beside.unlink()
    (team.made.path / ".acorn" / "sandbox" / "ledger.db").write_bytes(b"spoilt")
    with pytest.raises(Refused, match=r"another ledger, ledger\.db, cannot be read"):
        found(team)


NAMED = _ledger(PROJECT + ENFORCED, "var/ledger.db")


def _mallory_names_none(team: Team, commits: int) -> None:
    text = _other_environment(PROJECT)
    for number in range(commits):
        (team.made.path / "acorn.yaml").write_text(f"{text}# {number}\n")
        git(team.made.path, "add", "acorn.yaml")
        by(team.made, "mallory")


@pytest.mark.parametrize("commits", [1, 60])
def test_a_ledger_that_was_ever_named_is_asked(team: Team, commits: int) -> None:
    """However many commits came since."""
    first = [storefront(), owners(), sku("S-1", "20.00")]
    assert team("ada", NAMED, *first).code == 0
    _mallory_names_none(team, commits)
    assert found(team) == ["var/ledger.db"]


@pytest.mark.parametrize("how", ["no text", "an escape", "in the past"])
def test_no_way_of_writing_hides_where_a_ledger_was(team: Team, how: str) -> None:
    """What git takes for text, and how YAML spells a word, is for the commit to say."""
    first = [storefront(), owners(), sku("S-1", "20.00")]
    named = NAMED.replace("ledger: var", '"led\\x67er": var') if how == "an escape" else NAMED
    if how == "in the past":
        (team.made.path / ".gitattributes").write_text("acorn.yaml -diff\n")
    assert team("ada", named, *first).code == 0
    if how == "no text":
        (team.made.path / ".gitattributes").write_text("* -diff\n")
        git(team.made.path, "add", ".gitattributes")
    _mallory_names_none(team, 1)
    assert found(team) == ["var/ledger.db"]


def test_a_history_that_is_hidden_or_left_is_looked_at(team: Team) -> None:
    """A branch without a common beginning, also where a merge joins it and takes nothing of the other side."""
    assert team("ada", NAMED, storefront(), owners(), sku("S-1", "20.00")).code == 0
    git(team.made.path, "checkout", "-q", "--orphan", "mine")
    _mallory_names_none(team, 1)
    assert found(team) == ["var/ledger.db"]
    git(team.made.path, "merge", "-q", "-s", "ours", "--allow-unrelated-histories", "-m", "join", "main")
    git(team.made.path, "branch", "-q", "-D", "main")
    assert found(team) == ["var/ledger.db"]


def test_rights_are_asked_for_where_they_are_enforced(team: Team) -> None:
    """Another environment enforces them in amz-de, and knows nothing of amz-it."""
    mine = helpers("amz-de", EVERYTHING)
    assert team("ada", PROJECT + ENFORCED, storefront(), owners(), mine, sku("S-1", "20.00")).code == 0
    italy = [storefront("amz-it", zone="Europe/Rome"), sku("I-1", "5.00", "amz-it")]
    other = _other_environment(PROJECT)
    assert (
        team("mallory", other, storefront(), owners(), mine, *italy, words=("--select", "amz-it")).code == 0
    )


ODD = "a: &x 1\nledger: *x\nledgers:\n" + '- {"a": [1, "ledger", {b: c}], k: *x}\n'


@pytest.mark.parametrize("where", ["a link out of the repository", "a file of millions of letters", "a pipe"])
def test_what_no_project_could_be_is_not_read(team: Team, tmp_path: Path, where: str) -> None:
    """A stranger's acorn.yaml in another folder: not followed, not read without end."""
    assert team("ada", NAMED, storefront(), owners(), sku("S-1", "20.00")).code == 0
    _mallory_names_none(team, 1)
    theirs = team.made.path / "x" / "acorn.yaml"
    theirs.parent.mkdir()
    if where == "a link out of the repository":
        outside = tmp_path / "outside.yaml"
        outside.write_text(NAMED.replace("var/ledger.db", "../.acorn/sandbox.db"))
        theirs.symlink_to(outside)
    elif where == "a pipe":
        os.mkfifo(theirs)
    else:
        theirs.write_text(ODD + "#" * (1 << 20))
    if where != "a pipe":
        git(team.made.path, "add", "x")
        by(team.made, "mallory")
    assert found(team) == ["var/ledger.db"]


def test_project_files_that_take_long_to_read_are_not_read_for_hours(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert team("ada", NAMED, storefront(), owners(), sku("S-1", "20.00")).code == 0
    monkeypatch.setattr("acorn_gitops.reconcile.siblings._MOST_ODD", 1000)
    for number in range(20):
        folder = team.made.path / f"x{number}"
        folder.mkdir()
        (folder / "acorn.yaml").write_text(f"# {number}\n{ODD}")
    git(team.made.path, "add", "x*")
    by(team.made, "mallory")
    with pytest.raises(Refused, match=r"acorn\.yaml take too long to read, up to x\d+/acorn\.yaml"):
        found(team)


def test_a_long_history_in_folded_texts_is_read(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """What YAML folds takes long to read as YAML; what ledgers it names stands in it all the same."""
    odd = (
        NAMED
        + "  exchangeRates: {GBP/EUR: {rate: '1.17', asOf: '2026-11-20', source: 'a text\n    over two lines'}}\n"
    )
    assert team("ada", odd, storefront(), owners(), sku("S-1", "20.00")).code == 0
    monkeypatch.setattr("acorn_gitops.reconcile.siblings._MOST_ODD", 0)
    for number in range(5):
        text = odd.replace("var/ledger.db", ".acorn/next.db")
        (team.made.path / "acorn.yaml").write_text(f"{text}# {number}\n")
        git(team.made.path, "add", "acorn.yaml")
        by(team.made, "mallory")
    assert found(team) == ["var/ledger.db"]


@pytest.mark.parametrize(
    "name", ["var/shop, EU.db", "var/it's.db", "var/EU [1], DE.db", "var/a b#1.db", "var/x.db"]
)
def test_no_name_of_a_ledger_is_lost_in_a_file_that_takes_long_to_read(team: Team, name: str) -> None:
    odd = "  exchangeRates: {GBP/EUR: {rate: '1.17', asOf: '2026-11-20', source: 'a text\n    over two lines'}}\n"
    named = NAMED.replace("var/ledger.db", f'"{name}"') + odd
    assert team("ada", named, storefront(), owners(), sku("S-1", "20.00")).code == 0
    _mallory_names_none(team, 1)
    assert found(team) == [name]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: {ledger: var/x.db}", ["var/x.db"]),
        ("  ledger: 'x.db'  # ours\n  b: 1", ["x.db"]),
        ("# no ledger here\na: 1", []),
        ("why: a ledger of sorts", []),
        ("ledger: var/x\n  y.db", None),
        ("ledger:\n  x.db", None),
        ("ledger: &a x.db", None),
        ("ledger: *a", None),
        ("ledger: >-\n  x.db", None),
        ('"ledger": x.db', None),
        ("? ledger\n: x.db", None),
        ('led\\x67er: "x.db"', None),
        ("{a: {ledger: a.db}, b: {ledger: b.db}}", None),
        ("ledger: [a.db]", None),
        ("ledger: a b.db", None),
        ("a:\n  ledger: state/ledger#1.db", None),
        ("a:\n  ledger: state/ledger,1.db", None),
        ("a:\n  ledger: state/ledger}.db", None),
        ("a:\n  ? &a ledger\n  : x.db", None),
        ("a:\n  ? !!str ledger\n  : x.db", None),
        ("a:\n  ?\n    ledger\n  : x.db", None),
        ("a: {b: {ledger: state/a\n  b.db}}", None),
        ("a: {b: {\n      ledger: state/a\n  b.db}}", None),
        ("a: {b: {ledger\n  : b.db}}", None),
        ("a: {b: {\n  ledger\n  : b.db}}", None),
        ("a: {b: {\n  ledger: a,\n  c: b.db}}", None),
        ("a: {b: {\n  ledger: a\n  b.db, c: d}}", None),
        ("a: {b: {\n  ledger: a\n  }}", ["a"]),
        ("a:\n  ledger: x\n  b: y", ["x"]),
        ("a:\n  ledger: x\nb: y", ["x"]),
        ("a:\n  - ledger: x\n  - y", ["x"]),
        ("a:\n  ledger: x\n\n\n    y.db", None),
        ("a:\n  ledger: x # y.db", ["x"]),
        ("a:\n  &a ledger: x.db", None),
        ("a:\n  !!str ledger: x.db", None),
        ("a: {ledger: a#1.db}", None),
        ("a: {ledger: 'a,1.db'}", None),
        ("a:\r  ledger: x.db", None),
        ("a:\x85  ledger: x.db", None),
        ("a:\n\tledger: x.db", None),
        ("name: my-ledger-x", []),
        ("specs: [ledger]", None),
    ],
)
def test_what_is_said_plainly_is_read_without_yaml(text: str, said: list[str] | None) -> None:
    assert ledgers_plainly(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{" + "ledger: a," * 100_000 + '"', None),
        ("a: {" + "b: c, " * 100_000 + "ledger: x.db}", None),
        ("ledger: " + "a" * 1_000_000, None),
        ("".join(f"ledger: a{n}\n" for n in range(40_000)), [f"a{n}" for n in range(40_000)]),
        ("ledger: x.db\n" + "\n" * 1_000_000, ["x.db"]),
    ],
    ids=["many keys", "a long line", "a long name", "many lines", "many empty lines"],
)
def test_however_long_a_project_file_is_it_is_read_line_by_line(text: str, said: list[str] | None) -> None:
    """What took minutes would never come to its end here."""
    assert ledgers_plainly(text) == said


def test_a_project_file_has_its_length(team: Team) -> None:
    (team.made.path / "acorn.yaml").write_text(PROJECT + "#" * (1 << 20))
    done = team.made.run("validate")
    assert done.code == 4 and "error GEN-004: acorn.yaml is larger than 1 MiB" in done.err


def test_a_clone_that_is_cut_off_finds_a_ledger_that_lies_there(team: Team, tmp_path: Path) -> None:
    """What its history no longer says was named is looked for by what it is."""
    (team.made.path / ".gitignore").write_text(".acorn/\nvar/\n*.acorn.json\n")
    assert team("ada", NAMED, storefront(), owners(), sku("S-1", "20.00")).code == 0
    _mallory_names_none(team, 2)
    short = tmp_path / "short"
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{team.made.path}", str(short))
    (short / "var").mkdir()
    (short / "var" / "ledger.db").write_bytes((team.made.path / "var" / "ledger.db").read_bytes())
    (short / "var" / "pictures.db").write_bytes(b"no database" * 4096)
    shutil.copytree(team.made.path / ".acorn", short / ".acorn")
    theirs = Repository.__new__(Repository)
    theirs.path = short
    assert found(Team(theirs, team.monkeypatch)) == ["var/ledger.db"]
