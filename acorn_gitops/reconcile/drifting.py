"""What was changed outside since the last apply, and what monitors see. Comes in: a workspace and a request.
Goes out: `DriftReport`. Callers: `Workspace.drift`, cli `drift`.

Nothing is written. Edited specs are not drift, and are only counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from acorn_gitops.model.resource import attribute_of
from acorn_gitops.plan.drift import DriftReport, store_drift
from acorn_gitops.reconcile import guards
from acorn_gitops.reconcile.attesting import all_records, standing
from acorn_gitops.reconcile.planning import NONSENSE, has_margins, least_price, nonsense
from acorn_gitops.reconcile.states import Wishes, gather, refuse_idle, views
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.rules.context import Known
from acorn_gitops.rules.registry import check


@dataclass(frozen=True, slots=True)
class DriftRequest:
    """Where to look."""

    select: Sequence[str] = ()
    """Only these stores and resources."""
    allow_empty: Sequence[str] = ()
    """Stores that are empty now, and rightly so."""


def drift(workspace: Workspace, request: DriftRequest | None = None) -> DriftReport:
    """Compare every store with what was last applied there. A store that cannot be read is an error in the
    report; the others are looked at all the same. InvalidSpecs where the specs are wrong, Misused where a
    pattern means nothing."""
    asked = request or DriftRequest()
    loaded, _ = workspace.checked()
    with workspace.busy("drift"):
        wishes = Wishes(asked.select, allow_empty=asked.allow_empty)
        state = gather(workspace, loaded, wishes)
        records, _ = all_records(workspace.root, loaded.project.environment)
        state.standing = standing(records, state, workspace.now().date())
        unknown = "" if state.ledger.stores() else f"there is no ledger here ({state.ledger.where})"
        now, least = workspace.now(), least_price(loaded, workspace.now())
        report = DriftReport(loaded.project.environment, unknown=unknown)
        for view in views(state, wishes):
            if view.error:
                report.errors[view.store] = view.error
                continue
            try:
                found = store_drift(view.store, view.desired, view.live, applied=view.applied)
                report.findings.extend(guards.in_other_currencies(view))
                report.findings.extend(guards.below_floor(view, now, least, margins=has_margins(loaded)))
            except NONSENSE as error:
                report.errors[view.store] = nonsense(error)
                continue
            left = tuple(view.left)
            gone = sum(one.deleted for one in left)
            report.stores.append(found._replace(left=left, over=view.over, watched=found.watched + gone))
        if not report.errors:
            refuse_idle(state)
        state.ledger.close()
    fields = [
        (row.address, attribute_of(path))
        for store in report.stores
        for row in store.drifted
        for path, _, _ in row.fields
    ]
    aside = [
        (one.address, name) for store in report.stores for one in store.left for name in one.names or [""]
    ]
    known = Known(
        (), lambda *_: [], workspace.actor(), author=lambda *_: None, drifted=fields, acknowledged=aside
    )
    report.findings.extend(check(loaded.configuration, now, phase="drift", known=known))
    return report
