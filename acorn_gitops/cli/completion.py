"""`acorn completion`. Comes in: a shell's name. Goes out: the script that completes `acorn` there."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the completion script of a shell: `acorn completion bash >> ~/.bashrc`."""
    from click.shell_completion import get_completion_class

    from acorn_gitops.cli import cli

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "acorn", "_ACORN_COMPLETE").source())
    return 0
