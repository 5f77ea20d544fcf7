"""Who wrote a line is what its commit says, byte for byte: codes of letters, maps of names, attributes, short ids and odd paths,
which whoever proposes a change chooses, stand nowhere between. What roles asked for is what the last apply wrote down."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn_gitops.confine.git import Questions, find
from acorn_gitops.engines.access import one_spelling
from acorn_gitops.marketplaces.network.adapter import NetworkMarketplace
from acorn_gitops.marketplaces.protocol import Scope, Snapshot
from acorn_gitops.model.finding import MarketplaceError
from tests.borders.clone import cloned, git
from tests.borders.test_approvals import ASKS, GIVEN, PROMO, ROLE, put
from tests.borders.test_own_rights import WAYS, by, edited
from tests.borders.test_own_rights import made as roles  # noqa: F401 - a fixture
from tests.repository import Repository, sku, storefront

CODES = ["IBM037", "UTF-16BE", "UTF-7"]
"""In which `mallory@example.com` reads as something else, as git shows it."""


def told_in(made: Repository, who: str, code: str) -> None:
    """A commit of somebody that names a code of letters."""
    git(made.path, "add", "-A")
    person = ["-c", f"user.name={who}", "-c", f"user.email={who}@example.com"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    asked = ["git", "-c", f"i18n.commitEncoding={code}", *person, "commit", "-qam", who]
    subprocess.run(asked, cwd=made.path, check=True, capture_output=True, env=plain)


@pytest.mark.parametrize("code", CODES)
def test_a_code_of_letters_hides_nobody_who_gives_themselves_more(roles: Repository, code: str) -> None:  # noqa: F811
    """ROL-012, as without it."""
    edited(roles, *WAYS["a later end"])
    told_in(roles, "mallory", code)
    done = roles.run("apply", "--auto-approve")
    assert (done.code, "mallory@example.com would be given more by temps" in done.err) == (4, True), done


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Two SKUs and a role that asks for grace's approval, written by ada and applied by bob; `specs` anywhere."""
    monkeypatch.setenv("ACORN_ACTOR", "bob@example.com")
    bare = tmp_path / "team.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(bare))
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"), sku("S-2", "30.00"))
    project = made.path / "acorn.yaml"
    project.write_text(project.read_text().replace("specs: [specs]", 'specs: ["."]'))
    (made.path / ".gitignore").write_text(".acorn/\n")
    git(made.path, "init", "-q", "-b", "main")
    git(made.path, "remote", "add", "origin", str(bare))
    put(made, "ada", ROLE + ASKS, "roles.yaml")
    made.apply()
    return made


def merged(team: Repository, tmp_path: Path, *options: str) -> Repository:
    """What CI checks out: a fresh clone, with the ledger."""
    git(team.path, "push", "-q", "origin", "main")
    made = cloned(tmp_path / "team.git", tmp_path / "ci", *options)
    shutil.copytree(team.path / ".acorn", made.path / ".acorn")
    return made


def refused(made: Repository, *verb: str) -> bool:
    """Whether the promotion lacks an approval."""
    done = made.run(*(verb or ("apply", "--auto-approve")))
    assert "amz-de/promotion/p1" not in made.live(), done
    return done.code == 4 and "p1 needs 1 approval (promoters asks for them), and has 0" in done.err


def test_a_code_of_letters_forges_no_approval(team: Repository, tmp_path: Path) -> None:
    """In a fresh clone."""
    team.text(PROMO + GIVEN, "p1.yaml")
    told_in(team, "mallory", "IBM037")
    assert refused(merged(team, tmp_path))


def test_a_code_of_letters_hides_nobody_from_blame(team: Repository) -> None:
    """Nor when it was."""
    team.write(storefront(), sku("S-1", "19.00"), sku("S-2", "30.00"))
    told_in(team, "mallory", "IBM037")
    team.apply()
    said = team.run("blame", "amz-de/listing/S-1").out
    assert ("mallory <mallory@example.com>" in said, "1970" in said) == (True, False), said


