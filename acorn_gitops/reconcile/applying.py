"""From a request to stores that match: the order of events around a plan that is carried out. Comes in: a
workspace, a request, hooks. Goes out: what became of every change. Callers: `Workspace.apply`, cli `apply`.

Lock, bring the ledger and ask who applies, plan, ask what must be asked (`preconditions`), ask whoever
decides, carry out, send the ledger, let the stores remember. Whoever calls this cannot leave any of it out.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from acorn_gitops.apply.carry_out import Terms, apply_plan
from acorn_gitops.apply.edges import Edges, Report
from acorn_gitops.apply.generation import finish
from acorn_gitops.apply.nothing import apply_nothing, is_news
from acorn_gitops.apply.permit import Lock, Permit
from acorn_gitops.ledger.lock import held
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.marketplaces.protocol import Outcome
from acorn_gitops.model.finding import AcornError, Finding, Locked, Misused, Refused, Stale
from acorn_gitops.model.resource import Address
from acorn_gitops.plan.change import Change
from acorn_gitops.plan.document import Plan, apart
from acorn_gitops.plan.select import EXACT
from acorn_gitops.provenance.blame import Authors
from acorn_gitops.provenance.branch import newest
from acorn_gitops.provenance.revision import Revision, committed_at, head_of
from acorn_gitops.reconcile import attesting
from acorn_gitops.reconcile.authority import enforced_elsewhere, may_give, refuse_another_time
from acorn_gitops.reconcile.by_hand import accepted
from acorn_gitops.reconcile.lease import Claim, Renewal
from acorn_gitops.reconcile.ledger_branch import BRANCH, NONE, REMOTE, bring, is_shared, send, send_lease
from acorn_gitops.reconcile.loosened import guards_of, opens
from acorn_gitops.reconcile.planning import compute, least_price, to_record, written_to
from acorn_gitops.reconcile.preconditions import permit_for, refuse_another, refuse_blocked, refuse_changed
from acorn_gitops.reconcile.standing_still import refuse_standing_still, stopped
from acorn_gitops.reconcile.states import States, Wishes, declared
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.rules import rehearsal
from acorn_gitops.specs.deciding import files_that_decide, place_of_facts, places_of_specs
from acorn_gitops.specs.load import Loaded

_LOOK: Final = 5.0
"""Seconds between two looks at a lease that is waited for."""


@dataclass(frozen=True, slots=True)
class ApplyRequest:
    """What is to be applied, and what somebody says about it."""

    plan: Plan | None = None
    """As it was reviewed; None: planned now."""
    select: Sequence[str] = ()
    """Only these stores and resources; of a reviewed plan its own selection counts."""
    adopt: bool = False
    """Take over what differs, or belongs to others."""
    allow_empty: Sequence[str] = ()
    """Stores that are empty now, and rightly so."""
    committed: bool = False
    """Only what the commit holds that is checked out, file for file: what a pipeline applies."""
    older: bool = False
    """Go back to an older commit on purpose."""
    lock_timeout: float = 0.0
    """Seconds to wait for another apply."""
    wait: float = 10.0
    """Seconds in which accepted writes may be seen."""


def _nothing(*_: object) -> None:
    """For whoever does not want to know."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """How a caller takes part: each is called at its time, and may raise to end the run before the first
    write."""

    planned: Callable[[Plan], None] = _nothing
    """What was planned now (not: a reviewed plan), before anybody is asked."""
    approve: Callable[[Plan], None] = _nothing
    """Raises where nobody agrees to what was planned now. Whoever calls with a reviewed plan has agreed."""
    progress: Callable[[int, int, str], None] = _nothing
    """How many changes of how many are sent, and where."""
    stopping: Callable[[], bool] = bool
    """Whether to end after the batch that is under way."""
    writing: AbstractContextManager[object] = field(default_factory=nullcontext)
    """Entered while writes are sent."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a request."""

    plan: Plan
    outcomes: Sequence[tuple[Change, Outcome]] = ()
    interrupted: bool = False
    unread: Mapping[str, str] = field(default_factory=dict)
    """Stores that were left out, and why they could not be read."""
    ended: Sequence[str] = ()
    """Stores in which an earlier run was still writing: what it sends from now on is refused."""
    unsent: AcornError | None = None
    """Why the ledger is not where others find it, although everything else was done."""

    @property
    def complete(self) -> bool:
        """Whether every change is done and seen."""
        seen = all(outcome.status == "observed" for _, outcome in self.outcomes)
        return seen and not self.interrupted and not self.unread


