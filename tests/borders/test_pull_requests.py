"""A pull request from a stranger can do nothing on the machine that looks at it: run no program, read and write nothing outside,
send no secret anywhere, and take no longer than a person waits. Everything here runs as CI runs it: real git, real files, a real
server that counts who asks."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from acorn_gitops.confine import bounded
from tests.borders.clone import cloned, connected, git, published
from tests.borders.server import Server
from tests.repository import PROJECT, Repository, document, sku, storefront

READERS = (
    ("validate",), ("plan",), ("drift",), ("fmt", "--check"), ("explain", "amz-de/listing/KTL-17-BLK"), ("import", "--dry-run"),
    ("calendar",), ("doctor",), ("view", "prices"), ("history",),
)  # fmt: skip


# -- git -----------------------------------------------------------------------------------------------------


def _monitored(made: Repository, mark: Path) -> None:
    git(made.path, "init", "-q")
    git(made.path, "add", "-A")
    git(made.path, "commit", "-qm", "x")
    git(made.path, "config", "core.fsmonitor", f"touch {mark}; false")


def _filtered(made: Repository, mark: Path) -> None:
    git(made.path, "init", "-q")
    (made.path / ".gitattributes").write_text("*.yaml filter=evil diff=evil\n")
    git(made.path, "add", "-A")
    git(made.path, "commit", "-qm", "x")
    for name in ("filter.evil.clean", "filter.evil.process", "filter.evil.smudge", "diff.evil.textconv"):
        git(made.path, "config", name, f"sh -c 'touch {mark}; cat'")
    git(made.path, "config", "diff.external", f"touch {mark}")
    os.utime(made.path / "specs" / "all.yaml", (1, 1))


def _hooked(made: Repository, mark: Path) -> None:
    git(made.path, "init", "-q")
    git(made.path, "add", "-A")
    git(made.path, "commit", "-qm", "x")
    for name in ("post-index-change", "fsmonitor-watchman", "reference-transaction"):
        hook = made.path / ".git" / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
        hook.chmod(0o755)
    git(made.path, "config", "core.fsmonitor", ".git/hooks/fsmonitor-watchman")


def _lazy(made: Repository, mark: Path) -> None:
    """A partial clone that fetches what is missing, through a transport that is a command."""
    git(made.path, "init", "-q")
    git(made.path, "add", "-A")
    git(made.path, "commit", "-qm", "x")
    for name, value in (
        ("remote.origin.url", f"ext::sh -c 'touch {mark}'"),
        ("remote.origin.promisor", "true"),
        ("protocol.ext.allow", "always"),
        ("extensions.partialClone", "origin"),
        ("core.repositoryFormatVersion", "1"),
    ):
        git(made.path, "config", name, value)
    blob = git(made.path, "rev-parse", "HEAD:specs/all.yaml").strip()
    (made.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()


def _included(made: Repository, mark: Path) -> None:
    git(made.path, "init", "-q")
    git(made.path, "add", "-A")
    git(made.path, "commit", "-qm", "x")
    (made.path / "more.cfg").write_text(f'[core]\n\tfsmonitor = "touch {mark}; false"\n')
    git(made.path, "config", "include.path", "../more.cfg")


@pytest.mark.parametrize(
    "prepare", [_monitored, _filtered, _hooked, _lazy, _included], ids=lambda f: f.__name__[1:]
)
def test_no_configuration_of_a_repository_runs_anything(
    prepare: object, made: Repository, tmp_path: Path
) -> None:
    """An unpacked archive with a `.git` of its own: monitors, filters, hooks, transports, included files."""
    mark = tmp_path / "ran"
    prepare(made, mark)  # type: ignore[operator]
    mark.unlink(missing_ok=True)  # what git itself ran while the trap was laid
    for arguments in READERS:
        made.run(*arguments)
        assert not mark.exists(), arguments


def test_a_folder_shaped_like_a_bare_repository_means_nothing(made: Repository, tmp_path: Path) -> None:
    """Files alone, carried by an ordinary clone: git would take the folder for a repository and obey its configuration."""
    mark = tmp_path / "ran"
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q", "-b", "main")
    team = outer / "team"
    made.path.rename(team)
    (team / "HEAD").write_text("ref: refs/heads/main\n")
    (team / "config").write_text(
        f'[core]\n\tbare = false\n\tworktree = .\n\tfsmonitor = "touch {mark}; false"\n'
    )
    for folder in ("refs/heads", "objects/info", "objects/pack"):
        (team / folder).mkdir(parents=True)
        (team / folder / ".keep").touch()
    git(outer, "add", "-A")
    git(outer, "commit", "-qm", "looks like data")
    git(tmp_path, "clone", "-q", str(outer), str(tmp_path / "victim"))
    victim = Repository.__new__(Repository)
    victim.path = tmp_path / "victim" / "team"
    for arguments in READERS:
        victim.run(*arguments)
    assert not mark.exists()
    assert (
        victim.run("plan", "-o", "json").json["commit"]
        == git(tmp_path / "victim", "rev-parse", "HEAD").strip()
    )


@pytest.mark.parametrize("pointer", ["absolute", "relative", "link"])
def test_a_git_file_that_points_elsewhere_is_refused(pointer: str, made: Repository, tmp_path: Path) -> None:
    """`.git` as a file or link that leads to a stranger's folder: nothing there runs, and it is not taken for
    a folder without a repository, in which nobody freezes anything."""
    mark = tmp_path / "ran"
    trap = Repository(tmp_path / "trap", storefront())
    _monitored(trap, mark)
    mark.unlink(missing_ok=True)
    marker = made.path / ".git"
    if pointer == "link":
        marker.symlink_to(trap.path / ".git")
    else:
        to = trap.path / ".git" if pointer == "absolute" else "../trap/.git"
        marker.write_text(f"gitdir: {to}\n")
    for arguments in READERS:
        made.run(*arguments)
    assert not mark.exists()
    done = made.run("plan")
    words = "acorn follows none" if pointer == "link" else "does not name it back"
    assert (done.code, words in done.err) == (1, True), done


@pytest.mark.parametrize(
    "name", ["GIT_DIR", "GIT_WORK_TREE", "GIT_CONFIG_GLOBAL", "GIT_EXEC_PATH", "GIT_EXTERNAL_DIFF"]
)
def test_the_environment_cannot_lead_git_elsewhere(
    name: str, made: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable left over from another repository changes neither the commit nor what runs."""
    (made.path / ".gitignore").write_text(".acorn/\n")
    git(made.path, "init", "-q")
    git(made.path, "add", "-A")
    git(made.path, "commit", "-qm", "x")
    commit = git(made.path, "rev-parse", "HEAD").strip()
    trap = Repository(tmp_path / "trap", storefront())
    _monitored(trap, tmp_path / "ran")
    (tmp_path / "ran").unlink(missing_ok=True)
    monkeypatch.setenv(name, str(trap.path / ".git" if name == "GIT_DIR" else trap.path))
    plan = made.run("plan", "-o", "json").json
    assert (plan["commit"], plan["dirty"]) == (commit, False)
    assert not (tmp_path / "ran").exists()


