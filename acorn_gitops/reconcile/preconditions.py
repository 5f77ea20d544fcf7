"""What is asked before anything is written. Comes in: a plan as it would be now, the plan that was reviewed,
who acts. Goes out: a permit, or why there is none. Caller: `applying`.

In this order: whether every store could be read, whether the reviewed plan is this one and was not applied
yet, budgets, findings that forbid, whether something newer was applied, whether somebody signed for it, what
whoever acts may do, what must be proved first, and whether the ledger is the one that others have.
"""

from __future__ import annotations

from acorn_gitops.apply.parts import done_steps
from acorn_gitops.apply.permit import Lock, Permit, grant
from acorn_gitops.apply.staleness import check_applicable, check_bound, check_intent, check_rollout
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.marketplaces.protocol import Fences
from acorn_gitops.model.finding import AcornError, Finding, OverBudget, Refused, Stale
from acorn_gitops.plan.document import Plan
from acorn_gitops.reconcile.authority import authorise
from acorn_gitops.reconcile.guards import OLDER, older_than
from acorn_gitops.reconcile.ledger_branch import refuse_behind
from acorn_gitops.reconcile.planning import to_record, written_to
from acorn_gitops.reconcile.signed import refuse_unsigned
from acorn_gitops.reconcile.standing_still import refuse_standing_still
from acorn_gitops.reconcile.states import CLOSED, States
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.specs.load import Loaded


def refuse_another(saved: Plan, loaded: Loaded) -> None:
    """Stale where a reviewed plan is for another project or environment."""
    here = loaded.project
    if (saved.project, saved.environment) != (here.name, here.environment):
        raise Stale(
            f"this plan is for {saved.project} · {saved.environment}, not {here.name} · {here.environment}"
        )


def refuse_changed(saved: Plan, now: Plan, state: States) -> None:
    """Stale, or why nothing may be done, where a reviewed plan is not what would be planned now."""
    if now.errored:
        # It is compared with what would be planned now: that takes every store.
        broken = "; ".join(f"{s.store}: {s.error}" for s in now.stores if s.error)
        raise AcornError(f"some stores cannot be read: {broken}", hint="run again when they answer")
    refuse_blocked(saved)
    check_applicable(saved, state.ledger.plan_status(saved.id))
    check_bound(saved, now)
    check_rollout(saved, now)
    check_intent(
        saved,
        now,
        done_steps(saved, state.ledger),
        known=lambda a: (a.type, a.key) in state.ledger.applied(a.store),
    )
    refuse_blocked(now)


def permit_for(
    workspace: Workspace,
    loaded: Loaded,
    plan: Plan,
    state: States,
    lock: Lock,
    *,
    older: bool,
    skip_unreadable: bool,
    shared: bool,
) -> Permit:
    """Everything that is asked of any plan. `older`: somebody said that an older commit is meant; `shared`:
    the ledger was brought from where others find it. AcornError with what stands in the way."""
    refuse_blocked(plan, skip_unreadable=skip_unreadable)
    if not older:
        refuse_older(workspace, state.ledger)
    # This one looks at the default branch anew, which the next ones ask as well.
    refuse_standing_still(workspace, state, written_to(plan.changes, to_record(plan), state))
    refuse_unsigned(workspace, loaded, state)
    actor = authorise(workspace, loaded, plan, state=state)
    refuse_unproven(workspace, loaded)
    unfenced = state.unfenced | {
        s.store for s in plan.stores if not isinstance(state.marketplaces.get(s.connection), Fences)
    }
    if not shared and any(c.writes and c.address.store in unfenced for c in plan.changes):
        refuse_behind(workspace, state.ledger)
    return grant(plan, lock, actor)


def refuse_blocked(plan: Plan, *, skip_unreadable: bool = False) -> None:
    """Why a plan is not applied as it stands: a store that could not be read, a budget, a finding that
    forbids it."""
    if plan.errored and not skip_unreadable:
        broken = [
            Finding(
                "ACN-010",
                "error",
                f"{s.store} could not be read: {s.error}",
                hint=f"run the same command again when it can be read; {CLOSED}",
            )
            for s in plan.stores
            if s.error
        ]
        raise AcornError("the plan is incomplete; nothing was written", findings=broken)
    over = [f for f in plan.findings if f.id.startswith("BUD-") and f.severity != "info"]
    if over:
        raise OverBudget("the plan is over budget; nothing was written", findings=over)
    errors = [f for f in plan.findings if f.severity == "error"]
    if errors:
        raise Refused("the plan holds what must not be; nothing was written", findings=errors)


def refuse_older(workspace: Workspace, ledger: Ledger) -> None:
    """Stale where what is checked out is older than what was applied last."""
    last = older_than(workspace.root, ledger)
    if last:
        raise Stale(
            f"this checkout is older than commit {last[:10]}, which was applied last; nothing was written",
            hint=OLDER,
        )


def refuse_unproven(workspace: Workspace, loaded: Loaded) -> None:
    """Rules of phase apply: what must be proved before anything is written."""
    from acorn_gitops.rules.registry import check

    found = [f for f in check(loaded.configuration, workspace.now(), phase="apply") if f.severity == "error"]
    if found:
        raise Refused("what must be proved first is not; nothing was written", findings=found)
