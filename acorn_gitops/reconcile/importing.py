"""Live resources into the specs: what nobody declares becomes YAML, or values that were changed outside are
written into the specs that say otherwise; both are then in the ledger. Comes in: a workspace and a request.
Goes out: what was written and recorded. Callers: `Workspace.take_in`, cli `import`.

Marketplaces are only read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from acorn_gitops.compile.configuration import compile_configuration
from acorn_gitops.confine.files import replace, writable
from acorn_gitops.confine.text import one_line
from acorn_gitops.ledger.lock import held
from acorn_gitops.ledger.opening import open_ledger
from acorn_gitops.ledger.records import Settled
from acorn_gitops.model.finding import AcornError, Finding, InvalidSpecs, Misused
from acorn_gitops.model.resource import Address, Attributes, protects
from acorn_gitops.plan.compare import same
from acorn_gitops.plan.diff import recordable
from acorn_gitops.plan.ownership import left_to_owners
from acorn_gitops.provenance.revision import Revision
from acorn_gitops.reconcile.authority import refuse_recording
from acorn_gitops.reconcile.connections import marketplaces
from acorn_gitops.reconcile.ledger_branch import is_shared
from acorn_gitops.reconcile.moved_ledger import move, publish, publishes
from acorn_gitops.reconcile.new_specs import new_specs
from acorn_gitops.reconcile.planning import NONSENSE, compute, to_record
from acorn_gitops.reconcile.states import (
    States,
    StoreView,
    Wishes,
    declared,
    gather,
    refuse_unknown,
    views,
)
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.reconcile.written_back import written_back
from acorn_gitops.resources.registry import FIXED
from acorn_gitops.rules.registry import check
from acorn_gitops.rules.waivers import NEVER_LEFT
from acorn_gitops.specs.edit import save
from acorn_gitops.specs.load import Loaded

ROUNDS: Final = 10
"""What is refused only once other things are left out is found in so many rounds."""


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What is to be taken in."""

    select: Sequence[str] = ()
    """Only these stores and resources."""
    drifted: bool = False
    """Values that were changed outside, in place of new resources."""
    stores: Sequence[str] = ()
    """Live stores that no spec declares, to be looked at as well."""
    folder: str = ""
    """Where new files go; empty: `imported` in the first folder of specs."""
    dry_run: bool = False
    """Nothing is written or recorded."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken in."""

    files: Sequence[str]
    """Files that were written, or would be."""
    notes: Sequence[str]
    """What stays as it is, and why."""
    recorded: int = 0
    """Resources that the ledger knows from now on."""
    shared: bool = False
    """The ledger is a team's, on a branch: the apply that follows the merge records what was taken in."""
    left: Sequence[str] = ()
    """Sentences about what is left to its owners."""


def take_in(
    workspace: Workspace, request: ImportRequest, written: Callable[[Taken], None] | None = None
) -> Taken:
    """Take live resources into the specs. `written`: told what was written, before it is recorded. AcornError
    where a store cannot be read (then nothing was written), or where what was written breaks a rule of the
    project (then it stays, to be mended)."""
    workspace.refuse_untrusted("import")
    with workspace.busy("import"):
        return _take_in(workspace, request, written or (lambda _: None))


def drifted_specs(workspace: Workspace, request: ImportRequest) -> tuple[str, dict[str, str], Sequence[str]]:
    """What `take_in` would write for values that drifted: the environment, the new texts of files, and what
    stays as it is. Nothing is written."""
    with workspace.busy("import"):
        loaded = workspace.load()
        if loaded.findings:
            raise InvalidSpecs("the specs are invalid; nothing was read", findings=loaded.findings)
        state, collected = _looked_at(workspace, loaded, request)
        files, notes = written_back(state, collected, but=NEVER_LEFT)
        state.ledger.close()
        return loaded.project.environment, files, notes


def _looked_at(
    workspace: Workspace, loaded: Loaded, request: ImportRequest
) -> tuple[States, list[StoreView]]:
    """Every store, read. AcornError where one cannot be."""
    state = gather(workspace, loaded, Wishes(request.select, lenient=True))
    state.connections.update(_undeclared_stores(workspace, state, request.stores))
    refuse_unknown(state)
    collected: list[StoreView] = []
    for view in views(state, Wishes(request.select, allow_empty=list(state.connections))):
        if view.error:
            raise AcornError(f"{view.store} could not be read: {view.error}; nothing was written")
        collected.append(view)
    return state, collected


