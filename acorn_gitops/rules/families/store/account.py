"""STO rules about accounts: labels, secrets, what the marketplace says of us, closing. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator

from acorn_gitops.engines.inventory import published
from acorn_gitops.engines.tax import country_of
from acorn_gitops.model.finding import Finding
from acorn_gitops.model.language import canonical_tag
from acorn_gitops.model.reference import forbidden_marketplace, is_shadow_marketplace
from acorn_gitops.model.selectors import select
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.facts import Row, at


@rule(
    "STO-002",
    "error",
    "Labels are those that were agreed",
    why="A misspelt label selects nothing, and the promotion or role silently leaves the store out.",
    mend="Correct the label, or add it to `labels` in acorn.yaml.",
)
def labels(context: Context) -> Iterator[Said]:
    """Where acorn.yaml lists `labels`, every store's labels and values are among them."""
    known = context.configuration.settings.get("labels")
    if known is None:
        return
    for store in context.configuration.stores.values():
        for key, value in store.labels.items():
            path = ("metadata", "labels", key)
            if key not in known:
                yield breach(
                    store,
                    path,
                    f"{store.name} has the label {key}, which was not agreed",
                    mend=f"known: {', '.join(sorted(known))}",
                )
            elif known[key] is not None and value not in known[key]:
                yield breach(
                    store,
                    path,
                    f"{store.name} has {key}={value}, which was not agreed",
                    mend=f"known: {', '.join(known[key])}",
                )


@rule(
    "STO-022",
    "error",
    "A marketplace of order data is no store",
    why="Ids of off-marketplace orders look like stores; nothing can be listed there.",
    mend="Remove the store; its orders belong to the country's own marketplace.",
    source="npm @bizon/amazon-ids",
)
def shadow(context: Context) -> Iterator[Said]:
    """`marketplaceId` is none of Amazon's ids for orders from elsewhere (DE A38D8NSA03LJTC …)."""
    for store in context.configuration.stores.values():
        front = store.spec.get("storefront") or {}
        wanted = front.get("marketplaceId")
        if front.get("platform") == "amazon" and wanted and is_shadow_marketplace(wanted):
            yield breach(
                store,
                ("spec", "storefront", "marketplaceId"),
                f"{wanted} of {store.name} holds no listings: {forbidden_marketplace(wanted)}",
                mend="use the country's own marketplace id",
            )


@rule(
    "STO-023",
    "error",
    "The marketplace agrees with the spec",
    why="What the account really is decides; the spec only says what we believe.",
    mend="Correct the spec, or ask the marketplace why it differs.",
    source="Sellers API: getMarketplaceParticipations",
)
def participation(context: Context) -> Iterator[Said]:
    """Country (as declared, or as the marketplace id says), currency and language of a storefront are those
    of its newest recorded participation (facts: participations; UK is GB)."""
    config = context.configuration
    newest: dict[tuple[str, str], Row] = {}
    for row in config.facts.rows("participations"):
        key = (row["store"], row["country"])
        if key not in newest or at(newest[key]["asOf"]) < at(row["asOf"]):
            newest[key] = row
    latest = {
        store: max((at(r["asOf"]) for (s, _), r in newest.items() if s == store)) for store, _ in newest
    }
    for row in newest.values():
        if at(row["asOf"]) < latest[row["store"]]:
            continue  # of another day: what it said has been said again since
        store = config.stores.get(row["store"])
        front = store.spec.get("storefront") if store is not None else None
        if store is None or front is None:
            yield Finding(
                "STO-023",
                "warning",
                f"the account takes part in {row['store']}, which is no storefront here",
                place=row.place,
                hint="declare it, or leave the marketplace",
            )
            continue
        ours = {"country": country_of(front), "currency": front["currency"]}
        theirs = {"country": "GB" if row["country"] == "UK" else row["country"], "currency": row["currency"]}
        for name, value in ours.items():
            if value is not None and value != theirs[name]:
                yield breach(
                    store,
                    ("spec", "storefront", name),
                    f"{name} of {store.name} is {value} here and {row[name]} at the marketplace",
                    mend=f"recorded in {row.place}",
                )
        language = row.cells.get("language")
        if language and front.get("languages") and language not in map(canonical_tag, front["languages"]):
            yield breach(
                store,
                ("spec", "storefront", "languages"),
                f"{language}, the marketplace's language for {store.name}, is not among its languages",
                mend=f"recorded in {row.place}",
            )


@rule(
    "STO-031",
    "error",
    "A store is emptied before it is closed",
    why="What still points to a closed store fails in the middle of the next apply.",
    mend="End its promotions, take its grants away and its listings out, sell or move its stock; then close it.",
)
def closing(context: Context) -> Iterator[Said]:
    """A storefront with `lifecycle: closed` has no active listing, no promotion and no grant, and no recorded
    stock is offered there. An exiting one is told what is left, as a note."""
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
            yield breach(
                config.stores[name],
                ("spec", "storefront", "lifecycle"),
                f"{name} is {ending[name]} and still has {shown}",
                mend="empty it first",
                severity="error" if ending[name] == "closed" else "info",
            )
