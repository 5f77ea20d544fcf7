"""What was changed outside since the last apply, and what monitors see. Comes in: a workspace and a request.
Goes out: `DriftReport`. Callers: `Workspace.drift`, cli `drift`.

Nothing is written. Edited specs are not drift, and are only counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from acorn_gitops.model.finding import Finding
from acorn_gitops.plan.drift import StoreDrift, store_drift
from acorn_gitops.reconcile import guards
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


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What was found."""

    environment: str
    stores: list[StoreDrift] = field(default_factory=list)
    """Every store that could be read."""
    errors: dict[str, str] = field(default_factory=dict)
    """By store, why it could not be read."""
    findings: list[Finding] = field(default_factory=list)
    """What monitors see, and what is sold below its floor now."""

    @property
    def drifted(self) -> int:
        """How many resources were changed outside."""
        return sum(len(store.drifted) for store in self.stores)

    @property
    def clean(self) -> bool:
        """Whether nothing was changed, and nothing is told beyond remarks."""
        told = any(finding.severity != "info" for finding in self.findings)
        return not (self.errors or self.drifted or told)


def drift(workspace: Workspace, request: DriftRequest | None = None) -> DriftReport:
    """Compare every store with what was last applied there. A store that cannot be read is an error in the
    report; the others are looked at all the same. InvalidSpecs where the specs are wrong, Misused where a
    pattern means nothing."""
    asked = request or DriftRequest()
    loaded, _ = workspace.checked()
    with workspace.busy("drift"):
        wishes = Wishes(asked.select, allow_empty=asked.allow_empty)
        state = gather(workspace, loaded, wishes)
        now, least = workspace.now(), least_price(loaded, workspace.now())
        report = DriftReport(loaded.project.environment)
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
            report.stores.append(found)
        if not report.errors:
            refuse_idle(state)
        state.ledger.close()
    fields = [
        (row.address, path.split(".")[0])
        for store in report.stores
        for row in store.drifted
        for path, _, _ in row.fields
    ]
    known = Known((), lambda *_: [], workspace.actor(), author=lambda *_: None, drifted=fields)
    report.findings.extend(check(loaded.configuration, now, phase="drift", known=known))
    return report
