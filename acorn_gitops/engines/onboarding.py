"""How far a store has come. Comes in: a store's spec, a day, a rehearsal's verdict. Goes out: for each stage
what is still missing, and the first thing that blocks. Callers: rules, cli `onboard` and `doctor`.

The stages are those of a marketplace's own admission, in order; none is skipped. From any of them a store may
be exiting.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

from acorn_gitops.model.finding import FieldPath
from acorn_gitops.specs.configuration import Configuration, Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import (
        AccessData,
        AgreementData,
        AssessmentData,
        ContactData,
        EligibilityData,
        OnboardingData,
        PaperDocumentData,
        StoreData,
        StorefrontData,
    )

STAGES: Final = ("eligibility", "contacted", "documents", "assessment", "agreement", "integration", "live")
"""In order. `exiting` and `closed` come after any of them."""
REQUIRED_PAPERS: Final = (
    "business-licence",
    "brand-certificate",
    "site-list",
    "turnover-band",
    "it-description",
)
"""What a marketplace asks for."""


class Missing(NamedTuple):
    """Something without which a stage is not done: the rule that says so, where it belongs in the spec, in
    words."""

    rule: str
    path: FieldPath
    words: str


def stage_of(store: Spec[StoreData]) -> str:
    """The stage that the spec names; live where it names none and sells in production, else integration."""
    front: StorefrontData = store.spec.get("storefront") or {}
    said = front.get("lifecycle")
    if said:
        return str(said)
    return "live" if front.get("environment") == "production" else "integration"


def is_live(store: Spec[StoreData]) -> bool:
    """Whether the store sells: its spec says so, or says nothing of a stage and sells in production."""
    return bool(store.spec.get("storefront")) and stage_of(store) == "live"


def duty(configuration: Configuration, store: Spec[StoreData], block: str) -> bool:
    """Whether a live store is held to a block of its records: it keeps one, or the project asks every store
    for it."""
    required = configuration.policies.get("onboarding") == "required"
    if block == "exit" and (store.spec.get("storefront") or {}).get("lifecycle") == "exiting":
        return True
    return is_live(store) and (required or store.spec.get(block) is not None)


def missing(store: Spec[StoreData], stage: str, today: date) -> list[Missing]:
    """What a stage still lacks; an empty list when it is done."""
    block: OnboardingData = store.spec.get("onboarding") or {}
    return list(_CHECKS[stage](block, today)) if stage in _CHECKS else []


def blocking(store: Spec[StoreData], today: date) -> tuple[str, list[Missing]]:
    """The first stage before the store's own that is not done, and what it lacks; ("", []) when none is."""
    own = stage_of(store)
    reached = STAGES.index(own) if own in STAGES else 0
    for stage in STAGES[:reached]:
        lacks = missing(store, stage, today)
        if lacks:
            return stage, lacks
    return "", []


def _eligibility(block: OnboardingData, today: date) -> Iterator[Missing]:
    told: EligibilityData = block.get("eligibility") or {}
    at = ("spec", "onboarding", "eligibility")
    for name, words in (
        ("gmv12m", "the turnover of the last twelve months by country"),
        ("marketplaces", "the countries where you sell already"),
        ("itCapability", "who connects the systems, and how"),
    ):
        if not told.get(name):
            yield Missing("ONB-003", (*at, name), f"eligibility lacks {words} ({name})")


def _contacted(block: OnboardingData, today: date) -> Iterator[Missing]:
    contact: ContactData = block.get("contact") or {}
    if not contact.get("name") or not contact.get("date"):
        yield Missing(
            "ONB-004", ("spec", "onboarding", "contact"), "nobody's name and day of contact are recorded"
        )
    elif _to_come(contact["date"], today):
        yield Missing(
            "ONB-004",
            ("spec", "onboarding", "contact", "date"),
            f"the contact of {contact['date']} is still to come",
        )


def _documents(block: OnboardingData, today: date) -> Iterator[Missing]:
    papers: Sequence[PaperDocumentData] = block.get("documents") or ()
    have = {paper["type"] for paper in papers}
    for type_ in REQUIRED_PAPERS:
        if type_ not in have:
            yield Missing(
                "ONB-005", ("spec", "onboarding", "documents"), f"the {type_.replace('-', ' ')} is missing"
            )
    for index, paper in enumerate(papers):
        at = ("spec", "onboarding", "documents", index)
        lacks = [name for name in ("ref", "sha256", "issued") if not paper.get(name)]
        if lacks:
            yield Missing("ONB-005", at, f"the {paper['type'].replace('-', ' ')} lacks {', '.join(lacks)}")
        if _to_come(paper.get("issued"), today):
            yield Missing(
                "ONB-005",
                (*at, "issued"),
                f"the {paper['type'].replace('-', ' ')} is issued on {paper['issued']}, a day to come",
            )
        if paper.get("expires") and date.fromisoformat(paper["expires"]) <= today:
            yield Missing(
                "ONB-005", at, f"the {paper['type'].replace('-', ' ')} has expired on {paper['expires']}"
            )


def _assessment(block: OnboardingData, today: date) -> Iterator[Missing]:
    told: AssessmentData = block.get("assessment") or {}
    if told.get("decision") != "accepted" or not told.get("decidedAt"):
        words = f"is {told['decision']}" if told.get("decision") else "is not recorded"
        yield Missing("ONB-006", ("spec", "onboarding", "assessment"), f"the marketplace's decision {words}")
    elif _to_come(told["decidedAt"], today):
        at = ("spec", "onboarding", "assessment", "decidedAt")
        yield Missing("ONB-006", at, f"the marketplace's decision of {told['decidedAt']} is still to come")


def _agreement(block: OnboardingData, today: date) -> Iterator[Missing]:
    signed: Sequence[AgreementData] = block.get("agreements") or ()
    if not signed:
        yield Missing("ONB-007", ("spec", "onboarding", "agreements"), "no agreement is recorded")
    for index, one in enumerate(signed):
        lacks = [name for name in ("parties", "effective", "exitClause") if not one.get(name)]
        if lacks:
            at = ("spec", "onboarding", "agreements", index)
            yield Missing("ONB-007", at, f"the agreement {one['title']} lacks {', '.join(lacks)}")
        elif _to_come(one["effective"], today):
            day = ("spec", "onboarding", "agreements", index, "effective")
            yield Missing(
                "ONB-007", day, f"the agreement {one['title']} holds from {one['effective']}, a day to come"
            )


def _integration(block: OnboardingData, today: date) -> Iterator[Missing]:
    access: AccessData = block.get("access") or {}
    if access.get("status") != "granted" or not access.get("ref") or not access.get("date"):
        words = f"is {access['status']}" if access.get("status") else "is not recorded"
        if access.get("status") == "granted":
            words = "is granted, without its reference and day"
        yield Missing("ONB-001", ("spec", "onboarding", "access"), f"access to the marketplace {words}")
    elif _to_come(access["date"], today):
        at = ("spec", "onboarding", "access", "date")
        yield Missing(
            "ONB-001", at, f"access to the marketplace is granted on {access['date']}, a day to come"
        )


def _to_come(day: str | None, today: date) -> bool:
    """What is written down for a day that has not come has not happened."""
    return day is not None and date.fromisoformat(day) > today


_CHECKS: Final = {
    "eligibility": _eligibility,
    "contacted": _contacted,
    "documents": _documents,
    "assessment": _assessment,
    "agreement": _agreement,
    "integration": _integration,
}
