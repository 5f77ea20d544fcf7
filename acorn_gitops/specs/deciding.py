"""Which files of a repository decide what is planned and what is refused. Comes in: `spec` of acorn.yaml;
loaded specs. Goes out: names and files, relative to the root. Callers: whoever must know that what was read
is what a commit holds, that nothing was left out of a checkout, or that everything goes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from acorn_gitops.specs import facts, own_rules
from acorn_gitops.specs.load import Loaded

if TYPE_CHECKING:
    from acorn_gitops.model.typed import ProjectData


def places_of_specs(settings: ProjectData) -> list[str]:
    """Files and folders that hold specs, in the order in which acorn.yaml names them: specs, overlays of
    every environment, rules of its own, schemas of product types."""
    environments = (settings.get("environments") or {}).values()
    named = [
        *(settings.get("specs") or ()),
        *(overlay for one in environments for overlay in (one or {}).get("overlays") or ()),
        *(settings.get("customRules") or [own_rules.FOLDER]),
        *(settings.get("productTypes") or {}).values(),
    ]
    return [*dict.fromkeys(_plain(str(one)) for one in named)]


def place_of_facts(settings: Mapping[str, object]) -> str:
    """The folder of recorded facts."""
    return _plain(str(settings.get("facts") or facts.FOLDER))


def files_that_decide(loaded: Loaded) -> frozenset[str]:
    """Every file that was read of specs: documents, overlays, the tables and templates that they name, rules,
    schemas of product types. Facts are not among them: jobs write those beside the commit."""
    config = loaded.configuration
    raws = [*config.raws.values(), *((config.project_raw,) if config.project_raw is not None else ())]
    named = {file for raw in raws for file in (raw.file, raw.item_file) if file}
    kinds = (config.stores, config.roles, config.taxes, config.promos)
    specs = (*config.skus, *(spec for kind in kinds for spec in kind.values()))
    schemas = (_plain(name) for name in loaded.project.product_types.values())
    return frozenset(
        {*named, *loaded.files, *(spec.file for spec in specs), *config.own_rules.files, *schemas}
    )


def _plain(written: str) -> str:
    """`./specs/` as `specs`."""
    return PurePosixPath(written).as_posix()
