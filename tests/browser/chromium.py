"""A headless Chromium, and the rules of accessibility that it is asked. Comes in: a page. Goes out: its picture, and
what a script finds in it."""

from __future__ import annotations

import functools
import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

HERE = Path(__file__).parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
)


def browser() -> str:
    """The program. Skipped with the reason where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), "")
    if not found:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    return found


@functools.cache
def axe() -> str:
    """axe-core's script, installed once by npm from package-lock.json."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: axe-core cannot be fetched")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "acorn-tests" / "axe"
    cache.mkdir(parents=True, exist_ok=True)
    script = cache / "node_modules" / "axe-core" / "axe.min.js"
    with FileLock(cache / "install.lock"):
        if not script.exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, cache)
            command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
            done = subprocess.run(command, cwd=cache, check=False, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"npm could not fetch axe-core: {done.stderr[:200]}")
    return script.read_text()


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [browser(), *FLAGS, *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def evaluated(page: str, script: str, folder: Path, *, dark: bool = False) -> Any:
    """What a script of ours, put into a copy of the page, leaves as JSON in `window.found` (or a promise of it)."""
    # The page forbids foreign scripts; this copy is ours.
    page = re.sub(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", page)
    tail = f"<script>{script}</script><script>Promise.resolve(window.found).then(f => document.documentElement.setAttribute('data-found', JSON.stringify(f)))</script>"
    path = folder / "evaluated.html"
    path.write_text(page.replace("</body>", f"{tail}</body>"), encoding="utf-8")
    more = ("--blink-settings=preferredColorScheme=0",) if dark else ()
    done = _run("--virtual-time-budget=20000", *more, "--dump-dom", path.as_uri())
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found is not None, done.stderr[-500:]
    return json.loads(html.unescape(found[1]))


def picture(page: str, folder: Path, width: int = 1200) -> Path:
    """A screenshot."""
    path, shot = folder / "page.html", folder / "page.png"
    path.write_text(page, encoding="utf-8")
    _run(f"--window-size={width},1600", f"--screenshot={shot}", path.as_uri())
    return shot


def violations(page: str, folder: Path, *, dark: bool = False) -> list[str]:
    """The rules of accessibility (WCAG 2.1 A and AA) that the page breaks, with where."""
    script = (
        axe()
        + "; window.found = axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']}).then(r => r.violations.map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 120)).join(' | ')))"
    )
    found: list[str] = evaluated(page, script, folder, dark=dark)
    return found
