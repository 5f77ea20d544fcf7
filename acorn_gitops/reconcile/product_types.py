"""Schemas of product types into the repository, and what they ask of a new product. Comes in: a workspace, a
store, a name. Goes out: a file and a setting; a template. Caller: cli `amazon`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from acorn_gitops.confine.files import replace, writable
from acorn_gitops.confine.paths import Escape, read_inside
from acorn_gitops.marketplaces.protocol import Describes
from acorn_gitops.model.finding import AcornError, Misused
from acorn_gitops.model.resource import Attributes
from acorn_gitops.reconcile.states import Wishes, gather, marketplace_of_declared
from acorn_gitops.reconcile.workspace import Workspace

FOLDER: Final = "product-types"
_MOST: Final = 16 << 20
_NAME: Final = re.compile(r"[A-Z0-9_]{1,60}")


@dataclass(frozen=True, slots=True)
class Brought:
    """A schema that is in the repository now. `said`: acorn.yaml names it already."""

    file: str
    said: bool


def bring_schema(workspace: Workspace, name: str, *, store: str) -> Brought:
    """Fetch a product type's schema as the marketplace of a store has it. AcornError where there is none."""
    workspace.refuse_untrusted("amazon schema")
    if not _NAME.fullmatch(name):
        raise Misused(f"{name!r} is no product type like HOME")
    with workspace.busy("amazon schema"):
        loaded, _ = workspace.checked()
        state = gather(workspace, loaded, Wishes())
        state.ledger.close()
        marketplace = marketplace_of_declared(state, store)
        if not isinstance(marketplace, Describes):
            raise Misused(
                f"the marketplace of {store} has no product types",
                hint="name a store of a connection with the adapter amazon",
            )
        content = marketplace.describe(store, name)
    file = f"{FOLDER}/{name}-{store}.json"
    writable(workspace.root / file, workspace.root)
    (workspace.root / FOLDER).mkdir(exist_ok=True)
    replace(workspace.root / file, content, root=workspace.root)
    return Brought(file, loaded.project.product_types.get(name) == file)


def template(root: Path, file: str) -> list[str]:
    """What a schema requires, as lines of YAML for `attributes.extra`, each with its title and an example."""
    try:
        content = read_inside(root, file, most=_MOST)
    except FileNotFoundError:
        raise AcornError(
            f"there is no file {file}", hint="`acorn amazon schema NAME --store STORE` brings a schema"
        ) from None
    except (Escape, OSError) as error:
        raise AcornError(f"{file} cannot be read: {error}") from None
    try:
        schema: Any = orjson.loads(content)
        properties: Attributes = schema["properties"]
        required = sorted(str(one) for one in schema.get("required") or ())
        return [line for name in required for line in _lines(name, properties.get(name) or {})]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AcornError(
            f"{file} is no schema of a product type ({type(error).__name__})",
            hint="`acorn amazon schema NAME --store STORE` brings one",
        ) from None


def _lines(name: str, attribute: Attributes) -> Iterator[str]:
    value = ((attribute.get("items") or {}).get("properties") or {}).get("value") or {}
    choices = [one for one in value.get("enum") or () if isinstance(one, str)]
    examples = value.get("examples") or attribute.get("examples") or ()
    shown = choices[:1] or [str(one) for one in examples][:1] or ["…"]
    title = " ".join(str(attribute.get("title") or name).split())
    among = f"; one of {', '.join(choices[:6])}{' …' if len(choices) > 6 else ''}" if choices else ""
    yield f"# {title}{among}"
    yield f"{name}: [{{value: {orjson.dumps(shown[0]).decode()}}}]"
