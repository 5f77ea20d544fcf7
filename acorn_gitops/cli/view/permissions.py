"""Every right. Comes in: specs, recorded activity. Goes out: a table. Caller: `acorn view`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acorn_gitops.cli.view.panel import chosen_stores, open_specs, options, show

if TYPE_CHECKING:
    pass


@click.command("permissions")
@options
@click.option("--who", metavar="ID", help="Only this person, group or application.")
def command(
    stores: tuple[str, ...],
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
    who: str | None,
) -> int:
    """Who may do what in every store, and when that was last used and reviewed; stores in which nobody may
    anything say so."""
    from acorn_gitops.engines.access import Access
    from acorn_gitops.report.table import Table

    session, config = open_specs(root, environment, no_color)
    access = Access(config, session.now().date().isoformat())
    used: dict[tuple[str, str], str] = {}
    for fact in config.facts.rows("activity"):
        key = (fact["subject"].removeprefix("user:").removeprefix("app:").lower(), fact["store"])
        used[key] = max(used.get(key, ""), fact["lastUsed"])
    rows = []
    for store in chosen_stores(config, stores):
        if (
            who is None
            and config.roles
            and not any(access.rights([s], store.name) for s in access.subjects())
        ):
            nobody: dict[str, object] = {
                "store": store.name,
                "subject": "nobody",
                "rights": None,
                "roles": None,
            }
            rows.append({**nobody, "last_used": None, "reviewed": None})
        for subject in access.subjects():
            if who is not None and who.lower() not in (subject.id.lower(), str(subject).lower()):
                continue
            rights = access.rights([subject], store.name)
            if not rights:
                continue
            by_resource: dict[str, list[str]] = {}
            roles = sorted({source.role.name for sources in rights.values() for source in sources})
            for right in sorted(rights):
                by_resource.setdefault(right.resource, []).append(right.verb)
            reviews = [
                r
                for name in roles
                if (r := (config.roles[name].spec.get("review") or {}).get("lastReviewed"))
            ]
            rows.append(
                {
                    "store": store.name,
                    "subject": str(subject),
                    "rights": "; ".join(
                        f"{resource}: {', '.join(verbs)}" for resource, verbs in by_resource.items()
                    ),
                    "roles": roles,
                    "last_used": used.get((subject.id.lower(), store.name)),
                    "reviewed": min(reviews, default=None),
                }
            )
    fresh = {
        "specs": f"as they are on {session.stamp()}",
        "activity": "recorded" if config.facts.has("activity") else "nothing recorded",
    }
    return show(
        Table(
            "permissions",
            ["store", "subject", "rights", "roles", "last_used", "reviewed"],
            rows,
            freshness=fresh,
        ),
        output,
        session,
    )
