"""Live resources to documents: the way back of compile, for import and export. Comes in: resources by
address. Goes out: documents, and which resources cannot be said in a spec. Callers: reconcile.

The law `plan(export(live)) = ∅` is a property test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import orjson

from acorn_gitops.compile.configuration import TRANSLATIONS
from acorn_gitops.compile.sku_list import sku_list
from acorn_gitops.compile.translation import Document, Drafts
from acorn_gitops.confine.text import one_line
from acorn_gitops.model.resource import Address, Attributes
from acorn_gitops.resources.registry import TYPES
from acorn_gitops.specs import gate
from acorn_gitops.specs.resolve import name_of_sku


class Decompiled(NamedTuple):
    """Documents by kind; SKU entries apart, for a list; and what no spec can say, with the reason."""

    stores: list[Document]
    skus: list[Document]
    others: list[Document]
    unsaid: list[tuple[Address, str]]
    undeclared: list[str]
    """What stays undeclared of that which is taken in, in sentences."""


def decompile(resources: Mapping[Address, Attributes], taken: Iterable[str] = ()) -> Decompiled:
    """Documents that would compile to these resources. `taken`: names `Kind/name` that are already used."""
    drafts = Drafts()
    ranks = {type: rank for rank, type in enumerate(TRANSLATIONS)}
    for address in sorted(resources, key=lambda one: (ranks.get(one.type, len(ranks)), one)):
        attributes = {k: v for k, v in resources[address].items() if v is not None}
        if address.type not in TRANSLATIONS:
            drafts.unsaid.append((address, "this acorn knows no such type of resource"))
            continue
        why = _unsayable(address.type, attributes) or _misshapen(address, attributes)
        if why:
            drafts.unsaid.append((address, why))
        else:
            TRANSLATIONS[address.type].add(drafts, address, attributes)
    drafts.unsaid += [(address, why) for address, why in drafts.words if tuple(address) not in drafts.named]
    used = set(taken)
    named = {name.partition("/")[2] for name in used if name.startswith("SkuMapping/")}
    differing: dict[str, list[str]] = {}
    entries = sku_list(
        drafts.skus.get("listing", ()), drafts.skus.get("stock", ()), named, differing=differing
    )
    stores = sorted(drafts.stores, key=lambda document: str(document["metadata"]["name"]))
    undeclared = [_not_the_same(name, skus) for name, skus in sorted(differing.items())]
    return Decompiled(stores, entries, _whole(drafts, used), unsaid=drafts.unsaid, undeclared=undeclared)


def _not_the_same(name: str, skus: list[str]) -> str:
    """That a fact is not declared, as it is said once for a SKU."""
    more = f" and {len(skus) - 3:,} more" if len(skus) > 3 else ""
    return (
        f"{name} of {', '.join(skus[:3])}{more} is not declared: it differs among listings, and a spec says it once;"
        " whatever it is there stays"
    )


def _unsayable(type: str, attributes: Attributes) -> str:
    """Why no spec can say a resource: an adapter's `foreign` names what acorn has no words for."""
    if attributes.get("foreign"):
        return str(attributes["foreign"])
    return TRANSLATIONS[type].unsayable(attributes)


def _misshapen(address: Address, attributes: Attributes) -> str:
    """Why a resource alone cannot become a document; empty where it can. A marketplace may hold anything."""
    try:
        made = TRANSLATIONS[address.type].alone(address.store, address.key, attributes)
        wrong = [p for p in gate.problems(made["kind"], made) if p.path[:1] == ("spec",)] if made else []
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return f"what it holds makes no sense ({one_line(f'{error.__class__.__name__}: {error}', 120)})"
    return f"no spec can say it: {one_line(wrong[0].message, 200)}" if wrong else ""


def _whole(drafts: Drafts, used: set[str]) -> list[Document]:
    """Documents of several stores that say the same, as one that names them all."""
    whole: dict[tuple[str, str, bytes], Document] = {}
    alone = {TYPES[type].kind for type, translation in TRANSLATIONS.items() if not translation.shared}
    for (store, kind, _), document in sorted(drafts.others.items(), key=lambda item: item[0]):
        _add(document, store, whole, alone=kind in alone)
    for document in whole.values():
        _name(document, used)
    return [*whole.values()]


def _add(
    document: Document,
    store: str,
    whole: dict[tuple[str, str, bytes], Document],
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


def _name(document: Document, used: set[str]) -> None:
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
        name = f"{slug}-{selector['names'][0]}"[:58].rstrip("-") + ("" if number == 1 else f"-{number}")
        number += 1
    used.add(f"{document['kind']}/{name}")
    if name != key:
        document["metadata"]["name"] = name
        document["spec"]["key"] = key
