"""What many findings cost. Comes in: nothing. Goes out: seconds of `acorn validate` of 100,000 listings, with 25,000 alike warnings
and with none, in turn. Caller: by hand, `python -m benchmarks.findings`.

The warning is TAX-020: every SKU is sold in the United States, and says no product tax code.
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

CODE = ", ptc: A_GEN_STANDARD"
"""In the defaults of every file of the catalogue."""


def seconds(listings: int = 100_000, runs: int = 5) -> tuple[float, float, int]:
    """(seconds with the warnings, seconds without, lines that are told with them)."""
    with tempfile.TemporaryDirectory() as name:
        told, quiet = Path(name) / "told", Path(name) / "quiet"
        for folder in (told, quiet):
            repository(folder, listings)
        for file in (told / "specs").glob("catalogue-*.yaml"):
            file.write_text(file.read_text().replace(CODE, ""))
        environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {
            "ACORN_CACHE_DIR": ""
        }

        def once(folder: Path) -> tuple[float, int]:
            begin = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "acorn_gitops", "validate"],
                cwd=folder,
                env=environ,
                check=True,
                capture_output=True,
                text=True,
            )
            return time.perf_counter() - begin, len((done.stdout + done.stderr).splitlines())

        for folder in (told, quiet):
            once(folder)
        pairs = [(once(told), once(quiet)) for _ in range(runs)]
        return (
            statistics.median(with_[0] for with_, _ in pairs),
            statistics.median(without[0] for _, without in pairs),
            pairs[0][0][1],
        )


if __name__ == "__main__":
    with_, without, lines = seconds()
    print(
        f"25,000 warnings: {with_:.2f} s and {lines} lines, none: {without:.2f} s, {with_ / without - 1:+.0%}"
    )
