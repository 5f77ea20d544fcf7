"""Nobody gives rights to themselves without writing a line (ROL-012): by taking lines out, by another template or overlay, by a merge
crosswise, under an old approval, in a project where no apply was ever whole, by what is found at the marketplace."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import faults
from tests.borders.clone import git
from tests.borders.test_own_rights import LIMIT, ROLES, by, person
from tests.repository import Repository, sku, storefront

FOUNDERS = ROLES.split("---\n")[0] + "---\n"
EDITORS = """apiVersion: acorn/v1
kind: RolePermission
metadata: {name: editors}
spec:
  subjects:
    - {kind: user, id: mallory@example.com, mfa: true}
  stores: {names: [amz-de]}
"""
TWO_RULES = """  rules:
    - resources:
        - listing
      verbs: [read]
    - resources:
        - promo
      verbs: [apply]
"""
ALIASED = """  rules:
    - resources: [promo]
      verbs: &all [read, apply]
    - resources: [price]
      verbs: [read]
"""
TEMPLATES = """---
apiVersion: acorn/v1
kind: RolePermission
metadata: {name: big, abstract: true}
spec:
  rules: [{resources: [price], verbs: [apply]}]
---
apiVersion: acorn/v1
kind: RolePermission
metadata: {name: small, abstract: true}
spec:
  rules: [{resources: [order], verbs: [read]}]
"""
MAY_LITTLE = "  rules: [{resources: [order], verbs: [read]}]\n"
MAY_PRICE = "  rules: [{resources: [price], verbs: [apply]}]\n"
BOSSES = """---
apiVersion: acorn/v1
kind: RolePermission
metadata: {name: bosses}
spec:
  subjects:
    - {kind: user, id: grace@example.com, mfa: true}
  stores: {names: [amz-fr]}
  rules:
    - resources: [price]
      verbs: [apply]
"""
LITTLE_BELOW = "  rules:\n    - resources: [order]\n      verbs: [read]\n"
OVERLAY = """apiVersion: acorn/v1
kind: RolePermission
metadata: {name: editors}
spec:
"""


def founded(folder: Path, roles: str, overlay: str = "", environment: str = "sandbox") -> Repository:
    """Two stores, these roles and an overlay of an environment, written by ada; not applied yet."""
    made = Repository(folder, storefront(), storefront("amz-fr"), sku("S-1", "20.00"))
    (made.path / "specs" / "roles.yaml").write_text(roles)
    (made.path / ".gitignore").write_text(".acorn/\n")
    if overlay:
        (made.path / "overlays" / environment).mkdir(parents=True)
        (made.path / "overlays" / environment / "limits.yaml").write_text(overlay)
    if overlay and environment == "sandbox":
        replaced(made.path / "acorn.yaml", "sandbox: {}", "sandbox: {overlays: [overlays/sandbox]}")
    git(made.path, "init", "-q", "-b", "main")
    git(made.path, "add", "-A")
    by(made, "ada")
    return made


def replaced(path: Path, old: str, new: str) -> None:
    """A text of a file by another one."""
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new).encode())


@pytest.fixture(autouse=True)
def _bob(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACORN_ACTOR", "bob@example.com")


def refused(made: Repository) -> None:
    """Apply asks for somebody else's word, and mallory has no more than before."""
    before = {name: held for name, held in made.live().items() if "/role/" in name}
    done = made.run("apply", "--auto-approve")
    assert done.code == 4 and "ROL-012" in done.err and "mallory@example.com" in done.err, done
    assert {name: held for name, held in made.live().items() if "/role/" in name} == before


def _away(made: Repository) -> None:
    (made.path / "overlays" / "sandbox" / "limits.yaml").unlink()
    (made.path / "overlays" / "sandbox" / "x.yaml").write_text(
        "apiVersion: acorn/v1\nkind: Store\nmetadata: {name: amz-fr, labels: {a: b}}\n"
    )


def _lines(old: str, new: str) -> Callable[[Repository], None]:
    return lambda made: replaced(made.path / "specs" / "roles.yaml", old, new)


def _project(old: str, new: str) -> Callable[[Repository], None]:
    return lambda made: replaced(made.path / "acorn.yaml", old, new)


