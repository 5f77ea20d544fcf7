"""`acorn watch` does what a pipeline would: what was merged is planned or applied once, what failed is tried again later,
drift is told and stays, and nothing that lies in the clone is lost."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from acorn_gitops.provenance import branch as kept_branch
from acorn_gitops.reconcile.watching import LONGEST, Turn, Watcher, WatchRequest
from acorn_gitops.reconcile.workspace import Workspace
from tests.borders.clone import WHO, cloned, git, published
from tests.repository import Repository, sku, storefront

KEY = "amz-de/listing/KTL-17-BLK"


class Team:
    """Ada's clone, and one that is watched."""

    def __init__(self, folder: Path) -> None:
        self.ada = Repository(folder / "ada", storefront(), sku(), sku("MUG-RED", "12.90"))
        self.bare = published(folder, self.ada)
        self.watched = cloned(self.bare, folder / "watched")
        self.seconds = 0.0

    def watcher(self, *, applies: bool = True, **more: float) -> Watcher:
        environ = {**os.environ, "ACORN_DEFAULT_BRANCH": "main"}
        request = WatchRequest(applies=applies, **more)
        return Watcher(
            lambda: Workspace(self.watched.path, environ=environ), request, elapsed=lambda: self.seconds
        )

    def merges(self, old: str, new: str) -> str:
        file = self.ada.path / "specs" / "all.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
        git(self.ada.path, "commit", "-qam", f"{old} is {new}")
        git(self.ada.path, "push", "-q", "--force", "origin", "HEAD:main")
        return git(self.ada.path, "rev-parse", "HEAD").strip()

    def price(self) -> str:
        return str(self.watched.live()[KEY]["price"]["value"])


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def taken(turn: Turn | None) -> Turn:
    assert turn is not None
    return turn


def test_what_is_merged_is_applied_once(team: Team) -> None:
    watcher = team.watcher(drift_every=0)
    first = taken(watcher.turn())
    assert (first.cause, first.code, first.error) == ("started", 0, None)
    assert team.price() == "49.99"
    assert watcher.turn() is None
    commit = team.merges("49.99", "47.50")
    second = taken(watcher.turn())
    assert (second.cause, second.commit, second.code) == ("merged", commit, 0)
    assert team.price() == "47.50"
    assert [watcher.turn() for _ in range(3)] == [None] * 3


def test_without_a_word_of_its_own_nothing_is_written(team: Team) -> None:
    turn = taken(team.watcher(applies=False, drift_every=0).turn())
    assert turn.planned is not None and turn.planned.counts()["create"] > 0
    assert turn.applied is None and turn.code == 0
    assert not (team.watched.path / ".acorn" / "sandbox.db").exists() or team.watched.live() == {}


