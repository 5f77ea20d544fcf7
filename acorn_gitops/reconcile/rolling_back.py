"""Going back, as a change like any other. Comes in: a workspace in a clean clone, a revision. Goes out: a
branch whose specs are those of that revision, with a hold on what is left: checked out here, or at the remote
for whoever agrees. Callers: cli `rollback`, `ci apply` where a rollout ended.

Only what specs are made of goes back: the files that are loaded now or were then, tables, overlays and rules
among them. acorn.yaml stays as it is, but for the hold: connections, policies and roles of the forge are not
rolled back by the way; where it led to other places then, nothing is rolled back. What was renamed since is
renamed back, not deleted and made anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.model.finding import AcornError, Misused
from acorn_gitops.model.resource import Address
from acorn_gitops.provenance.blame import Authors
from acorn_gitops.provenance.branch import begin_branch, propose
from acorn_gitops.provenance.earlier import SPECS, contents, files_at, links_at, revision_of
from acorn_gitops.provenance.revision import Revision
from acorn_gitops.reconcile.comparing import laid_out
from acorn_gitops.reconcile.ledger_branch import REMOTE
from acorn_gitops.reconcile.renamed_back import edited, renamed_back
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.resources.registry import parse_address
from acorn_gitops.specs.deciding import files_that_decide, places_of_specs
from acorn_gitops.specs.edit import with_setting
from acorn_gitops.specs.load import Loaded, load
from acorn_gitops.specs.project import FILE


@dataclass(frozen=True, slots=True)
class RollbackRequest:
    """What to go back to, and who answers for it."""

    to: str
    """A revision: a commit, a tag, a branch."""
    reason: str
    owner: str


@dataclass(frozen=True, slots=True)
class RolledBack:
    """The branch that is checked out now."""

    branch: str
    commit: str
    bad: str
    """The commit that was left, which is held."""
    changed: Sequence[str]
    """Files that are as they were then."""
    removed: Sequence[str]
    """Files that were not there then."""


def roll_back(workspace: Workspace, request: RollbackRequest) -> RolledBack:
    """Make the branch, and check it out. AcornError where files are not committed, where the revision is not
    known, or where nothing is another."""
    made = _prepared(workspace, request)
    commit = begin_branch(workspace.root, made.branch, made.files, made.message, onto=made.bad)
    return made.told(commit)


def propose_rollback(workspace: Workspace, request: RollbackRequest) -> RolledBack:
    """Make the branch at the remote, for whoever agrees; nothing is checked out. `commit` of the answer is ""
    where it is there already. AcornError as `roll_back`, and where the remote does not take it."""
    made = _prepared(workspace, request)
    # Where a branch of that name, or one above or below it, is in the way, one without folders is free.
    names = (made.branch, made.branch.replace("/", "-"))
    failed: AcornError | None = None
    for name in names:
        try:
            commit = propose(workspace.root, REMOTE, name, made.files, made.message, onto=made.bad)
        except AcornError as error:
            failed = failed or error
        else:
            return made._replace(branch=name).told(commit)
    assert failed is not None
    raise failed


class _Back(NamedTuple):
    """A branch that is not made yet."""

    branch: str
    bad: str
    files: Mapping[str, bytes | None]
    message: str

    def told(self, commit: str) -> RolledBack:
        specs = {path: content for path, content in self.files.items() if path != FILE}
        changed = sorted(path for path, content in specs.items() if content is not None)
        return RolledBack(
            self.branch, commit, self.bad, changed=changed, removed=sorted(specs.keys() - {*changed})
        )


def _prepared(workspace: Workspace, request: RollbackRequest) -> _Back:
    workspace.refuse_untrusted("rollback")
    bad, dirty = Revision(workspace.root).get()
    if not bad or dirty:
        raise AcornError(
            "what is checked out is not what a commit says; nothing was rolled back",
            hint="commit or put away what differs (`git status`)",
        )
    target = revision_of(workspace.root, request.to)
    if not target:
        raise Misused(f"git knows no revision {request.to!r}", hint="in a shallow clone, fetch it first")
    loaded = workspace.load()
    changes = _changes(workspace, loaded, bad=bad, target=target)
    if not changes:
        raise AcornError(f"the specs are as they were in {target[:10]}; nothing was rolled back")
    hold = {"commit": bad, "reason": request.reason, "owner": request.owner}
    holds = [*(loaded.configuration.settings.get("holds") or ()), hold]
    text = (workspace.root / FILE).read_text(encoding="utf-8")
    held = with_setting(text, "holds", holds, new=hold)
    files = {**changes, FILE: held.encode()}
    branch = f"acorn/rollback/{target[:10]}"
    message = (
        f"Roll back to {target[:10]}\n\n{request.reason}\n\nHolds {bad}, until {request.owner} lifts it."
    )
    return _Back(branch, bad, files=files, message=message)


def _changes(workspace: Workspace, loaded: Loaded, *, bad: str, target: str) -> dict[str, bytes | None]:
    """What decides, as it was; None for a file that was not there. AcornError where acorn.yaml led elsewhere
    then, or where another repository is among it: what stays as it is would look as if it had gone back."""
    with laid_out(workspace.root, target) as folder:
        former = load(folder, workspace.environment, workspace.cache)
        with workspace.ledger() as ledger:
            renamed = renamed_back(loaded, former, _renames(ledger))
    settings, before = (one.configuration.settings for one in (loaded, former))
    places = places_of_specs(settings)
    if places != places_of_specs(before):
        raise AcornError(
            f"{FILE} named other places of specs in {target[:10]} ({', '.join(places_of_specs(before))});"
            " nothing was rolled back",
            hint=f"go back by hand: `git revert`, {FILE} included",
        )
    _refuse_others(workspace.root, (bad, target), places)
    decide = {*files_that_decide(loaded), *files_that_decide(former)} - {FILE}
    then, now = (
        {
            path: file
            for path, file in files_at(workspace.root, commit, ()).items()
            if path in decide or _is_spec(path, places)
        }
        for commit in (target, bad)
    )
    other = {path: stored for path, stored in then.items() if now.get(path) != stored}
    touched = {FILE, *(now.keys() - then.keys()), *(other.keys() & now.keys())}
    if not Authors(workspace.root).are_committed(touched):
        raise AcornError(
            "a file that would go back is not here as the commit holds it; nothing was rolled back",
            hint="git may have been told not to look (`git ls-files -v` shows small letters); commit it, or put it away",
        )
    changes: dict[str, bytes | None] = {
        path: edited(content, [one for one in renamed if one.file == path])
        for path, content in contents(workspace.root, other)
    }
    return changes | dict.fromkeys(now.keys() - then.keys())


def _renames(ledger: Ledger) -> Mapping[str, Mapping[str, str]]:
    """By store, what listings are called now, by any of their former keys; not where one ended since, or
    where other goods lie under its key."""
    found: dict[str, dict[str, str]] = {}
    goods: dict[Address, object] = {}
    for entry in ledger.history():
        if entry.event != "write.observed":
            continue
        address = parse_address(str(entry.body["address"]))
        if address.type != "listing":
            continue
        known, said = found.setdefault(address.store, {}), entry.body.get("attributes")
        its = said.get("sku") if isinstance(said, dict) else None
        if isinstance(former := entry.body.get("former"), str):
            known |= {old: address.key for old, key in known.items() if key == former}
            known[former] = address.key
        elif its is None or its != goods.get(address, its):
            found[address.store] = {old: key for old, key in known.items() if key != address.key}
        goods[address] = its
    return found


def _refuse_others(root: Path, commits: tuple[str, str], places: Sequence[str]) -> None:
    """AcornError where another repository lies among the specs, at another commit than then."""
    one, other = (links_at(root, commit, places).items() for commit in commits)
    inner = sorted({*one} ^ {*other})
    if inner:
        raise AcornError(
            f"{inner[0][0]} is another repository, and was at another commit then; nothing was rolled back",
            hint="go back there first, and let a commit here say so",
        )


def _is_spec(path: str, places: Sequence[str]) -> bool:
    """Whether a file lies where specs do, and is named as they are: a pipeline of the forge, or a script that
    lies among them, does not go back by the way."""
    if path == FILE or not path.lower().endswith(SPECS):
        return False
    for place in places:
        below = path if place == "." else path.removeprefix(f"{place}/")
        if path == place:
            return True
        if (place == "." or below != path) and not any(p.startswith(".") for p in PurePosixPath(below).parts):
            return True
    return False