JOINED = EDITORS + LITTLE_BELOW + BOSSES
BETWEEN = JOINED[JOINED.index("---") : JOINED.index("    - resources: [price]")]
WITHOUT_A_LINE: dict[str, tuple[str, str, str, Callable[[Repository], None]]] = {
    "two rules joined": (EDITORS + TWO_RULES, "", "", _lines("      verbs: [read]\n    - resources:\n", "")),
    "commented out": (
        EDITORS + TWO_RULES,
        "",
        "",
        _lines("      verbs: [read]\n    - resources:\n", "      # verbs: [read]\n#    - resources:\n"),
    ),
    "an alias in place of a list": (
        EDITORS + ALIASED,
        "",
        "",
        _lines("[price]\n      verbs: [read]\n", "[price]\n      verbs: *all\n"),
    ),
    "another template": (
        EDITORS + "  inherits: [small]\n" + TEMPLATES,
        "",
        "",
        _lines("inherits: [small]", "inherits: [big]"),
    ),
    "own rules taken out": (
        EDITORS + "  inherits: [big]\n" + MAY_LITTLE + TEMPLATES,
        "",
        "",
        _lines(MAY_LITTLE + "---", "---"),
    ),
    "two documents joined": (JOINED, "", "", _lines(BETWEEN, "")),
    "an overlay taken away": (EDITORS + MAY_PRICE, OVERLAY + MAY_LITTLE, "sandbox", _away),
    "an earlier end taken away": (
        EDITORS + '  validity: {from: "2026-01-01", until: "2098-12-31"}\n' + MAY_PRICE,
        OVERLAY + '  validity: {until: "2027-01-31"}\n',
        "sandbox",
        _away,
    ),
    "an overlay taken in no more": (
        EDITORS + MAY_PRICE,
        OVERLAY + MAY_LITTLE,
        "sandbox",
        _project("sandbox: {overlays: [overlays/sandbox]}", "sandbox: {}"),
    ),
    "another environment's overlay": (
        EDITORS + MAY_LITTLE,
        OVERLAY + MAY_PRICE,
        "production",
        _project("sandbox: {}", "sandbox: {overlays: [overlays/production]}"),
    ),
}


@pytest.mark.parametrize("way", WITHOUT_A_LINE)
def test_whoever_gains_without_a_line_is_found(way: str, tmp_path: Path) -> None:
    """All lines that are left are ada's: whoever changed the documents counts."""
    roles, overlay, environment, edit = WITHOUT_A_LINE[way]
    made = founded(tmp_path / "r", FOUNDERS + roles, overlay, environment)
    made.apply()
    edit(made)
    git(made.path, "add", "-A")
    by(made, "mallory")
    refused(made)


@pytest.mark.parametrize("way", WITHOUT_A_LINE)
def test_the_same_by_somebody_else_is_applied(way: str, tmp_path: Path) -> None:
    """And grace may take out what ada wrote for mallory."""
    roles, overlay, environment, edit = WITHOUT_A_LINE[way]
    made = founded(tmp_path / "r", FOUNDERS + roles, overlay, environment)
    made.apply()
    edit(made)
    git(made.path, "add", "-A")
    by(made, "grace")
    assert made.run("apply", "--auto-approve").code == 0


def test_a_merge_crosswise_is_its_makers(tmp_path: Path) -> None:
    """With several bases nobody can say what git alone would have made: a base that mallory brought does not speak for her."""
    made = founded(tmp_path / "r", ROLES)
    roles = made.path / "specs" / "roles.yaml"

    def ask(*arguments: str, when: int = 0) -> str:
        day = f"2026-12-0{when}T00:00:00Z"
        dates = {"GIT_COMMITTER_DATE": day, "GIT_AUTHOR_DATE": day} if when else {}
        done = subprocess.run(
            ["git", *arguments],
            cwd=made.path,
            check=True,
            capture_output=True,
            text=True,
            env={**person("mallory"), **dates},
        )
        return done.stdout.strip()

    origin, text = ask("rev-parse", "HEAD"), roles.read_text()
    roles.write_text(text.replace(LIMIT, ""))
    by(made, "mallory")
    without = ask("rev-parse", "HEAD")
    roles.write_text(text)
    by(made, "ada")
    applied = ask("rev-parse", "HEAD")
    made.apply()
    ask("checkout", "-q", origin)
    (made.path / "README").write_text("x")
    ask("add", "-A")
    ask("commit", "-qm", "readme", when=1)
    base = ask("rev-parse", "HEAD")

    def tree(of: str) -> str:
        ask("read-tree", of)
        ask("update-index", "--add", "--cacheinfo", f"100644,{ask('hash-object', '-w', 'README')},README")
        return ask("write-tree")

    one = ask("commit-tree", tree(applied), "-p", applied, "-p", base, "-m", "1", when=2)
    two = ask("commit-tree", tree(without), "-p", without, "-p", base, "-m", "2", when=2)
    last = ask("commit-tree", tree(without), "-p", one, "-p", two, "-m", "3", when=3)
    ask("reset", "-q", "--hard")
    ask("checkout", "-q", "-f", "main")
    ask("reset", "-q", "--hard", last)
    assert LIMIT not in roles.read_text()
    refused(made)


APPROVED = """apiVersion: acorn/v1
kind: RolePermission
metadata: {name: promoters}
spec:
  subjects: [{kind: user, id: mallory@example.com, mfa: true}]
  stores:
    names: [amz-de, amz-fr]
    exclude: [amz-fr]
  validity:
    from: "2026-01-01"
    until: "2098-12-31"
  rules:
    - resources: [promo]
      verbs: [apply]
      constraints:
        maxDiscountPercent: "10"
  approvals:
    requiredFor: [iam.grant]
    approvers: [{user: grace@example.com}]
    given:
      - {by: grace@example.com, at: "2026-01-10"}
"""


