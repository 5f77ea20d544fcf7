"""SKU rules about listings: look-alike names, approvals, restrictions. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

from acorn_gitops.engines.sku_code import collision_key
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec
from acorn_gitops.specs.facts import Row

if TYPE_CHECKING:
    from acorn_gitops.model.typed import ApprovalData, SkuMappingData

_ALIKE = str.maketrans("OI", "01")


@rule(
    "SKU-003",
    "warning",
    "No two SKUs look alike",
    why="O and 0, I and 1: on the picking list they are one, and the wrong parcel leaves.",
    mend="Rename the newer one.",
)
def alike(context: Context) -> Iterator[Said]:
    """Not equal after taking O for 0 and I for 1, and spaces, slash, underscore, dot and hyphen as one."""
    seen: dict[str, Spec[SkuMappingData]] = {}
    for sku in context.configuration.skus:
        text = sku.spec["sku"]
        key = collision_key(text)
        first = seen.setdefault(key.translate(_ALIKE), sku)
        if first is not sku and collision_key(first.spec["sku"]) != key:
            yield breach(
                sku, ("spec", "sku"), f"{text} looks like {first.spec['sku']}", mend="rename the newer one"
            )


def _papers(sku: Spec[SkuMappingData], store: str) -> Iterator[tuple[int, ApprovalData]]:
    for index, approval in enumerate(sku.spec.get("approvals") or ()):
        if approval["store"] == store:
            yield index, approval


@rule(
    "SKU-030",
    "error",
    "What needs approval has it",
    why="The marketplace refuses the listing, or takes it down on the best day of the year.",
    mend="Apply for approval and record it in `approvals`, or take the listing out.",
    source="Listings Restrictions API 2021-08-01: reasonCode",
)
def restricted(context: Context) -> Iterator[Said]:
    """A listing that the marketplace restricts, by its newest answer (facts: restrictions), has an approved
    record that holds; one that is not eligible, or whose ASIN is not found, is no listing."""
    config = context.configuration
    if not config.facts.has("restrictions"):
        return
    listed = {
        (entry["store"], sku.spec["sku"]): (sku, index)
        for sku in config.skus
        for index, entry in enumerate(sku.spec.get("listings") or ())
        if entry.get("status") != "inactive"
    }
    newest: dict[tuple[str, str], Row] = {}
    for row in config.facts.rows("restrictions"):
        key = (row["store"], row["sku"])
        if key not in newest or newest[key]["asOf"] <= row["asOf"]:
            newest[key] = row
    for row in newest.values():
        found = listed.get((row["store"], row["sku"]))
        if found is None:
            continue
        sku, index = found
        approved = any(
            a["status"] == "approved" and (a.get("expires") or "9999") > context.today
            for _, a in _papers(sku, row["store"])
        )
        if row["reason"] == "APPROVAL_REQUIRED" and approved:
            continue
        words, mend = {
            "APPROVAL_REQUIRED": (
                "needs approval, and none that holds is recorded",
                "apply for it and record it in `approvals`, or take the listing out",
            ),
            "NOT_ELIGIBLE": ("may not be listed by us", "take the listing out, or ask the marketplace why"),
            "ASIN_NOT_FOUND": ("is not found there", "correct the ASIN, or take the listing out"),
        }[row["reason"]]
        yield breach(
            sku,
            ("spec", "listings", index),
            f"{row['sku']} in {row['store']} {words} ({row.place})",
            mend=mend,
        )


@rule(
    "SKU-031",
    "error",
    "An approval holds, and can be shown",
    why="When the marketplace asks, there are days to answer.",
    mend="Renew the approval; add evidence and the day.",
)
def approval(context: Context) -> Iterator[Said]:
    """An approved record has a day and evidence (a warning) and has not expired; thirty days before it is
    told."""
    today = context.now.date()
    for sku in context.configuration.skus:
        for index, one in enumerate(sku.spec.get("approvals") or ()):
            if one["status"] != "approved":
                continue
            at = ("spec", "approvals", index)
            what = f"the approval of {sku.spec['sku']} for {one['category']} in {one['store']}"
            ends = date.fromisoformat(one["expires"]) if one.get("expires") else None
            if ends is not None and ends <= today:
                yield breach(
                    sku,
                    (*at, "expires"),
                    f"{what} has expired on {ends}",
                    mend="renew it, or take the listing out",
                )
            elif ends is not None and ends - today <= timedelta(days=30):
                days = (ends - today).days
                yield breach(
                    sku,
                    (*at, "expires"),
                    f"{what} expires in {days} day{'s' * (days != 1)}",
                    mend="renew it now",
                    severity="warning",
                )
            if one.get("at") and one["at"] > context.today:
                yield breach(
                    sku,
                    (*at, "at"),
                    f"{what} is of {one['at']}, a day to come",
                    mend="write the day of the letter",
                )
            lacks = [name for name in ("at", "evidence") if not one.get(name)]
            if lacks:
                yield breach(
                    sku,
                    at,
                    f"{what} lacks {' and '.join(lacks)}",
                    mend="keep the letter, and record its SHA-256",
                    severity="warning",
                )
