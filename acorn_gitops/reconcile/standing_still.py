"""Whether anything may be changed now. Comes in: a workspace, loaded specs, the stores that would be written.
Goes out: findings. Callers: planning (told), preconditions (refused).

Freezes, change windows and holds are those of the default branch, as it is now, together with those of what
is checked out: an old checkout does not know that somebody has said stop since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from acorn_gitops.confine.text import one_line
from acorn_gitops.engines.standstill import Stop, closed, frozen, held
from acorn_gitops.model.finding import AcornError, Finding, Refused
from acorn_gitops.plan.document import Plan
from acorn_gitops.plan.verdict import LATER
from acorn_gitops.provenance.branch import default_at, fetch_head
from acorn_gitops.provenance.revision import follows, head_of
from acorn_gitops.reconcile.ledger_branch import NONE, REMOTE
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.specs.load import Loaded
from acorn_gitops.specs.project import FILE

SETTINGS = ("freezes", "changeWindows", "holds")
UNREADABLE = f"{FILE} of the default branch cannot be read, so that nobody knows whether it says stop"
MEND = f"mend {FILE} there; where it is newer than this acorn, install a newer one"
HINTS = {
    "ACN-042": "wait for its end, or let its owner lift it: `acorn thaw NAME`, merged",
    "ACN-043": "apply when a window is open; `changeWindows` of acorn.yaml says when",
    "ACN-044": "apply the commit that took it back; whoever mended it lifts the hold in acorn.yaml",
}


def told(workspace: Workspace, loaded: Loaded, stores: Iterable[str]) -> list[Finding]:
    """For a plan: that apply would be refused now, by what this clone has last seen of the default branch."""
    head = workspace.trust.settings()
    if head is None:
        return [Finding("ACN-042", "warning", f"{LATER}{UNREADABLE}", hint=MEND, firm=True)]
    return [_finding(stop, "warning", LATER) for stop in _stops(workspace, loaded, stores, head=head)]


def refuse_standing_still(workspace: Workspace, loaded: Loaded, plan: Plan) -> None:
    """Refused where a freeze, a closed window or a hold forbids what a plan writes. The default branch is
    asked at its remote first."""
    stores = {change.address.store for change in plan.changes if change.writes}
    if not stores:
        return
    commit = ""
    if workspace.environ.get("ACORN_LEDGER_BRANCH", "") != NONE:
        try:
            branch = workspace.trust.default_branch or default_at(workspace.root, REMOTE)
            commit = fetch_head(workspace.root, REMOTE, branch) if branch else ""
        except AcornError as error:
            words = f"{REMOTE} cannot be asked whether somebody said stop: {one_line(error.message, 200)}"
            workspace.warn(
                [Finding("ACN-042", "warning", words, hint="what this clone last saw of it counts")]
            )
    head = workspace.trust.settings(commit)
    if head is None:
        raise Refused(
            "nothing may be changed now; nothing was written",
            findings=[Finding("ACN-042", "error", UNREADABLE, hint=MEND, firm=True)],
        )
    found = _stops(workspace, loaded, stores, head=head)
    if found:
        findings = [_finding(stop, "error", "") for stop in found]
        raise Refused("nothing may be changed now; nothing was written", findings=findings)


def _stops(
    workspace: Workspace, loaded: Loaded, stores: Iterable[str], *, head: Mapping[str, Any]
) -> list[Stop]:
    own, environment, now = loaded.configuration.settings, loaded.project.environment, workspace.now()
    names = sorted({*stores})
    if not names or not any(settings.get(name) for settings in (own, head) for name in SETTINGS):
        return []
    says = head.get("freezes") or []
    names_there = {freeze["name"] for freeze in says}
    freezes = [one for one in own.get("freezes") or () if one["name"] not in names_there]
    # What the default branch no longer says was lifted there; windows are the default branch's alone, where it is known.
    kept = {"freezes": [*freezes, *says], "changeWindows": (head or own).get("changeWindows")}
    commit = head_of(workspace.root)
    return [
        *frozen(kept, environment, names, now),
        *closed(kept, environment, names, now),
        *held(head, own, commit, lambda bad: follows(workspace.root, commit, bad)),
    ]


def _finding(stop: Stop, severity: Any, begin: str) -> Finding:
    stores = f"{', '.join(stop.stores[:5])}{' …' if len(stop.stores) > 5 else ''}: " if stop.stores else ""
    until = f"; until {_at(stop.until)}" if stop.until is not None else ""
    if stop.id == "ACN-043":
        until = (
            f"; the next one opens {_at(stop.until)}" if stop.until is not None else "; none opens any more"
        )
    return Finding(stop.id, severity, f"{begin}{stores}{stop.words}{until}", hint=HINTS[stop.id], firm=True)


def _at(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")