def test_a_file_that_is_called_like_a_commit_makes_nobody_unknown(team: Repository, tmp_path: Path) -> None:
    """Beside a map of names, for which commits are asked once more."""
    put(team, "mallory", PROMO + GIVEN)
    for length in (7, 12, 40):
        (team.path / git(team.path, "rev-parse", "HEAD").strip()[:length]).write_text("x")
    (team.path / ".mailmap").write_text("N <n@example.com> <mallory@example.com>\n")
    git(team.path, "add", "-A")
    by(team, "mallory")
    assert refused(merged(team, tmp_path), "ci", "apply")


@pytest.mark.parametrize("attribute", ["* text eol=crlf", "* text", "* ident"])
@pytest.mark.parametrize("ends", ["all", "all but one"])
@pytest.mark.parametrize("name", ["p1.yaml", ":p1.yaml", "[p]1.yaml"])
def test_how_lines_end_makes_nobody_their_author(
    name: str, ends: str, attribute: str, team: Repository, tmp_path: Path
) -> None:
    """The working tree is seen through attributes; a name is a name, and no pattern."""
    (team.path / ".gitattributes").write_text("* -text\n")
    text = (PROMO + GIVEN).replace("\n", "\r\n")
    (team.path / name).write_bytes(
        text.replace("Promo\r\n", "Promo\n").encode() if ends == "all but one" else text.encode()
    )
    git(team.path, "add", "-A")
    by(team, "mallory")
    (team.path / ".gitattributes").write_text(f"{attribute}\n")
    git(team.path, "add", ".gitattributes")
    told_in(team, "mallory", "UTF-8")
    assert refused(merged(team, tmp_path))


def test_an_edit_of_another_line_makes_nobody_its_author(team: Repository) -> None:
    """Bob edits a line, and applies: the approval is still what mallory wrote, whatever attributes say."""
    (team.path / ".gitattributes").write_text("* text eol=crlf\n")
    put(team, "mallory", PROMO + GIVEN)
    path = team.path / "specs/p1.yaml"
    path.write_bytes(path.read_bytes().replace(b'percent: "10"', b'percent: "12"').replace(b"\n", b"\r\n"))
    assert refused(team)


@pytest.mark.parametrize("options", [(), ("--depth=1",), ("--depth=2",), ("--filter=blob:none",)])
def test_what_was_asked_for_is_known_in_every_clone(
    options: tuple[str, ...], team: Repository, tmp_path: Path
) -> None:
    """The approvals are taken out together with the promotion for which they were asked."""
    put(team, "mallory", PROMO)
    put(team, "mallory", ROLE, "roles.yaml")
    git(team.path, "config", "uploadpack.allowFilter", "true")
    git(tmp_path / "team.git", "config", "uploadpack.allowFilter", "true")
    made = merged(team, tmp_path, *options)
    done = made.run("ci", "apply")
    assert (done.code, "ROL-024" in done.err) == (4, True), done
    assert "amz-de/promotion/p1" not in made.live()


WRITTEN = {
    "the key with an escape": ("roles.yaml", ASKS.replace("requiredFor", '"required\\u0046or"')),
    "in braces": (
        "roles.yaml",
        '  approvals: {"required\\x46or": [promo.write], approvers: [{user: grace@example.com}]}\n',
    ),
    "in a file with other letters": ("Roles.YAML", ASKS),
}


@pytest.mark.parametrize("way", WRITTEN)
def test_how_a_role_is_written_takes_back_nothing_that_it_asks(way: str, team: Repository) -> None:
    """First it is written otherwise, which changes nothing; then the promotion comes, and nobody asks any more."""
    file, asks = WRITTEN[way]
    (team.path / "specs/roles.yaml").unlink()
    put(team, "mallory", ROLE + asks, file)
    assert team.run("apply", "--auto-approve").code == 0
    put(team, "mallory", PROMO)
    put(team, "mallory", ROLE, file)
    assert refused(team) or "what was applied last asks" in team.run("plan").out


OTHERWISE = {
    "a part": ("--select", "amz-de/listing/S-2"),
    "another environment": ("--env", "other"),
}


