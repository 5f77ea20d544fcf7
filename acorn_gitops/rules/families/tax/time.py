"""TAX rules about time and goods: overlapping rules, changes of the past, contradicting codes. Caller:
`registry`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import orjson

from acorn_gitops.model.finding import Finding
from acorn_gitops.rules.context import Context, Planned
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import TaxRuleData

_TAXED = frozenset({"standard", "reduced", "superReduced"})


@rule(
    "TAX-004",
    "error",
    "One sale has one rule at a time",
    why="When the old rule does not end where the new one begins, chance decides between them.",
    mend="Write `validity.to` of the older rule: the day on which the newer begins.",
)
def overlap(context: Context) -> Iterator[Said]:
    """No two switched-on rules with the same `match` and priority and different results hold on one day; and
    every rule ends after it begins."""
    for tax in context.configuration.taxes.values():
        validity = tax.spec["validity"]
        if validity.get("to") is not None and validity["to"] <= validity["from"]:
            yield breach(
                tax,
                ("spec", "validity", "to"),
                f"{tax.name} ends on {validity['to']}, before it begins on {validity['from']}: it never holds",
                mend="correct one of the two days",
            )
    groups: dict[bytes, list[Spec[TaxRuleData]]] = {}
    for tax in context.configuration.taxes.values():
        validity = tax.spec["validity"]
        if tax.spec.get("enabled") is not False and (validity.get("to") or "9999") > validity["from"]:
            key = orjson.dumps(
                [_sorted(tax.spec["match"]), tax.spec.get("priority") or 0], option=orjson.OPT_SORT_KEYS
            )
            groups.setdefault(key, []).append(tax)
    for rules in groups.values():
        rules.sort(key=lambda t: (t.spec["validity"]["from"], t.name))
        for index, one in enumerate(rules):
            count = 0
            for other in rules[index + 1 :]:
                end = one.spec["validity"].get("to")
                if one.spec["result"] != other.spec["result"] and (
                    end is None or end > other.spec["validity"]["from"]
                ):
                    count += 1
                    if count > PAIRS:
                        continue
                    yield breach(
                        one,
                        ("spec", "validity"),
                        f"{one.name} still holds when {other.name}, for the same sales, begins on {other.spec['validity']['from']}",
                        mend=f'write to: "{other.spec["validity"]["from"]}" here'
                        if one.spec["validity"]["from"] < other.spec["validity"]["from"]
                        else "take one of them out, or make one more specific: they begin on one day",
                    )
            if count > PAIRS:
                yield breach(
                    one, (), f"{one.name} still holds when {count - PAIRS:,} more begin", mend="end it"
                )


PAIRS = 3
"""Of one rule, so many that it overlaps with are told."""


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {k: _sorted(v) for k, v in value.items() if v is not None}
    return sorted(value, key=str) if isinstance(value, list) else value


@rule(
    "TAX-006",
    "warning",
    "The past is changed on purpose",
    why="Periods that are closed were declared by the old rule; changing it changes nothing that was paid.",
    mend="Begin a new rule today, or write `retroactive: true` when the correction is meant.",
    phase="plan",
)
def retroactive(context: Context) -> Iterator[Said]:
    """What a plan creates, changes or deletes of tax rules says nothing new of days that are over: a new rule
    begins today or later, one that has begun changes in nothing but its end (today or later), its evidence
    and its words on invoices, and is ended before it is deleted. Or the rule says `retroactive: true`. What a
    store gets with its first rules is no change of the past."""
    assert context.known is not None
    told: set[str] = set()
    by_key = {t.spec.get("key") or t.name: t for t in context.configuration.taxes.values()}
    for change in context.known.changes:
        if change.address.type != "tax-rule" or change.address.store in context.known.untaxed:
            continue
        tax = by_key.get(change.address.key)
        words = _of_the_past(change, context.today)
        if (
            not words
            or change.address.key in told
            or (tax is not None and tax.spec.get("retroactive") is True)
        ):
            continue
        told.add(change.address.key)
        if tax is not None:
            yield breach(
                tax,
                ("spec", "validity", "from"),
                f"{tax.name} {words}",
                mend="end it and begin a new one, or write retroactive: true",
            )
        else:
            yield Finding(
                "TAX-006",
                "warning",
                f"{change.address.key} {words}",
                place=None,
                hint="first give it an end (validity.to), and delete it when its last day was declared",
                source="",
                subject=str(change.address),
            )


_UNTOUCHED = frozenset({"invoice", "validTo"})
"""What may change of a rule that holds: its words, and its end, where that is to come."""


def _of_the_past(change: Planned, today: str) -> str:
    """What a change says anew of days that are over, in words; empty where it says nothing."""
    before, after = change.before or {}, change.after or {}
    begun = (before or after).get("validFrom", today) < today
    if change.action == "create":
        return f"begins on {after['validFrom']}, a day that is over" if begun else ""
    if change.action == "delete":
        ended = before.get("validTo") is not None and before["validTo"] <= today
        return (
            "holds for days that are over, and would be deleted without an end" if begun and not ended else ""
        )
    if change.action != "update":
        return ""
    if after.get("validFrom", before.get("validFrom")) != before.get("validFrom"):
        return f"would hold since {after['validFrom']}, and held since {before.get('validFrom')}"
    ends = [day for day in (after.get("validTo"), before.get("validTo")) if day is not None]
    if "validTo" in after and after["validTo"] != before.get("validTo") and min(ends, default=today) < today:
        return f"would end on {after['validTo'] or 'no day'}, and ended on {before.get('validTo') or 'none'}"
    changed = sorted(n for n in after if n not in _UNTOUCHED and after[n] != before.get(n))
    if begun and changed:
        return f"holds since {before.get('validFrom')}, and what it says would change ({', '.join(changed)})"
    return ""


@rule(
    "TAX-021",
    "warning",
    "Tax code and tax class agree",
    why="Amazon calculates by the code, everybody else by the class; the invoices differ.",
    mend="Correct `attributes.ptc` or `attributes.taxClass`.",
    source="Amazon product tax codes: A_GEN_NOTAX is no tax, A_GEN_STANDARD the standard rate",
)
def code_and_class(context: Context) -> Iterator[Said]:
    """A_GEN_NOTAX stands with no class that a rule taxes; A_GEN_STANDARD and A_GEN_TAX with none whose rules
    are all reduced or without tax. Told once for each pair."""
    results: dict[str, set[str]] = {}
    for tax in context.configuration.taxes.values():
        for taxed in (tax.spec["match"].get("goods") or {}).get("taxClass") or ():
            results.setdefault(taxed, set()).add(tax.spec["result"]["treatment"])
    if not results:
        return
    told: set[tuple[str, str]] = set()
    for sku in context.configuration.skus:
        facts = sku.spec.get("attributes") or {}
        ptc, name = facts.get("ptc"), facts.get("taxClass")
        if ptc is None or name is None or name not in results or (ptc, name) in told:
            continue
        told.add((ptc, name))
        untaxed = ptc == "A_GEN_NOTAX" and results[name] & _TAXED
        standard = (
            ptc in ("A_GEN_STANDARD", "A_GEN_TAX")
            and "standard" not in results[name]
            and "reduced" in results[name]
        )
        if untaxed or standard:
            yield breach(
                sku,
                ("spec", "attributes", "ptc"),
                (
                    f"{ptc} says {'no tax' if untaxed else 'the standard rate'}, and the rules for class {name} say"
                    f" {', '.join(sorted(results[name]))} ({sku.spec['sku']} and maybe others)"
                ),
                mend="correct the code or the class",
            )