def test_worktrees_submodules_and_packed_references_are_read(made: Repository, tmp_path: Path) -> None:
    """What git itself makes is still known: commit, clean or not, and who wrote a line."""
    bare = published(tmp_path, made)
    git(made.path, "pack-refs", "--all")
    commit = git(made.path, "rev-parse", "HEAD").strip()
    git(made.path, "worktree", "add", "-q", str(tmp_path / "tree"), "-b", "other")
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    git(outer, "submodule", "--quiet", "add", str(bare), "shops")
    for folder in (made.path, tmp_path / "tree", outer / "shops"):
        here = Repository.__new__(Repository)
        here.path = folder
        plan = here.run("plan", "-o", "json").json
        assert (plan["commit"], plan["dirty"]) == (commit, False), folder
        told = here.run("explain", "amz-de/listing/KTL-17-BLK", "status", "-o", "json").json
        assert told["fields"][0]["author"].startswith("Ada in "), folder
        (folder / "specs" / "new.yaml").write_text("# a remark\n")
        assert here.run("plan", "-o", "json").json["dirty"], folder


# -- files ---------------------------------------------------------------------------------------------------

READ_OUTSIDE = {
    "spec": ("specs/more.yaml", None),
    "spec folder": ("specs/more", None),
    "table": ("specs/t.csv", document("SkuMapping", "t", {"table": {"file": "t.csv"}})),
    "facts": ("facts", None),
    "rules": ("policies", None),
    "record": ("evidence/rehearsal-sandbox.json", None),
}


