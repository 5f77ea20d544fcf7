"""What makes code hard to read is counted, and its share of the functions may only become less (`gates.json`). Lowered
one? `python -m tests.test_gates` writes it down."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "acorn_gitops"
KEPT = Path(__file__).with_name("gates.json")
BRANCHES = 15
LINES = 40
POSITIONS = 3
WIDTH = 110

_BRANCHING = (ast.If, ast.For, ast.While, ast.IfExp, ast.ExceptHandler, ast.comprehension, ast.match_case)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _branches(function: ast.AST) -> int:
    """Statements, conditional expressions, comprehensions with their conditions, boolean operators; of functions inside, too."""
    count = 0
    for node in ast.walk(function):
        count += isinstance(node, _BRANCHING)
        count += len(node.values) - 1 if isinstance(node, ast.BoolOp) else 0
        count += len(node.ifs) if isinstance(node, ast.comprehension) else 0
    return count


def _classes(trees: list[ast.Module]) -> set[str]:
    """Of ours, by name: what is called with values in an order."""
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def _duplicates(trees: list[ast.Module]) -> int:
    """Pairs of functions of four lines and more whose bodies are the same but for names."""
    seen: dict[str, int] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, _FUNCTIONS) and (node.end_lineno or 0) - node.lineno >= 4:
                body = [
                    n
                    for n in node.body
                    if not isinstance(n, ast.Expr) or not isinstance(n.value, ast.Constant)
                ]
                text = re.sub(r"\b[a-z_]+\b", "x", "\n".join(ast.unparse(n) for n in body))
                if len(body) > 1:
                    seen[text] = seen.get(text, 0) + 1
    return sum(count * (count - 1) // 2 for count in seen.values())


def _named(nodes: list[ast.AST], name: str) -> int:
    return sum(isinstance(node, ast.Name) and node.id == name for node in nodes)


def measured() -> dict[str, int]:
    """Every count, over the package."""
    texts = [path.read_text() for path in sorted(PACKAGE.rglob("*.py"))]
    trees = [ast.parse(text) for text in texts]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    functions = [node for node in nodes if isinstance(node, _FUNCTIONS)]
    classes = _classes(trees)
    handlers = [node for node in nodes if isinstance(node, ast.ExceptHandler)]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    return {
        "functions": len(functions),
        "Any": _named(nodes, "Any"),
        "broad excepts": sum(
            node.type is None
            or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException"))
            for node in handlers
        ),
        "type ignores": sum(text.count("# type: ignore") for text in texts),
        f"functions with more than {BRANCHES} branches": sum(_branches(f) > BRANCHES for f in functions),
        f"functions of more than {LINES} lines": sum(
            (f.end_lineno or 0) - f.lineno + 1 > LINES for f in functions
        ),
        f"our classes made with more than {POSITIONS} values by position": sum(
            isinstance(c.func, ast.Name) and c.func.id in classes and len(c.args) > POSITIONS for c in calls
        ),
        f"lines of more than {WIDTH} letters": sum(
            len(line) > WIDTH for text in texts for line in text.split("\n")
        ),
        "duplicate pairs": _duplicates(trees),
    }


GATES = json.loads(KEPT.read_text()) if KEPT.exists() else {}
COUNTED = sorted(name for name in (GATES or measured()) if name != "functions")


@pytest.fixture(scope="module")
def now() -> dict[str, int]:
    """Counted once."""
    return measured()


@pytest.mark.parametrize("name", COUNTED)
def test_its_share_only_falls(name: str, now: dict[str, int]) -> None:
    """A larger share than was written down is a step back, however much there is in all."""
    most = GATES[name] * now["functions"] // GATES["functions"]
    assert now[name] <= most, f"{name}: {now[name]}, and {most} is the most: write it otherwise"


def _write() -> Iterator[str]:
    counts = measured()
    KEPT.write_text(json.dumps(counts, indent=2) + "\n")
    for name, count in counts.items():
        yield f"{count:6,}  {name}"


if __name__ == "__main__":
    print("\n".join(_write()))
