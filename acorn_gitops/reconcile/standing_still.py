"""Whether anything may be changed now. Comes in: a workspace, loaded specs, the stores that would be written.
Goes out: findings. Callers: planning (told), preconditions (refused).

Freezes, change windows and holds are those of the default branch, as it is now, together with those of what
is checked out: an old checkout does not know that somebody has said stop since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from acorn_gitops.confine.text import one_line
from acorn_gitops.engines.standstill import Stop, closed, frozen, held, is_past
from acorn_gitops.model.finding import AcornError, Finding, Refused, Severity
from acorn_gitops.plan.verdict import LATER
from acorn_gitops.provenance.branch import bring_default, brought_before, is_elsewhere
from acorn_gitops.provenance.revision import came_in, follows, head_of
from acorn_gitops.reconcile.addresses import environments_leading_to, is_as_there
from acorn_gitops.reconcile.called_there import called_there
from acorn_gitops.reconcile.ledger_branch import REMOTE
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.specs.project import FILE, settings_of

if TYPE_CHECKING:
    from acorn_gitops.model.typed import ProjectData
    from acorn_gitops.reconcile.states import States

SETTINGS = ("freezes", "changeWindows", "holds")
UNREADABLE = (
    f"{FILE} of the default branch cannot be read, or the specs there,"
    " so that nobody knows whether it says stop"
)
MEND = (
    f"mend {FILE} there; where it is newer than this acorn, install a newer one; in a partial clone, `git fetch --refetch"
    f" --no-filter {REMOTE}` brings it"
)
HINTS = {
    "ACN-042": "wait for its end, or let its owner lift it: `acorn thaw NAME`, merged",
    "ACN-043": "apply when a window is open; `changeWindows` of acorn.yaml says when",
    "ACN-044": "apply the commit that took it back; whoever mended it lifts the hold in acorn.yaml",
}


def told(workspace: Workspace, state: States, stores: Iterable[str]) -> list[Finding]:
    """For a plan: that apply would be refused now, by what this clone has last seen of the default branch."""
    found: dict[Stop, None] = {}
    for commit in last_seen(workspace):
        head = workspace.trust.settings(commit)
        if head is None and workspace.trust.may_be_new(commit):
            continue  # whoever applies fetches more, or is told
        if head is None:
            return [Finding("ACN-042", "warning", f"{LATER}{UNREADABLE}", hint=MEND, firm=True)]
        stops = _stops(workspace, state, stores, head=head, head_commit=commit)
        if stops is None:
            return [Finding("ACN-042", "warning", f"{LATER}{UNREADABLE}", hint=MEND, firm=True)]
        found |= dict.fromkeys(stops)
    return [_finding(stop, "warning", LATER) for stop in found]


def refuse_standing_still(workspace: Workspace, state: States, stores: Collection[str]) -> None:
    """Refused where a freeze, a closed window or a hold forbids to write to these stores (`_now`)."""
    if not stores:
        return
    found = _now(workspace, state, stores)
    if found is None:
        findings = [Finding("ACN-042", "error", UNREADABLE, hint=MEND, firm=True)]
    else:
        findings = [_finding(stop, "error", "") for stop in found]
    if findings:
        raise Refused("nothing may be changed now; nothing was written", findings=findings)


def stopped(workspace: Workspace, state: States, stores: Collection[str]) -> dict[str, str]:
    """While something is carried out: to which of these stores nothing more may be written, and why."""
    found = _now(workspace, state, stores) if stores else []
    if found is None:
        return dict.fromkeys(stores, UNREADABLE)
    return {store: f"{stop.id}: {stop.words}" for stop in found for store in stop.stores or stores}


def _now(workspace: Workspace, state: States, stores: Collection[str]) -> list[Stop] | None:
    """What stands in the way now; None where acorn.yaml of the default branch cannot be read. The remote is
    asked first what its default branch says: the one that this clone takes for it, and the one that the
    remote does, where these differ."""
    found: dict[Stop, None] = {}
    for commit in _newest(workspace) or last_seen(workspace):
        head = workspace.trust.settings(commit)
        if head is None:
            return None
        stops = _stops(workspace, state, stores, head=head, head_commit=commit)
        if stops is None:
            return None
        found |= dict.fromkeys(stops)
    return [*found]


def _newest(workspace: Workspace) -> list[str]:
    """The newest commits of what is, or may be, the default branch; none, and a warning, where the remote
    cannot tell."""
    root, known = workspace.home, workspace.trust.default_branch
    elsewhere = is_elsewhere(root, REMOTE)
    why = f"no remote is called {REMOTE}" if elsewhere else f"it has no branch {known}"
    asked = elsewhere or bool(known)
    try:
        commits = bring_default(root, REMOTE, known)
    except AcornError as error:
        commits, asked, why = [], True, one_line(error.message, 200)
    if asked and not commits:
        words = f"{REMOTE} cannot be asked whether somebody said stop: {why}"
        workspace.warn([Finding("ACN-042", "warning", words, hint="what this clone last saw of it counts")])
    return commits


def last_seen(workspace: Workspace) -> list[str]:
    """The newest commits that this clone has seen of what is, or may be, the default branch: what git
    fetched, and what acorn did; never none. Those that others follow from count for nothing any more."""
    root = workspace.home
    seen = [one for one in (workspace.trust.default_commit, *brought_before(root, REMOTE)) if one]
    kept = [
        one
        for one in dict.fromkeys(seen)
        if not any(one != other and follows(root, other, one) for other in seen)
    ]
    return kept or [""]


def _stops(
    workspace: Workspace,
    state: States,
    stores: Iterable[str],
    *,
    head: ProjectData,
    head_commit: str,
) -> list[Stop] | None:
    loaded = state.loaded
    own, now = loaded.configuration.settings, workspace.now()
    names = sorted({*stores})
    if not names or not any(settings.get(name) for settings in (own, head) for name in SETTINGS):
        return []
    says = head.get("freezes") or []
    freezes = [one for one in own.get("freezes") or () if one not in says]
    # A freeze that the default branch does not say may be new here, or lifted there: it holds until this
    # checkout has what was lifted. Windows are the default branch's alone, where it is known.
    kept: ProjectData = {
        "freezes": [*freezes, *says],
        "changeWindows": (head or own).get("changeWindows") or [],
    }
    # A checkout can call an environment anything: what was said of a marketplace counts for it all the same.
    own_name, used = loaded.project.environment, loaded.project.connections
    leading = environments_leading_to(head, used)
    # What forbids is joined. What permits is not: where this environment is another one here than on the
    # default branch, its windows and those of each that leads there have to be open.
    permitting = [own_name] if is_as_there(head, own_name, used) else [own_name, *leading]
    called: Mapping[str, Collection[str]] | None = {name: [name] for name in names}
    if head_commit and _names_stores(kept, now):
        environments = {own_name, *leading}.intersection(head.get("environments") or ())
        called = called_there(workspace, state, head_commit, environments, names)
    if called is None:
        return None
    every = sorted({one for those in called.values() for one in those})
    found = [
        *frozen(kept, {own_name, *leading}, every, now),
        *dict.fromkeys(stop for one in permitting for stop in closed(kept, [one], every, now)),
    ]
    root = workspace.root
    commit = head_of(root)
    return [
        *(stop._replace(stores=_here(stop, called)) for stop in found),
        *held(
            head,
            own,
            commit,
            contains=lambda bad: follows(root, commit, bad),
            overcame=lambda bad: _overcame(root, commit, head_commit, bad),
        ),
    ]


def _names_stores(settings: ProjectData, now: datetime) -> bool:
    """Whether a freeze that is not over, or a change window, is of some stores alone."""
    freezes = (one for one in settings.get("freezes") or () if not is_past(one, now))
    return any(one.get("stores") for one in (*freezes, *(settings.get("changeWindows") or ())))


def _here(stop: Stop, called: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The stores of a stop, as they are called here."""
    return tuple(sorted(store for store, names in called.items() if not {*names}.isdisjoint(stop.stores)))