@pytest.mark.parametrize("inside", [False, True], ids=["leads out", "leads to a file of the repository"])
@pytest.mark.parametrize("name", READ_OUTSIDE)
def test_no_link_is_read_through(name: str, inside: bool, made: Repository, tmp_path: Path) -> None:
    """Whatever a link leads to, it is refused by name, and nothing of it is told."""
    where, extra = READ_OUTSIDE[name]
    target = (made.path / "elsewhere") if inside else tmp_path / "outside"
    target.mkdir()
    for file in ("x.yaml", "stock.csv", "x.json"):
        (target / file).write_text("CANARY: 1\n")
    if extra is not None:
        made.write(extra, file="extra.yaml")
    link = made.path / where
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(target if "." not in link.name else target / f"x{link.suffix.replace('.csv', '.yaml')}")
    result = made.run("validate")
    assert "CANARY" not in result.out + result.err
    if name != "record":
        assert result.code == 4
        assert "link" in result.out + result.err


@pytest.mark.parametrize("path", [".git/config", "specs/../.git/config", ".GIT/config"])
def test_the_files_of_git_are_no_files_of_the_repository(path: str, made: Repository) -> None:
    """A table or schema that names git's own configuration would print the job's token."""
    git(made.path, "init", "-q")
    git(made.path, "config", "http.extraheader", "AUTHORIZATION: basic CANARY")
    made.write(storefront(), document("SkuMapping", "t", {"table": {"file": path}}))
    result = made.run("validate")
    assert result.code == 4
    assert "CANARY" not in result.out + result.err


WRITES_THROUGH = {
    "a saved plan": ("plan.acorn.json", ("plan", "--out", "plan.acorn.json")),
    "the lock": (".acorn/sandbox/ledger.db.lock", ("apply", "--auto-approve")),
    "the holder's note": (".acorn/sandbox/ledger.db.holder", ("apply", "--auto-approve")),
    "the ledger": (".acorn/sandbox/ledger.db", ("apply", "--auto-approve")),
    "the ledger's journal": (".acorn/sandbox/ledger.db-wal", ("apply", "--auto-approve")),
    "the sandbox": (".acorn/sandbox.db", ("plan",)),
    "a schema": ("schemas/Store.json", ("schema", "schemas")),
    "a record": ("evidence/rehearsal-sandbox.json", ("rehearse",)),
    "an export": ("out/README.md", ("export", "out")),
}


@pytest.mark.parametrize("name", WRITES_THROUGH)
def test_no_write_passes_a_link(name: str, made: Repository, tmp_path: Path) -> None:
    """A link that git carried stands where acorn would write: refused, and what it leads to is as it was."""
    where, arguments = WRITES_THROUGH[name]
    victim = tmp_path / "precious"
    victim.write_text("PRECIOUS")
    link = made.path / where
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(victim)
    result = made.run(*arguments)
    assert result.code != 0, result
    assert "internal error" not in result.err
    assert victim.read_text() == "PRECIOUS"


