"""Drift as JSON. Comes in: what was found. Goes out: the object of `drift -o json`. Callers: cli `drift`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from acorn_gitops.model.finding import Finding
from acorn_gitops.plan.drift import Drifted, StoreDrift


def drift_json(
    environment: str,
    *,
    stores: Sequence[StoreDrift],
    errors: Mapping[str, str],
    findings: Sequence[Finding],
) -> dict[str, Any]:
    """The object of `drift -o json`."""
    return {
        "format_version": "1.1",
        "environment": environment,
        "drifted": sum(len(store.drifted) for store in stores),
        "errors": errors,
        "unapplied": sum(store.unapplied for store in stores),
        "watched": sum(store.watched for store in stores),
        "findings": [finding.to_json() for finding in findings],
        "stores": [
            {
                "store": store.store,
                "watched": store.watched,
                "unapplied": store.unapplied,
                "unmanaged": [str(address) for address in store.unmanaged],
                "drifted": [_row(row) for row in store.drifted],
            }
            for store in stores
        ],
    }


def _row(row: Drifted) -> dict[str, Any]:
    return {
        "address": str(row.address),
        "deleted": row.deleted,
        "fields": [{"path": path, "applied": last, "live": live} for path, last, live in row.fields],
    }
