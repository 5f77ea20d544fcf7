"""Gives a computation that a stranger wrote an end. Comes in: a function, limits of time and memory. Goes
out: its answer, or `Unbounded` that says at which step it was stopped. Callers: rules that run expressions,
patterns or schemas of the repository.

The function runs in a copy of this process, so that what it needs is there already, and answers in bytes. The
copy is ended when a step or the whole takes too long, when it wants too much memory, and when a person
presses Ctrl-C (also where that came earlier and was lost, see `interrupt`); what it does to itself (a stack
that overflows, an engine that aborts) ends it alone. Systems without `fork` have no such copy: there the
function runs here, and SECURITY.md says so.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable
from typing import Final, NamedTuple, NoReturn

Step = Callable[[str], None]
"""Told by the function before each of its steps, with a name for people."""

_BEAT: Final = 0.1
"""Seconds between two signs of life from steps of one name: more would only cost."""


class Limits(NamedTuple):
    """How long one step and the whole may take, in seconds; how much memory above what there is, in MiB."""

    step: float
    whole: float
    memory: int = 1024


def interrupt(*_: object) -> NoReturn:
    """A handler of SIGINT. Python loses a KeyboardInterrupt that is raised in a callback, as every import has
    one: this one is remembered too, so that the next long wait ends at once."""
    _asked.append(True)
    raise KeyboardInterrupt


def interrupted() -> bool:
    """Whether Ctrl-C came."""
    return bool(_asked)


_asked: Final[list[bool]] = []


class Unbounded(Exception):
    """It was stopped. `step` is what it was at, `why` the limit, in words."""

    def __init__(self, step: str, why: str) -> None:
        super().__init__(f"{step}: {why}" if step else why)
        self.step = step
        self.why = why


def bounded(work: Callable[[Step], bytes], limits: Limits) -> bytes:
    """What `work` answers. Unbounded when it was stopped or died. An exception in it is one here, in
    words."""
    if not hasattr(os, "fork"):
        return work(lambda _: None)
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of other threads: the copy takes no lock of theirs, and ends without a farewell.
        warnings.simplefilter("ignore", DeprecationWarning)
        original = os.getpid()
        child = os.fork()
    if not child:
        os.close(reading)
        _run(work, limits, writing, original=original)
    os.close(writing)
    try:
        return _listen(reading, limits)
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _run(work: Callable[[Step], bytes], limits: Limits, writing: int, *, original: int) -> NoReturn:
    """The copy's whole life. It never returns into what its original was doing."""
    last, said = "", 0.0

    def send(kind: bytes, content: bytes) -> None:
        frame = kind + len(content).to_bytes(8) + content
        while frame:
            frame = frame[os.write(writing, frame) :]

    def step(name: str) -> None:
        nonlocal last, said
        now = time.monotonic()
        if name != last or now - said >= _BEAT:
            last, said = name, now
            send(b"S", name[:200].encode(errors="replace"))

    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # an engine that breaks has words of its own
        _end_with(original)
        _limit(limits)
        send(b"R", work(step))
    except MemoryError:
        send(b"M", b"")
    except RecursionError:
        send(b"E", b"it goes too deep")
    except Exception as error:  # noqa: BLE001 - whatever it was, the original tells it in words
        send(b"E", f"{type(error).__name__}: {error}"[:500].encode(errors="replace"))
    finally:
        os._exit(0)


def _end_with(original: int) -> None:
    """When the original process ends, however it does, this one ends, too. Linux only: elsewhere the limit of
    time ends it."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != original:
        os._exit(0)


def _limit(limits: Limits) -> None:
    import resource

    def lower(kind: int, most: int) -> None:
        """A limit that is there already is only ever lowered."""
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))

    lower(resource.RLIMIT_CPU, int(limits.whole) + 2)
    lower(resource.RLIMIT_CORE, 0)
    try:
        with open("/proc/self/statm", "rb") as pages:  # noqa: PTH123 - no more than a number is read
            used = int(pages.read().split()[0]) * resource.getpagesize()
    except OSError:
        return  # no such file on this system: time alone is bounded
    lower(resource.RLIMIT_AS, used + limits.memory * (1 << 20))


def _listen(reading: int, limits: Limits) -> bytes:
    began = since = time.monotonic()
    step, heard = "", bytearray()
    while True:
        if _asked:
            raise KeyboardInterrupt
        now = time.monotonic()
        left = min(since + limits.step, began + limits.whole) - now
        if left <= 0:
            whole = now - began >= limits.whole
            most = limits.whole if whole else limits.step
            raise Unbounded(step, f"it took more than {most:g} seconds{' in all' if whole else ''}")
        if not select.select([reading], [], [], left)[0]:
            continue
        part = os.read(reading, 1 << 20)
        if not part:
            raise Unbounded(step, "it wanted too much memory or broke its engine")
        heard += part
        while len(heard) >= 9 and len(heard) >= 9 + int.from_bytes(heard[1:9]):
            kind, content = heard[:1], bytes(heard[9 : 9 + int.from_bytes(heard[1:9])])
            del heard[: 9 + len(content)]
            if kind == b"R":
                return content
            if kind == b"M":
                raise Unbounded(step, "it wanted too much memory")
            if kind == b"E":
                raise Unbounded(step, content.decode(errors="replace"))
            step, since = content.decode(errors="replace"), time.monotonic()