@pytest.mark.parametrize(
    "arguments", [("plan",), ("apply", "--auto-approve"), ("sandbox", "reset"), ("history",)]
)
def test_a_linked_folder_of_acorn_is_refused(
    arguments: tuple[str, ...], made: Repository, tmp_path: Path
) -> None:
    """`.acorn` as a link: neither read nor written, nor emptied."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "sandbox.db").write_text("mine")
    (made.path / ".acorn").symlink_to(victim)
    assert made.run(*arguments).code == 4
    assert [p.name for p in victim.iterdir()] == ["sandbox.db"]
    assert (victim / "sandbox.db").read_text() == "mine"


@pytest.mark.parametrize("ledger", ["../new.db", "/tmp/acorn-new.db", "specs/all.yaml", ".git/ledger.db"])
def test_a_ledger_lies_where_it_may(ledger: str, made: Repository, tmp_path: Path) -> None:
    """Neither outside the repository, unless the default branch says so, nor over one of its files."""
    text = (made.path / "specs" / "all.yaml").read_text()
    (made.path / "acorn.yaml").write_text(PROJECT.replace("sandbox: {}", f'sandbox: {{ledger: "{ledger}"}}'))
    result = made.run("apply", "--auto-approve")
    assert result.code in (4, 6), result
    assert not (tmp_path / "new.db").exists()
    assert not Path("/tmp/acorn-new.db").exists()
    assert (made.path / "specs" / "all.yaml").read_text() == text


def test_imports_stay_in_the_repository(made: Repository, tmp_path: Path) -> None:
    """`--to` names a folder of the repository, or nothing is written anywhere."""
    made.apply()
    made.write(storefront())
    for to in ("../victim", "/tmp/acorn-victim", "specs/../../victim"):
        result = made.run("import", "--to", to)
        assert result.code == 4, result
    assert not (tmp_path / "victim").exists()
    assert not Path("/tmp/acorn-victim").exists()


def test_a_planted_temporary_name_is_not_used(made: Repository, tmp_path: Path) -> None:
    """Names beside a file that is replaced cannot be foreseen: links at the names that earlier versions used change nothing."""
    victim = tmp_path / "precious"
    victim.write_text("PRECIOUS")
    (made.path / ".plan.acorn.json.tmp").symlink_to(victim)
    (made.path / "specs" / ".all.yaml.tmp").symlink_to(victim)
    made.text((made.path / "specs" / "all.yaml").read_text().replace("kind: Store", "kind:   Store"))
    assert made.run("plan", "--out", "plan.acorn.json").code == 0
    assert made.run("fmt").code == 0
    assert victim.read_text() == "PRECIOUS"


# -- schemas, patterns, expressions --------------------------------------------------------------------------


def typed(made: Repository, schema: object, extra: object) -> None:
    """A product type with a schema of its own."""
    project = PROJECT.rstrip() + "\n  productTypes: {KETTLE: kettle.json}\n"
    (made.path / "acorn.yaml").write_text(project)
    (made.path / "kettle.json").write_text(json.dumps(schema))
    made.write(storefront(), sku(attributes={"productType": "KETTLE", "extra": extra}))


def test_schemas_are_offline(made: Repository, server: Server, tmp_path: Path) -> None:
    """A reference is neither fetched nor read from this machine, whatever its scheme, and nothing of a file is told."""
    secret = tmp_path / "key.json"
    secret.write_text('{"const": "CANARY-KEY"}')
    for reference in (
        f"{server.url}/meta-data", f"file://{secret}", str(secret), "../key.json", "file:///proc/self/environ", f"//{secret}",
    ):  # fmt: skip
        for schema in (
            {"$ref": reference},
            {"properties": {"a": {"$ref": f"{reference}#/x"}}},
            {"$dynamicRef": reference},
        ):
            typed(made, schema, {"a": "b"})
            result = made.run("validate")
            assert result.code == 4, (reference, result)
            assert "SKU-017" in result.out + result.err
            assert "CANARY" not in result.out + result.err
    assert server.asked == []


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"pattern": "^(a+)+$"}}},
        {"propertyNames": {"pattern": "^(.|a)*$x"}},
        {"patternProperties": {"^(a|aa)+$": {"type": "string"}}},
    ],
    ids=["value", "names", "properties"],
)
def test_a_pattern_that_never_ends_is_ended(schema: object, made: Repository) -> None:
    """Told with the schema's place, and the rest of the specs is judged all the same."""
    typed(made, schema, {"a": "a" * 40 + "!", "a" * 40 + "b": "x"})
    began = time.monotonic()
    result = made.run("validate")
    assert time.monotonic() - began < 30
    assert result.code == 4
    assert "does not come to an end" in result.out + result.err
    assert "acorn.yaml:" in result.out + result.err


@pytest.mark.parametrize(
    "schema", [{"$ref": "#"}, [1, 2], {"type": 5, "properties": 7}, {"pattern": "("}, 7, None]
)
def test_a_schema_that_is_none_is_told(schema: object, made: Repository) -> None:
    """No traceback, no name of a class."""
    typed(made, schema, {"a": "b"})
    result = made.run("validate")
    assert result.code in (0, 4)
    assert "internal error" not in result.err
    assert "Error:" not in result.out + result.err


