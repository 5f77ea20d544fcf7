"""What the default branch asks of whoever applies. Comes in: a workspace, loaded specs. Goes out: its
policies. Callers: `signed`, `in_force`.

A commit that nobody merged can take a policy out, and a clone without a ledger does not know the last apply:
what the default branch says counts all the same, as this clone has last seen it.
"""

from __future__ import annotations

from collections.abc import Mapping

from acorn_gitops.reconcile.addresses import environments_leading_to, says_the_same
from acorn_gitops.reconcile.standing_still import last_seen
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.specs.load import Loaded
from acorn_gitops.specs.merge import merge


def merged_policies(workspace: Workspace, loaded: Loaded) -> list[Mapping[str, object]]:
    """The policies of this environment as the default branch says them; where it is another one here, or new,
    those of every environment that leads to the same marketplaces, too. None where it is not known."""
    found: list[Mapping[str, object]] = []
    for commit in last_seen(workspace):
        settings = workspace.trust.settings(commit) or {}
        environments = settings.get("environments") or {}
        own, used = loaded.project.environment, loaded.project.connections
        names = {own}
        if settings and not says_the_same(settings, own, used):
            names |= {*environments_leading_to(settings, used)}
        said = settings.get("policies") or {}
        found += [
            merge(said, (environments[name] or {}).get("policies") or {})
            for name in names
            if name in environments
        ]
    return found
