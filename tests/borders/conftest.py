"""What most attacks begin with: a small repository, and a server that counts who asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.borders.server import Server
from tests.repository import Repository, sku, storefront


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "r", storefront(), sku())


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running
