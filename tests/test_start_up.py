"""What start-up may import: heavy libraries stay out until they are needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository import Repository, sku, storefront

HEAVY = (
    "pydantic",
    "ruamel",
    "jsonschema",
    "git",
    "deepdiff",
    "httpx2",
    "sqlalchemy",
    "alembic",
    "rich",
    "asyncio",
    "tenacity",
    "wcwidth",
    "uvicorn",
    "filelock",
)


def _imported(code: str, folder: Path) -> set[str]:
    script = f"import sys\ntry:\n  from acorn_gitops.cli import run\n  run({code})\nfinally:\n  print('\\n' + ' '.join(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize("arguments", [["--help"], ["plan", "--help"], ["validate"], ["plan"]], ids=" ".join)
def test_common_commands_import_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    """Help, validation and a plan of good specs load none of the heavy libraries."""
    Repository(tmp_path).text(
        "apiVersion: acorn/v1\nkind: Store\nmetadata: {name: amz-de}\nspec:\n  type: storefront\n  storefront: {platform: network, currency: EUR}\n"
    )
    assert _imported(repr(arguments), tmp_path).isdisjoint(HEAVY)


def test_heavy_libraries_do_load_when_they_are_needed(tmp_path: Path) -> None:
    """The check above can fail: a wrong spec needs the models to explain it."""
    Repository(tmp_path, storefront(), sku(gtin=7))
    assert {"pydantic", "ruamel"} <= _imported("['validate']", tmp_path)