def _overcame(root: Path, commit: str, head: str, bad: str) -> bool | None:
    """Whether what is checked out follows from the commit with which the default branch took a bad one
    back; None where nobody can tell."""
    if follows(root, commit, head):
        return True
    came = came_in(root, head, FILE, lambda content: _holds(content, bad))
    if came is None:
        return None
    found = [follows(root, commit, one) for one in came]
    return True if True in found else None if None in found else False


def _holds(content: bytes, bad: str) -> bool:
    """Whether acorn.yaml says a hold of a commit."""
    said = settings_of(content.decode("utf-8", "replace")).get("holds")
    return isinstance(said, list) and any(isinstance(one, dict) and one.get("commit") == bad for one in said)


def _finding(stop: Stop, severity: Severity, begin: str) -> Finding:
    stores = f"{', '.join(stop.stores[:5])}{' …' if len(stop.stores) > 5 else ''}: " if stop.stores else ""
    until = f"; until {_at(stop.until)}" if stop.until is not None else ""
    if stop.id == "ACN-043":
        until = (
            f"; the next one opens {_at(stop.until)}" if stop.until is not None else "; none opens any more"
        )
    return Finding(stop.id, severity, f"{begin}{stores}{stop.words}{until}", hint=HINTS[stop.id], firm=True)


def _at(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")
