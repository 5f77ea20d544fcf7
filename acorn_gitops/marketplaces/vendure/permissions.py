"""What acorn's rights mean in Vendure, and back. Comes in: rules of a role, or Vendure's permissions. Goes
out: the other. Callers: `access`, `fit`.

A permission of Vendure often opens more than one right of ours: who may update a product may change its price
and its texts. Granting it for the price alone would be a right too many. So a permission is granted when
every right that it opens is wished for, and a wish that no permission fits exactly is refused, never rounded
up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from acorn_gitops.marketplaces.by_looking import Raw

Right = tuple[str, str]
"""A resource and a verb."""

OURS: Final = frozenset({"plan", "approve", "apply", "export"})
"""Verbs that acorn itself honours; Vendure has nothing to do with them."""
IMPLIED: Final = frozenset({"Authenticated", "Public", "Owner"})
"""What the server adds by itself."""


class Bundle(NamedTuple):
    """Permissions that go together, and the rights that they open."""

    permissions: frozenset[str]
    rights: frozenset[Right]


def _bundles() -> tuple[Bundle, ...]:
    catalogue = ("listing", "content", "price", "inventory")
    made = [
        _bundle(["ReadProduct"], catalogue, "read"),
        _bundle(["CreateProduct", "UpdateProduct"], catalogue, "write"),
        _bundle(["DeleteProduct"], ("listing",), "delete"),
        _bundle(["ReadOrder"], ("order", "refund"), "read"),
        _bundle(["CreateOrder", "UpdateOrder"], ("order", "refund"), "write"),
        _bundle(["DeleteOrder"], ("order",), "delete"),
        _bundle(["ReadAdministrator"], ("iam",), "read"),
        Bundle(
            frozenset({"CreateAdministrator", "UpdateAdministrator"}),
            frozenset({("iam", "write"), ("iam", "grant")}),
        ),
        _bundle(["DeleteAdministrator"], ("iam",), "delete"),
    ]
    for resource, names in {
        "promo": ["Promotion"],
        "store": ["Channel", "Seller", "StockLocation"],
        "tax": ["TaxCategory", "TaxRate", "Zone", "Country"],
        "shipping": ["ShippingMethod"],
        "app": ["ApiKey"],
    }.items():
        made.append(_bundle([f"Read{n}" for n in names], (resource,), "read"))
        made.append(
            _bundle([f"{verb}{n}" for n in names for verb in ("Create", "Update")], (resource,), "write")
        )
        made.append(_bundle([f"Delete{n}" for n in names], (resource,), "delete"))
    return tuple(made)


def _bundle(permissions: Iterable[str], resources: Iterable[str], verb: str) -> Bundle:
    return Bundle(frozenset(permissions), frozenset((resource, verb) for resource in resources))


BUNDLES: Final = _bundles()


class Wish(NamedTuple):
    """Rules of a role, as far as Vendure can grant them."""

    rules: list[dict[str, object]]
    """What is granted, in canonical form."""
    ours: list[Right]
    """Rights that are acorn's own business."""
    impossible: list[str]
    """Rights that cannot be granted exactly, each with the reason."""


def wished(rules: Iterable[Mapping[str, Any]]) -> Wish:
    """What of these rules Vendure can grant."""
    rights = {(r, v) for rule in rules for r in rule["resources"] for v in rule["verbs"]}
    ours = sorted(right for right in rights if right[1] in OURS)
    rights -= set(ours)
    granted: set[Right] = set()
    impossible: list[str] = []
    for bundle in BUNDLES:
        if bundle.rights <= rights:
            granted |= bundle.rights
        elif bundle.rights & rights:
            extra = ", ".join(f"{r}.{v}" for r, v in sorted(bundle.rights - rights))
            some = ", ".join(f"{r}.{v}" for r, v in sorted(bundle.rights & rights))
            names = " and ".join(sorted(bundle.permissions))
            impossible.append(f"{some} cannot be granted alone: {names} also opens {extra}")
            granted |= bundle.rights & rights
    impossible += [f"Vendure has no permission for {r}.{v}" for r, v in sorted(rights - granted)]
    return Wish(canonical(rights & granted), ours, impossible)


def canonical(rights: Iterable[Right]) -> list[Raw]:
    """The one way to write rights as rules: resources with the same verbs together, sorted."""
    verbs: dict[str, set[str]] = {}
    for resource, verb in rights:
        verbs.setdefault(resource, set()).add(verb)
    groups: dict[tuple[str, ...], list[str]] = {}
    for resource, names in verbs.items():
        groups.setdefault(tuple(sorted(names)), []).append(resource)
    rules = [{"resources": sorted(resources), "verbs": list(names)} for names, resources in groups.items()]
    return sorted(rules, key=repr)


def permissions_of(rules: Iterable[Mapping[str, Any]]) -> list[str]:
    """The permissions that open exactly these rights."""
    rights = {(r, v) for rule in rules for r in rule["resources"] for v in rule["verbs"]}
    return sorted({p for bundle in BUNDLES if bundle.rights <= rights for p in bundle.permissions})


def rights_of(permissions: Iterable[str]) -> tuple[list[dict[str, object]], list[str]]:
    """(canonical rules, permissions that no rule of ours can say)."""
    left = set(permissions) - IMPLIED
    rights: set[Right] = set()
    for bundle in BUNDLES:
        if bundle.permissions <= left:
            rights |= bundle.rights
    covered = {p for bundle in BUNDLES if bundle.rights <= rights for p in bundle.permissions}
    return canonical(rights), sorted(left - covered)
