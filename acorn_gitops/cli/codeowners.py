"""`acorn codeowners`. Comes in: specs with the label `owner`. Goes out: who is asked when a file changes."""

from __future__ import annotations

from pathlib import Path

import click

from acorn_gitops.cli.session import Session, shared
from acorn_gitops.model.finding import AcornError


@click.command("codeowners")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when FILE says something else.")
@shared
def command(
    file: Path | None, check: bool, environment: str | None, root: Path | None, no_color: bool
) -> int:
    """Write who is asked when a spec changes, from the label `owner` of specs, into FILE (CODEOWNERS of
    GitHub or GitLab), between two marks; print it without FILE."""
    from acorn_gitops.confine.files import replace
    from acorn_gitops.confine.git import find
    from acorn_gitops.report.codeowners import owners_of_files, with_owners

    session = Session(root, environment, no_color)
    config = session.readable()
    repository = find(session.root)
    top = repository.top if repository is not None else session.root
    below = "" if top == session.root else f"{session.root.relative_to(top).as_posix()}/"
    if not owners_of_files(config):
        session.say("no spec has the label `owner`: nobody is named")
    if file is None:
        click.echo(with_owners("", config, below=below), nl=False)
        return 0
    path = file if file.is_absolute() else Path.cwd() / file
    try:
        before = path.read_text(encoding="utf-8") if path.is_file() and not path.is_symlink() else ""
    except UnicodeDecodeError:
        hint = "save it as UTF-8; nothing was written, as what others wrote there would be lost"
        raise AcornError(f"{file} is no UTF-8 text", hint=hint) from None
    after = with_owners(before, config, below=below)
    if check:
        if after != before:
            click.echo(f"{file} is not what the specs say; run `acorn codeowners {file}`", err=True)
        return int(after != before)
    replace(path, after.encode(), root=top)
    click.echo(f"wrote {file}" if after != before else f"{file} says so already", err=True)
    return 0
