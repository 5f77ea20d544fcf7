"""`acorn codeowners`. Comes in: specs with the label `owner`. Goes out: who is asked when a file changes."""

from __future__ import annotations

from pathlib import Path

import click

from acorn_gitops.cli.session import Session, shared


@click.command("codeowners")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when FILE says something else.")
@shared
def command(
    file: Path | None, check: bool, environment: str | None, root: Path | None, no_color: bool
) -> int:
    """Write who is asked when a spec changes, from the label `owner` of specs, into FILE (CODEOWNERS of GitHub
    or GitLab), between two marks; print it without FILE."""
    from acorn_gitops.confine.files import replace
    from acorn_gitops.confine.git import find
    from acorn_gitops.report.codeowners import with_owners

    session = Session(root, environment, no_color)
    config = session.readable()
    repository = find(session.root)
    top = repository.top if repository is not None else session.root
    below = "" if top == session.root else f"{session.root.relative_to(top).as_posix()}/"
    if file is None:
        click.echo(with_owners("", config, below=below), nl=False)
        return 0
    path = file if file.is_absolute() else Path.cwd() / file
    before = path.read_text(encoding="utf-8") if path.is_file() and not path.is_symlink() else ""
    after = with_owners(before, config, below=below)
    if check:
        if after != before:
            click.echo(f"{file} is not what the specs say; run `acorn codeowners {file}`", err=True)
        return int(after != before)
    replace(path, after.encode(), root=top)
    click.echo(f"wrote {file}" if after != before else f"{file} says so already", err=True)
    return 0
