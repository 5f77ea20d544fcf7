"""Stores that were in sync. Comes in: a store's three states by digest. Goes out: the version at which
nothing was to do. Caller: `planning`.

A plan of a store is a function of its desired shard, its live version, its ledger and the policy. When all
four are as they were when it was found in sync, it is in sync: the store is asked for its version and not
read. Kept in the user's cache folder; losing it costs time only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from acorn_gitops import __version__
from acorn_gitops.confine.sealed import Cache
from acorn_gitops.model.resource import Desired
from acorn_gitops.plan.change import StoreResult
from acorn_gitops.plan.diff import Policy


class Keys:
    """What decides a store's plan besides its live version, in two forms: by the bytes of all specs (known at
    once) and by the store's own desired resources (compiled for it), so that an edit elsewhere changes
    nothing here."""

    def __init__(
        self,
        config: str,
        serial: int,
        policy: Policy,
        connection: str,
        marketplace: Mapping[str, object],
        shard: Callable[[], Mapping[tuple[str, str], Desired]],
    ) -> None:
        rules = [dict(policy.prune), policy.adopt, policy.takes_over, sorted(policy.managed or ())]
        # Which marketplace: versions of two of them say nothing of each other.
        self._settings = orjson.dumps(
            [__version__, serial, rules, connection, marketplace], option=orjson.OPT_SORT_KEYS
        )
        self._shard = shard
        self.config = hashlib.sha256(self._settings + config.encode()).hexdigest()

    def shard(self) -> str:
        """The second form."""
        rows = [(t, k, d.attributes, d.lifecycle, d.moved_from) for (t, k), d in self._shard().items()]
        return hashlib.sha256(self._settings + orjson.dumps(rows)).hexdigest()


class CleanStores:
    """Clean results of one repository and environment."""

    def __init__(self, cache: Cache | None, root: Path, environment: str) -> None:
        name = hashlib.sha256(f"{root}\0{environment}".encode()).hexdigest()[:32]
        self._cache = cache.within("clean").within(name) if cache is not None else None
        self._config: dict[str, str] = {}

    def get(self, store: str, keys: Keys) -> tuple[str, StoreResult] | None:
        """The live version at which the store was in sync, and the result then."""
        content = self._cache.get(f"{store}.json") if self._cache is not None else None
        if content is None:
            return None
        try:
            row: dict[str, Any] = orjson.loads(content)
            if row["config"] != keys.config and row["shard"] != keys.shard():
                return None
            self._config[store] = row["config"]
            return row["version"], StoreResult(
                store, row["connection"], row["in_sync"], ceded=row["ceded"], live=row["live"]
            )
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
            return None

    def put(self, keys: Keys, version: str, result: StoreResult) -> None:
        """Remember a clean result; anything less is not remembered."""
        if (
            self._cache is None
            or not version
            or result.changes
            or result.notes
            or result.unmanaged
            or result.to_record
            or result.error
        ):
            return
        if self._config.get(result.store) == keys.config:
            return  # it is remembered in these words already
        row = {
            "config": keys.config,
            "shard": keys.shard(),
            "version": version,
            "connection": result.connection,
            "in_sync": result.in_sync,
            "ceded": result.ceded,
            "live": result.live,
        }
        self._cache.put(f"{result.store}.json", orjson.dumps(row))
