"""`acorn fmt`. Comes in: spec files. Goes out: the same in canonical form."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import Final

import click

from acorn_gitops.cli.session import Session, shared
from acorn_gitops.confine.paths import Escape, inside
from acorn_gitops.model.finding import Finding, InvalidSpecs, Place

_MOST_SECONDS: Final = 900.0
"""For all files of one run."""


@click.command("fmt")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))
@shared
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a file would change.")
@click.option("--diff", is_flag=True, help="Show what would change; write nothing.")
def command(
    paths: tuple[Path, ...],
    environment: str | None,
    root: Path | None,
    no_color: bool,
    check: bool,
    diff: bool,
) -> int:
    """Bring spec files into canonical form. Comments stay; meaning stays, or the file is left alone.

    PATHS are files or folders; by default all that acorn.yaml names, and acorn.yaml itself.
    """
    import difflib

    from acorn_gitops.confine.files import replace
    from acorn_gitops.confine.paths import Found, spec_files
    from acorn_gitops.specs.fmt import MOST_SECONDS, formatted

    session = Session(root, environment, no_color)
    findings: list[Finding] = []
    files: list[Path] = []
    named = set[Path]()
    for written in paths:
        try:
            path = _named(session.root, written)
        except Escape as error:
            findings.append(_refused(written, str(error)))
            continue
        if not path.is_dir():
            named.add(path)
        if path.is_file() and path.suffix.lower() not in (".yaml", ".yml"):
            findings.append(_refused(path, "is not a .yaml file"))
            continue
        found = spec_files(path) if path.is_dir() else Found([path], [])
        files += found.files
        findings += [_refused(refused, why) for refused, why in found.refused]
    if not paths:
        files = _all(session, findings)
    changed, last = 0, time.monotonic() + _MOST_SECONDS
    for file in files:
        data = file.read_bytes()
        shown = file.relative_to(session.root).as_posix()
        until = min(last, time.monotonic() + MOST_SECONDS)
        text, problems = formatted(data, shown, partial(_is_past, until))
        if file not in named and paths and [p.id for p in problems] == ["GEN-011"]:
            click.echo(f"passed over {shown}: it is not acorn's", err=True)
            continue
        findings += problems
        if problems or text.encode() == data:
            continue
        changed += 1
        if diff:
            old = data.decode("utf-8", "replace").splitlines(keepends=True)
            click.echo(
                "".join(
                    difflib.unified_diff(old, text.splitlines(keepends=True), f"a/{shown}", f"b/{shown}")
                ),
                nl=False,
            )
        elif check:
            click.echo(shown)
        else:
            replace(file, text.encode(), root=session.root)
            click.echo(f"formatted {shown}", err=True)
    if findings:
        raise InvalidSpecs("some files could not be formatted", findings=findings)
    if not changed:
        click.echo(f"{len(files)} file{'s' if len(files) != 1 else ''} in canonical form", err=True)
    return 1 if changed and (check or diff) else 0


def _is_past(until: float) -> bool:
    return time.monotonic() > until


def _named(root: Path, written: Path) -> Path:
    """A file or folder of the command line, as it lies in the repository. Escape where it lies elsewhere or
    passes a link."""
    absolute = Path(os.path.normpath(Path.cwd() / written))
    if absolute != root and root not in absolute.parents:
        absolute = absolute.parent.resolve() / absolute.name
    if absolute == root:
        return root
    if root not in absolute.parents:
        raise Escape("is not in this repository")
    try:
        return inside(root, str(absolute.relative_to(root)), folder=True)
    except FileNotFoundError:
        raise Escape("is a link that leads nowhere") from None


def _refused(path: Path, why: str) -> Finding:
    message = why if why.startswith("'") else f"{path} {why}"
    return Finding(
        "GEN-005", "error", message, place=Place(str(path)), hint="specs are files of this repository"
    )


def _all(session: Session, findings: list[Finding]) -> list[Path]:
    from acorn_gitops.specs.load import files_of, open_reader, overlay_places, spec_places
    from acorn_gitops.specs.project import read_project

    reader = open_reader(session.root, None)
    project = read_project(reader, session.environment)
    files = [session.root / "acorn.yaml"]
    for written, at in (*spec_places(project), *overlay_places(project)):
        files += files_of(reader, project, written, path=at, findings=findings)
    return list(dict.fromkeys(files))
