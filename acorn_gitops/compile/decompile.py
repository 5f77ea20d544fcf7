"""Live resources to documents: the way back of compile, for import and export. Comes in: resources by
address. Goes out: documents, and which resources cannot be said in a spec. Callers: cli.

The law `plan(export(live)) = ∅` is a property test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import orjson

from acorn_gitops.compile.promo import decompile_promo
from acorn_gitops.compile.role_permission import decompile_role
from acorn_gitops.compile.sku_mapping import decompile_skus
from acorn_gitops.compile.store import decompile_store
from acorn_gitops.compile.tax_rule import decompile_tax_rule
from acorn_gitops.confine.text import one_line
from acorn_gitops.model.resource import Address, Attributes
from acorn_gitops.specs import gate
from acorn_gitops.specs.resolve import name_of_sku


class Decompiled(NamedTuple):
    """Documents by kind; SKU entries apart, for a list; and what no spec can say, with the reason."""

    stores: list[dict[str, Any]]
    skus: list[dict[str, Any]]
    others: list[dict[str, Any]]
    unsaid: list[tuple[Address, str]]


def decompile(resources: Mapping[Address, Attributes], taken: Iterable[str] = ()) -> Decompiled:
    """Documents that would compile to these resources. `taken`: names `Kind/name` that are already used."""
    stores: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    unsaid: list[tuple[Address, str]] = []
    used = set(taken)
    grants: dict[tuple[str, str], list[Attributes]] = {}
    classes: dict[str, set[str]] = {}
    for address, attributes in resources.items():
        if address.type == "grant" and _misshapen(address, attributes):
            unsaid.append((address, "what it holds makes no sense"))
        elif address.type == "grant":
            grants.setdefault((address.store, str(attributes.get("role"))), []).append(attributes)
        elif address.type == "listing" and attributes.get("taxClass"):
            classes.setdefault(address.store, set()).add(str(attributes["taxClass"]))
        elif address.type == "tax-rule":
            with suppress(AttributeError, TypeError):
                classes.setdefault(address.store, set()).update(
                    (attributes.get("goods") or {}).get("taxClass") or ()
                )
    whole: dict[tuple[str, str, bytes], dict[str, Any]] = {}
    left_out: set[Address] = set()
    for address in sorted(resources):
        attributes = {k: v for k, v in resources[address].items() if v is not None}
        store, type, key = address
        if why := _unsayable(type, attributes) or _misshapen(address, attributes):
            left_out.add(address)
            unsaid.append((address, why))
            grants.pop((store, key), None) if type == "role" else None
        elif type in ("storefront", "location"):
            stores.append(decompile_store(store, type, attributes))
        elif type == "role":
            _add(decompile_role(store, key, attributes, grants.pop((store, key), [])), store, whole)
        elif type == "tax-rule":
            _add(decompile_tax_rule(store, key, attributes), store, whole)
        elif type == "promotion":
            document = decompile_promo(store, key, attributes)
            _add(document, f"{store}", whole, alone=True)
        elif type == "tax-class" and key not in classes.get(store, ()):
            unsaid.append((address, "no listing or tax rule names this class"))
    for (store, role), orphans in grants.items():
        unsaid += [
            (
                Address(store, "grant", f"{role}:{g['subject']['kind']}:{g['subject']['id']}"),
                "its role does not exist",
            )
            for g in orphans
        ]
    for document in whole.values():
        _name(document, used)
        others.append(document)
    listings = [
        (a.store, a.key, {k: v for k, v in r.items() if v is not None})
        for a, r in resources.items()
        if a.type == "listing" and a not in left_out
    ]
    stocks = [
        (a.store, a.key, {k: v for k, v in r.items() if v is not None})
        for a, r in resources.items()
        if a.type == "stock" and a not in left_out
    ]
    named = {name.partition("/")[2] for name in used if name.startswith("SkuMapping/")}
    return Decompiled(stores, decompile_skus(listings, stocks, named), others, unsaid)


def _unsayable(type: str, attributes: Attributes) -> str:
    """Why no spec can say a resource: an adapter's `foreign` names what acorn has no words for."""
    if attributes.get("foreign"):
        return str(attributes["foreign"])
    if type == "location" and not ("address" in attributes and "code" in attributes):
        return "its address is not known there, and a Store needs one: write it, and it is taken over"
    missing = [edge for edge in ("start", "end") if type == "promotion" and attributes.get(edge) is None]
    if missing:
        return f"it has no {' and no '.join(missing)}, and a Promo needs both"
    rate = attributes.get("rate")
    if isinstance(rate, dict) and "percents" in rate:
        return "its countries have different rates; a rule with a class of rate says that"
    return ""


def _misshapen(address: Address, attributes: Attributes) -> str:
    """Why a resource alone cannot become a document; empty where it can. A marketplace may hold anything."""
    store, type, key = address
    made: dict[str, Any] | None = None
    try:
        if type in ("storefront", "location"):
            made = decompile_store(store, type, attributes)
        elif type == "role":
            decompile_role(store, key, attributes, [])
        elif type == "grant":
            subject = attributes["subject"]
            fit = all(isinstance(subject[name], str) for name in ("kind", "id"))
            return "" if fit else "its subject is none"
        elif type == "tax-rule":
            made = decompile_tax_rule(store, key, attributes)
        elif type == "promotion":
            made = decompile_promo(store, key, attributes)
        elif type == "listing":
            (item,) = decompile_skus([(store, key, attributes)], [])
            made = {"kind": "SkuMapping", "spec": {"items": [item]}}
        elif type == "stock":
            (item,) = decompile_skus([], [(store, key, attributes)])
            made = {"kind": "SkuMapping", "spec": {"items": [item]}}
        wrong = [p for p in gate.problems(made["kind"], made) if p.path[:1] == ("spec",)] if made else []
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return f"what it holds makes no sense ({one_line(f'{error.__class__.__name__}: {error}', 120)})"
    return f"no spec can say it: {one_line(wrong[0].message, 200)}" if wrong else ""


def _add(
    document: dict[str, Any],
    store: str,
    whole: dict[tuple[str, str, bytes], dict[str, Any]],
    *,
    alone: bool = False,
) -> None:
    """Equal documents of several stores become one that names them all."""
    spec = document["spec"]
    selector = spec["match"]["stores"] if document["kind"] == "TaxRule" else spec["stores"]
    names = selector.pop("names")
    body = orjson.dumps(spec, option=orjson.OPT_SORT_KEYS) + (store.encode() if alone else b"")
    known = whole.setdefault((document["kind"], document["metadata"]["name"], body), document)
    target = known["spec"]["match"]["stores"] if known["kind"] == "TaxRule" else known["spec"]["stores"]
    target.setdefault("names", []).extend(names)


def _name(document: dict[str, Any], used: set[str]) -> None:
    """Names are unique in a kind; a second document of the same key is named after its first store."""
    key = document["metadata"]["name"]
    name = slug = name_of_sku(key)
    number = 1
    while f"{document['kind']}/{name}" in used:
        selector = (
            document["spec"]["match"]["stores"]
            if document["kind"] == "TaxRule"
            else document["spec"]["stores"]
        )
        name = f"{slug}-{selector['names'][0]}"[:58] + ("" if number == 1 else f"-{number}")
        number += 1
    used.add(f"{document['kind']}/{name}")
    if name != key:
        document["metadata"]["name"] = name
        document["spec"]["key"] = key
