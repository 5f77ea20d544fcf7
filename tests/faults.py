"""What goes wrong, to order. Comes in: a repository, a fault. Goes out: what is left afterwards. Callers:
`test_apply_survives`, `test_network_adapter`, `test_sandbox_api`.

`small` is a repository with every kind of resource, already applied. `died` runs one command in a process of its
own that is killed (or interrupted, or held) at a chosen moment: `python -m tests.faults WHERE NUMBER ARGUMENTS…`.
`served` is the sandbox behind a real HTTP server, on a free port, stopped at the end.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from acorn_gitops.sandbox.app import Sandbox
from acorn_gitops.sandbox.database import Database
from tests.repository import Repository, document, shop, storefront

ROOT = Path(__file__).parent.parent
KILLED = -signal.SIGKILL


# -- a small network ---------------------------------------------------------------------------------------


def mapped(code: str, price: str, *, stocked: bool = False, **listing: Any) -> dict[str, Any]:
    """A SKU with a listing in amz-de, and stock in the shop."""
    spec: dict[str, Any] = {
        "sku": code,
        "attributes": {"taxClass": "standard", "title": f"No. {code}"},
        "listings": [
            {
                "store": "amz-de",
                "price": {"currency": "EUR", "value": price},
                "status": "active",
                **listing,
            }
        ],
    }
    if stocked:
        spec["inventory"] = {"pool": "main", "sources": [{"location": "de-ber-mitte", "priority": 1}]}
    return document("SkuMapping", code.lower(), spec)


def role(*groups: str, **more: Any) -> dict[str, Any]:
    """Who may change prices in amz-de."""
    return document(
        "RolePermission",
        more.pop("name", "pricing"),
        {
            "subjects": [{"kind": "group", "id": g} for g in groups],
            "stores": {"names": ["amz-de"]},
            "rules": [{"resources": ["price"], "verbs": ["read", "write"]}],
        },
        **more,
    )


def tax(percent: str = "19") -> dict[str, Any]:
    """The German standard rate."""
    return document(
        "TaxRule",
        "domestic",
        {
            "validity": {"from": "2025-01-01"},
            "match": {"stores": {"names": ["amz-de"]}, "goods": {"taxClass": ["standard"]}},
            "result": {"liableParty": "seller", "treatment": "standard", "rate": {"percent": percent}},
        },
    )


def sale(percent: str = "10") -> dict[str, Any]:
    """A promotion of two SKUs."""
    return document(
        "Promo",
        "sale",
        {
            "type": "percentOff",
            "stores": {"names": ["amz-de"]},
            "skus": {"names": ["SKU-00", "SKU-01"]},
            "window": {
                "start": {"local": "2026-11-27T00:00", "tz": "store"},
                "end": {"local": "2026-12-01T00:00", "tz": "store"},
            },
            "discount": {"percent": percent},
        },
    )


def before() -> list[dict[str, Any]]:
    """A storefront, a shop, 20 listings, stock, a role with a grant, a tax rule and a promotion."""
    skus = [mapped(f"SKU-{n:02}", f"{10 + n}.90", stocked=n < 3) for n in range(19)]
    return [
        storefront(),
        shop(),
        *skus,
        mapped("SKU-19", "29.90", sellerSku="FIXED"),
        role("eu"),
        tax(),
        sale(),
    ]


def after() -> list[dict[str, Any]]:
    """`before`, edited so that every kind of change is planned: updates, a creation, deletions, a rename, and a
    replacement under the same key."""
    kept = [mapped(f"SKU-{n:02}", f"{10 + n}.90") for n in range(3, 19)]
    return [
        storefront(),
        shop(),
        mapped("SKU-00", "9.99", stocked=True),
        mapped("SKU-01", "11.90", stocked=True, sellerSku="SKU-01-NEW", movedFrom="SKU-01"),
        *kept,
        mapped("SKU-20", "29.90", sellerSku="FIXED"),
        mapped("SKU-21", "31.90"),
        role("us"),
        tax("20"),
        sale("15"),
    ]


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="acorn-small-"))
    atexit.register(shutil.rmtree, folder, True)
    Repository(folder / "r", *before()).apply()
    return folder / "r"


def small(path: Path, *documents: dict[str, Any]) -> Repository:
    """A copy of the applied small network, its specs then replaced by `documents` when there are any."""
    shutil.copytree(_template(), path)
    made = Repository.__new__(Repository)
    made.path = path
    if documents:
        made.write(*documents)
    return made


def copy(repository: Repository, path: Path) -> Repository:
    """The same again, elsewhere."""
    shutil.copytree(repository.path, path)
    made = Repository.__new__(Repository)
    made.path = path
    return made


# -- looking and meddling ----------------------------------------------------------------------------------


@contextlib.contextmanager
def sandbox(repository: Repository, name: str = "sandbox.db") -> Iterator[Database]:
    """The repository's embedded marketplace, behind acorn's back."""
    database = Database(repository.path / ".acorn" / name)
    try:
        yield database
    finally:
        database.close()


def order(repository: Repository, kind: str, pattern: str = "*", times: int = 1, **detail: Any) -> None:
    """Order a misbehaviour."""
    with sandbox(repository) as database:
        database.add_fault(kind, pattern, times, detail)


def delete(repository: Repository, address: str) -> None:
    """Somebody deletes a resource in the console."""
    store, kind, key = address.split("/", 2)
    with sandbox(repository) as database, database.transaction() as db:
        database.end(db, database.next_revision(db, store), store, kind, key)


def writes(repository: Repository) -> int:
    """How many writes the marketplace has ever done: an account that acorn does not keep."""
    with sandbox(repository) as database:
        return database.revision()


def created(repository: Repository) -> int:
    """How many resources were ever created there."""
    with sandbox(repository) as database:
        return int(database._db.execute("SELECT value FROM meta WHERE name='created'").fetchone()[0])


def ledger(repository: Repository) -> dict[str, dict[str, Any]]:
    """The ledger's rows by address."""
    return {row["address"]: row for row in repository.run("state", "list", "-o", "json").json}


