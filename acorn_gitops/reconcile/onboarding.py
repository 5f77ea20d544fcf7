"""How far every storefront has come, what it lacks, and what a quote for its integration needs. Comes in: a
workspace. Goes out: rows. Callers: `Workspace`, cli `onboard`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

from acorn_gitops.engines.onboarding import STAGES, blocking, missing, stage_of
from acorn_gitops.model.finding import AcornError, Finding
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.rules.registry import check
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import StoreData, SystemData

DUTIES: Final = frozenset(
    [
        "ONB-002",
        "ONB-010",
        "ONB-011",
        "ONB-020",
        "ONB-030",
        "ONB-031",
        "ONB-032",
        "INT-001",
        "INT-002",
        "MON-020",
    ]
)
"""What a store that is live is held to, beside what led it there."""


class Lack(NamedTuple):
    """One thing that is missing, and the rule that asks for it."""

    rule: str
    words: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a storefront has come."""

    store: str
    stage: str
    """Its own stage, as its spec says."""
    blocked_at: str
    """The first stage before its own that is not done; empty where there is none."""
    stages: Mapping[str, Sequence[Lack]]
    """By stage, in order, what it lacks. `live` holds the duties that a live store breaks."""
    breaks: bool
    """Whether a live store breaks a duty whose rule is an error."""

    @property
    def reached(self) -> int:
        """The place of its own stage among all stages."""
        return STAGES.index(self.stage) if self.stage in STAGES else len(STAGES)

    @property
    def blocked(self) -> bool:
        """Whether something is not as it must be."""
        return bool(self.blocked_at) or self.breaks


def progress(workspace: Workspace, stores: Sequence[str] = ()) -> list[Progress]:
    """How far storefronts have come: those named, or all. AcornError for a name that is none."""
    config = workspace.readable()
    fronts = {s.name: s for s in config.stores.values() if s.spec.get("storefront")}
    unknown = [name for name in stores if name not in fronts]
    if unknown:
        raise AcornError(
            f"there is no storefront {unknown[0]}", hint=f"known: {', '.join(sorted(fronts)[:12])}"
        )
    now = workspace.now()
    found = [*check(config, now), *check(config, now, phase="apply")]
    told = [f for f in found if f.id in DUTIES and f.severity != "info"]
    return [_of(fronts[name], told, now.date()) for name in sorted(stores or fronts)]


def _of(store: Spec[StoreData], told: Sequence[Finding], today: date) -> Progress:
    stage, (first, _) = stage_of(store), blocking(store, today)
    stages = {name: [Lack(m.rule, m.words) for m in missing(store, name, today)] for name in STAGES[:-1]}
    duties = [f for f in told if f.subject in ("", f"Store/{store.name}")] if stage == "live" else []
    stages["live"] = [Lack(f.id, f.message) for f in duties]
    breaks = any(f.severity == "error" for f in duties)
    return Progress(store.name, stage, first, stages=stages, breaks=breaks)


def brief(workspace: Workspace) -> dict[str, object]:
    """What a quote needs, gathered from the specs. No price is invented."""
    config = workspace.readable()
    fronts = [s for s in config.stores.values() if s.spec.get("storefront")]
    shops = [s for s in config.stores.values() if s.spec.get("physical")]
    turnover: dict[tuple[str, str], str] = {}
    systems: dict[str, SystemData] = {}
    channels: list[int] = []
    write_back = False
    for store in config.stores.values():
        for row in ((store.spec.get("onboarding") or {}).get("eligibility") or {}).get("gmv12m") or ():
            turnover[row["marketplace"], row["currency"]] = row["amount"]
        block = store.spec.get("integration") or {}
        systems |= block.get("systems") or {}
        for flow in block.get("flows") or ():
            write_back = write_back or flow["direction"] in ("out", "both")
            channels += [c["everySeconds"] for c in flow["channels"] if c.get("everySeconds")]
    kinds = [s["kind"] for s in systems.values()]
    return {
        "format_version": "1.0",
        "turnover_12_months": [
            {"country": c, "currency": cur, "amount": a} for (c, cur), a in sorted(turnover.items())
        ],
        "storefronts": len(fronts),
        "marketplaces": sorted(
            {
                str(
                    s.spec["storefront"].get("marketplaceId") or s.spec["storefront"].get("country") or s.name
                )
                for s in fronts
            }
        ),
        "shops": [
            {"name": s.name, "place": f"{a.get('locality') or a['lines'][0]}, {a['countryCode']}"}
            for s in sorted(shops, key=lambda s: s.name)
            if (a := s.spec["physical"]["address"])
        ],
        "systems": {
            n: {k: s.get(k) for k in ("kind", "version", "owner", "contact", "hours")}
            for n, s in sorted(systems.items())
        },
        "write_back": write_back,
        "cost_drivers": {
            "marketplaces": len(fronts),
            "shops": len(shops),
            "skus": len(config.skus),
            "systems": len(systems),
            "tills": kinds.count("pos"),
            "middleware": kinds.count("middleware"),
            "fastest_sync_seconds": min(channels, default=None),
        },
        "missing": [
            words
            for words, there in (
                ("turnover of the last twelve months (onboarding.eligibility.gmv12m)", turnover),
                ("systems with version and contact (integration.systems)", systems),
                ("data flows (integration.flows)", channels),
            )
            if not there
        ],
    }
