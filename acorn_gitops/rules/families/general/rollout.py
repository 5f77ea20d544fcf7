"""GEN rules about rollouts: that the stores that go first are there. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator

from acorn_gitops.model.finding import FieldPath
from acorn_gitops.model.selectors import select
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said


@rule(
    "GEN-025",
    "error",
    "A rollout begins with stores that are there",
    why="Everybody believes that a change is tried on one store first, and it goes to all at once.",
    mend="Name stores that there are, each in one phase.",
)
def rollout(context: Context) -> Iterator[Said]:
    """Every phase selects a store that no phase before it selects, and names none that is not there; a name
    is there once."""
    config = context.configuration
    left = {name: spec.labels for name, spec in config.stores.items()}
    names: set[str] = set()
    own = ((config.settings.get("environments") or {}).get(config.environment) or {}).get("policies") or {}
    where: FieldPath = ("policies", "rollout")
    if own.get("rollout") is not None:
        where = ("environments", config.environment, *where)

    def said(path: FieldPath, words: str, hint: str) -> Said:
        return config.setting("GEN-025", "error", path, words, hint)

    for number, phase in enumerate(config.policies.get("rollout") or ()):
        at: FieldPath = (*where, number)
        if phase["name"] in names:
            words = f"there are two phases {phase['name']}"
            yield said((*at, "name"), words, "give each its own name")
        names.add(phase["name"])
        for index, name in enumerate(phase["stores"].get("names") or ()):
            if name not in config.stores:
                words = f"the phase {phase['name']} names {name}, and no store is called so"
                known = ", ".join(sorted(config.stores)[:8])
                yield said((*at, "stores", "names", index), words, f"known: {known}")
        chosen = select(phase["stores"], left.items())
        if not chosen:
            words = f"the phase {phase['name']} selects no store that is left for it"
            yield said((*at, "stores"), words, "name a store, or take the phase out")
        for name in chosen:
            del left[name]
