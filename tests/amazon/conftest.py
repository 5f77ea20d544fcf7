"""Fixtures of the tests about Amazon."""

from __future__ import annotations

import pytest

from acorn_gitops.sandbox.amazon.serving import Switch
from tests.amazon.emulated import Emulated


@pytest.fixture
def amazon(sp_api_server: tuple[str, Switch]) -> Emulated:
    """A fresh emulator with one European seller."""
    return Emulated(*sp_api_server)
