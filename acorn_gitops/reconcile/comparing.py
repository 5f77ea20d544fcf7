"""What two revisions want, held against each other; no marketplace is asked. Comes in: a workspace, two
revisions. Goes out: a plan from the one to the other. Callers: cli `diff`, `plan --since`.

Each revision is read in a folder of its own, as it is in git: what is checked out, and what is live, says
nothing here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import orjson

from acorn_gitops.compile.configuration import compile_configuration, connections_of
from acorn_gitops.compile.desired_state import Key
from acorn_gitops.confine import files
from acorn_gitops.model.finding import InvalidSpecs, Misused
from acorn_gitops.model.resource import Address, Desired, Live, digest
from acorn_gitops.plan.change import Applied, StoreResult
from acorn_gitops.plan.diff import Policy, diff_store
from acorn_gitops.plan.document import Plan, make_plan
from acorn_gitops.provenance.earlier import contents, files_at, revision_of
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.specs.configuration import Configuration, Spec
from acorn_gitops.specs.load import Loaded, load

MOST_TOUCHED = 2_000
"""Resources that a plan of a change names one by one; where it touches more, everything is planned."""


def compare(workspace: Workspace, one: str, other: str) -> Plan:
    """From one revision to another, as a plan; "" stands for what is checked out. Misused where git knows no
    such revision, InvalidSpecs where the specs of one cannot be read."""
    return _compared(workspace, _wanted(workspace, one), _wanted(workspace, other))


def _compared(workspace: Workspace, before: _Wanted, after: _Wanted) -> Plan:
    _leave_out_alike(before, after)
    results: list[StoreResult] = []
    connections = connections_of(after.loaded.configuration)
    for store in sorted({*before.shards, *after.shards}):
        old, new = before.shards.get(store, {}), after.shards.get(store, {})
        way = _other_way(before, after, store)
        if old == new and not way:
            continue
        live = {key: Live(want.attributes, "", "") for key, want in old.items()}
        known = {key: _as_applied(want) for key, want in old.items()}
        result = diff_store(store, connections.get(store, ""), new, live=live, applied=known, policy=Policy())
        result.notes += way
        result.notes += [
            f"{Address(store, *key)}: its lifecycle is another one"
            for key in sorted(old.keys() & new.keys())
            if old[key].lifecycle != new[key].lifecycle
        ]
        results.append(result)
    made = make_plan(
        results,
        project=after.loaded.project.name,
        environment=after.loaded.project.environment,
        config_digest=after.loaded.configuration.digest,
        ledger_serial=0,
        commit=after.commit,
        dirty=False,
        created_at=workspace.stamp(),
        findings=[],
        selected=(),
    )
    return made


def touched_since(workspace: Workspace, base: str, loaded: Loaded) -> frozenset[Address] | None:
    """The resources that loaded specs want otherwise than a revision, or elsewhere; None where they are more
    than can be named."""
    before, after = _wanted(workspace, base), _Wanted(loaded, "")
    stores = {*connections_of(before.loaded.configuration), *connections_of(after.loaded.configuration)}
    if any(_other_way(before, after, store) for store in stores):
        return None
    plan = _compared(workspace, before, after)
    found = {one for change in plan.changes for one in (change.address, change.former)}
    for store in {*before.shards, *after.shards}:
        old, new = before.shards.get(store, {}), after.shards.get(store, {})
        found |= {
            Address(store, *key)
            for key in old.keys() & new.keys()
            if (old[key].lifecycle, old[key].moved_from) != (new[key].lifecycle, new[key].moved_from)
        }
    return frozenset(found) if len(found) <= MOST_TOUCHED else None


def _other_way(before: _Wanted, after: _Wanted, store: str) -> list[str]:
    """That a store is reached otherwise, in words; nothing where it is not."""
    one, other = before.loaded.configuration, after.loaded.configuration
    was, now = connections_of(one).get(store, ""), connections_of(other).get(store, "")
    if not was or not now or (was, one.connections.get(was)) == (now, other.connections.get(now)):
        return []
    return [
        f"{store}: its connection {was}{f' is {now} now' if now != was else ' leads elsewhere, or says more'}"
    ]


class _Wanted:
    def __init__(self, loaded: Loaded, commit: str) -> None:
        self.loaded = loaded
        self.commit = commit
        errors = [finding for finding in loaded.findings if finding.severity == "error"]
        if errors:
            raise InvalidSpecs(
                f"the specs of {commit[:10] or 'the working tree'} cannot be read", findings=errors
            )

        self.configuration = loaded.configuration

    @cached_property
    def shards(self) -> Mapping[str, Mapping[Key, Desired]]:
        """By store, what it wants there."""
        return compile_configuration(self.configuration).stores


def _leave_out_alike(before: _Wanted, after: _Wanted) -> None:
    """Of two configurations that differ in SKUs alone, look only at those that differ: what a SKU becomes
    depends on its own spec, on stores, promotions and prices that are the same, and, where it is a set, on
    its parts."""
    one, other = before.configuration, after.configuration
    if one.settings != other.settings:
        return
    names = (
        "project",
        "environment",
        "stores",
        "promos",
        "taxes",
        "roles",
        "connections",
        "policies",
        "price_rules",
    )
    if any(_said(getattr(one, name, None)) != _said(getattr(other, name, None)) for name in names):
        return
    old, new = ({spec.name: spec for spec in config.skus} for config in (one, other))
    if old.keys() != new.keys() or any(old[n].labels != new[n].labels for n in new):
        return
    if any("composition" in spec.spec for spec in (*old.values(), *new.values())):
        return
    other_ones = {n for n in new if (old[n].spec, old[n].lifecycle) != (new[n].spec, new[n].lifecycle)}
    before.configuration = replace(one, skus=[old[n] for n in old if n in other_ones])
    after.configuration = replace(other, skus=[new[n] for n in new if n in other_ones])


def _said(thing: object) -> object:
    """What specs say, without where they stand."""
    if isinstance(thing, Mapping):
        return {
            key: (value.spec, value.labels, value.lifecycle) if isinstance(value, Spec) else value
            for key, value in thing.items()
        }
    return thing


def _wanted(workspace: Workspace, revision: str) -> _Wanted:
    if not revision:
        return _Wanted(workspace.load(), "")
    commit = revision_of(workspace.root, revision)
    if not commit:
        raise Misused(
            f"git knows no revision {revision!r}", hint="in a clone that is cut off, `git fetch` it first"
        )
    with laid_out(workspace.root, commit) as folder:
        return _Wanted(load(folder, workspace.environment, workspace.cache), commit)


def configuration_at(workspace: Workspace, commit: str) -> Configuration:
    """The specs of a commit, resolved. InvalidSpecs where they cannot be read as a whole."""
    with laid_out(workspace.root, commit) as folder:
        return _Wanted(load(folder, workspace.environment, workspace.cache), commit).loaded.configuration


@contextmanager
def laid_out(root: Path, commit: str) -> Iterator[Path]:
    """The files of a commit, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="acorn-rev-") as name:
        folder = Path(name).resolve()
        for path, content in contents(root, files_at(root, commit, ())):
            files.replace(folder / path, content, root=folder, lasting=False)
        yield folder


def _as_applied(want: Desired) -> Applied:
    return Applied(digest(want.attributes), orjson.dumps(want.attributes))
