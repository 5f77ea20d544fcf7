"""`acorn init`. Comes in: an empty folder (or a repository without acorn). Goes out: a working one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click

from acorn_gitops.confine.files import replace, writable
from acorn_gitops.model.finding import AcornError

IGNORED = ".acorn/\n*.acorn.json\n"


CI_FILES: Final = {
    "gitlab": (".gitlab-ci.yml", "gitlab-ci.yml"),
    "github": (".github/workflows/acorn.yml", "github.yml"),
}
"""By forge, the file that it reads and the one that is written there."""


def _text(name: str) -> str:
    """A file of the scaffold."""
    from importlib.resources import files

    return (files("acorn_gitops.scaffold") / name).read_text(encoding="utf-8")


def installed_as() -> str:
    """What pip can install on another machine to have this acorn: as it was installed here where that is an
    address or an index (PEP 610), else in words."""
    import json
    from importlib.metadata import PackageNotFoundError, distribution

    from acorn_gitops import __version__

    try:
        said = distribution("acorn-gitops").read_text("direct_url.json")
    except PackageNotFoundError:
        said = "{}"
    if said is None:
        return f"acorn-gitops=={__version__}"
    found = json.loads(said)
    vcs = found.get("vcs_info")
    if vcs and "://" in str(found.get("url")):
        address = re.sub(r"://[^/@]*@", "://", str(found["url"]))  # what somebody signed in with is theirs
        return f"git+{address}@{vcs['commit_id']}"
    return "the address of a wheel, `git+https://...@TAG`, or a name and version on your own index"


def _ignore(path: Path) -> None:
    """Add what must not be committed to a list that is there."""
    text = path.read_text(encoding="utf-8")
    missing = [line for line in IGNORED.splitlines() if line not in text.splitlines()]
    if missing:
        end = "" if not text or text.endswith("\n") else "\n"
        replace(path, (text + end + "\n".join(missing) + "\n").encode(), root=path.parent)


@click.command("init")
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", metavar="NAME", help="Name of the project; by default the folder's.")
@click.option(
    "--ci",
    type=click.Choice(["gitlab", "github", "none"]),
    default="gitlab",
    show_default=True,
    help="CI file to write.",
)
@click.option("--empty", is_flag=True, help="No example specs: for `acorn import` to fill.")
def command(folder: Path, name: str | None, ci: str, empty: bool) -> int:
    """Begin a working repository in FOLDER: project file, first specs, CI file, editor settings, git."""
    from acorn_gitops.cli.schema import schema_files
    from acorn_gitops.model.fields import NAME
    from acorn_gitops.provenance.blame import initialise
    from acorn_gitops.specs.resolve import name_of_sku

    name = name if name is not None else name_of_sku(folder.resolve().name)
    if not re.fullmatch(NAME, name):
        raise click.UsageError(
            f"{name!r} is no project name: small letters, digits and -, beginning with a letter or digit; see --name"
        )
    above = next((p for p in folder.resolve().parents if (p / "acorn.yaml").is_file()), None)
    if above is not None:
        raise AcornError(
            f"{above} is a repository of acorn already; nothing was written",
            hint="a repository inside another one would be read as its specs",
        )
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    if (folder / "acorn.yaml").exists():
        raise AcornError(
            f"{folder / 'acorn.yaml'} exists already; nothing was written",
            hint="this is a repository of acorn",
        )
    files = {
        "acorn.yaml": _text("acorn.yaml").replace("NAME", name),
        ".vscode/settings.json": _text("settings.json"),
        ".vscode/extensions.json": '{"recommendations": ["redhat.vscode-yaml"]}\n',
        ".gitignore": IGNORED,
    }
    if empty:
        # git keeps no empty folder, and a clone without it could not be planned.
        files["specs/.gitkeep"] = ""
    else:
        files |= {"specs/stores.yaml": _text("stores.yaml"), "specs/skus.yaml": _text("skus.yaml")}
    if ci != "none":
        path, scaffold = CI_FILES[ci]
        files[path] = _text(scaffold).replace("PACKAGE\n", f"{installed_as()}\n")
    files |= {f"schemas/{schema}": content.decode() for schema, content in schema_files().items()}
    for path in (*files, "specs/.keep"):
        writable(folder / path, folder)
    (folder / "specs").mkdir(exist_ok=True)
    kept = []
    for path, text in files.items():
        target = folder / path
        if target.exists() and path == ".gitignore":
            _ignore(target)
            continue
        if target.exists():
            kept.append(path)
            continue
        replace(target, text.encode(), root=folder, lasting=False)
    initialise(folder)
    for path in kept:
        click.echo(f"{path} was there and stays as it is", err=True)
    click.echo(
        f"{folder.resolve().name} is ready, on an embedded marketplace. Next:\n  acorn validate\n  acorn plan\n  acorn apply"
        if not empty
        else f"{folder.resolve().name} is ready for `acorn import`."
    )
    return 0
