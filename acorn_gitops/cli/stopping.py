"""Ctrl-C and SIGTERM while something is written. Comes in: signals. Goes out: the wish to stop. Callers: cli
`apply`, `watch`."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import click


class Stop:
    """What is under way is finished and written down; a second signal ends at once. `news` is set by a
    signal, and by whoever else wakes somebody that waits for it."""

    def __init__(self, words: str) -> None:
        self.asked = False
        self.news = threading.Event()
        self._words = words
        self._before: list[tuple[int, object]] = []

    def __enter__(self) -> Stop:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before.append((number, signal.signal(number, self._handle)))
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before:
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self.news.set()
        click.echo(f"stopping after {self._words}; once more stops at once", err=True)
