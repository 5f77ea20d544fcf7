"""Where a saved plan is: a file, or an object of an S3-compatible store. Comes in: what was written on the
command line. Goes out: a plan, or its place. Callers: `plan`, `apply`, `show`, `ci`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from acorn_gitops.confine.bucket import SCHEME, StoredObject, get, put, stored_object

if TYPE_CHECKING:
    from acorn_gitops.plan.document import Plan

Place: TypeAlias = Path | StoredObject


def place_of(context: click.Context, option: click.Parameter, value: str | None) -> Place | None:
    """What was written, `plan.acorn.json` or `s3://BUCKET/KEY`, as a place: a callback of click."""
    if value is None or not value.startswith(SCHEME):
        return click.Path(path_type=Path, dir_okay=False).convert(value, option, context) if value else None
    return stored_object(value)


def check(place: Place, root: Path) -> None:
    """AcornError where a plan must not be saved there: something else than a plan would be lost."""
    from acorn_gitops.plan.document import MOST, check_replaceable, check_replaces_plan

    if isinstance(place, Path):
        check_replaceable(place, root)
    elif (there := get(place, MOST)) is not None:
        check_replaces_plan(there, str(place))


def save(plan: Plan, place: Place, root: Path) -> None:
    """Save a plan, whole or not at all. `root`: of the repository, none of whose links is followed."""
    from acorn_gitops.plan.document import to_bytes, write

    if isinstance(place, Path):
        write(plan, place, root)
    else:
        put(place, to_bytes(plan))


def load(place: Place) -> Plan:
    """A saved plan. Stale when it is not there, was edited, or made by another format."""
    from acorn_gitops.model.finding import Stale
    from acorn_gitops.plan.document import MAKE_ONE, MOST, from_bytes, read

    if isinstance(place, Path):
        return read(place)
    content = get(place, MOST)
    if content is None:
        raise Stale(f"there is no plan at {place}", hint=MAKE_ONE)
    return from_bytes(content, str(place))