@pytest.mark.parametrize("gone", [LIMIT, '    until: "2098-12-31"\n', "    exclude: [amz-fr]\n"])
def test_an_approval_saw_nothing_that_was_taken_out_later(gone: str, tmp_path: Path) -> None:
    """Grace agreed to what stood there; to what mallory has changed since she agrees anew."""
    made = founded(tmp_path / "r", FOUNDERS + APPROVED.replace('at: "2026-01-10"', 'at: "2026-01-09"'))
    _lines("2026-01-09", "2026-01-10")(made)
    by(made, "grace")
    made.apply()
    _lines(gone, "")(made)
    by(made, "mallory")
    refused(made)
    _lines("2026-01-10", "2026-01-11")(made)
    by(made, "grace")
    assert made.run("apply", "--auto-approve").code == 0


@pytest.mark.parametrize("why", ["refused", "line ends", "rewritten"])
def test_where_no_apply_was_whole_everybody_who_ever_changed_it_counts(why: str, tmp_path: Path) -> None:
    """A listing that is refused from the first day, line ends that git changes, a history that was rewritten."""
    made = founded(tmp_path / "r", ROLES)
    if why == "refused":
        faults.order(made, "reject", "*/listing/S-1")
    elif why == "line ends":
        (made.path / ".gitattributes").write_text("*.yaml text eol=crlf\n")
        git(made.path, "add", "-A")
        by(made, "ada")
        for path in [made.path / "acorn.yaml", *(made.path / "specs").glob("*.yaml")]:
            path.unlink()
        git(made.path, "checkout", "-q", "--", ".")
    else:
        (made.path / "README").write_text("branch")
        git(made.path, "add", "-A")
        by(made, "ada")
    assert made.run("apply", "--auto-approve").code == (3 if why == "refused" else 0)
    if why == "rewritten":
        git(made.path, "reset", "-q", "--hard", "HEAD~1")
    ends = "\r\n" if why == "line ends" else "\n"
    _lines(LIMIT.replace("\n", ends), "")(made)
    by(made, "mallory")
    _lines("metadata: {name: owners}", "metadata: {name: owners} # the founders")(made)
    by(made, "ada")
    refused(made)


@pytest.mark.parametrize("key", ["team promo", '"team\n    promo"', '"team\\ promo"', "'team\n    promo'"])
def test_a_key_is_found_however_it_is_written(key: str, tmp_path: Path) -> None:
    """A blank may be a line's end, or be escaped."""
    roles = ROLES.replace(
        "metadata: {name: promoters}\nspec:\n", f"metadata: {{name: old-promoters}}\nspec:\n  key: {key}\n"
    )
    made = founded(tmp_path / "r", roles)
    made.apply()
    _lines(LIMIT, "")(made)
    by(made, "mallory")
    _lines("name: old-promoters", "name: sellers")(made)
    _lines(f"key: {key}", "key: team promo")(made)
    by(made, "ada")
    refused(made)


@pytest.mark.parametrize("way", ["gone", "renamed"])
def test_where_rights_were_applied_nobody_has_to_be_the_first(way: str, tmp_path: Path) -> None:
    """A marketplace that shows no storefront, and an only store under another name, are no beginning."""
    roles = ROLES.replace(
        "  stores:\n    names: [amz-de, amz-fr]\n    exclude: [amz-fr]\n", "  stores: {names: [amz-de]}\n"
    )
    made = founded(tmp_path / "r", roles)
    made.write(storefront(), sku("S-1", "20.00"))
    git(made.path, "add", "-A")
    by(made, "ada")
    made.apply()
    if way == "gone":
        with faults.sandbox(made) as database:
            database._db.execute("DELETE FROM resource WHERE type='storefront'")
            database._db.commit()
    _lines(LIMIT, "")(made)
    if way == "renamed":
        for name in ("all.yaml", "roles.yaml"):
            path = made.path / "specs" / name
            path.write_text(path.read_text().replace("amz-de", "amz-dd"))
    by(made, "mallory")
    refused(made)


def test_what_is_found_as_declared_is_asked_before_it_is_recorded(tmp_path: Path) -> None:
    """The marketplace shows a role without its limit, and mallory commits the same: nothing is to be written, and it would be in force."""
    made = founded(tmp_path / "r", ROLES)
    made.apply()
    with faults.sandbox(made) as database:
        limit = ',"constraints":{"maxDiscountPercent":"10"}'
        database._db.execute(
            "UPDATE resource SET document=CAST(replace(CAST(document AS TEXT),?,'') AS BLOB), etag='z'"
            " WHERE type='role' AND key='promoters'",
            (limit,),
        )
        database._db.commit()
    _lines(LIMIT, "")(made)
    by(made, "mallory")
    refused(made)


def test_the_first_apply_asks_nobody(tmp_path: Path) -> None:
    """Also where the marketplace holds everything already, as others had put it there: somebody has to be the first."""
    made = founded(tmp_path / "r", ROLES)
    made.apply()
    held = tmp_path / "held.jsonl"
    held.write_text(made.run("sandbox", "dump").out)
    other = founded(tmp_path / "other", ROLES)
    assert other.run("sandbox", "seed", str(held)).code == 0
    done = other.run("apply", "--auto-approve")
    assert done.code == 0 and "ROL-012" not in done.err, done
    assert "/role/promoters" in other.run("state", "list").out
