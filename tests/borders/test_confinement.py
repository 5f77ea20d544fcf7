"""The border is one package: nothing else starts a process, replaces a file, follows a reference or opens a connection."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from acorn_gitops.confine.weight import memory_of

PACKAGE = Path(__file__).parents[2] / "acorn_gitops"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent.name != "confine")

STARTS = {
    "subprocess",
    "multiprocessing",
    "pty",
    "socket",
    "urllib.request",
    "http.client",
    "httpx",
    "requests",
}
"""Modules that reach beyond the process."""
MAY_IMPORT = {
    ("reconcile/workspace.py", "socket"),  # the name of this machine, for the history
}
WRITES = {"write_text", "write_bytes", "touch", "symlink_to", "hardlink_to"}
MAY_WRITE = {
    "reconcile/rehearsing.py",  # into a folder that it has just made outside the repository
    "reconcile/exporting.py",  # the drill, in such a folder
    "provenance/branch.py",  # content for git, in such a folder
    "ledger/opening.py",  # an arriving ledger, at a path that `confine.files.database` gave
    "ledger/lock.py",  # beside the ledger: `confine.files.database` asks for links there, too
}


def shown(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_only_the_border_reaches_out(path: Path) -> None:
    """No module outside `confine` starts a program, opens a socket, writes a file or asks git."""
    tree = ast.parse(path.read_text())
    foreign = {name for name in imports(tree) if name in STARTS}
    assert not {name for name in foreign if (shown(path), name) not in MAY_IMPORT}
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {call.attr for call in calls if isinstance(call, ast.Attribute)}
    assert not (names & WRITES) or shown(path) in MAY_WRITE, names & WRITES
    assert not names & {"system", "popen", "spawnv", "execv", "execvp", "fork", "posix_spawn"}
    opened = [
        c for c in calls if isinstance(c, ast.Name) and c.id in ("eval", "exec", "compile", "__import__")
    ]
    assert not opened
    if "git" in set(imports(tree)) | {name.split(".")[0] for name in imports(tree)}:
        assert shown(path) in ("provenance/blame.py", "provenance/branch.py")


@pytest.mark.parametrize("path", sorted((PACKAGE / "confine").glob("*.py")), ids=lambda p: p.name)
def test_the_border_knows_no_room_above_it(path: Path) -> None:
    """It can be read alone: of acorn's own it imports the model's errors and itself."""
    own = {name for name in imports(ast.parse(path.read_text())) if name.startswith("acorn_gitops")}
    assert all(name.startswith(("acorn_gitops.confine", "acorn_gitops.model")) for name in own)


NESTED = b'{"a":' * 9 + b"1" + b"}" * 9


@pytest.mark.parametrize(
    "text",
    [
        b"[" + b",".join([NESTED] * 5000) + b"]",
        b"{" + b",".join(b'"k%d":"v%d"' % (n, n) for n in range(20_000)) + b"}",
        b"[" + b",".join([b"[]"] * 50_000) + b"]",
        b"[" + b",".join([b"[" * 9 + b"]" * 9] * 5000) + b"]",
        b"[" + b",".join(b'"%d"' % (n + 1000) for n in range(50_000)) + b"]",
        b"[" + b",".join(b'{"a%d":1}' % n for n in range(30_000)) + b"]",
        b"[" + b",".join([b"1.5"] * 50_000) + b"]",
        ("[" + ",".join(['"éa"'] * 50_000) + "]").encode(),
        ("[" + ",".join(['"Ā"'] * 50_000) + "]").encode(),
        b"{" + b",".join(b'"k%d":"\xc3\xa9"' % n for n in range(20_000)) + b"}",
        ('["' + "a" * 1_000_000 + '\U0001f43f"]').encode(),
        ('["' + "a" * 1_000_000 + 'ж"]').encode(),
        ('["' + "é" * 1_000_000 + '"]').encode(),
        b'["' + b"a" * 1_000_000 + b'\\ud83d\\udc3f"]',
    ],
    ids=[
        "nested",
        "pairs",
        "lists",
        "deep",
        "texts",
        "maps",
        "numbers",
        "short Latin texts",
        "short texts of 16 bits",
        "short Latin values",
        "emoji",
        "cyrillic",
        "latin",
        "escaped",
    ],
)
def test_no_answer_takes_more_memory_than_it_is_weighed(text: bytes) -> None:
    """However short it is written; and not ten times less, or nobody could read a large store. What threads of
    other tests take meanwhile is not of it: the least of three counts."""
    import tracemalloc

    def once() -> int:
        tracemalloc.start()
        parsed = orjson.loads(text)
        found = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert parsed
        return found

    taken = min(once() for _ in range(3))
    assert taken <= memory_of(text) <= 10 * taken


@pytest.mark.parametrize("value", [b"1.5", b"300", b'"ab"', b"1e9"])
def test_nor_where_numbers_become_decimals(value: bytes) -> None:
    import json
    import tracemalloc
    from decimal import Decimal

    text = b"[" + b",".join([value] * 50_000) + b"]"
    tracemalloc.start()
    parsed = json.loads(text, parse_float=Decimal)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert parsed and taken <= memory_of(text, decimals=True)
