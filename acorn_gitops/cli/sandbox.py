"""`acorn sandbox`. Comes in: an embedded marketplace's file. Goes out: a server, or a changed marketplace."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from acorn_gitops.cli.session import Session, shared
from acorn_gitops.model.finding import AcornError
from acorn_gitops.model.resource import Address
from acorn_gitops.resources.registry import parse_address
from acorn_gitops.sandbox.database import Database


@click.group("sandbox")
def command() -> None:
    """The embedded marketplace: serve it over HTTP, fill it, disturb it like a hand from outside, reset
    it."""


name_option = click.option(
    "--name", default="", metavar="NAME", help="Which one; the url `sandbox:NAME` of acorn.yaml."
)


def _open(
    root: Path | None, environment: str | None, name: str, *, existing: bool = False
) -> tuple[Session, Database]:
    session = Session(root, environment)
    path = session.sandbox_path(f"sandbox:{name}")
    if existing and not path.exists():
        raise AcornError(
            f"there is no sandbox {name or 'without a name'} yet",
            hint="`acorn apply` or `acorn sandbox seed` makes it; others are chosen by --name",
        )
    try:
        return session, Database(path)
    except ValueError as error:
        raise AcornError(str(error)) from None


@command.command("serve")
@shared
@name_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port to listen on."
)
@click.option(
    "--token", default="", metavar="TOKEN", help="Bearer token that requests must carry; none by default."
)
@click.option(
    "--sp-api", is_flag=True, help="An emulator of Amazon's Selling Partner API instead (`acorn-sp-api`)."
)
def serve(
    environment: str | None,
    root: Path | None,
    no_color: bool,
    name: str,
    host: str,
    port: int,
    token: str,
    sp_api: bool,
) -> int:
    """Serve the sandbox over HTTP until interrupted. Its API is described at /openapi.json."""
    if sp_api:
        from acorn_gitops.cli.sp_api import serve as serve_sp_api

        return serve_sp_api(host, port)
    try:
        import uvicorn
    except ImportError:
        raise AcornError("the server is not installed", hint="pip install 'acorn-gitops[serve]'") from None
    import asyncio

    from acorn_gitops.sandbox.app import Sandbox

    _, database = _open(root, environment, name)
    click.echo(f"sandbox on http://{host}:{port}/v1/stores (contract: /openapi.json)", err=True)
    app = Sandbox(database, token, asyncio.sleep)
    server = uvicorn.Server(uvicorn.Config(app, host=host, port=port, log_level="warning"))
    try:
        server.run()
    except SystemExit:  # it ends the process where it cannot listen
        pass
    finally:
        database.close()
    if not server.started:
        raise AcornError(f"nothing can listen on {host}:{port}", hint="choose another --host or --port")
    return 0


@command.command("seed")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True, allow_dash=True))
@shared
@name_option
def seed(file: Path, environment: str | None, root: Path | None, no_color: bool, name: str) -> int:
    """Put resources there, as if others had: JSON lines of {"address", "attributes"}; `-` reads standard
    input."""
    from acorn_gitops.sandbox import disturb as hand

    _, database = _open(root, environment, name)
    data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    try:
        count = hand.seed(database, data)
    except ValueError as error:
        raise AcornError(f"{file}: {error}") from None
    click.echo(f"{count} resources put there")
    return 0


@command.command("dump")
@shared
@name_option
def dump(environment: str | None, root: Path | None, no_color: bool, name: str) -> int:
    """Print everything that is there, as JSON lines for `seed`."""
    from acorn_gitops.sandbox import disturb as hand

    _, database = _open(root, environment, name, existing=True)
    click.echo(hand.dump(database).decode(), nl=False)
    return 0


@command.command("disturb")
@click.argument("changes", nargs=-1)
@shared
@name_option
@click.option(
    "--random",
    "count",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="Disturb so many listings at random.",
)
@click.option("--seed", "chance", type=int, default=1, show_default=True, help="Seed of --random.")
def disturb(
    changes: tuple[str, ...],
    environment: str | None,
    root: Path | None,
    no_color: bool,
    name: str,
    count: int | None,
    chance: int,
) -> int:
    """Change the marketplace behind acorn's back.

    CHANGES are `ADDRESS.attribute=VALUE` (JSON, or text), or `-ADDRESS` to delete:
    'amz-de/listing/KTL-17-BLK.price=39.00' -- '-amz-de/listing/MUG-RED'
    """
    from acorn_gitops.sandbox import disturb as hand

    _, database = _open(root, environment, name, existing=True)
    done: list[str] = []
    for change in changes:
        try:
            if change.startswith("-"):
                hand.delete(database, parse_address(change[1:]))
                done.append(f"{change[1:]}: deleted")
                continue
            target, equals, text = change.partition("=")
            where, dot, attribute = target.rpartition(".")
            if not equals or not dot:
                raise click.UsageError(f"{change!r} is not ADDRESS.attribute=VALUE")
            address = parse_address(where)
            value = _value(text, database, address, attribute=attribute)
            hand.set_attribute(database, address, attribute, value)
            done.append(f"{address}: {attribute} -> {text}")
        except KeyError as error:
            raise AcornError(
                f"the sandbox has no {error.args[0]}", hint="`acorn sandbox dump` lists what it has"
            ) from None
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    if count:
        done += hand.at_random(database, count, chance)
    if count and not done:
        raise AcornError(
            "the sandbox holds no listing with a price to disturb", hint="`acorn apply` fills it"
        )
    if not done:
        raise click.UsageError("say what to change, or --random N")
    for line in done:
        click.echo(line)
    return 0


def _value(text: str, database: Database, address: Address, attribute: str) -> object:
    """JSON, or an amount in the currency that the attribute has, or text."""
    import orjson

    row = database.get(*address)
    current = row.attributes.get(attribute) if row is not None else None
    if (
        isinstance(current, dict)
        and current.keys() == {"currency", "value"}
        and not text.startswith("{")
        and text != "null"
    ):
        return {"currency": current["currency"], "value": text}
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


@command.command("fault")
@click.argument("kind")
@click.argument("pattern", default="*")
@shared
@name_option
@click.option("--times", type=click.IntRange(1, 1_000_000), default=1, show_default=True, help="How often.")
@click.option("--seconds", type=float, default=1.0, show_default=True, help="For slow and throttle.")
@click.option(
    "--reads",
    type=click.IntRange(0, 1000),
    default=0,
    show_default=True,
    help="For accept: done after so many reads; 0 is never.",
)
def fault(
    kind: str,
    pattern: str,
    environment: str | None,
    root: Path | None,
    no_color: bool,
    name: str,
    times: int,
    seconds: float,
    reads: int,
) -> int:
    """Make it fail on purpose. KIND is fail, throttle, lost, html, truncate, skip, slow (PATTERN matches
    `METHOD /path`), reject or accept (PATTERN matches addresses); `none` clears."""
    from acorn_gitops.sandbox.faults import KINDS

    _, database = _open(root, environment, name)
    if kind == "none":
        database.clear_faults()
        return 0
    if kind not in KINDS:
        raise click.UsageError(f"there is no fault {kind}; one of {', '.join(KINDS)}, none")
    database.add_fault(kind, pattern, times, {"seconds": seconds, "reads": reads})
    click.echo(f"{times} × {kind} for {pattern}: {KINDS[kind]}")
    return 0


@command.command("reset")
@shared
@name_option
def reset(environment: str | None, root: Path | None, no_color: bool, name: str) -> int:
    """Delete the embedded marketplace and all it holds. The ledger stays; `acorn plan` will then refuse to
    believe that the stores are empty, unless told so."""
    session = Session(root, environment)
    path = session.sandbox_path(f"sandbox:{name}")
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    click.echo(f"{path.name} is gone")
    return 0