def _take_in(workspace: Workspace, request: ImportRequest, written: Callable[[Taken], None]) -> Taken:
    loaded = workspace.load()
    if loaded.findings and {f.id for f in loaded.findings} - {"GEN-017"}:
        raise InvalidSpecs("the specs are invalid; nothing was read or written", findings=loaded.findings)
    _refuse_incomplete(workspace, loaded)
    state, collected = _looked_at(workspace, loaded, request)
    if request.drifted:
        files, notes = written_back(state, collected)
    else:
        files, notes = new_specs(workspace.root, state, collected, to=request.folder)
    if not request.dry_run and request.drifted:
        _write(workspace, files)
    elif not request.dry_run:
        files, notes = _taken(workspace, state, collected, to=request.folder, files=files, notes=notes)
    elif files and not request.drifted:
        notes = [
            *notes,
            "what rules of this project refuse is left out once it is written: they were not asked yet",
        ]
    taken = Taken(sorted(files), notes)
    written(taken)
    if not files or request.dry_run:
        return taken
    if is_shared(workspace):
        _check_written(workspace)
        return Taken(taken.files, notes, shared=True)
    recorded, left = _record(workspace, request.select)
    return Taken(taken.files, notes, recorded, left=left)


def _refuse_incomplete(workspace: Workspace, loaded: Loaded) -> None:
    """InvalidSpecs where a spec lacks what it takes to compare it with anything. Other rules may be broken:
    what is taken in may be what mends them."""
    try:
        compile_configuration(loaded.configuration)
    except NONSENSE:
        findings = check(loaded.configuration, workspace.now(), after_errors=bool(loaded.findings))
        errors = [finding for finding in findings if finding.severity == "error"]
        raise InvalidSpecs("the specs are invalid; nothing was read or written", findings=errors) from None


def _undeclared_stores(workspace: Workspace, state: States, stores: Sequence[str]) -> dict[str, str]:
    """Live stores that no spec declares: those that were named; all of them where there are no specs yet."""
    everything = not state.connections
    if isinstance(stores, str):
        raise Misused(f"stores takes a list of names, and {stores!r} is one text")
    found: dict[str, str] = {}
    held: dict[str, str] = {}
    if not stores and not everything:
        return found
    state.marketplaces = marketplaces(workspace, state.loaded.configuration.connections)
    for name, marketplace in state.marketplaces.items():
        held.update(dict.fromkeys(marketplace.stores(), name))
    for store in held if everything and not stores else stores:
        if store not in held:
            raise AcornError(
                f"no connection holds a store {store}",
                hint=f"live stores: {', '.join(sorted(held)) or 'none'}",
            )
        if store not in state.connections:
            found[store] = held[store]
    return found


def _taken(
    workspace: Workspace,
    state: States,
    collected: list[StoreView],
    to: str,
    files: dict[str, str],
    notes: list[str],
) -> tuple[dict[str, str], list[str]]:
    """Write what was made of live resources, without what rules of this project refuse: that stays unmanaged,
    and is told. Answers what was written at last, and every note."""
    if not files:
        return files, notes
    refused: dict[str, str] = {}
    unlike: dict[Address, str] = {}
    earlier = {finding.subject for finding in _errors(workspace)}
    for _ in range(ROUNDS):
        before = {path: _bytes(workspace.root / path) for path in files}
        _write(workspace, files)
        known = {*earlier, *refused, ""}
        new = {f.subject: f.message for f in _errors(workspace) if f.subject not in known}
        other = _made_unlike(workspace, collected) if not new else {}
        if not new and not other.keys() - unlike.keys():
            break  # all is well, or wrong for a reason of its own: `_record` tells
        _put_back(workspace, before)
        refused |= new
        unlike |= other
        files, notes = new_specs(workspace.root, state, collected, to=to, refused=refused, without=unlike)
    told = [
        f"{name} stays unmanaged: rules of this project refuse it ({one_line(why, 200)})"
        for name, why in sorted(refused.items())
    ]
    told += [f"{address} stays unmanaged: {why}" for address, why in sorted(unlike.items())]
    return files, [*notes, *told]


