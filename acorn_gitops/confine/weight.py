"""How much memory a JSON text takes once it is parsed. Comes in: bytes. Goes out: a bound in bytes. Callers:
adapters, before they parse.

An answer is written short and held long: `{"a":1}` is seven bytes on the way and two hundred in memory, and
one emoji makes a text of Latin letters four times as large. What is counted here is never less than what
CPython 3.11 takes (`tests/test_confinement` measures it), and about twice that for listings.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

_MAP: Final = 200
_LIST: Final = 72
_PAIR: Final = 100
"""A key, and its place in a map."""
_VALUE: Final = 64
_WIDE: Final = 96
"""A short text with a letter beyond ASCII."""
_DECIMAL: Final = 128
"""A number that is parsed as a decimal."""
_ASTRAL: Final = (b"\xf0", b"\xf1", b"\xf2", b"\xf3", b"\xf4")
"""With one of these bytes begins a letter beyond 16 bits: a text that holds one takes four bytes for each
letter."""


def memory_of(body: bytes, *, decimals: bool = False) -> int:
    """Bytes that this text takes in memory at most, when it is parsed. Found by counting marks, in a few
    passes without a copy. `decimals`: numbers with a point become those."""
    widest = _widest(body)
    value = _DECIMAL if decimals else _VALUE if widest == 1 else _WIDE
    pair = _PAIR - _VALUE + value
    marks = value * body.count(b",") + pair * body.count(b":")
    return marks + _LIST * body.count(b"[") + _MAP * body.count(b"{") + widest * len(body)


def _widest(body: bytes) -> int:
    """Bytes that a letter of a text takes at most."""
    if b"\\u" in body or any(mark in body for mark in _ASTRAL):
        return 4
    return 1 if body.isascii() else 2


class TooHeavy(ValueError):
    """A text would take more memory than it may."""


def parsed(body: bytes, most: int) -> Any:
    """A JSON text, parsed; TooHeavy where that would take more than `most` bytes. JSONDecodeError, which is a
    ValueError, too, where it is none."""
    if memory_of(body) > most:
        raise TooHeavy(f"it takes {memory_of(body) >> 20} MiB of memory")
    return orjson.loads(body)
