"""`acorn view`. Comes in: specs, facts, the ledger, live stores. Goes out: one table over all stores, as
text, JSON or CSV, with the age of every source. A view is a module of this package with a `command`.
"""

from __future__ import annotations

import importlib
import pkgutil

import click


class _Views(click.Group):
    """Views found by file, imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "panel")

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"{__name__}.{cmd_name}").command
        return command


@click.group("view", cls=_Views)
def command() -> None:
    """One panel over all stores. Nothing is written. Each view says how old its sources are; what is not
    known is a dash, never nothing."""
