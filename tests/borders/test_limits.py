"""A limit of a role cannot be left behind: not by a working tree that is another one than its commit, not while the role rests, not by
another store, project or environment, not by forgetting, and not in a clone or a repository whose history nobody can ask."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from acorn_gitops.provenance.changed import Reader
from tests.borders.clone import git
from tests.borders.market import Market, clone_of, open_market
from tests.borders.test_own_rights import LIMIT, ROLES, by, person, refused
from tests.borders.test_own_rights import made as made
from tests.repository import Repository, promo, sku, storefront

FILE = Path("specs/roles.yaml")


def write(made: Repository, old: str, new: str, who: str) -> None:
    """Somebody edits the roles and commits."""
    text = (made.path / FILE).read_text()
    assert old in text
    (made.path / FILE).write_text(text.replace(old, new))
    git(made.path, "add", "-A")
    by(made, who)


@pytest.mark.parametrize("hidden", [False, True])
def test_an_apply_of_something_else_than_its_commit_is_no_whole_one(
    hidden: bool, made: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mallory commits the limit away and applies with it put back: that commit was never judged."""
    text = (made.path / FILE).read_text()
    write(made, LIMIT, "", "mallory")
    if hidden:  # git is told not to look
        git(made.path, "update-index", "--assume-unchanged", str(FILE))
    (made.path / FILE).write_text(text)
    monkeypatch.setenv("ACORN_ACTOR", "mallory@example.com")
    assert made.run("apply", "--auto-approve").code == 0
    if hidden:
        git(made.path, "update-index", "--no-assume-unchanged", str(FILE))
    git(made.path, "checkout", "-q", "--", ".")
    monkeypatch.setenv("ACORN_ACTOR", "bob@example.com")
    (made.path / "README").write_text("x")
    git(made.path, "add", "-A")
    by(made, "ada")
    refused(made)


RESTING = {
    "it has ended": (
        "metadata: {name: promoters}\nspec:\n",
        'metadata: {name: promoters}\nspec:\n  validity: {from: "2026-01-01", until: "2026-06-30"}\n',
        ('"2026-06-30"', '"2098-06-30"'),
    ),
    "no store has its label": (
        "    names: [amz-de, amz-fr]\n    exclude: [amz-fr]\n",
        "    labels: {tier: gold}\n",
        ("labels: {tier: gold}", "names: [amz-de]"),
    ),
}


@pytest.mark.parametrize(("old", "new", "again"), RESTING.values(), ids=RESTING.keys())
def test_what_a_role_lost_while_it_rested_is_asked_when_it_comes_back(
    old: str, new: str, again: tuple[str, str], made: Repository
) -> None:
    """Nothing of it is in a plan meanwhile, and each of those applies is a whole one."""
    write(made, old, new, "ada")
    made.apply()
    write(made, LIMIT, "", "mallory")
    made.apply()
    write(made, *again, "ada")
    refused(made)


def test_a_clone_without_the_history_tells_nobody(made: Repository, tmp_path: Path) -> None:
    """The newest commit is ada's, and of the one before the clone knows nothing: refused, with what to fetch."""
    write(made, LIMIT, "", "mallory")
    (made.path / "README").write_text("x")
    git(made.path, "add", "-A")
    by(made, "ada")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{made.path}", str(tmp_path / "cut"))
    shutil.copytree(made.path / ".acorn", tmp_path / "cut" / ".acorn")
    cut = Repository.__new__(Repository)
    cut.path = tmp_path / "cut"
    result = cut.run("apply", "--auto-approve")
    assert (result.code, "cannot be told" in result.err, "--unshallow" in result.err) == (4, True, True), (
        result
    )
    git(cut.path, "fetch", "-q", "--unshallow")
    refused(cut)


