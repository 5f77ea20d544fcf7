"""TAX rules about time and goods: overlapping rules, changes of the past, contradicting codes. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from acorn_gitops.model.finding import Finding
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.specs.configuration import Spec

_TAXED = frozenset({"standard", "reduced", "superReduced"})


@rule(
    "TAX-004",
    "error",
    "One sale has one rule at a time",
    "When the old rule does not end where the new one begins, chance decides between them.",
    mend="Write `validity.to` of the older rule: the day on which the newer begins.",
)
def overlap(context: Context) -> Iterator[Finding]:
    """No two switched-on rules with the same `match` and priority and different results hold on one day."""
    groups: dict[bytes, list[Spec]] = {}
    for tax in context.configuration.taxes.values():
        if tax.spec.get("enabled") is not False:
            key = orjson.dumps(
                [_sorted(tax.spec["match"]), tax.spec.get("priority") or 0], option=orjson.OPT_SORT_KEYS
            )
            groups.setdefault(key, []).append(tax)
    for rules in groups.values():
        rules.sort(key=lambda t: (t.spec["validity"]["from"], t.name))
        for index, one in enumerate(rules):
            for other in rules[index + 1 :]:
                end = one.spec["validity"].get("to")
                if one.spec["result"] != other.spec["result"] and (
                    end is None or end > other.spec["validity"]["from"]
                ):
                    yield context.configuration.finding(
                        "TAX-004",
                        "error",
                        one,
                        ("spec", "validity"),
                        f"{one.name} still holds when {other.name}, for the same sales, begins on {other.spec['validity']['from']}",
                        f'write to: "{other.spec["validity"]["from"]}" here',
                    )


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _sorted(v) for k, v in value.items() if v is not None}
    return sorted(value, key=str) if isinstance(value, list) else value


@rule(
    "TAX-006",
    "warning",
    "The past is changed on purpose",
    "Periods that are closed were declared by the old rule; changing it changes nothing that was paid.",
    mend="Begin a new rule today, or write `retroactive: true` when the correction is meant.",
    phase="plan",
)
def retroactive(context: Context) -> Iterator[Finding]:
    """A tax rule that a plan creates or changes in its effect begins today or later, or says `retroactive: true`. What a store
    gets for the first time, with all else, is no change of the past."""
    assert context.known is not None
    told: set[str] = set()
    effective = {"liableParty", "treatment", "rate", "scheme", "validFrom"}
    for change in context.known.changes:
        if change.address.type != "tax-rule" or change.action != "update":
            continue
        before, after = change.before or {}, change.after or {}
        if all(before.get(name) == after.get(name) for name in effective if name in after):
            continue
        tax = next(
            (
                t
                for t in context.configuration.taxes.values()
                if (t.spec.get("key") or t.name) == change.address.key
            ),
            None,
        )
        if (
            tax is None
            or tax.name in told
            or tax.spec.get("retroactive") is True
            or tax.spec["validity"]["from"] >= context.today
        ):
            continue
        told.add(tax.name)
        yield context.configuration.finding(
            "TAX-006",
            "warning",
            tax,
            ("spec", "validity", "from"),
            f"{tax.name} holds since {tax.spec['validity']['from']}, and what it says would change",
            "end it and begin a new one, or write retroactive: true",
        )


@rule(
    "TAX-021",
    "warning",
    "Tax code and tax class agree",
    "Amazon calculates by the code, everybody else by the class; the invoices differ.",
    mend="Correct `attributes.ptc` or `attributes.taxClass`.",
    source="Amazon product tax codes: A_GEN_NOTAX is no tax, A_GEN_STANDARD the standard rate",
)
def code_and_class(context: Context) -> Iterator[Finding]:
    """A_GEN_NOTAX stands with no class that a rule taxes; A_GEN_STANDARD and A_GEN_TAX with none whose rules are all reduced or
    without tax. Told once for each pair."""
    results: dict[str, set[str]] = {}
    for tax in context.configuration.taxes.values():
        for name in (tax.spec["match"].get("goods") or {}).get("taxClass") or ():
            results.setdefault(name, set()).add(tax.spec["result"]["treatment"])
    if not results:
        return
    told: set[tuple[str, str]] = set()
    for sku in context.configuration.skus:
        facts = sku.spec.get("attributes") or {}
        ptc, name = facts.get("ptc"), facts.get("taxClass")
        if ptc is None or name not in results or (ptc, name) in told:
            continue
        told.add((ptc, name))
        untaxed = ptc == "A_GEN_NOTAX" and results[name] & _TAXED
        standard = (
            ptc in ("A_GEN_STANDARD", "A_GEN_TAX")
            and "standard" not in results[name]
            and "reduced" in results[name]
        )
        if untaxed or standard:
            yield context.configuration.finding(
                "TAX-021",
                "warning",
                sku,
                ("spec", "attributes", "ptc"),
                f"{ptc} says {'no tax' if untaxed else 'the standard rate'}, and the rules for class {name} say"
                f" {', '.join(sorted(results[name]))} ({sku.spec['sku']} and maybe others)",
                "correct the code or the class",
            )
