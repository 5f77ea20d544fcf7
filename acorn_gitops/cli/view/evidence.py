"""What rests on what: tax rules and category approvals in force on a day, with who looked at them. Comes in:
specs, git. Goes out: a table. Caller: `acorn view`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acorn_gitops.cli.view.panel import chosen_stores, open_specs, options, show

if TYPE_CHECKING:
    from acorn_gitops.specs.configuration import Configuration


@click.command("evidence")
@options
@click.option("--date", "day", metavar="DATE", help="In force on this day. Default: today.")
def command(
    stores: tuple[str, ...],
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
    day: str | None,
) -> int:
    """For an audit: every tax rule and category approval in force on a day, its source, who reviewed it, the
    digest of its evidence, and the commit that wrote it."""
    from acorn_gitops.cli.tax import _date
    from acorn_gitops.provenance.blame import Authors
    from acorn_gitops.report.table import Table

    session, config = open_specs(root, environment, no_color)
    date = _date(session, day)
    rows = sorted(
        _rules(config, date, {s.name for s in chosen_stores(config, stores, fronts=True)}),
        key=lambda r: (r["kind"], r["name"], r["store"] or ""),
    )
    authors = Authors(session.root)
    for row in rows:
        place = row.pop("place")
        wrote = authors.line(place.file, place.line)
        row["written"] = f"{place.file}:{place.line}"
        row["commit"] = (wrote.commit[:12] or "not committed") if wrote is not None else None
        row["by"] = (wrote.author or None) if wrote is not None else None
        row["on"] = (wrote.at or None) if wrote is not None else None
    headings = [
        "kind", "name", "store", "says", "from", "until", "source", "as_of", "reviewed_by", "evidence", "written",
        "commit", "by", "on",
    ]  # fmt: skip
    fresh = {"specs": f"as they are on {session.stamp()}, for {date}"}
    return show(Table("evidence", headings, rows, freshness=fresh), output, session)


def _rules(config: Configuration, date: str, chosen: set[str]) -> list[dict[str, Any]]:
    from acorn_gitops.engines.tax import matched_stores

    rows: list[dict[str, object]] = []
    for rule in config.taxes.values():
        validity, evidence = rule.spec["validity"], rule.spec.get("evidence") or {}
        if not validity["from"] <= date < (validity.get("to") or "9999"):
            continue
        reach = sorted({*matched_stores(rule, config)} & chosen)
        if not reach:
            continue
        result = rule.spec["result"]
        rate = result.get("rate") or {}
        rows.append(
            {
                "kind": "TaxRule",
                "name": rule.name,
                "store": ", ".join(reach),
                "says": " ".join(
                    str(x)
                    for x in (
                        result["liableParty"],
                        result["treatment"],
                        rate.get("class") or rate.get("percent"),
                    )
                    if x
                ),
                "from": validity["from"],
                "until": validity.get("to"),
                "source": evidence.get("source"),
                "as_of": evidence.get("asOf"),
                "reviewed_by": evidence.get("reviewedBy"),
                "evidence": None,
                "place": config.place(rule, ("spec",)),
            }
        )
    for sku in config.skus:
        for index, approval in enumerate(sku.spec.get("approvals") or ()):
            if approval["store"] not in chosen or not (approval.get("at") or "") <= date < (
                approval.get("expires") or "9999"
            ):
                continue
            rows.append(
                {
                    "kind": "approval",
                    "name": sku.spec["sku"],
                    "store": approval["store"],
                    "says": f"{approval['category']}: {approval['status']}",
                    "from": approval.get("at"),
                    "until": approval.get("expires"),
                    "source": approval.get("ref"),
                    "as_of": approval.get("at"),
                    "reviewed_by": None,
                    "evidence": approval.get("evidence"),
                    "place": config.place(sku, ("spec", "approvals", index)),
                }
            )
    return rows