@pytest.mark.parametrize(
    ("old", "new"), [(LIMIT, ""), ("{kind: user, id: grace@", "{kind: user, id: mallory@")]
)
def test_roles_of_another_repository_inside_this_one_are_nobodys_word(
    old: str, new: str, made: Repository, tmp_path: Path
) -> None:
    """A submodule: its history is not asked, so whoever gains may have written it."""
    inner = Repository.__new__(Repository)
    inner.path = tmp_path / "iam"
    inner.path.mkdir()
    (inner.path / "roles.yaml").write_text(ROLES)
    git(inner.path, "init", "-q", "-b", "main")
    git(inner.path, "add", "-A")
    by(inner, "ada")
    (made.path / FILE).unlink()
    git(made.path, "submodule", "--quiet", "add", str(inner.path), "specs/iam")
    git(made.path, "add", "-A")
    by(made, "ada")
    made.apply()
    (inner.path / "roles.yaml").write_text(ROLES.replace(old, new, 1))
    by(inner, "mallory")
    git(made.path / "specs" / "iam", "pull", "-q")
    git(made.path, "add", "-A")
    by(made, "mallory")
    refused(made)


def test_a_content_is_read_once_for_all_that_is_asked_of_it() -> None:
    """A hundred roles of one file, in a hundred commits that changed nothing of it."""
    read: list[bytes] = []

    def reads(content: bytes) -> dict[tuple[str, str], tuple[str, ...]]:
        read.append(content)
        return {("RolePermission", f"r-{n}"): (str(n),) for n in range(100)}

    reader = Reader(reads, lambda *_: True)
    for n in range(100):
        wanted = {("RolePermission", f"r-{n}"), ("RolePermission", "none")}
        assert reader.held(b"roles", wanted) == {("RolePermission", f"r-{n}"): (str(n),)}
    assert read == [b"roles"]


def test_reading_has_a_budget_of_time() -> None:
    """What comes after it nobody can tell, so that whoever changed it counts; what was read stays known."""
    clock = iter(range(0, 1_000, 15))
    reader = Reader(lambda _: {}, lambda *_: True, lambda: float(next(clock)))
    assert [reader.held(bytes([n]), {("a", "b")}) for n in (0, 1, 2, 0)] == [{}, {}, None, {}]


# -- where access is enforced --------------------------------------------------------------------------------

ENFORCED = "access: enforced, budgets: {}"
RIGHTS = """apiVersion: acorn/v1
kind: RolePermission
metadata: {name: owners}
spec:
  subjects: [{kind: user, id: ada@example.com, mfa: true}]
  stores: {names: [amz-de]}
  rules:
    - {resources: [listing, price, promo, tax, store, inventory, content], verbs: [apply, delete, write]}
    - {resources: [iam], verbs: [apply]}
  approvals: {requiredFor: [iam.grant], approvers: [{user: grace@example.com}]}
---
apiVersion: acorn/v1
kind: RolePermission
metadata: {name: promoters}
spec:
  subjects: [{kind: user, id: mallory@example.com, mfa: true}]
  stores: {names: [amz-de]}
  rules:
    - resources: [promo]
      verbs: [apply]
      constraints: {maxDiscountPercent: "10"}
"""
CAP = '      constraints: {maxDiscountPercent: "10"}\n'


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    with open_market(tmp_path) as running:
        yield running


def committed(made: Repository, who: str, begin: bool = False) -> None:
    """Everything that is there, by somebody."""
    if begin:
        (made.path / ".gitignore").write_text(".acorn/\n")
        git(made.path, "init", "-q", "-b", "main")
    git(made.path, "add", "-A")
    by(made, who)