def apply(workspace: Workspace, request: ApplyRequest, hooks: Hooks | None = None) -> Applied:
    """Make every store match the specs. AcornError with what stands in the way; then nothing was written,
    unless it says so."""
    workspace.refuse_untrusted("apply")
    with workspace.busy("apply"):
        return _Run(workspace, request, hooks or Hooks()).run()


class _Run:
    def __init__(self, workspace: Workspace, request: ApplyRequest, hooks: Hooks) -> None:
        self._workspace, self._request, self._hooks = workspace, request, hooks
        self._chosen = workspace.environ.get("ACORN_LEDGER_BRANCH", "")
        self._branch = "" if self._chosen == NONE else self._chosen
        # Whoever asks keeps the plan in hand: what is judged here and written later must not be theirs to
        # change.
        given = request.plan
        if given is not None and not isinstance(given, Plan):
            raise Misused("what is to be applied is no plan", hint="`Workspace.plan` makes one")
        self._saved = apart(given, given.content) if given is not None else None
        self._claim: Claim | None = None
        self._tip = ""
        """The commit of the ledger's branch that this run has pushed last."""
        self._exact = False
        self._part = bool(self._request.select if self._saved is None else self._saved.selected)
        """Whether less is carried out than would be planned now."""

    def run(self) -> Applied:
        """Lock, and do everything under the lock."""
        workspace, saved = self._workspace, self._saved
        refuse_another_time(workspace)
        if saved is not None and workspace.environment is None:
            workspace.environment = saved.environment
        revision = Revision(workspace.root)
        loaded, findings = workspace.checked()
        # Now, and once more at the end: while somebody is asked, files can be put back.
        # And of the same commit: HEAD can be moved meanwhile, and then it is not what was loaded.
        self._exact = self._is_exact(loaded)
        if self._request.committed and not (self._exact and self._has_proof(loaded)):
            raise Refused(
                "what was read is not what the commit holds, file for file; nothing was applied",
                hint="a file that git ignores, or was told not to look at, was reviewed by nobody; nor was one of a submodule",
            )
        if saved is not None:
            refuse_another(saved, loaded)
        plan_id = saved.id if saved is not None else "planning"
        holder = {"who": workspace.actor(), "since": workspace.stamp(), "plan": plan_id}
        path = workspace.ledger_path(loaded.project)
        with held(path, holder, self._request.lock_timeout) as lock:
            if self._branch:
                owner = f"{loaded.project.name}/{loaded.project.environment}"
                self._claim = Claim(workspace, path, takes=True)
                self._bring(path, owner)
            try:
                plan, state = compute(
                    workspace,
                    loaded,
                    findings,
                    wishes=self._wishes(),
                    revision=revision,
                    write=True,
                    publish=self._send if self._branch else None,
                )
                try:
                    lock.ledger = state.ledger
                    if lock.lost:
                        raise Refused(f"{lock.lost}; nothing was written", hint=lock.remedy)
                    self._refuse_part(loaded, findings, plan)
                    return self._carry_out(loaded, plan, state, lock)
                finally:
                    state.ledger.close()
            finally:
                workspace.refusing = workspace.stopping = None
                self._free(path)

    def _bring(self, path: Path, owner: str) -> None:
        """The ledger that others see, once nobody else applies."""
        assert self._claim is not None
        ends = time.monotonic() + self._request.lock_timeout
        while True:
            brought = bring(self._workspace, path, REMOTE, branch=self._branch, owner=owner)
            try:
                return self._claim.refuse(brought.lease)
            except Locked:
                left = ends - time.monotonic()
                if left <= 0:
                    raise
                self._workspace.pause(min(left, _LOOK))

    def _free(self, path: Path) -> None:
        """Let go of a lease that the last push did not free. Where that cannot be said, it ends by itself."""
        if self._claim is not None and self._claim.is_mine:
            self._claim.frees()
            with suppress(AcornError):
                send_lease(self._workspace, path, REMOTE, self._branch, claim=self._claim)

    def _refuse_part(self, loaded: Loaded, findings: Sequence[Finding], now: Plan) -> None:
        """Where a reviewed plan is a part of what would be planned now, it is judged by itself, as what is
        selected is: what stays as it is may be what made it harmless."""
        saved = self._saved
        if saved is None or {_key(c) for c in now.changes} <= {_key(c) for c in saved.changes}:
            return
        exact = sorted({f"{EXACT}{name}" for one in saved.changes for name in (one.address, one.former)})
        wishes = replace(self._wishes(), selected=exact, lenient=True)
        revision = Revision(self._workspace.root)
        part, state = compute(self._workspace, loaded, findings, wishes=wishes, revision=revision)
        state.ledger.close()
        refuse_blocked(part)

    def _warn(self, loaded: Loaded, state: States) -> None:
        """What whoever applies does not see in the plan."""
        workspace = self._workspace
        told = enforced_elsewhere(workspace, loaded, state)
        if not self._chosen and is_shared(workspace):
            words = (
                f"ledgers of this project are kept on {BRANCH}, and what is done here stays on this machine"
            )
            hint = f"ACORN_LEDGER_BRANCH={BRANCH} sends it; or `acorn state push` afterwards"
            told.append(Finding("ACN-022", "warning", words, place=None, hint=hint))
        workspace.warn(told)

    def _wishes(self) -> Wishes:
        request, saved = self._request, self._saved
        return Wishes(
            saved.selected if saved is not None else request.select,
            saved.adopt if saved is not None else request.adopt,
            request.allow_empty,
            fresh=True,
            lenient=saved is not None,
        )

    def _carry_out(self, loaded: Loaded, plan: Plan, state: States, lock: Lock) -> Applied:
        saved, recording = self._saved, to_record(plan)
        skip = loaded.configuration.policies.get("onUnreadable") == "skip"
        if saved is not None:
            refuse_changed(saved, plan, state)
            # What a file says of itself is not believed: each change that was reviewed is carried out as it
            # is planned now (before, reasons, origin), and what is recorded is the revision that was read.
            planned = {_key(c): c for c in plan.changes}
            self._part = self._part or not planned.keys() <= {_key(c) for c in saved.changes}
            self._exact = self._exact and not self._part
            reviewed = [_as_planned(c, planned.get(_key(c))) for c in saved.changes]
            plan = replace(saved, changes=reviewed, commit=plan.commit, dirty=plan.dirty)
        permit = permit_for(
            self._workspace,
            loaded,
            plan,
            state=state,
            lock=lock,
            older=self._request.older,
            skip_unreadable=skip and saved is None,
            shared=bool(self._chosen),
        )
        self._warn(loaded, state)
        quiet = not plan.changes and not recording and not plan.errored
        if saved is None:
            content, asks = plan.content, bool(plan.changes)
            self._hooks.planned(plan)
            if asks:
                self._hooks.approve(plan)
                # Somebody may have said stop meanwhile.
                refuse_standing_still(self._workspace, state, written_to(plan.changes, recording, state))
            plan = apart(plan, content)
        edges = self._edges(loaded, state, permit, plan=plan, lock=lock)
        if quiet:
            return self._nothing(plan, state, edges, permit)
        report: Report | None = None
        with self._hooks.writing:
            report = apply_plan(
                plan,
                permit,
                state.marketplaces,
                ledger=state.ledger,
                edges=edges,
                declared=lambda address: declared(state, address),
                least=least_price(loaded, self._workspace.now()),
                terms=Terms(
                    recording=recording,
                    allow_empty=self._request.allow_empty,
                    skip_unreadable=skip,
                    places={s.store: state.marketplace_of(s.store) for s in plan.stores},
                    takes_over=plan.adopt,
                    witnesses=state.connections,
                ),
            )
        if report is None:
            raise AcornError(
                "what ended the run half-way was swallowed by a hook",
                hint="let `Hooks.writing` pass on what it is given; run again to finish",
            )
        return self._told(plan, state, report, lock)

    def _told(self, plan: Plan, state: States, report: Report, lock: Lock) -> Applied:
        """Send the ledger, and let the stores remember how the run ended once others can find that."""
        unsent: AcornError | None = None
        if lock.lost:
            written = "" if lock.keeps_ledger else ", and may be written down nowhere"
            unsent = Stale(f"{lock.lost}: what was done is told above{written}", hint=lock.remedy)
        elif self._claim is not None:
            self._claim.frees()
            try:
                self._send(state.ledger)
            except AcornError as error:
                unsent = AcornError(
                    f"what was done is not on {self._branch} yet: {error.message}",
                    hint=error.hint
                    if isinstance(error, Stale)
                    else "`acorn state push` sends it; what was about to be done is there, so that the next run looks for it",
                )
        if unsent is None:
            finish(report.fenced, state.owner, report.end)
        return Applied(plan, report.outcomes, report.interrupted, unread=report.unread, unsent=unsent)

    def _nothing(self, plan: Plan, state: States, edges: Edges, permit: Permit) -> Applied:
        """Nothing differs: that is remembered where it is news."""
        if not (is_news(plan, state.ledger, guards=edges.guards, part=self._part) or edges.by_hand):
            if self._claim is not None and state.ledger.exists:
                self._claim.frees()
                self._send(state.ledger)  # what was found of it is known to all
            return Applied(plan)
        quiet = apply_nothing(
            plan,
            permit,
            state.marketplaces,
            ledger=state.ledger,
            edges=edges,
            declared=lambda address: declared(state, address),
        )
        if quiet.untold:
            why = "; ".join(f"{store}: {why}" for store, why in quiet.untold.items())
            raise AcornError(
                f"nothing had to be changed, but an earlier run may still write to {why}",
                hint="run again when it answers",
            )
        return Applied(plan, ended=quiet.ended)

    def _edges(self, loaded: Loaded, state: States, permit: Permit, *, plan: Plan, lock: Lock) -> Edges:
        renewal = self._renewal(Path(state.ledger.where))

        def refusal() -> str:
            return renewal.refusal() or (f"not sent: {lock.lost}" if lock.lost else "")

        self._workspace.refusing = refusal

        def stopping() -> bool:
            return bool(refusal()) or self._hooks.stopping()

        self._workspace.stopping = stopping
        return Edges(
            actor=permit.actor,
            now=self._workspace.stamp,
            pause=self._workspace.wait,
            # Whoever lost the lease waits for nothing any more.
            clock=lambda: math.inf if renewal.lost else time.monotonic(),
            progress=self._hooks.progress,
            spans=self._workspace.spans,
            stopping=stopping,
            stopped=lambda stores: stopped(self._workspace, state, stores),
            nonce=lambda: secrets.token_hex(16),
            publish=(lambda: self._send(state.ledger)) if self._branch else None,
            committed=committed_at(self._workspace.root),
            exact=self._exact and head_of(self._workspace.root) == plan.commit and self._is_exact(loaded),
            # What a part of everything no longer asks for is still asked for in the rest.
            guards={}
            if self._part and opens(loaded.configuration, state.ledger)
            else guards_of(loaded.configuration, state.attested),
            by_hand=accepted(
                self._workspace,
                plan,
                state,
                gives=may_give(self._workspace, loaded, state, [*state.by_hand]),
            ),
            standing=state.standing,
            part=self._part,
            wait_seconds=self._request.wait,
        )

    def _renewal(self, path: Path) -> Renewal:
        claim = self._claim

        def renew() -> None:
            if claim is not None and claim.is_mine:
                self._tip = send_lease(self._workspace, path, REMOTE, self._branch, claim=claim)

        def moved() -> bool:
            return (
                claim is not None
                and claim.is_mine
                and newest(self._workspace.root, REMOTE, self._branch) != self._tip
            )

        return Renewal(renew, time.monotonic, moved)

    def _is_exact(self, loaded: Loaded) -> bool:
        """Whether everything that decides is here as the commit holds it. Facts that the commit does not hold
        are written by jobs; those that it holds were reviewed."""
        settings = loaded.configuration.settings
        places = [*places_of_specs(settings), place_of_facts(settings), rehearsal.FOLDER]
        return Authors(self._workspace.root).are_committed(files_that_decide(loaded), places)

    def _has_proof(self, loaded: Loaded) -> bool:
        """Whether the record of the rehearsal, where one is needed, is in the commit, too; and what people
        attested, where they did."""
        environment, root = loaded.project.environment, self._workspace.root
        records = [rehearsal.record_file(environment)] if rehearsal.asked(loaded.configuration) else []
        records += attesting.record_files(root)
        return not records or Authors(root).are_committed(records)

    def _send(self, ledger: Ledger) -> None:
        self._tip = send(self._workspace, ledger, REMOTE, branch=self._branch, claim=self._claim) or self._tip


def _key(change: Change) -> tuple[Address, str]:
    return change.address, change.action


def _as_planned(reviewed: Change, now: Change | None) -> Change:
    """A reviewed change as it is planned now, but for what its reviewer presumed to be there; itself where it
    is done already."""
    return reviewed if now is None else now._replace(fingerprint=reviewed.fingerprint)