@pytest.mark.parametrize("way", OTHERWISE)
def test_what_is_applied_otherwise_takes_back_nothing_that_roles_ask(way: str, team: Repository) -> None:
    """One commit takes the asking out and brings the promotion; a part of it, or a run of another environment of the
    same stores, is no apply of the whole."""
    project = team.path / "acorn.yaml"
    project.write_text(project.read_text().replace("{sandbox: {}}", "{sandbox: {}, other: {}}"))
    team.write(storefront(), sku("S-1", "20.00"), sku("S-2", "31.00"))
    put(team, "mallory", PROMO)
    put(team, "mallory", ROLE, "roles.yaml")
    assert refused(team)
    done = team.run("apply", "--auto-approve", *OTHERWISE[way])
    assert done.code == (0 if way == "a part" else 4), done
    assert refused(team)


def test_a_run_that_left_a_store_out_takes_back_nothing_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The promotion's store could not be read."""
    monkeypatch.setenv("ACORN_ACTOR", "bob@example.com")
    there = [storefront(), storefront("amz-fr"), sku("S-1", "20.00"), sku("F-1", "20.00", store="amz-fr")]
    made = Repository(tmp_path / "r", *there)
    project = made.path / "acorn.yaml"
    project.write_text(project.read_text().rstrip() + "\n  policies: {onUnreadable: skip}\n")
    (made.path / ".gitignore").write_text(".acorn/\n")
    git(made.path, "init", "-q", "-b", "main")
    put(made, "ada", ROLE + ASKS, "roles.yaml")
    made.apply()
    made.write(*there[:3], sku("F-1", "21.00", store="amz-fr"))
    put(made, "mallory", PROMO)
    put(made, "mallory", ROLE, "roles.yaml")
    inner = NetworkMarketplace.read

    def read(self: NetworkMarketplace, scope: Scope) -> Snapshot:
        if scope.store == "amz-de":
            raise MarketplaceError("it is down")
        return inner(self, scope)

    with monkeypatch.context() as down:
        down.setattr(NetworkMarketplace, "read", read)
        assert made.run("apply", "--auto-approve").code == 3
    assert refused(made)


def test_a_first_apply_with_edits_asks_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No commit was recorded that says what was applied: the ledger does."""
    monkeypatch.setenv("ACORN_ACTOR", "bob@example.com")
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"), sku("S-2", "30.00"))
    (made.path / ".gitignore").write_text(".acorn/\n")
    git(made.path, "init", "-q", "-b", "main")
    put(made, "ada", ROLE + ASKS, "roles.yaml")
    (made.path / "notes.txt").write_text("mine\n")
    made.apply()
    put(made, "mallory", PROMO)
    put(made, "mallory", ROLE, "roles.yaml")
    done = made.run("apply", "--auto-approve")
    assert (done.code, "what was applied last asks, and no longer what is written now" in done.err) == (
        4,
        True,
    )


LINES = st.lists(st.sampled_from([b"a", b"b", b"c", b"", b"- x"]), max_size=12)


@settings(max_examples=40, deadline=None)
@given(LINES, LINES, st.booleans())
def test_lines_that_were_kept_are_the_same_in_their_order(
    old: list[bytes], new: list[bytes], ends: bool
) -> None:
    """And as many as there can be, or nearly."""
    repository = find(Path(__file__).parent)
    assert repository is not None
    texts = [b"\n".join(lines) + (b"\n" if ends and lines else b"") for lines in (old, new)]
    kept = Questions(repository).kept_lines(*texts)
    was, now = (text.split(b"\n") for text in texts)
    assert all(was[kept[line] - 1] == now[line - 1] for line in kept)
    assert [*kept.values()] == sorted({*kept.values()}) and [*kept] == sorted(kept)
    if old == new:
        assert len(kept) >= len([line for line in old if line])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ada@faß.de", "ada@xn--fa-hia.de", True),
        ("ada@faß.de", "ada@fass.de", False),
        ("ada@MÜNCHEN.de", "ada@xn--mnchen-3ya.de.", True),
        ("ada@I❤.ws", "ada@xn--i-7iq.ws", True),
        ("ada@βόλος.com", "ada@βόλοσ.com", False),
    ],
)
def test_a_domain_is_one_in_both_of_its_forms(one: str, other: str, same: bool) -> None:
    """By the standard of 2008, in which ß and ς are letters of their own."""
    assert (one_spelling(one) == one_spelling(other)) is same
