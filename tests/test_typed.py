"""The types of plain specs are those of the models, and a checker refuses a field that does not exist."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import acorn_gitops.model.typed
from acorn_gitops.model.typed_source import source

ROOT = Path(__file__).parent.parent


def test_the_types_are_written_from_the_models() -> None:
    """As `python -m acorn_gitops.model.typed_source` would write them now, but for the layout."""
    written = Path(acorn_gitops.model.typed.__file__).read_text(encoding="utf-8")
    assert ast.dump(ast.parse(written)) == ast.dump(ast.parse(source()))


@pytest.mark.xdist_group("mypy")
@pytest.mark.parametrize(
    ("field", "refused"),
    [
        ("sku.spec['listings'][0]['price']['value']", ""),
        ("sku.spec['listngs']", 'has no key "listngs"'),
        ("sku.spec['listings'][0]['prise']", 'has no key "prise"'),
        ("store.spec['storefront']['curency']", 'has no key "curency"'),
        ("store.spec['storefront']['platform'] == 'amazn'", "Non-overlapping"),
        ("sku.spec['listings'][0]['price']['value'] + 1", "Unsupported operand"),
    ],
)
def test_a_misspelt_field_fails_the_type_checker(tmp_path: Path, field: str, refused: str) -> None:
    """Also inside blocks; and so do values that a field cannot have."""
    script = tmp_path / "reader.py"
    script.write_text(
        "from acorn_gitops.specs.configuration import Configuration\n\n\n"
        "def read(configuration: Configuration) -> object:\n"
        "    sku, store = configuration.skus[0], configuration.stores['amz-de']\n"
        f"    return sku.name, store.name, {field}\n"
    )
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file",
            str(ROOT / "pyproject.toml"),
            str(script),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (refused in checked.stdout) if refused else checked.returncode == 0, checked.stdout