def remembered(repository: Repository) -> dict[str, Any]:
    """What the ledger believes was last applied."""
    return {address: row["attributes"] for address, row in ledger(repository).items()}


# -- dying, pausing, being interrupted ---------------------------------------------------------------------

MOMENTS = ("before the write", "after the write, before the journal", "after the journal")
ROW = "between two rows"
"""After one row of a batch and before the next: the rows are sent one by one."""


def _command(where: str, number: int, arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "tests.faults", where, str(number), *arguments]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def died(
    repository: Repository, where: str, number: int, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a command that is killed when it comes to a moment for the `number`-th time (from 0)."""
    return subprocess.run(
        _command(where, number, arguments),
        cwd=repository.path,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def paused(repository: Repository, *arguments: str) -> subprocess.Popen[str]:
    """Start a command that stops at its first write, says `here`, and goes on after a line on standard input."""
    return subprocess.Popen(
        _command("pause", 0, arguments),
        cwd=repository.path,
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _main(where: str, number: int, arguments: list[str]) -> int:
    from acorn_gitops.cli import run
    from acorn_gitops.ledger.sqlite import SqliteLedger
    from acorn_gitops.marketplaces.network import adapter
    from acorn_gitops.marketplaces.network.adapter import NetworkMarketplace

    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def wait() -> None:
        print("here", flush=True)
        sys.stdin.readline()

    def wrapped(owner: Any, name: str, act: Callable[[], None], *, first: bool) -> None:
        original, left = getattr(owner, name), [number]

        def changed(*given: Any) -> Any:
            here = left[0] == 0
            left[0] -= 1
            if here and first:
                act()
            answer = original(*given)
            if here and not first:
                act()
            return answer

        setattr(owner, name, changed)

    match where:
        case "before the write":
            wrapped(NetworkMarketplace, "write", kill, first=True)
        case "after the write, before the journal":
            wrapped(NetworkMarketplace, "write", kill, first=False)
        case "after the journal":
            wrapped(SqliteLedger, "settle", kill, first=False)
        case "between two rows":
            adapter.BATCH = 1  # type: ignore[misc]
            wrapped(adapter, "_outcomes", kill, first=False)
        case "pause":
            wrapped(NetworkMarketplace, "write", wait, first=True)
        case _:
            raise SystemExit(f"there is no moment {where}")
    return run(arguments)


# -- over HTTP ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def served(database: Database, token: str = "") -> Iterator[str]:
    """The sandbox behind uvicorn on a free port, as a url."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(Sandbox(database, token), port=0, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
