"""STO rules about accounts: labels, secrets, what the marketplace says of us, closing. Caller: `registry`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from acorn_gitops.engines.inventory import published
from acorn_gitops.model.finding import Finding
from acorn_gitops.model.reference import forbidden_marketplace, is_shadow_marketplace
from acorn_gitops.model.selectors import select
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule

_SECRETS = re.compile(
    r"Atz[ra]\||amzn1\.oa2-cs\.|AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY|gh[pousr]_[A-Za-z0-9]{30,}|glpat-[\w-]{20}"
)
"""Refresh and access tokens, client secrets, keys: what no reviewed file may hold."""


@rule(
    "STO-002",
    "error",
    "Labels are those that were agreed",
    "A misspelt label selects nothing, and the promotion or role silently leaves the store out.",
    mend="Correct the label, or add it to `labels` in acorn.yaml.",
)
def labels(context: Context) -> Iterator[Finding]:
    """Where acorn.yaml lists `labels`, every store's labels and values are among them."""
    known: Mapping[str, Any] | None = context.configuration.settings.get("labels")
    if known is None:
        return
    for store in context.configuration.stores.values():
        for key, value in store.labels.items():
            path = ("metadata", "labels", key)
            if key not in known:
                yield context.configuration.finding("STO-002", "error", store, path, f"{store.name} has the label {key}, which was not agreed", f"known: {', '.join(sorted(known))}")  # fmt: skip
            elif known[key] is not None and value not in known[key]:
                yield context.configuration.finding("STO-002", "error", store, path, f"{store.name} has {key}={value}, which was not agreed", f"known: {', '.join(known[key])}")  # fmt: skip


@rule(
    "STO-004",
    "error",
    "No secret stands in a spec",
    "Whoever can read the repository, or ever could, has the account.",
    mend="Revoke it, keep the new one in the environment or a keyring, and write env:NAME.",
)
def secrets(context: Context) -> Iterator[Finding]:
    """No text of a store, role or acorn.yaml looks like a token, client secret or private key."""
    config = context.configuration
    for spec in (*config.stores.values(), *config.roles.values()):
        for path, text in _texts(spec.spec, ("spec",)):
            if _SECRETS.search(text):
                found = config.finding(
                    "STO-004",
                    "error",
                    spec,
                    path,
                    f"{path[-1]} of {spec.name} holds what looks like a secret",
                    _REVOKE,
                )
                yield found._replace(source="")  # what is secret is not printed again
    if config.project_raw is not None and config.reader is not None:
        for path, text in _texts(config.project_raw.data["spec"], ("spec",)):
            if _SECRETS.search(text):
                place = config.reader.place(config.project_raw, path)
                yield Finding(
                    "STO-004",
                    "error",
                    f"{path[-1]} holds what looks like a secret",
                    place,
                    _REVOKE,
                    "",
                    "Project",
                )


_REVOKE = "revoke it now: it is in git's history from here on; then write env:NAME"


def _texts(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*path, index))


@rule(
    "STO-022",
    "error",
    "A marketplace of order data is no store",
    "Ids of off-marketplace orders look like stores; nothing can be listed there.",
    mend="Remove the store; its orders belong to the country's own marketplace.",
    source="npm @bizon/amazon-ids",
)
def shadow(context: Context) -> Iterator[Finding]:
    """`marketplaceId` is none of Amazon's ids for orders from elsewhere (DE A38D8NSA03LJTC …)."""
    for store in context.configuration.stores.values():
        front = store.spec.get("storefront") or {}
        wanted = front.get("marketplaceId")
        if front.get("platform") == "amazon" and wanted and is_shadow_marketplace(wanted):
            yield context.configuration.finding(
                "STO-022",
                "error",
                store,
                ("spec", "storefront", "marketplaceId"),
                f"{wanted} of {store.name} holds no listings: {forbidden_marketplace(wanted)}",
                "use the country's own marketplace id",
            )


@rule(
    "STO-023",
    "error",
    "The marketplace agrees with the spec",
    "What the account really is decides; the spec only says what we believe.",
    mend="Correct the spec, or ask the marketplace why it differs.",
    source="Sellers API: getMarketplaceParticipations",
)
def participation(context: Context) -> Iterator[Finding]:
    """Country, currency and language of a storefront are those of the recorded participation (facts: participations)."""
    config = context.configuration
    for row in config.facts.rows("participations"):
        store = config.stores.get(row["store"])
        front = store.spec.get("storefront") if store is not None else None
        if store is None or front is None:
            yield Finding("STO-023", "warning", f"the account takes part in {row['store']}, which is no storefront here", row.place, "declare it, or leave the marketplace")  # fmt: skip
            continue
        for name in ("country", "currency"):
            if front.get(name) is not None and front[name] != row[name]:
                yield config.finding("STO-023", "error", store, ("spec", "storefront", name), f"{name} of {store.name} is {front[name]} here and {row[name]} at the marketplace", f"recorded in {row.place}")  # fmt: skip
        language = row.cells.get("language")
        if language and front.get("languages") and language not in front["languages"]:
            yield config.finding("STO-023", "error", store, ("spec", "storefront", "languages"), f"{language}, the marketplace's language for {store.name}, is not among its languages", f"recorded in {row.place}")  # fmt: skip


@rule(
    "STO-031",
    "error",
    "A store is emptied before it is closed",
    "What still points to a closed store fails in the middle of the next apply.",
    mend="End its promotions, take its grants away and its listings out, sell or move its stock; then close it.",
)
def closing(context: Context) -> Iterator[Finding]:
    """A storefront with `lifecycle: closed` has no active listing, no promotion and no grant, and no recorded stock is offered
    there. An exiting one is told what is left, as a note."""
    config = context.configuration
    ending = {
        s.name: s.spec["storefront"]["lifecycle"]
        for s in config.stores.values()
        if (s.spec.get("storefront") or {}).get("lifecycle") in ("exiting", "closed")
    }
    if not ending:
        return
    left: dict[str, list[str]] = {name: [] for name in ending}
    for name in ending:
        count = sum(
            entry["store"] == name and entry.get("status") != "inactive"
            for sku in config.skus
            for entry in sku.spec.get("listings") or ()
        )
        if count:
            left[name].append(f"{count:,} active listing{'s' * (count != 1)}")
    candidates = [(s.name, s.labels) for s in config.stores.values()]
    for words, specs in (("promotion", config.promos), ("role", config.roles)):
        for spec in specs.values():
            for name in set(select(spec.spec["stores"], candidates)) & set(ending):
                left[name].append(f"the {words} {spec.name}")
    for (name, sku_name), there in published(config).items():
        if name in ending and there.quantity:
            left[name].append(f"{there.quantity} of {sku_name} offered")
    for name, things in left.items():
        if things:
            shown = ", ".join(things[:4]) + (f" and {len(things) - 4} more" if len(things) > 4 else "")
            yield config.finding(
                "STO-031",
                "error" if ending[name] == "closed" else "info",
                config.stores[name],
                ("spec", "storefront", "lifecycle"),
                f"{name} is {ending[name]} and still has {shown}",
                "empty it first",
            )
