"""acorn: marketplace stores, SKUs, permissions, tax and promotions as reviewed YAML.

The rooms are named in the order in which a price change passes through them: `specs` reads files, `rules`
judges them, `compile` turns them into desired resources, `plan` compares these with what a marketplace holds,
`apply` carries the difference out and `ledger` remembers it. `reconcile` is the library that puts them
together, `cli` is the door.

The names below are the public API. Whoever writes through it is asked what the command is asked: lock,
staleness, budgets, findings, authority, proof.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acorn_gitops.model.finding import AcornError, Finding
    from acorn_gitops.plan.change import Change
    from acorn_gitops.plan.document import Plan
    from acorn_gitops.plan.drift import DriftReport
    from acorn_gitops.reconcile.applying import Applied, ApplyRequest, Hooks
    from acorn_gitops.reconcile.drifting import DriftRequest
    from acorn_gitops.reconcile.exporting import Exported, ExportRequest
    from acorn_gitops.reconcile.importing import ImportRequest, Taken
    from acorn_gitops.reconcile.planning import PlanRequest
    from acorn_gitops.reconcile.rehearsing import Rehearsed
    from acorn_gitops.reconcile.workspace import Workspace

__version__ = "0.1.0"

__all__ = [
    "AcornError",
    "Applied",
    "ApplyRequest",
    "Change",
    "DriftReport",
    "DriftRequest",
    "ExportRequest",
    "Exported",
    "Finding",
    "Hooks",
    "ImportRequest",
    "Plan",
    "PlanRequest",
    "Rehearsed",
    "Taken",
    "Workspace",
]

_WHERE = {
    "AcornError": "model.finding",
    "Applied": "reconcile.applying",
    "ApplyRequest": "reconcile.applying",
    "Change": "plan.change",
    "DriftReport": "plan.drift",
    "DriftRequest": "reconcile.drifting",
    "ExportRequest": "reconcile.exporting",
    "Exported": "reconcile.exporting",
    "Finding": "model.finding",
    "Hooks": "reconcile.applying",
    "ImportRequest": "reconcile.importing",
    "Plan": "plan.document",
    "PlanRequest": "reconcile.planning",
    "Rehearsed": "reconcile.rehearsing",
    "Taken": "reconcile.importing",
    "Workspace": "reconcile.workspace",
}
"""Imported when they are asked for: the command starts without them."""


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
