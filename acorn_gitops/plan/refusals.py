"""Ids that no rule decides: what the plan, the ledger, a marketplace or `fmt` refuses or tells. Comes in:
nothing. Goes out: by id the exit code and what it means. Callers: cli `rules`, docs.
"""

from __future__ import annotations

from typing import Final

from acorn_gitops.model.finding import AcornError
from acorn_gitops.plan.budgets import GUARDS

_TOLD: Final[dict[str, tuple[int, str]]] = {
    "GEN-018": (
        4,
        "`acorn fmt` would change what a file means, and leaves it as it is. Comments in odd places can do that: one that stands by itself behind a folded text, for example. Or the file is too large, or takes too long.",
    ),
    "ACN-020": (4, "A resource that its spec protects (`preventDestroy`) would be deleted or replaced."),
    "ACN-021": (4, "A store would be replaced while it holds other resources."),
    "ACN-022": (0, "A warning: no ledger here, though the stores hold declared resources already."),
    "ACN-023": (0, "A warning: a quarter of a store's managed resources would be deleted."),
    "ACN-024": (4, "Whoever applies has no right to, where access is enforced."),
    "ACN-026": (0, "A warning: whoever applies may do so by an emergency role only (`breakGlass`)."),
    "ACN-025": (
        4,
        "The last price guard would refuse a price; or with a promotion that the store holds and this plan leaves as it is, something"
        " would be sold below its floor or margin.",
    ),
    "ACN-030": (
        0,
        "A warning: the marketplace cannot hold an attribute; it stays in the specs and is not compared.",
    ),
    "ACN-031": (4, "A resource would mean something else on its marketplace."),
    "ACN-032": (
        4,
        "A marketplace holds several things under one key, one of which is declared; a warning where none is.",
    ),
    "ACN-033": (0, "A warning, of plan and drift: something is sold below its floor or margin now."),
    "ACN-035": (
        6,
        "Somebody else has applied since this ledger was written, or the ledger says that something was begun of which no store"
        " has heard.",
    ),
    "ACN-042": (4, "A freeze holds for a store that would be written."),
    "ACN-043": (4, "A store that would be written has change windows, and none is open."),
    "ACN-044": (4, "The commit is held: it was rolled back, and nobody has lifted the hold."),
    "ACN-046": (
        4,
        "The record of what people attested cannot be read; a warning where something attested is no longer declared.",
    ),
    "ACN-048": (
        4,
        "A marketplace that was asked (`plan --validate-remote`) would refuse a change; a warning where it could not be asked.",
    ),
    "ACN-047": (
        0,
        "A note, how long a marketplace takes for the plan; a warning where something begins before that is done.",
    ),
    "ACN-049": (
        4,
        "A change of a store that goes first would wait for all others: it divides stock, and does more.",
    ),
    "ACN-050": (
        4,
        "A listing would take over the code of another that leaves it in the same change; what nobody"
        " declares would stay with the code. Or something would end for a name that is somebody else's.",
    ),
    "ACN-045": (4, "Spec files of the commit were not brought (a sparse checkout, a submodule)."),
    "ACN-041": (
        4,
        "A grant would give what a role says that is there and is not as these specs say it: somebody else's,"
        " or one that this plan leaves.",
    ),
    "ACN-051": (
        0,
        "A note: what an earlier run wrote in stores that go first has not stood its time; an apply waits.",
    ),
    "ACN-052": (
        4,
        "A signed commit is asked for (`policies.signedCommits`), and none of the keys that count has signed this one.",
    ),
    "ACN-040": (
        6,
        "What is checked out is an ancestor of the commit that was applied last (`--older` says that it is meant).",
    ),
    "ACN-037": (4, "A store has another name than the one under which it was applied."),
    "ACN-038": (
        4,
        "What leaves the specs of one store would be deleted from others that declare it: the marketplace has it once for all.",
    ),
    "ACN-039": (
        0,
        "A warning, of plan and drift: buyers can pay in a further currency, at prices of which no spec speaks.",
    ),
    "ACN-036": (
        0,
        "A warning: what guards applies (access, budgets, severities, waivers) is another than in the last one.",
    ),
}


def refusals() -> dict[str, tuple[int, str]]:
    """(exit code, words) by id: findings of planning, budgets, and the classes of errors."""
    found = {**_TOLD, **{id: (5, f"{title}. {why}") for id, (title, why) in GUARDS.items()}}
    waiting: list[type[AcornError]] = [AcornError]
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        if error.id.startswith("ACN-"):
            found.setdefault(error.id, (error.exit_code, (error.__doc__ or "").split("\n")[0]))
    return dict(sorted(found.items()))
