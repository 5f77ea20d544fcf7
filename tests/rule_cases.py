"""Runs the cases of rules: a patch of the small repository, through the command that shows the rule. Caller: tests."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from acorn_gitops.rules.cases import Case, patched
from acorn_gitops.specs.edit import written
from tests.repository import Repository, Result


def lay_out(folder: Path, patch: Mapping[str, Any]) -> Repository:
    """The small repository with a patch, as files."""
    made = Repository(folder)
    for old in (folder / "specs").iterdir():
        old.unlink()
    documents = []
    for key, value in patched(patch).items():
        if key == "Project":
            project = {
                "apiVersion": "acorn/v1",
                "kind": "Project",
                "metadata": {"name": "acme"},
                "spec": value,
            }
            (folder / "acorn.yaml").write_text(written([project]))
        elif isinstance(value, str):
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(value)
        else:
            kind, _, name = key.partition("/")
            body = {k: v for k, v in value.items() if k not in ("labels", "abstract")}
            metadata = {"name": name, **{k: value[k] for k in ("labels", "abstract") if k in value}}
            documents.append({"apiVersion": "acorn/v1", "kind": kind, "metadata": metadata, "spec": body})
    made.write(*documents)
    return made


def run(case: Case, folder: Path, monkeypatch: Any) -> Result:
    """What the command says."""
    monkeypatch.setenv("ACORN_NOW", case.now)
    monkeypatch.setenv("ACORN_ACTOR", str(case.more.get("actor", "applier@example.com")))
    if "before" in case.more:
        first = lay_out(folder, case.more["before"]).run("apply", "--auto-approve")
        assert first.code == 0, first
    made = lay_out(folder, case.patch)
    if case.phase == "plan":
        _commit(folder)
    if case.more.get("rehearse"):
        assert made.run("rehearse").code == 0
    if "disturb" in case.more:
        assert made.run("sandbox", "disturb", case.more["disturb"]).code == 0
    if case.phase == "apply":
        return made.run("apply", "--auto-approve")
    return made.run(case.phase, "-o", "json")


def _commit(folder: Path) -> None:
    """As somebody who wrote everything on one day."""
    who = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (
            ("NAME", "writer"),
            ("EMAIL", "writer@example.com"),
            ("DATE", "2026-11-20T09:00:00Z"),
        )
    }
    (folder / ".gitignore").write_text(".acorn/\n")
    with contextlib.chdir(folder):
        for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "specs"]):
            subprocess.run(["git", *arguments], check=True, env={**os.environ, **who})
