"""One marketplace over HTTP and several clones that apply to it, each with a ledger of its own, as machines of a team have them."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson

from acorn_gitops.sandbox.database import Database
from tests.borders.clone import connected
from tests.faults import served
from tests.repository import Repository


class Market:
    """The marketplace's own view: what it holds, and every version that it ever held."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.url = url

    def live(self) -> dict[str, dict[str, object]]:
        """Attributes by address."""
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            rows = db.execute(
                "SELECT store, type, key, document FROM resource WHERE until IS NULL"
            ).fetchall()
        return {f"{s}/{t}/{k}": orjson.loads(document)["attributes"] for s, t, k, document in rows}

    def revision(self) -> int:
        """How many writes there were."""
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            return int(db.execute("SELECT value FROM meta WHERE name='revision'").fetchone()[0])

    def prices(self) -> set[str]:
        """All prices that are live."""
        return {str(a["price"]["value"]) for name, a in self.live().items() if "/listing/" in name}  # type: ignore[index]


@contextlib.contextmanager
def open_market(tmp_path: Path) -> Iterator[Market]:
    """Serve a sandbox of its own."""
    path = tmp_path / "market.db"
    with served(Database(path)) as url:
        yield Market(path, url)


def clone_of(
    market: Market, path: Path, *documents: dict[str, object], policies: str = "budgets: {}"
) -> Repository:
    """A clone whose only connection is the market. Without budgets of its own: what refuses is what is tested."""
    made = Repository(path, *documents)
    (path / "acorn.yaml").write_text(connected(market.url) + f"  policies: {{{policies}}}\n")
    return made


def copied(made: Repository, to: Path) -> Repository:
    """The same clone on another machine, its ledger with it."""
    shutil.copytree(made.path, to)
    other = Repository.__new__(Repository)
    other.path = to
    return other


def started(made: Repository, *arguments: str) -> subprocess.Popen[str]:
    """A command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "acorn_gitops", *arguments],
        cwd=made.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