@pytest.fixture
def team(market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Mallory may take ten percent in amz-de, as ada applied; amz-fr has no grants."""
    shelf = (storefront(), storefront("amz-fr"), sku("S-1", "20.00"), sku("S-2", "20.00", "amz-fr"))
    found = clone_of(market, tmp_path / "team", *shelf, policies="budgets: {}")
    (found.path / FILE).write_text(RIGHTS)
    committed(found, "ada", begin=True)
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    found.apply()
    project = found.path / "acorn.yaml"
    project.write_text(project.read_text().replace("budgets: {}", ENFORCED))
    committed(found, "ada")
    found.apply()
    monkeypatch.setenv("ACORN_ACTOR", "mallory@example.com")
    return found


def test_a_store_without_grants_is_no_way_out_of_a_limit(team: Repository, market: Market) -> None:
    """The role is widened to it in the same commit, and only the promotion is selected."""
    team.write(promo("p1", "50", stores={"names": ["amz-fr"]}), file="p.yaml")
    roles = (team.path / FILE).read_text()
    head, _, tail = roles.partition("name: promoters")
    tail = tail.replace(CAP, "").replace("names: [amz-de]", "names: [amz-de, amz-fr]")
    (team.path / FILE).write_text(f"{head}name: promoters{tail}")
    committed(team, "mallory")
    result = team.run("apply", "--auto-approve", "--select", "amz-fr/promotion/p1")
    assert (result.code, "takes 50 % off, more than 10 %" in result.err) == (4, True), result
    assert "amz-fr/promotion/p1" not in market.live()


@pytest.mark.parametrize("way", ["another project", "another environment"])
def test_what_others_manage_binds_all_the_same(
    way: str, team: Repository, market: Market, tmp_path: Path
) -> None:
    """Roles that are in force in a store hold there, whoever applied them."""
    project = (team.path / "acorn.yaml").read_text()
    where: tuple[str, ...] = ()
    if way == "another project":
        (team.path / "acorn.yaml").write_text(project.replace("name: test", "name: other"))
        shutil.rmtree(team.path / ".acorn")
    else:
        both = project.replace("environments: {sandbox: {}}", "environments: {sandbox: {}, sand: {}}")
        (team.path / "acorn.yaml").write_text(both)
        where = ("--env", "sand")
    team.write(promo("p1", "50"), file="p.yaml")
    (team.path / FILE).write_text((team.path / FILE).read_text().replace(CAP, ""))
    committed(team, "mallory")
    result = team.run("apply", "--auto-approve", *where, "--select", "amz-de/promotion/p1")
    assert (result.code, "takes 50 % off, more than 10 %" in result.err) == (4, True), result
    assert "amz-de/promotion/p1" not in market.live()


def test_rights_are_forgotten_by_whoever_may_give_them(
    team: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger that knows no grants binds nobody."""
    grant = "amz-de/grant/promoters:user:mallory@example.com"
    result = team.run("state", "rm", grant)
    assert (result.code, "has no iam.apply in amz-de" in result.err) == (4, True), result
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    assert team.run("state", "rm", grant).code == 0


# -- long histories ------------------------------------------------------------------------------------------


def test_a_merge_for_each_day_of_two_years_is_no_end(
    made: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More merges than are looked into: whoever made one counts, and everybody else may go on."""
    monkeypatch.setattr("acorn_gitops.provenance.changed.MOST_MERGES", 100)
    commands = []
    head = git(made.path, "rev-parse", "HEAD").strip()
    mark, parent = 0, head
    for n in range(105):
        who = "mallory" if n < 3 else "zoe"
        for more in ("", f"merge :{mark + 1}\n"):
            mark += 1
            commands.append(
                f"commit refs/heads/many\nmark :{mark}\ncommitter {who} <{who}@example.com> {1_700_000_000 + mark} +0000\n"
                f"data 1\nx\nfrom {parent}\n{more}"
            )
            if more:
                parent = f":{mark}"
    subprocess.run(
        ["git", "fast-import", "--quiet"],
        cwd=made.path,
        input="".join(commands).encode(),
        check=True,
        env=person("zoe"),
    )
    git(made.path, "checkout", "-q", "many")
    text = (made.path / FILE).read_text()
    write(made, LIMIT, "", "ada")
    refused(made)
    (made.path / FILE).write_text(text)
    by(made, "ada")
    write(made, "rules: [{resources: [order]", "rules: [{resources: [order, report.sales]", "ada")
    made.apply()
