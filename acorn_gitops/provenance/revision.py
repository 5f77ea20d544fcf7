"""The revision that specs were read from. Comes in: a folder. Goes out: commit id and whether files were
edited since. Caller: cli.

Asked of `git` itself while the specs are being parsed, so that it costs a plan nothing; no git, no commit, is no
error: a plan then says so.
"""

from __future__ import annotations

import subprocess
from pathlib import Path


class Revision:
    """Started early, read late."""

    def __init__(self, root: Path) -> None:
        self._running: list[subprocess.Popen[bytes]] = []
        for arguments in (
            ["rev-parse", "HEAD"],
            ["status", "--porcelain", "--untracked-files=normal", "--", "."],
        ):
            try:
                self._running.append(
                    subprocess.Popen(
                        ["git", "-C", str(root), *arguments],
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                        stdin=subprocess.DEVNULL,
                    )
                )
            except OSError:
                return

    def get(self) -> tuple[str, bool]:
        """(commit id or "", whether anything below the root is not committed)."""
        if len(self._running) != 2:
            return "", False
        answers = [process.communicate()[0].decode(errors="replace").strip() for process in self._running]
        if self._running[0].returncode:
            return "", False
        return answers[0], bool(answers[1])
