"""`acorn sandbox serve --sp-api` and `acorn-sp-api`: the emulator of Amazon's Selling Partner API, on its
own. Comes in: options. Goes out: a server, until it is interrupted."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acorn_gitops.model.finding import AcornError

if TYPE_CHECKING:
    from acorn_gitops.sandbox.amazon.modelled import Models

REGIONS = ("na", "eu", "fe")


def serve(
    host: str,
    port: int,
    *,
    accounts: Path | None = None,
    delay: float = 0.0,
    throttled: bool = True,
    virtual: bool = False,
    static: Path | None = None,
    ordered: Path | None = None,
) -> int:
    """Serve until interrupted. AcornError where it cannot."""
    try:
        import uvicorn
    except ImportError:
        raise AcornError("the server is not installed", hint="pip install 'acorn-gitops[serve]'") from None
    from datetime import UTC, datetime

    from acorn_gitops.sandbox.amazon.app import Emulator
    from acorn_gitops.sandbox.amazon.clock import Clock, VirtualClock, WallClock
    from acorn_gitops.sandbox.amazon.serving import CLIENT, credentials, seller
    from acorn_gitops.sandbox.amazon.world import World

    clock: Clock = VirtualClock(datetime.now(UTC)) if virtual else WallClock()
    world = World(clock.now)
    world.habits.delay, world.habits.throttled = delay, throttled
    said = _read(accounts) if accounts is not None else [seller(region) for region in REGIONS]
    try:
        for account in said:
            world.enroll(account)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AcornError(
            f"{accounts}: this is no list of accounts: {error}",
            hint='[{"sellerId": "A1…", "region": "eu", "refreshToken": "…", "marketplaces": ["A1PA6795UKMFR9"]}]',
        ) from None
    world.clients = {CLIENT["clientId"]: CLIENT["clientSecret"]} if accounts is None else {}
    app = Emulator(world, clock.advance, models=_models(static or ordered), ordered=ordered is not None)
    url = f"http://{host}:{port}"
    click.echo(
        f"Selling Partner API on {url} (login: {url}/auth/o2/token; by hand: {url}/_emulator/state)", err=True
    )
    for account in said if accounts is None else ():
        secret = json.dumps(credentials(account))
        click.echo(f"  {account['region']}: seller {account['sellerId']}, secret {secret}", err=True)
    server = uvicorn.Server(uvicorn.Config(app, host=host, port=port, log_level="warning"))
    try:
        server.run()
    except SystemExit:  # it ends the process where it cannot listen
        pass
    if not server.started:
        raise AcornError(f"nothing can listen on {host}:{port}", hint="choose another --host or --port")
    return 0


def _models(folder: Path | None) -> Models | None:
    """The official models of a folder; what of their cases contradicts them is told."""
    from acorn_gitops.sandbox.amazon.modelled import Models

    if folder is None:
        return None
    try:
        found = Models(folder)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise AcornError(
            f"{folder}: these are no models of the Selling Partner API: {error}",
            hint="the folder holds JSON files of https://github.com/amzn/selling-partner-api-models",
        ) from None
    wrong = [*found.contradictions()]
    cases = sum(len(one.cases) for one in found.operations)
    click.echo(
        f"{cases} cases of the static sandbox, of which {len(wrong)} contradict their own model:", err=True
    )
    for one in wrong:
        click.echo(f"  {one}", err=True)
    return found


def _read(path: Path) -> list[dict[str, object]]:
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise AcornError(f"{path}: {error}") from None
    return said if isinstance(said, list) else [said]


@click.command("acorn-sp-api")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8766, show_default=True, help="Port to listen on."
)
@click.option(
    "--accounts",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="JSON with accounts; by default one for each region, in all of its marketplaces.",
)
@click.option("--delay", type=click.FloatRange(0), default=0.0, show_default=True, metavar="SECONDS", help="Until what was accepted can be seen.")  # fmt: skip
@click.option("--no-limits", is_flag=True, help="Nobody is refused for haste.")
@click.option("--virtual-clock", is_flag=True, help="Time moves only by POST /_emulator/clock.")
@click.option(
    "--static",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="MODELS",
    help="Answer as Amazon's static sandbox does, by a folder of the official models; nothing is kept.",
)
@click.option(
    "--ordered",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="MODELS",
    help="Answer as POST /response/API-OPERATION/code/N orders, by a folder of the official models.",
)
def command(
    host: str,
    port: int,
    accounts: Path | None,
    delay: float,
    no_limits: bool,
    virtual_clock: bool,
    static: Path | None,
    ordered: Path | None,
) -> int:
    """An emulator of Amazon's Selling Partner API: it keeps what it is told, until it ends.

    Login with Amazon, Sellers, Supply Sources, Listings Items, Product Types, Feeds, Reports, Promotions,
    Pricing, Restrictions, Notifications; limits for each account and operation; writes that are accepted and
    take effect later; faults on order. No request leaves this machine.
    """
    if static is not None and ordered is not None:
        raise click.UsageError("--static and --ordered are two ways to answer: choose one")
    return serve(
        host,
        port,
        accounts=accounts,
        delay=delay,
        throttled=not no_limits,
        virtual=virtual_clock,
        static=static,
        ordered=ordered,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script."""
    try:
        sys.exit(command.main(args=list(arguments) if arguments is not None else None, standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(64)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except AcornError as error:
        click.echo(f"error: {error.message}" + (f"\n  = {error.hint}" if error.hint else ""), err=True)
        sys.exit(1)
