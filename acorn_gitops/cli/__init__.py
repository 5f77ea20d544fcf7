"""The door: `acorn`. Comes in: arguments and environment. Goes out: an exit code. Each verb is one module of
this package, imported when it is called, so that `--help` and completion are instant.

`session` holds what verbs share (root, colours, connections), `planning` the way from specs to a plan.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from typing import Final, TextIO, cast

import click

from acorn_gitops import __version__
from acorn_gitops.confine.bounded import interrupt
from acorn_gitops.confine.text import Output
from acorn_gitops.model.finding import AcornError

USAGE: Final = 64
click.UsageError.exit_code = USAGE

VERBS: Final[dict[str, tuple[str, str]]] = {
    "init": ("init", "Begin a working repository: project file, first specs, CI, editor settings."),
    "validate": ("validate", "Check every spec offline; all errors of all files at once."),
    "fmt": ("fmt", "Bring spec files into canonical form; comments stay."),
    "schema": ("schema", "Write the JSON Schemas that editors and CI use."),
    "plan": ("plan", "Show what apply would change, and why."),
    "diff": ("diff", "Show what one revision wants otherwise than another. Offline."),
    "show": ("show", "Show a saved plan."),
    "apply": ("apply", "Make every store match the specs, as planned."),
    "drift": ("drift", "Show what was changed outside since the last apply. Read-only."),
    "rollback": ("rollback", "Go back to an earlier revision, as a branch with its plan."),
    "freeze": ("freeze", "Say when nothing may be changed, and why."),
    "thaw": ("thaw", "Lift a freeze."),
    "lock": ("lock", "Say who applies; end the lease of a run that died."),
    "ci": ("ci", "What a pipeline runs: plan a change, apply what was merged, look for drift."),
    "watch": (
        "watch",
        "Do what a pipeline would, where there is none: plan or apply what was merged, look for drift.",
    ),
    "codeowners": ("codeowners", "Write who is asked when a spec changes."),
    "attest": ("attest", "Say that steps by hand are done, or list them."),
    "alert": ("alert", "Test where alerts go."),
    "import": ("import_", "Take live resources, or drifted values, into the specs."),
    "export": ("export", "Write everything out in documented formats."),
    "explain": ("explain", "Show where a value comes from, and what is known of it."),
    "price": ("price", "Show what a buyer pays, when, and why."),
    "calendar": ("calendar", "Show when promotions hold, store by store."),
    "tax": ("tax", "Ask the tax rules: one sale, or all of them."),
    "access": ("access", "Show who may do what, where, and through which role."),
    "view": ("view", "One panel over all stores, as a table, JSON or CSV."),
    "sku": ("sku", "Look after SKU codes."),
    "onboard": ("onboard", "Show how far every store has come, and what is missing."),
    "doctor": ("doctor", "Find the first cause when something is wrong."),
    "rehearse": ("rehearse", "Go through everything once on an embedded marketplace, and record it."),
    "policy": ("policy", "Test the repository's own rules."),
    "rules": ("rules", "List the rules, or explain one."),
    "history": ("history", "Show what was applied, before and after, when, by whom."),
    "blame": ("blame", "Show who made each value of a resource what it is."),
    "log": ("log", "Verify the ledger's chain."),
    "trust": ("trust", "Say which addresses may be asked from this machine."),
    "state": ("state", "Look at the ledger, and mend it."),
    "amazon": ("amazon", "What only Amazon has: schemas of product types."),
    "sandbox": ("sandbox", "Serve, seed, disturb or reset the embedded marketplace."),
    "completion": ("completion", "Print the completion script of a shell."),
}


WRITERS: Final = frozenset(
    {
        "init",
        "rollback",
        "freeze",
        "thaw",
        "alert",
        "apply",
        "import",
        "export",
        "rehearse",
        "attest",
        "sandbox",
        "trust",
        "watch",
    }
)
"""Verbs that nobody needs for looking at a pull request; of `state` also what changes the ledger."""
_FULL: Final = "make room and run the same command again: what was written down is whole, and what was sent is looked for"
_DAMAGED: Final = (
    "a damaged sandbox is made anew by `acorn sandbox reset`; of a ledger, restore its .backup when there is one, or move"
    " it away and run `acorn state rebuild`"
)


class _Verbs(click.Group):
    """Commands found by name, imported when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        if cmd_name in WRITERS and os.environ.get("ACORN_UNTRUSTED"):
            from acorn_gitops.reconcile.workspace import refuse_untrusted

            refuse_untrusted(os.environ, cmd_name)
        module = importlib.import_module(f"acorn_gitops.cli.{VERBS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], VERBS, n=1)
            raise click.UsageError(
                f"there is no command {args[0]}" + (f"; did you mean {close[0]}?" if close else ""), ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


@click.group(
    cls=_Verbs, context_settings={"auto_envvar_prefix": "ACORN", "help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, "--version", prog_name="acorn")
def cli() -> None:
    """GitOps for marketplace operations: stores, SKUs, permissions, tax and promotions as reviewed YAML.

    Everything is dry but `apply` (and what is named to write). Exit codes: 0 done or clean; 1 error; 2
    changes or drift (only with --detailed-exitcode); 3 partly applied; 4 invalid specs, or what they forbid;
    5 over budget; 6 locked, or a plan or ledger that cannot be used; 64 usage; 130 interrupted.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run, and exit with the documented code. Bad input never shows a traceback.

    Garbage collection is off, and the process ends without taking a catalogue apart object by object: what is
    loaded lives until the end, and looking for cycles in it would cost a fifth of a plan.
    """
    gc.disable()
    # A stream that the caller closed (`acorn validate >&-`) is as good as nobody reading.
    if sys.stdout is None or sys.stderr is None:
        nobody = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
        sys.stdout, sys.stderr = sys.stdout or nobody, sys.stderr or nobody
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # an arrow that cp1252 lacks must not end a plan
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    os._exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code. What is said on the way is harmless on its way out, and
    whether anybody reads it changes nothing of what is done."""
    out, err = sys.stdout, sys.stderr
    said, told = Output(out), Output(err)
    sys.stdout, sys.stderr = cast(TextIO, said), cast(TextIO, told)
    try:
        code = _run(arguments)
        if (spans := sys.modules.get("acorn_gitops.cli.spans")) is not None:
            spans.end()
        said.flush()
        # Whoever closed the pipe (`| head`) has what they wanted; a full disk keeps a result from whoever
        # waits for it.
        if said.lost is not None and not isinstance(said.lost, BrokenPipeError):
            _say(
                AcornError(
                    f"the output could not be written: {said.lost.strerror}",
                    hint="only what was said is lost, nothing that was done",
                )
            )
            code = code or 1
        told.flush()
        return code
    finally:
        sys.stdout, sys.stderr = out, err


def _run(arguments: list[str] | None) -> int:
    try:
        result: object = cli.main(args=arguments, prog_name="acorn", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except AcornError as error:
        _say(error)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return 130
    except OSError as error:
        if os.environ.get("ACORN_DEBUG"):
            raise
        what = f"{error.filename}: " if error.filename is not None else ""
        _say(AcornError(f"{what}{error.strerror or error}", hint="nothing more was done"))
        return 1
    except Exception as error:
        if os.environ.get("ACORN_DEBUG"):
            raise
        if type(error).__module__ == "sqlite3" and ("is full" in str(error) or "disk I/O" in str(error)):
            _say(AcornError(f"the disk is full, or does not take what is written: {error}", hint=_FULL))
            return 1
        if type(error).__module__ == "sqlite3":
            _say(AcornError(f"a database in .acorn cannot be used: {error}", hint=_DAMAGED))
            return 1
        click.echo(
            f"acorn: internal error: {type(error).__name__}: {error}\n"
            "  = this is a fault of acorn; run again with ACORN_DEBUG=1 and report what it prints",
            err=True,
        )
        return 1


def _say(error: AcornError) -> None:
    from acorn_gitops.cli.session import say_error

    say_error(error)
