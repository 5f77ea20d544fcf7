"""Small repositories for tests. Comes in: documents. Goes out: a folder in which `acorn` runs in this process."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from acorn_gitops.cli import run
from acorn_gitops.sandbox.database import Database
from acorn_gitops.specs.edit import written
from acorn_gitops.specs.resolve import name_of_sku

PROJECT = """apiVersion: acorn/v1
kind: Project
metadata: {name: test}
spec:
  specs: [specs]
  connections: {main: {adapter: network, url: "sandbox:"}}
  environments: {sandbox: {}}
  defaultEnvironment: sandbox
"""


class Result(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return orjson.loads(self.out)


def document(kind: str, name: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """A document of a kind."""
    return {"apiVersion": "acorn/v1", "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}


def storefront(
    name: str = "amz-de", currency: str = "EUR", zone: str = "Europe/Berlin", **more: Any
) -> dict[str, Any]:
    """A storefront."""
    return document(
        "Store",
        name,
        {
            "type": "storefront",
            "storefront": {"platform": "network", "currency": currency, "timezone": zone, **more},
        },
    )


def shop(name: str = "de-ber-mitte") -> dict[str, Any]:
    """A shop in Berlin."""
    return document(
        "Store",
        name,
        {
            "type": "physical",
            "physical": {
                "code": name.upper(),
                "timezone": "Europe/Berlin",
                "address": {
                    "countryCode": "DE",
                    "lines": ["Friedrichstraße 43"],
                    "locality": "Berlin",
                    "postalCode": "10117",
                },
            },
        },
    )


def promo(name: str, percent: str = "", **more: Any) -> dict[str, Any]:
    """A promotion for everybody on everything, in 2026 and 2027."""
    window = {
        edge: {"local": f"{year}-01-01T00:00", "tz": "store"}
        for edge, year in (("start", 2026), ("end", 2028))
    }
    body: dict[str, Any] = {
        "type": "percentOff",
        "stores": {"all": True},
        "skus": {"all": True},
        "window": window,
    }
    if percent:
        body["discount"] = {"percent": percent}
    return document("Promo", name, {**body, **more})


def sku(
    code: str = "KTL-17-BLK", price: str = "49.99", store: str = "amz-de", currency: str = "EUR", **more: Any
) -> dict[str, Any]:
    """A SKU with one listing."""
    listing = {"store": store, "price": {"currency": currency, "value": price}, "status": "active"}
    return document("SkuMapping", name_of_sku(code), {"sku": code, "listings": [listing], **more})


class Repository:
    """A repository in a folder."""

    def __init__(self, path: Path, *documents: dict[str, Any]) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        (path / "acorn.yaml").write_text(PROJECT)
        (path / "specs").mkdir(exist_ok=True)
        if documents:
            self.write(*documents)

    def write(self, *documents: dict[str, Any], file: str = "all.yaml") -> None:
        """Replace a spec file."""
        (self.path / "specs" / file).write_text(written(documents))

    def text(self, text: str, file: str = "all.yaml") -> None:
        """Replace a spec file by text."""
        (self.path / "specs" / file).write_text(text)

    def run(self, *arguments: str) -> Result:
        """Run one command here."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.chdir(self.path):
            code = run(list(arguments))
        return Result(code, out.getvalue(), err.getvalue())

    def trust(self, *connections: str) -> None:
        """Trust connections on this machine, as a person would."""
        result = self.run("trust", *(connections or ("main",)))
        assert result.code == 0, result

    def apply(self) -> Result:
        """Apply, and expect it to be complete."""
        result = self.run("apply", "--auto-approve")
        assert result.code == 0, result
        return result

    def plan(self, *arguments: str) -> Any:
        """The plan as JSON."""
        result = self.run("plan", "-o", "json", *arguments)
        assert result.code in (0, 2, 4, 5, 6), result  # also where apply would refuse
        return result.json

    def live(self) -> dict[str, Any]:
        """Everything the sandbox holds, by address."""
        database = Database(self.path / ".acorn" / "sandbox.db")
        try:
            return {f"{s}/{t}/{k}": a for s, t, k, a in database.each()}
        finally:
            database.close()


def changes(plan: Any) -> list[tuple[str, str, str]]:
    """(action, address, reason) of every change, in the plan's order."""
    return [(c["action"], c["address"], c["reason"]) for c in plan["changes"]]


def lines(values: Sequence[str]) -> str:
    """Joined lines."""
    return "\n".join(values) + "\n"
