"""What the rules cost. Comes in: a number of listings, and whether the catalogue is rich. Goes out: seconds of a cold plan with
rules and without, in turn. Caller: `run`, and by hand: `python -m benchmarks.rules`.

Rich means that every rule has something to look at: floors, margins, stock, promotions, taxes, roles.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.generate import repository

_WITHOUT = (
    "import sys; from acorn_gitops.rules import registry; registry.check = lambda *a, **k: [];"
    " from acorn_gitops.cli import main; main(sys.argv[1:])"
)
_WITH = "import sys; from acorn_gitops.cli import main; main(sys.argv[1:])"


def seconds(listings: int, *, rich: bool, runs: int = 5) -> tuple[float, float]:
    """(with rules, without): medians of cold plans in turn, after an apply."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        repository(folder, listings, rich=rich)
        environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        environ |= {"ACORN_CACHE_DIR": "", "ACORN_NOW": "2026-11-23T09:00:00Z"}

        def once(code: str, *arguments: str) -> float:
            begin = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", code, *arguments],
                cwd=folder,
                env=environ,
                check=True,
                capture_output=True,
            )
            return time.perf_counter() - begin

        once(_WITH, "apply", "--auto-approve")
        once(_WITH, "plan")
        pairs = [(once(_WITH, "plan"), once(_WITHOUT, "plan")) for _ in range(runs)]
        return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


if __name__ == "__main__":
    for rich in (False, True):
        took, bare = seconds(100_000, rich=rich)
        print(
            f"{'rich' if rich else 'plain'}: {took:.2f} s with rules, {bare:.2f} s without, {took / bare - 1:+.0%}",
            flush=True,
        )
