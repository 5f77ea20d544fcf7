"""The network adapter passes the conformance suite, in-process and over HTTP; a bad adapter fails it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from acorn_gitops.marketplaces.conformance import AdapterConformance
from acorn_gitops.marketplaces.network import open_marketplace
from acorn_gitops.marketplaces.network.transport import InProcess
from acorn_gitops.marketplaces.protocol import Marketplace, Outcome, Scope, Settings, Snapshot, Write
from acorn_gitops.sandbox.app import Sandbox
from acorn_gitops.sandbox.database import Database

SETTINGS = Settings("test", "network", "sandbox:", "", {})


class TestNetworkInProcess(AdapterConformance):
    """The adapter on the embedded sandbox."""

    @pytest.fixture
    def marketplace(self, tmp_path: Path) -> Iterator[Marketplace]:
        """A fresh sandbox."""
        database = Database(tmp_path / "sandbox.db")
        adapter = open_marketplace(SETTINGS, transport=InProcess(Sandbox(database), database.close))
        yield adapter
        adapter.close()


class TestNetworkOverHttp(AdapterConformance):
    """The adapter over a real HTTP server."""

    @pytest.fixture
    def marketplace(self) -> Iterator[Marketplace]:
        """A fresh sandbox behind uvicorn."""
        import threading

        import uvicorn

        server = uvicorn.Server(uvicorn.Config(Sandbox(Database(None), "secret"), port=0, log_level="error"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        adapter = open_marketplace(Settings("test", "network", f"http://127.0.0.1:{port}", "secret", {}))
        yield adapter
        adapter.close()
        server.should_exit = True
        thread.join(10)


class _Broken:
    """Wraps an adapter and spoils one thing."""

    def __init__(self, inner: Marketplace, fault: str) -> None:
        self.inner, self.fault = inner, fault
        self.sent = itertools.count()

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def write(self, store: str, writes: Sequence[Write], at: str = "") -> Sequence[Outcome]:
        if self.fault == "ignores etags":
            writes = [w._replace(etag="") for w in writes]
        if self.fault == "forgets idempotency":
            writes = [w._replace(key=f"{w.key}-{next(self.sent)}") for w in writes]
        outcomes = list(self.inner.write(store, writes))
        if self.fault == "answers in another order":
            outcomes.reverse()
        if self.fault == "says done":
            outcomes = [o._replace(status="observed") for o in outcomes]
        return outcomes

    def validate(self, store: str, writes: Sequence[Write]) -> Sequence[Outcome]:
        return (
            self.inner.write(store, writes)
            if self.fault == "validates by writing"
            else self.inner.validate(store, writes)
        )

    def read(self, scope: Scope) -> Snapshot:
        if self.fault == "claims unchanged" and scope.known:
            return Snapshot(scope.store, True, {}, scope.known, True)
        snapshot = self.inner.read(scope)
        if self.fault == "drops a row" and snapshot.resources:
            return snapshot._replace(resources=dict(list(snapshot.resources.items())[:-1]))
        return snapshot


@pytest.mark.parametrize(
    "fault",
    [
        "ignores etags",
        "forgets idempotency",
        "answers in another order",
        "says done",
        "validates by writing",
        "claims unchanged",
        "drops a row",
    ],
)
def test_the_suite_catches_a_faulty_adapter(fault: str, tmp_path: Path) -> None:
    """Each planted fault fails at least one claim: the suite can fail."""
    failed = 0
    suite = AdapterConformance()
    for number, name in enumerate(n for n in dir(suite) if n.startswith("test_")):
        database = Database(tmp_path / f"{number}.db")
        adapter = _Broken(
            open_marketplace(SETTINGS, transport=InProcess(Sandbox(database), database.close)), fault
        )
        try:
            getattr(suite, name)(adapter)
        except AssertionError:
            failed += 1
        finally:
            adapter.inner.close()
    assert failed, f"no claim of the suite notices an adapter that {fault}"
