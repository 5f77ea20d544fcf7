"""A team's repository as CI sees it: a bare remote whose default branch says what is trusted, and clones of it. A stranger's
change is a commit on another branch of a clone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.repository import PROJECT, Repository

WHO = {
    "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com",
}  # fmt: skip


def git(folder: Path, *arguments: str) -> str:
    """Run git as a person would; answers what it says."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=folder,
        env={**plain, **WHO},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def published(tmp_path: Path, made: Repository) -> Path:
    """A bare remote that holds this repository on `main`."""
    bare = tmp_path / "team.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(bare))
    (made.path / ".gitignore").write_text(".acorn/\n*.acorn.json\n")
    git(made.path, "init", "-q", "-b", "main")
    git(made.path, "add", "-A")
    git(made.path, "commit", "-qm", "first")
    git(made.path, "remote", "add", "origin", str(bare))
    git(made.path, "push", "-q", "origin", "main")
    return bare


def cloned(bare: Path, to: Path, *options: str) -> Repository:
    """A clone as `git clone` makes it."""
    git(bare.parent, "clone", "-q", *options, f"file://{bare}", str(to))
    made = Repository.__new__(Repository)
    made.path = to
    return made


def connected(url: str, token: str = "", **more: str) -> str:
    """acorn.yaml with one connection to an address."""
    parts = [
        f'url: "{url}"',
        *([f'token: "{token}"'] if token else []),
        *(f"{k}: {v}" for k, v in more.items()),
    ]
    return PROJECT.replace('url: "sandbox:"', ", ".join(parts))