def test_only_the_remote_is_asked_where_there_is_no_news(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = team.watcher(drift_every=0)
    taken(watcher.turn())
    asked: list[str] = []
    real = kept_branch._run
    monkeypatch.setattr(kept_branch, "_run", lambda git, verb, *a: asked.append(verb) or real(git, verb, *a))
    assert watcher.turn() is None
    assert asked == ["ls_remote"]


def test_a_default_branch_that_was_made_anew_is_followed(team: Team) -> None:
    watcher = team.watcher(drift_every=0)
    team.merges("49.99", "48.00")
    taken(watcher.turn())
    git(team.ada.path, "reset", "-q", "--hard", "HEAD~1")
    commit = team.merges("49.99", "45.00")
    turn = taken(watcher.turn())
    assert turn.commit == commit
    # The older one was applied already, and this one does not follow from it.
    assert git(team.watched.path, "rev-parse", "HEAD").strip() == commit


def test_a_plan_that_is_refused_waits_longer_each_time_and_a_new_commit_does_not(team: Team) -> None:
    watcher = team.watcher(every=60, drift_every=0)
    team.merges("49.99", "49.999")
    waits = []
    for _ in range(9):
        turn = taken(watcher.turn())
        assert turn.code == 4 and turn.error is not None
        waits.append(watcher.pause())
    assert waits[:4] == [120, 240, 480, 960]
    assert waits[-1] == LONGEST == max(waits)
    team.merges("49.999", "46.00")
    assert taken(watcher.turn()).code == 0
    assert watcher.pause() == 60
    assert team.price() == "46.00"


def test_what_failed_is_tried_again_and_a_hook_says_why(team: Team) -> None:
    watcher = team.watcher(drift_every=0)
    team.merges("49.99", "49.999")
    assert [taken(watcher.turn()).cause, taken(watcher.turn()).cause] == ["started", "tried again"]
    assert taken(watcher.turn(woken=True)).cause == "woken"


def test_a_remote_that_cannot_be_asked_is_told_and_asked_again(team: Team, tmp_path: Path) -> None:
    watcher = team.watcher(drift_every=0)
    taken(watcher.turn())
    team.bare.rename(tmp_path / "away")
    turn = taken(watcher.turn())
    assert turn.code == 1 and turn.error is not None and "git ls-remote" in turn.error.message
    (tmp_path / "away").rename(team.bare)
    assert watcher.turn() is None
    assert watcher.pause() == 60


def test_drift_is_told_from_time_to_time_and_stays_as_it_is(team: Team) -> None:
    watcher = team.watcher(drift_every=3600)
    taken(watcher.turn())
    assert team.watched.run("sandbox", "disturb", f"{KEY}.price=39.00").code == 0
    team.seconds = 3599
    assert watcher.turn() is None
    team.seconds = 3600
    turn = taken(watcher.turn())
    assert turn.cause == "drift" and turn.code == 2
    assert turn.drifted is not None and turn.drifted.drifted == 1
    assert team.price() == "39.00"
    assert watcher.turn() is None


def test_drift_is_told_before_a_merge_puts_it_back(team: Team) -> None:
    watcher = team.watcher(drift_every=3600)
    taken(watcher.turn())
    assert team.watched.run("sandbox", "disturb", f"{KEY}.price=39.00").code == 0
    team.seconds = 4000
    team.merges("12.90", "13.90")
    turn = taken(watcher.turn())
    assert turn.cause == "merged" and turn.applied is not None and turn.applied.complete
    assert turn.drifted is not None and turn.drifted.drifted == 1


@pytest.mark.parametrize(
    ("meanwhile", "words"),
    [
        (lambda path: (path / "specs" / "all.yaml").write_text("# gone"), "in no commit"),
        (lambda path: (path / "specs" / "new.yaml").write_text("# new"), "in no commit"),
        (lambda path: git(path, "checkout", "-qb", "mine"), "the branch mine is checked out"),
        (lambda path: git(path, "commit", "-q", "--allow-empty", "-m", "mine"), "that origin lacks"),
        (lambda path: _detached(path), "that origin lacks"),
    ],
)
def test_what_somebody_does_in_the_clone_is_never_lost(
    team: Team, meanwhile: Callable[[Path], object], words: str
) -> None:
    meanwhile(team.watched.path)
    before = _state(team.watched.path)
    turn = taken(team.watcher(drift_every=0).turn())
    assert turn.error is not None and words in turn.error.message
    assert _state(team.watched.path) == before


def _detached(path: Path) -> None:
    """As the watcher itself leaves it."""
    git(path, "checkout", "-q", "--detach")
    git(path, "commit", "-q", "--allow-empty", "-m", "mine")


@pytest.mark.parametrize("path", [".acorn/sandbox/ledger.db", ".acorn", "shop/.ACORN/x"])
def test_a_merge_never_overwrites_the_ledger(team: Team, path: str) -> None:
    """Git ignores it here, and a checkout would put what somebody committed in its place."""
    watcher = team.watcher(drift_every=0)
    taken(watcher.turn())
    before = (team.watched.path / ".acorn" / "sandbox" / "ledger.db").read_bytes()
    shutil.rmtree(team.ada.path / ".acorn", ignore_errors=True)
    planted = team.ada.path / path
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text("x")
    git(team.ada.path, "add", "-f", path)
    commit = team.merges("49.99", "47.50")
    turn = taken(watcher.turn())
    assert turn.error is not None and "where acorn keeps ledgers" in turn.error.message
    assert (team.watched.path / ".acorn" / "sandbox" / "ledger.db").read_bytes() == before
    assert team.price() == "49.99" and turn.commit != commit


def test_nor_what_else_git_ignores(team: Team) -> None:
    (team.ada.path / ".gitignore").write_text(".acorn/\nsecrets.env\n")
    team.merges("49.99", "49.00")
    watcher = team.watcher(drift_every=0)
    taken(watcher.turn())
    (team.watched.path / "secrets.env").write_text("mine")
    (team.ada.path / "secrets.env").write_text("theirs")
    git(team.ada.path, "add", "-f", "secrets.env")
    team.merges("49.00", "47.50")
    turn = taken(watcher.turn())
    assert turn.error is not None
    assert (team.watched.path / "secrets.env").read_text() == "mine"


def test_a_project_that_is_gone_is_waited_for_and_none_above_takes_its_place(
    team: Team, tmp_path: Path
) -> None:
    folder = team.ada.path / "shop"
    folder.mkdir()
    for name in ("acorn.yaml", "specs"):
        git(team.ada.path, "mv", name, "shop/")
    git(team.ada.path, "commit", "-qm", "moved")
    git(team.ada.path, "push", "-q", "origin", "HEAD:main")
    team.watched = cloned(team.bare, tmp_path / "other")
    team.watched.path = team.watched.path / "shop"
    watcher = team.watcher(drift_every=0)
    assert taken(watcher.turn()).code == 0
    for name in ("acorn.yaml", "specs"):
        git(team.ada.path, "mv", f"shop/{name}", ".")
    git(team.ada.path, "commit", "-qm", "back")
    git(team.ada.path, "push", "-q", "origin", "HEAD:main")
    turn = taken(watcher.turn())
    assert turn.error is not None and turn.applied is None
    (team.ada.path / "shop").mkdir(exist_ok=True)
    for name in ("acorn.yaml", "specs"):
        git(team.ada.path, "mv", name, "shop/")
    git(team.ada.path, "commit", "-qm", "there again")
    git(team.ada.path, "push", "-q", "origin", "HEAD:main")
    assert taken(watcher.turn()).code == 0


def _state(path: Path) -> Sequence[str]:
    return (
        git(path, "status", "--porcelain"),
        git(path, "rev-parse", "HEAD"),
        git(path, "rev-parse", "--symbolic-full-name", "HEAD"),
        (path / "specs" / "all.yaml").read_text(),
    )


def test_a_clone_that_is_cut_off_is_watched_too(team: Team, tmp_path: Path) -> None:
    team.watched = cloned(team.bare, tmp_path / "shallow", "--depth=1")
    watcher = team.watcher(drift_every=0)
    assert taken(watcher.turn()).code == 0
    team.merges("49.99", "47.50")
    assert taken(watcher.turn()).code == 0
    assert team.price() == "47.50"


def test_once_is_one_turn_with_its_exit_code(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    done = team.watched.run("watch", "--once", "--apply", "--drift-every", "0")
    assert done.code == 0, done
    assert "started" in done.err and "done and seen" in done.out
    assert team.watched.run("watch", "--once", "--apply", "--drift-every", "0").out == "No changes.\n"
    team.merges("49.99", "49.999")
    refused = team.watched.run("watch", "--once", "--apply")
    assert refused.code == 4
    assert refused.err.count("nothing was read or written") == 1, "it is said once"
    assert "specs/all.yaml:" in refused.err


def test_a_pull_request_of_a_stranger_is_not_watched(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACORN_UNTRUSTED", "1")
    assert team.watched.run("watch", "--once").code == 4
    turn = taken(
        Watcher(
            lambda: Workspace(team.watched.path, environ={"ACORN_UNTRUSTED": "1"}), WatchRequest(applies=True)
        ).turn()
    )
    assert turn.code == 4


@pytest.fixture
def running(team: Team, unused_port: int) -> Iterator[subprocess.Popen[str]]:
    """The command, as a service runs it."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["watch", "--apply", "--every", "3600", "--listen", f"127.0.0.1:{unused_port}", "-C", str(team.watched.path)]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "acorn_gitops", *command],
        env={**plain, **WHO, "ACORN_DEFAULT_BRANCH": "main", "ACORN_WATCH_SECRET": "s3cret"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def ask(port: int, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, named)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def test_a_hook_wakes_it_its_health_is_asked_and_a_signal_ends_it(
    team: Team, running: subprocess.Popen[str], unused_port: int
) -> None:
    until(lambda: ask(unused_port, "/readyz")[0] == 200)
    assert team.price() == "49.99"
    commit = team.merges("49.99", "47.50")
    body = b'{"ref": "refs/heads/main"}'
    assert ask(unused_port, "/hook", body)[0] == 401
    assert ask(unused_port, "/hook", body, X_Hub_Signature_256="sha256=00")[0] == 401
    assert ask(unused_port, "/hook", body, X_Gitlab_Token="s3cre")[0] == 401
    assert json.loads(ask(unused_port, "/healthz")[1])["turns"] == 1
    signed = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert ask(unused_port, "/hook", body, X_Hub_Signature_256=f"sha256={signed}")[0] == 202
    until(lambda: json.loads(ask(unused_port, "/readyz")[1]).get("commit") == commit)
    assert team.price() == "47.50"
    assert (
        'acorn_last_run_exit_code{environment="sandbox",command="watch"} 0' in ask(unused_port, "/metrics")[1]
    )
    assert ask(unused_port, "/else")[0] == 404 and ask(unused_port, "/healthz", b"")[0] == 405
    running.send_signal(signal.SIGTERM)
    said, _ = running.communicate(timeout=30)
    assert running.returncode == 0, said
    assert "s3cret" not in said


def test_whoever_holds_connections_neither_ends_it_nor_keeps_its_health_from_being_heard(
    team: Team, running: subprocess.Popen[str], unused_port: int
) -> None:
    """Hundreds of them that say nothing, with few file descriptors left."""
    import resource
    import socket

    until(lambda: ask(unused_port, "/healthz")[0] == 200)
    resource.prlimit(running.pid, resource.RLIMIT_NOFILE, (256, 256))
    held = []
    for _ in range(600):
        with contextlib.suppress(OSError):
            held.append(socket.create_connection(("127.0.0.1", unused_port), 1))
    try:
        assert len(held) > 300
        assert ask(unused_port, "/healthz")[0] == 200
        assert len(list(Path(f"/proc/{running.pid}/fd").iterdir())) < 200
    finally:
        for one in held:
            one.close()
    assert running.poll() is None


def test_what_this_machine_cannot_do_now_is_tried_again(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> str:
        raise OSError(24, "Too many open files")

    watcher = team.watcher()
    with monkeypatch.context() as only:
        only.setattr("acorn_gitops.reconcile.watching.newest", full)
        turn = taken(watcher.turn())
    assert (
        turn.error is not None and turn.error.message == "this machine cannot do it now: Too many open files"
    )
    assert taken(watcher.turn()).code == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Gitlab_Token": "s3cret"},
        {"X_Gitea_Signature": hmac.new(b"s3cret", b"{}", hashlib.sha256).hexdigest()},
    ],
)
def test_each_forge_signs_in_its_own_way(
    running: subprocess.Popen[str], unused_port: int, headers: dict[str, str]
) -> None:
    until(lambda: ask(unused_port, "/healthz")[0] == 200)
    assert ask(unused_port, "/hook", b"{}", **headers)[0] == 202


def test_a_refused_merge_is_not_ready_and_still_alive(
    team: Team, running: subprocess.Popen[str], unused_port: int
) -> None:
    until(lambda: ask(unused_port, "/readyz")[0] == 200)
    team.merges("49.99", "49.999")
    ask(unused_port, "/hook", b"{}", X_Gitlab_Token="s3cret")
    until(lambda: ask(unused_port, "/readyz")[0] == 503)
    status, told = ask(unused_port, "/healthz")
    assert status == 200 and json.loads(told)["exit_code"] == 4


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1:", "127.0.0.1:99999", ":http"])
def test_a_place_that_is_none_is_refused(team: Team, listen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    done = team.watched.run("watch", "--listen", listen)
    assert done.code == 64 and "HOST:PORT" in done.err
