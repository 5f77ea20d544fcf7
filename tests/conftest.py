"""Settings for every test: quiet, repeatable, no cache of the user's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "default",
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

PINNED = (
    "ACORN_ENV",
    "ACORN_ROOT",
    "ACORN_OUTPUT",
    "ACORN_SELECT",
    "ACORN_DEBUG",
    "FORCE_COLOR",
    "ACORN_UNTRUSTED",
    "ACORN_DEFAULT_BRANCH",
    "ACORN_SECRETS_DIR",
    "ACORN_LEDGER_BRANCH",
    "CI_DEFAULT_BRANCH",
    "GITHUB_EVENT_PATH",
    "CI",
    "GITLAB_USER_LOGIN",
    "GITHUB_ACTOR",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where `ACORN_TESTS_EVERY` says a number, each test of that number: CI asks a further Python some of each
    file."""
    items[:] = items[:: int(os.environ.get("ACORN_TESTS_EVERY", "1"))]


@pytest.fixture(autouse=True)
def _quiet_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """No colours, 80 columns, no cache, a known actor, nothing trusted yet."""
    monkeypatch.setenv(
        "ACORN_TRUST_FILE", str(tmp_path_factory.getbasetemp() / f"trust-{os.urandom(4).hex()}.json")
    )
    for name in PINNED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("ACORN_CACHE_DIR", "")
    monkeypatch.setenv("ACORN_ACTOR", "tester")
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")
    yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever breaks a lock waits until the other run has seen it; tests say when that matters."""
    monkeypatch.setattr("acorn_gitops.reconcile.locking.GRACE", 0.0)
