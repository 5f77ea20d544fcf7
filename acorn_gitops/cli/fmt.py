"""`acorn fmt`. Comes in: spec files. Goes out: the same in canonical form."""

from __future__ import annotations

from pathlib import Path

import click

from acorn_gitops.cli.session import Session, shared
from acorn_gitops.model.finding import Finding, InvalidSpecs


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

    from acorn_gitops.specs.confine import spec_files
    from acorn_gitops.specs.fmt import formatted

    session = Session(root, environment, no_color)
    files = [
        f for p in paths for f in (spec_files(p.parent if p.is_file() else p, p) if p.is_dir() else [p])
    ] or _all(session)
    findings: list[Finding] = []
    changed = 0
    for file in files:
        data = file.read_bytes()
        shown = (
            file.resolve().relative_to(session.root).as_posix()
            if session.root in file.resolve().parents
            else str(file)
        )
        text, problems = formatted(data, shown)
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
            temporary = file.with_name(f".{file.name}.tmp")
            temporary.write_bytes(text.encode())
            temporary.replace(file)
            click.echo(f"formatted {shown}", err=True)
    if findings:
        raise InvalidSpecs("some files could not be formatted", findings=findings)
    if not changed:
        click.echo(f"{len(files)} file{'s' if len(files) != 1 else ''} in canonical form", err=True)
    return 1 if changed and (check or diff) else 0


def _all(session: Session) -> list[Path]:
    from acorn_gitops.specs.confine import inside, spec_files
    from acorn_gitops.specs.load import open_reader
    from acorn_gitops.specs.project import read_project

    project = read_project(open_reader(session.root, None), session.environment)
    environments = project.raw.data["spec"]["environments"].values()
    named = [*project.spec_paths, *(o for e in environments for o in ((e or {}).get("overlays") or ()))]
    files = [session.root / "acorn.yaml"]
    for written in named:
        real = inside(session.root, written, folder=True)
        files += [real] if real.is_file() else spec_files(session.root, real)
    return list(dict.fromkeys(files))