POLICY = """apiVersion: acorn/v1
kind: Policy
metadata: {{name: own}}
spec:
  rules:
    - id: OUR-001
      severity: error
      title: t
      why: w
      mend: m
      target: SkuMapping
      check: {check}
"""
LIST = "[" + ",".join(map(str, range(35))) + "]"
# A comment inside the call: what only looks at the text does not see a loop there.
ENDLESS = {
    "time": "".join(f"{LIST}.//x\nall({v}, " for v in "abcde") + "a >= 0" + ")" * 5,
    "memory": "size(" + "".join(f"{LIST}.//x\nmap({v}, " for v in "abcd") + LIST + ")" * 4 + ") > 0",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_rule_that_never_ends_is_ended(name: str, made: Repository) -> None:
    """The rule is named, fails closed, and neither time nor memory of the machine are gone."""
    (made.path / "policies").mkdir()
    (made.path / "policies" / "own.yaml").write_text(POLICY.format(check=json.dumps(ENDLESS[name])))
    began = time.monotonic()
    result = made.run("validate")
    assert time.monotonic() - began < 60
    assert result.code == 4, result
    assert "OUR-001" in result.out + result.err
    assert "does not come to an end" in result.out + result.err


def test_ctrl_c_ends_what_is_bounded(made: Repository) -> None:
    """A person does not wait for the limit: exit 130, and no process is left behind."""
    (made.path / "policies").mkdir()
    check = json.dumps(ENDLESS["time"])
    (made.path / "policies" / "own.yaml").write_text(POLICY.format(check=check))
    process = subprocess.Popen(
        [sys.executable, "-m", "acorn_gitops", "validate"],
        cwd=made.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # Whoever runs the tests in the background of a script has them ignore Ctrl-C, and so does what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    with pytest.raises(ProcessLookupError):
        time.sleep(0.2)
        os.killpg(process.pid, 0)


def test_a_lost_ctrl_c_ends_what_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python drops what a callback raises; an import has such callbacks. The next bounded computation ends at once."""
    monkeypatch.setattr(bounded, "_asked", [])
    with pytest.raises(KeyboardInterrupt):
        bounded.interrupt(signal.SIGINT, None)
    with pytest.raises(KeyboardInterrupt):
        bounded.bounded(lambda _: time.sleep(60) or b"", bounded.Limits(step=60, whole=60))


# -- secrets -------------------------------------------------------------------------------------------------


@pytest.fixture
def team(made: Repository, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A clone of a repository whose default branch names the server, with a secret."""
    monkeypatch.setenv("ACORN_TOKEN", "the-right-secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "CANARY-of-another-service")
    (made.path / "acorn.yaml").write_text(connected(server.url, "env:ACORN_TOKEN"))
    return cloned(published(tmp_path, made), tmp_path / "clone")


def test_what_the_default_branch_names_is_asked(team: Repository, server: Server) -> None:
    """With its secret, without a word of anybody."""
    team.run("plan")
    assert [one.authorization for one in server.asked] == ["Bearer the-right-secret"]


EVIL = {
    "another address": lambda url, evil: connected(evil, "env:ACORN_TOKEN"),
    "another secret": lambda url, evil: connected(url, "env:AWS_SECRET_ACCESS_KEY"),
    "both": lambda url, evil: connected(evil, "env:AWS_SECRET_ACCESS_KEY"),
    "a path of the same host": lambda url, evil: connected(f"{url}/collect", "env:ACORN_TOKEN"),
    "credentials in the address": lambda url, evil: connected(
        url.replace("://", "://user:pass@"), "env:ACORN_TOKEN"
    ),
    "other options": lambda url, evil: connected(url, "env:ACORN_TOKEN", options="{a: 1}"),
    "another adapter": lambda url, evil: connected(url, "env:ACORN_TOKEN").replace(
        "network, url", "vendure, url"
    ),
    "an environment": lambda url, evil: connected(url, "env:ACORN_TOKEN").replace(
        "sandbox: {}", f'sandbox: {{connections: {{main: {{url: "{evil}"}}}}}}'
    ),
}


@pytest.mark.parametrize("name", EVIL)
def test_a_pull_request_sends_no_secret_anywhere(name: str, team: Repository, server: Server) -> None:
    """Whatever it changes of a connection, that connection's stores are told as unread, with the remedy; nothing is sent."""
    with Server() as evil:
        git(team.path, "checkout", "-q", "-b", "stranger")
        (team.path / "acorn.yaml").write_text(EVIL[name](server.url, evil.url))
        for arguments in (
            *READERS,
            ("apply", "--auto-approve"),
            ("export", "out"),
            ("state", "rebuild"),
            ("onboard",),
        ):
            result = team.run(*arguments)
            assert "the-right-secret" not in result.out + result.err
            assert "CANARY" not in result.out + result.err
        told = team.run("plan")
        assert told.code == 1
        assert "is not trusted" in told.out
        assert "acorn trust main" in told.out.replace("\n", " ").replace("  ", " ")
        assert server.asked == evil.asked == []


def _shallow(team: Repository, tmp_path: Path) -> Repository:
    """As a job gets a merge request: one commit of one branch, and no branch that says what is trusted."""
    folder = tmp_path / "job"
    folder.mkdir()
    git(folder, "init", "-q")
    git(folder, "remote", "add", "origin", f"file://{tmp_path / 'team.git'}")
    git(
        folder,
        "fetch",
        "-q",
        "--depth=1",
        f"file://{tmp_path / 'team.git'}",
        "+refs/heads/main:refs/pull/1/merge",
    )
    git(folder, "checkout", "-q", "refs/pull/1/merge")
    job = Repository.__new__(Repository)
    job.path = folder
    return job


def test_it_fails_closed_where_the_default_branch_is_not_here(
    team: Repository, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Depth 1 of a merge: unread, and the remedy that is named brings it and works."""
    job = _shallow(team, tmp_path)
    told = job.run("plan")
    assert told.code == 1
    assert server.asked == []
    assert "set-head origin --auto" in told.out.replace("\n ", "")
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    told = job.run("plan")
    remedy = "git fetch origin +main:refs/remotes/origin/main"
    assert remedy in " ".join(told.out.split())
    git(job.path, *remedy.split()[1:])
    job.run("plan")
    assert [one.authorization for one in server.asked] == ["Bearer the-right-secret"]


@pytest.mark.parametrize("name", ["ACORN_DEFAULT_BRANCH", "CI_DEFAULT_BRANCH", "GITHUB_EVENT_PATH"])
def test_the_runner_says_which_branch_is_the_default(
    name: str, team: Repository, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitLab by a variable, GitHub by the event's file; another branch of the same remote is not believed."""
    git(team.path, "remote", "set-head", "origin", "--delete")
    git(team.path, "checkout", "-q", "-b", "stranger")
    (team.path / "acorn.yaml").write_text(connected(server.url, "env:AWS_SECRET_ACCESS_KEY"))
    git(team.path, "commit", "-qam", "evil")
    git(team.path, "push", "-q", "origin", "stranger")
    event = tmp_path / "event.json"
    event.write_text('{"repository": {"default_branch": "main"}}')
    monkeypatch.setenv(name, str(event) if name == "GITHUB_EVENT_PATH" else "main")
    assert team.run("plan").code == 1
    assert server.asked == []
    git(team.path, "checkout", "-q", "main")
    team.run("plan")
    assert [one.authorization for one in server.asked] == ["Bearer the-right-secret"]


def test_a_repository_without_a_remote_is_told_so(made: Repository) -> None:
    """Advice about the remote's default branch could not be followed there."""
    (made.path / "acorn.yaml").write_text(connected("https://retail.example.com", "env:ACORN_TOKEN"))
    git(made.path, "init", "-q")
    said = " ".join(made.run("plan").out.split())
    assert "no remote origin" in said
    assert "acorn trust main" in said
    assert "set-head" not in said


def test_the_remedy_that_is_told_names_the_environment(
    made: Repository, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two environments, one name for two addresses: what is told is followed, and then the right one is asked."""
    monkeypatch.setenv("ACORN_TOKEN", "the-right-secret")
    here = f'{{main: {{url: "{server.url}", token: "env:ACORN_TOKEN"}}}}'
    (made.path / "acorn.yaml").write_text(
        PROJECT.replace("{sandbox: {}}", f"{{sandbox: {{}}, production: {{connections: {here}}}}}")
    )
    said = " ".join(made.run("plan", "--env", "production").out.split())
    assert server.asked == []
    (remedy,) = re.findall(r"`acorn (trust [^`]+)`", said)
    assert made.run(*remedy.split()).code == 0
    made.run("plan", "--env", "production")
    assert {one.authorization for one in server.asked} == {"Bearer the-right-secret"}


def test_what_a_person_trusts_once_is_asked(
    made: Repository, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a remote: by `acorn trust`, for exactly these settings, in a file outside the repository."""
    monkeypatch.setenv("ACORN_TOKEN", "the-right-secret")
    (made.path / "acorn.yaml").write_text(connected(server.url, "env:ACORN_TOKEN"))
    assert made.run("plan").code == 1
    assert "not trusted" in made.run("trust").out
    assert server.url in made.run("trust", "main").out
    made.run("plan")
    assert [one.authorization for one in server.asked] == ["Bearer the-right-secret"]
    (made.path / "acorn.yaml").write_text(connected(server.url, "env:HOME"))
    made.run("plan")
    assert len(server.asked) == 1
    monkeypatch.setenv("ACORN_TRUST_FILE", str(made.path / "trusted.json"))
    assert made.run("trust", "main").code == 1, "a pull request could write it"


def test_secret_files_come_from_a_folder_outside(
    made: Repository, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named by ACORN_SECRETS_DIR; no path leads out of it, and none into the repository."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "token").write_text("the-right-secret\n")
    (tmp_path / "other").write_text("CANARY")
    for reference in ("file:../other", f"file:{tmp_path / 'other'}", "file:~/other", "file:token"):
        (made.path / "acorn.yaml").write_text(connected(server.url, reference))
        made.trust()
        monkeypatch.delenv("ACORN_SECRETS_DIR", raising=False)
        assert made.run("plan").code == 1
        monkeypatch.setenv("ACORN_SECRETS_DIR", str(secrets))
        made.run("plan")
    assert [one.authorization for one in server.asked] == ["Bearer the-right-secret"]
    monkeypatch.setenv("ACORN_SECRETS_DIR", str(made.path / "specs"))
    assert "cannot lie in the repository" in made.run("plan").err


def test_an_address_that_is_not_trusted_is_not_even_asked(
    made: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a secret it could still be an address of the network behind the runner; only this machine may be asked so."""
    for url in (
        "http://169.254.169.254/latest",
        "http://intranet.example/",
        "http://127.0.0.1.example/",
        "http://0x7f.1/",
    ):
        (made.path / "acorn.yaml").write_text(connected(url))
        assert "is not trusted" in " ".join(made.run("plan").out.split())


# -- ACORN_UNTRUSTED -----------------------------------------------------------------------------------------


def test_nothing_but_reading_is_left_where_a_stranger_is_looked_at(
    made: Repository, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ACORN_UNTRUSTED=1, as CI sets it for merge requests."""
    monkeypatch.setenv("ACORN_UNTRUSTED", "1")
    for arguments in (
        ("apply", "--auto-approve"), ("import",), ("export", "out"), ("rehearse",), ("trust", "main"), ("init", "x"),
        ("sandbox", "reset"), ("state", "push"), ("state", "rebuild"), ("state", "rm", "a/listing/b"),
    ):  # fmt: skip
        result = made.run(*arguments)
        assert result.code == 4, arguments
        assert "ACORN_UNTRUSTED" in result.err
    assert made.run("validate").code == made.run("plan").code == made.run("fmt", "--check").code == 0
    (made.path / "acorn.yaml").write_text(connected(server.url))
    assert made.run("plan").code == 1
    assert server.asked == []


# -- caches --------------------------------------------------------------------------------------------------


def test_nothing_planted_in_a_cache_is_believed(
    made: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that another job could write: neither a wrong parse nor a store that was `in sync`."""
    monkeypatch.setenv("ACORN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made.write(storefront(), *(sku(f"SKU-{n}", "10.00") for n in range(300)))
    made.apply()
    made.plan()
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert {path.parts[-3] for path in files} >= {"parsed", "clean"}, files
    made.run("sandbox", "disturb", "amz-de/listing/SKU-7.price=1.00")
    for path in files:
        content = path.read_bytes()
        path.write_bytes(content.replace(b'"10.00"', b'"0.010"').replace(b'"in_sync":', b'"in_sync" :'))
    assert [c["address"] for c in made.plan()["changes"]] == ["amz-de/listing/SKU-7"]
    assert made.plan()["changes"][0]["after"]["price"]["value"] == "10.00"


def test_the_key_of_the_cache_does_not_lie_in_it(
    made: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has the cache of another machine can make nothing with it."""
    monkeypatch.setenv("ACORN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made.write(storefront(), *(sku(f"SKU-{n}", "10.00") for n in range(300)))
    made.run("validate")
    key = (tmp_path / "state" / "acorn" / "cache-key").read_bytes()
    assert len(key) == 32
    assert all(key not in path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file())
