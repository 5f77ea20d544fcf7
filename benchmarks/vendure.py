"""Times reading and writing listings on a real Vendure, next to a minimal script that sends the same mutations. Comes in:
how many. Goes out: listings a second, and the ratio. Caller: a person (`python -m benchmarks.vendure 2000`).

The script keeps no ledger, looks at nothing before or after, and ends when the server has answered: it is what the
server allows. Both run against the same server, in turn.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx2

from acorn_gitops.marketplaces.vendure import operations as op
from tests.vendure.server import PASSWORD, Server, running
from tests.vendure.test_flow import PROJECT, SHOP

BATCH = 100


def specs(count: int, price: str) -> str:
    """One storefront and so many listings."""
    head = SHOP.partition("---")[0]
    rows = "".join(
        f'    - {{sku: ACORN-{n}, attributes: {{title: Thing {n}}}, listings: [{{store: shop-de, status: active, price: {{currency: EUR, value: "{price}"}}}}]}}\n'
        for n in range(count)
    )
    return (
        head + "---\napiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: bulk}\nspec:\n  items:\n" + rows
    )


class Script:
    """The least that does the same."""

    def __init__(self, server: Server) -> None:
        self.http = httpx2.Client(timeout=120, headers={"vendure-token": "shop-de"})
        self.url = server.url
        answer = self.http.post(
            self.url,
            json={"query": op.LOGIN, "variables": {"username": "superadmin", "password": PASSWORD}},
        )
        self.http.headers["authorization"] = f"Bearer {answer.headers['vendure-auth-token']}"

    def send(self, query: str, **variables: object) -> dict[str, list[dict[str, str]]]:
        """One request."""
        document = self.http.post(self.url, json={"query": query, "variables": variables}).json()
        assert "errors" not in document, document
        found: dict[str, list[dict[str, str]]] = document["data"]
        return found

    def create(self, count: int) -> list[str]:
        """So many products with a variant each."""
        ids: list[str] = []
        for start in range(0, count, BATCH):
            numbers = range(start, min(start + BATCH, count))
            names = {
                f"t{i}": [{"languageCode": "de", "name": f"Thing {n}", "slug": f"s-{n}", "description": ""}]
                for i, n in enumerate(numbers)
            }
            made = self.send(op.many(*op.CREATE_PRODUCT, len(numbers)), **names)
            rows = [
                {
                    "productId": made[f"f{i}"]["id"],  # type: ignore[call-overload]
                    "sku": f"SCRIPT-{n}",
                    "price": 999,
                    "enabled": True,
                    "translations": [{"languageCode": "de", "name": f"Thing {n}"}],
                }
                for i, n in enumerate(numbers)
            ]
            ids += [v["id"] for v in self.send(op.CREATE_VARIANTS, input=rows)["createProductVariants"]]
        return ids

    def update(self, ids: list[str]) -> None:
        """Another price for each."""
        for start in range(0, len(ids), BATCH):
            rows = [
                {"id": i, "prices": [{"currencyCode": "EUR", "price": 899}]}
                for i in ids[start : start + BATCH]
            ]
            self.send(op.UPDATE_VARIANTS, input=rows)


def timed(do: Callable[[], object]) -> float:
    """Seconds."""
    begin = time.perf_counter()
    do()
    return time.perf_counter() - begin


def main(count: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as made, running(Path(made), sample=False) as server:
        folder = Path(made) / "shop"
        (folder / "specs").mkdir(parents=True)
        (folder / "acorn.yaml").write_text(PROJECT.format(url=server.url))
        environ = {**os.environ, "VENDURE_PASSWORD": PASSWORD, "NO_COLOR": "1", "XDG_CONFIG_HOME": made}

        def acorn(*arguments: str) -> None:
            subprocess.run(
                [sys.executable, "-m", "acorn_gitops", *arguments],
                cwd=folder,
                env=environ,
                check=True,
                capture_output=True,
            )

        acorn("trust", "main")
        write = folder / "specs" / "all.yaml"
        write.write_text(specs(0, "9.99").replace("  items:\n", "  items: []\n").partition("---")[0])
        acorn("apply", "--auto-approve")
        script = Script(server)
        ids: list[str] = []
        begin = time.perf_counter()
        ids = script.create(count)
        theirs = {"create": time.perf_counter() - begin, "update": timed(lambda: script.update(ids))}
        script.send(op.DELETE_VARIANTS, ids=ids)
        ours: dict[str, float] = {}
        write.write_text(specs(count, "9.99"))
        ours["create"] = timed(lambda: acorn("apply", "--auto-approve"))
        write.write_text(specs(count, "8.99"))
        ours["update"] = timed(lambda: acorn("apply", "--auto-approve"))
        reads = [timed(lambda: acorn("plan")) for _ in range(3)]
        print("| Vendure, listings | listings | acorn, a second | minimal script, a second | acorn takes |")
        print("|---|---|---|---|---|")
        for what in ("create", "update"):
            print(
                f"| {what} | {count:,} | {count / ours[what]:.0f} | {count / theirs[what]:.0f} | {ours[what] / theirs[what]:.2f} times as long |"
            )
        read = statistics.median(reads)
        print(f"| read and plan | {count:,} | {count / read:.0f} | - | {read:.2f} s |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