def _made_unlike(workspace: Workspace, collected: Sequence[StoreView]) -> dict[Address, str]:
    """What was declared by what was written, and would become another than it is there: where a spec, a
    default or a template says once what holds for several. Told with what differs."""
    try:
        loaded = workspace.load()
        state = gather(workspace, loaded, Wishes(lenient=True))
    except AcornError:
        return {}  # `_record` tells
    try:
        found: dict[Address, str] = {}
        for view in collected:
            shard = state.desired.stores.get(view.store, {})
            for key, have in view.live.items():
                want = shard.get(key)
                if want is None or key in view.desired:
                    continue
                # What is fixed and was never said can be said once.
                once = {n for n in FIXED.get(key[0], ()) if have.attributes.get(n) is None}
                names = [
                    name
                    for name, value in want.attributes.items()
                    if name not in once and not same(value, have.attributes.get(name), name)
                ]
                if names:
                    found[Address(view.store, *key)] = (
                        f"its {', '.join(sorted(names))} is not what {want.origin} says, and would not stay as it is"
                    )
        return found
    except NONSENSE:
        return {}
    finally:
        state.ledger.close()


def _errors(workspace: Workspace) -> list[Finding]:
    try:
        workspace.checked()
    except InvalidSpecs as error:
        return [finding for finding in error.findings if finding.severity == "error"]
    return []


def _write(workspace: Workspace, files: Mapping[str, str]) -> None:
    for path in sorted(files):
        writable(workspace.root / path, workspace.root)
    for path in sorted(files):
        save(workspace.root / path, files[path], workspace.root)


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _put_back(workspace: Workspace, before: Mapping[str, bytes | None]) -> None:
    """Files as they were before this run wrote them."""
    for path, content in before.items():
        if content is None:
            (workspace.root / path).unlink()
        else:
            replace(workspace.root / path, content, root=workspace.root)


def _check_written(workspace: Workspace) -> tuple[Loaded, list[Finding]]:
    """Load again what was written. AcornError where it breaks a rule of the project."""
    try:
        return workspace.checked()
    except InvalidSpecs as error:
        words = (
            "what was written breaks rules of this project; it stays for you to mend, and was not recorded"
        )
        hint = "edit it, then run `acorn apply` to record it"
        broken = [finding for finding in error.findings if finding.severity == "error"]
        raise AcornError(
            words, hint=hint, findings=[*broken, Finding(AcornError.id, "error", words, hint=hint)]
        ) from None


def _record(workspace: Workspace, selected: Sequence[str]) -> tuple[int, list[str]]:
    """Take into the ledger what is now declared and as declared. Answers how much that is, and what is said
    of what belongs to others."""
    loaded, findings = _check_written(workspace)
    path = workspace.ledger_path(loaded.project)
    with held(path, {"who": workspace.actor(), "since": workspace.stamp(), "plan": "import"}, 10):
        known = open_ledger(path)
        first = not known.stores()
        known.close()
        plan, state = compute(
            workspace,
            loaded,
            findings,
            wishes=Wishes(selected, fresh=True, lenient=True),
            revision=Revision(workspace.root),
            write=True,
            takes_over=first,
            publish=(lambda ledger: publish(workspace, ledger)) if publishes(workspace) else None,
        )
        applied = {store: state.ledger.applied(store) for store in {a.store for a in to_record(plan)}}

        def last_applied(address: Address) -> Attributes | None:
            found = applied[address.store].get((address.type, address.key))
            return orjson.loads(found.attributes) if found is not None else None

        rows = [
            Settled(
                address,
                "adopt",
                plan.id,
                outcome="observed",
                attributes=recordable(want, last_applied(address)),
                origin=str(want.origin),
                adopted=True,
                protected=protects(want.lifecycle),
            )
            for address in sorted(to_record(plan))
            if (want := declared(state, address)) is not None
        ]
        refuse_recording(workspace, state, rows)
        read = [s.store for s in plan.stores if not s.error]
        move(
            workspace,
            state,
            {store: state.read_at[store] for store in read if store in state.read_at},
            looked_at=read,
            record=lambda said: state.ledger.record(
                rows, workspace.stamp(), workspace.actor(), plan.revision, "import", said
            ),
        )
        state.ledger.close()
    return len(rows), [words for result in plan.stores for words in left_to_owners(result.theirs)]
