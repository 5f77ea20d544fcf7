"""What verbs share: options, streams, the folder that was meant. Comes in: options and the process's
environment. Goes out: `Session`. Callers: every verb."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

import click

from acorn_gitops.confine.paths import carried_link
from acorn_gitops.model.finding import AcornError, Finding, PassesLink
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.report.text import Pen, findings_text

F = TypeVar("F", bound=Callable[..., object])


def shared(function: F) -> F:
    """Options that every verb with a project has."""
    for option in (
        click.option(
            "--env",
            "environment",
            envvar="ACORN_ENV",
            metavar="NAME",
            help="Environment of acorn.yaml; its default otherwise.",
        ),
        click.option(
            "-C",
            "--root",
            envvar="ACORN_ROOT",
            type=click.Path(path_type=Path, file_okay=False),
            metavar="DIR",
            help="Repository root; otherwise the nearest folder upwards with acorn.yaml.",
        ),
        click.option(
            "--no-color", is_flag=True, envvar="ACORN_NO_COLOR", help="No colours, whatever the terminal."
        ),
    ):
        function = option(function)
    return function


def output(*formats: str) -> Callable[[F], F]:
    """`-o/--output` with the formats of a verb."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        envvar="ACORN_OUTPUT",
        help="Format of the result on standard output.",
    )


language = click.option(
    "--language",
    type=click.Choice(["en", "zh"]),
    default="en",
    show_default=True,
    envvar="ACORN_LANGUAGE",
    help="Language of a page (-o html).",
)
select = click.option(
    "--select",
    "selected",
    multiple=True,
    envvar="ACORN_SELECT",
    metavar="PATTERN",
    help="Only these: a store (amz-de, amz-*), an address (*/listing/KTL-*), or a label (region=eu). Repeatable.",
)


def _wants_colour(stream: IO[Any], no_color: bool, environ: Mapping[str, str]) -> bool:
    if no_color or environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return bool(environ.get("FORCE_COLOR")) or stream.isatty()


def error_pen(no_color: bool = False) -> Pen:
    """The pen for standard error."""
    return Pen(_wants_colour(sys.stderr, no_color, os.environ), _width())


def say_error(error: AcornError, no_color: bool = False) -> None:
    """An error and its findings, to standard error."""
    pen = error_pen(no_color)
    if error.findings:
        click.echo(findings_text(error.findings, pen), err=True, nl=False)
        count = sum(f.severity == "error" for f in error.findings)
        head = f"{count} error{'s' if count != 1 else ''}: " if count else ""
        click.echo(f"{head}{error.message}", err=True)
    else:
        click.echo(pen("error", "red") + f" {error.id}: {error.message}", err=True)
    if error.hint:
        click.echo(f"  = {error.hint}", err=True)


def _width() -> int:
    return shutil.get_terminal_size((80, 24)).columns


def _start(root: Path | None, environ: Mapping[str, str]) -> Path:
    """The folder that was meant, -C or where the shell is. PassesLink where a link in a repository leads
    there: a pull request could choose what is looked at."""
    here = Path.cwd()
    shell = Path(environ.get("PWD") or here)
    if shell.is_absolute() and shell.is_dir() and shell.samefile(here):
        here = shell
    start = here / (root or "")
    link = carried_link(start)
    if link is not None:
        raise PassesLink(
            f"{link} is a link in a repository; nothing was read through it",
            hint="name the folder itself with -C",
        )
    return start


class Session(Workspace):
    """One run of one verb: a workspace with streams to speak to."""

    def __init__(self, root: Path | None, environment: str | None, no_color: bool = False) -> None:
        super().__init__(_start(root, os.environ), environment, environ=os.environ)
        self.pen = Pen(_wants_colour(sys.stdout, no_color, self.environ), _width())
        self.err = error_pen(no_color)
        self._warned: list[Finding] = []
        if any(name.startswith("OTEL_EXPORTER_OTLP") for name in os.environ):
            from acorn_gitops.cli import spans

            if spans.are_wanted(os.environ):
                self.spans = spans.spans(os.environ, self.say)

    def say(self, text: str) -> None:
        """Progress and diagnostics, to standard error."""
        click.echo(text, err=True)

    def warn(self, findings: Iterable[Finding]) -> None:
        """Findings, to standard error; each once, also where it is found again."""
        fresh = [finding for finding in findings if finding not in self._warned]
        self._warned += fresh
        click.echo(findings_text(fresh, self.err), err=True, nl=False)
