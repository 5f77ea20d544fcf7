"""What is sent to a route, and what a way makes of it. Comes in: nothing. Goes out: `Message`, `Sending`.
Callers: every way, `send`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple

from acorn_gitops.confine.weight import parsed

MOST: Final = 16 << 20
"""Bytes that a bot's answer may take in memory."""
Level = Literal["error", "warning", "resolved"]


class Message(NamedTuple):
    """One message of one run to one route."""

    id: str
    """The same for the same news: whoever gets it twice can drop one."""
    at: int
    """Seconds since 1970."""
    level: Level
    title: str
    lines: tuple[str, ...]
    """One for each thing that is told, the worst first."""
    link: str = ""
    project: str = ""
    environment: str = ""

    @property
    def text(self) -> str:
        """Title and lines, as plain text."""
        return "\n".join(
            [self.title, *(f"- {line}" for line in self.lines), *([self.link] if self.link else [])]
        )


class Sending(NamedTuple):
    """One HTTP request, and how its answer is judged."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    why_not: Callable[[int, bytes], str]
    """(status, body): why it was not taken; empty where it was. Several bots answer 200 to a refusal."""


def by_status(status: int, body: bytes) -> str:
    """For services that say it with the status alone."""
    return "" if 200 <= status < 300 else f"HTTP {status}"


def by_code(name: str) -> Callable[[int, bytes], str]:
    """For bots that answer 200 to everything, and say in a field of this name whether it was taken (0)."""

    def why_not(status: int, body: bytes) -> str:
        try:
            code = parsed(body, MOST).get(name) if status == 200 else status
        except (ValueError, AttributeError):
            return "the answer is no JSON"
        return "" if code == 0 else f"{name} {code}"

    return why_not


def cut_to(text: str, most: int) -> str:
    """A text of at most so many bytes in UTF-8, cut at a line."""
    data = text.encode("utf-8", "replace")
    if len(data) <= most:
        return text
    kept = data[: most - 4].decode("utf-8", "ignore")
    return f"{kept.rpartition(chr(10))[0] or kept}\n…"
