"""The revision that specs were read from. Comes in: a folder. Goes out: commit id and whether files were
edited since. Caller: cli.

Git is asked while the specs are being parsed, so that it costs a plan nothing; no git, no commit, is no error: a plan then
says so.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from acorn_gitops.confine.git import NoAnswer, Questions, find, resolve


class Revision:
    """Started early, read late."""

    def __init__(self, root: Path) -> None:
        self._commit = ""
        self._running: subprocess.Popen[bytes] | None = None
        repository = find(root)
        if repository is None:
            return
        self._commit = resolve(repository, "HEAD")
        if not self._commit:
            return
        self._questions = Questions(repository)
        try:
            self._running = self._questions.start(
                root,
                "status",
                "--porcelain",
                "--untracked-files=normal",
                "--ignore-submodules=all",
                "--",
                ".",
            )
        except NoAnswer:
            self._commit = ""

    def get(self) -> tuple[str, bool]:
        """(commit id or "", whether anything below the root is not committed)."""
        if self._running is None:
            return "", False
        edited = bool(self._running.communicate()[0].strip())
        if self._running.returncode:
            return "", False
        return self._commit, edited
