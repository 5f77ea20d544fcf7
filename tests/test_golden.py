"""What people read, held to the letter: golden files of plans, findings, drift and reports. Run with
ACORN_UPDATE_GOLDEN=1 to write them, then read the difference."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.confine.text import harmless
from acorn_gitops.marketplaces.protocol import Outcome
from acorn_gitops.model.finding import Finding
from acorn_gitops.model.resource import Desired, Live, Origin, digest
from acorn_gitops.plan.change import Applied, StoreResult
from acorn_gitops.plan.diff import Policy, diff_store
from acorn_gitops.plan.document import Plan, make_plan
from acorn_gitops.report.markdown import LIMIT, plan_markdown
from acorn_gitops.report.text import Pen, plan_text, report_text
from tests.repository import Repository, document, shop, sku, storefront

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str, text: str) -> None:
    """Compare with a golden file, or write it when asked."""
    path = GOLDEN / name
    if os.environ.get("ACORN_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, (
        f"tests/golden/{name} differs; ACORN_UPDATE_GOLDEN=1 writes it"
    )


def _money(value: str, currency: str = "EUR") -> dict[str, str]:
    return {"currency": currency, "value": value}


def _listing(number: int, price: str, currency: str = "EUR", **more: Any) -> dict[str, Any]:
    return {
        "sku": f"SKU-{number:03d}",
        "status": "active",
        "asin": f"B0{number:08d}",
        "price": _money(price, currency),
        **more,
    }


def _plan(results: list[StoreResult], findings: list[Finding] | None = None) -> Plan:
    return make_plan(
        results,
        project="acme",
        environment="production",
        config_digest="c",
        ledger_serial=7,
        commit="3f2c81d9a0b1c2d3",
        dirty=False,
        created_at="2026-11-23T09:00:00Z",
        findings=findings or [],
    )


def _applied(attributes: dict[str, Any]) -> Applied:
    import orjson

    return Applied(digest(attributes), orjson.dumps(attributes))


def _one() -> Plan:
    """One price cut."""
    last = _listing(1, "49.99")
    return _plan(
        [
            diff_store(
                "amz-de",
                "main",
                {
                    ("listing", "KTL-17-BLK"): Desired(
                        _listing(1, "44.99"), Origin("specs/kettles.yaml", 20, "SkuMapping", "ktl")
                    )
                },
                {("listing", "KTL-17-BLK"): Live(last)},
                {("listing", "KTL-17-BLK"): _applied(last)},
                Policy(),
            )
        ]
    )


def _every_kind() -> Plan:
    """One of each action and of most reasons, in two stores, one of which cannot be read."""
    origin = Origin("specs/all.yaml", 12, "SkuMapping", "x")
    last = {n: _listing(n, "20.00") for n in range(6)}
    desired: dict[Any, Desired] = {
        ("listing", "edited"): Desired(_listing(0, "18.00"), origin),
        ("listing", "drifted"): Desired(_listing(1, "20.00"), origin),
        ("listing", "both"): Desired(_listing(2, "25.00"), origin),
        ("listing", "missing"): Desired(_listing(3, "20.00"), origin),
        ("listing", "new-\u202egpj.exe"): Desired(_listing(9, "5.00", title="Böse\x1b[31m"), origin),
        ("listing", "renamed"): Desired(_listing(4, "20.00"), origin, None, "old-name"),
        ("listing", "foreign"): Desired(_listing(7, "9.00"), origin),
        ("promotion", "bf"): Desired(
            {
                "type": "percentOff",
                "skus": ["A", "B", "D"],
                "start": "2026-11-26T23:00:00Z",
                "end": "2026-11-30T23:00:00Z",
                "limits": {"redemptions": 100},
            },
            origin,
        ),
    }
    live: dict[Any, Live] = {
        ("listing", "edited"): Live(last[0]),
        ("listing", "drifted"): Live({**last[1], "price": _money("15.00")}),
        ("listing", "both"): Live({**last[2], "price": _money("15.00")}),
        ("listing", "old-name"): Live(last[4]),
        ("listing", "foreign"): Live(_listing(7, "8.00")),
        ("listing", "gone-from-specs"): Live(last[5]),
        ("listing", "stranger"): Live({"sku": "S"}),
        ("promotion", "bf"): Live(
            {
                "type": "percentOff",
                "skus": ["A", "B", "C"],
                "start": "2026-11-26T23:00:00Z",
                "end": "2026-11-30T23:00:00Z",
                "limits": {"redemptions": 50},
            }
        ),
        ("storefront", "amz-de"): Live({"platform": "amazon"}),
    }
    applied = {
        ("listing", "edited"): _applied(last[0]),
        ("listing", "drifted"): _applied(last[1]),
        ("listing", "both"): _applied(last[2]),
        ("listing", "missing"): _applied(last[3]),
        ("listing", "old-name"): _applied(last[4]),
        ("listing", "gone-from-specs"): _applied(last[5]),
        ("listing", "vanished"): _applied(last[5]),
        ("promotion", "bf"): _applied(dict(live[("promotion", "bf")].attributes)),
        ("storefront", "amz-de"): _applied({"platform": "amazon"}),
    }
    warning = Finding("SKU-001", "warning", "'ab c' is not a tidy SKU")
    return _plan(
        [
            diff_store("amz-de", "main", desired, live, applied, Policy()),
            StoreResult("amz-jp", "main", error="503 Unavailable, 5 times"),
        ],
        [warning],
    )


def _four_hundred() -> Plan:
    """312 prices ten percent down in four stores, 80 new listings, and a few others."""
    results = []
    for store in ("amz-de", "amz-fr", "amz-it", "amz-us"):
        currency = "USD" if store == "amz-us" else "EUR"
        desired, live, applied = {}, {}, {}
        for number in range(78):
            key = ("listing", f"SKU-{number:03d}")
            last = _listing(number, f"{100 + number}.00", currency)
            desired[key] = Desired(
                _listing(number, f"{(100 + number) * 0.9:.2f}", currency),
                Origin("specs/skus/kitchen.yaml", 10 + number * 5, "SkuMapping", "k"),
            )
            live[key] = Live(last)
            applied[key] = _applied(last)
        for number in range(100, 120):
            desired[("listing", f"NEW-{number}")] = Desired(
                _listing(number, "12.00", currency), Origin("specs/skus/new.yaml", number, "SkuMapping", "n")
            )
        if store == "amz-it":
            live[("listing", "OLD-1")] = Live(_listing(500, "5.00"))
            applied[("listing", "OLD-1")] = _applied(_listing(500, "5.00"))
        results.append(diff_store(store, "main", desired, live, applied, Policy()))
    return _plan(results)


PLANS = {"one": _one, "every-kind": _every_kind, "four-hundred": _four_hundred}


@pytest.mark.parametrize("name", PLANS)
def test_plans_read_as_they_should_at_80_columns(name: str) -> None:
    """Plain text; no line is longer than the terminal, and no control character comes through."""
    text = plan_text(PLANS[name](), Pen(False, 80))
    assert max(map(len, text.split("\n"))) <= 80
    assert "\x1b" not in text
    assert "\u202e" not in text
    golden(f"plan-{name}.txt", text)


@pytest.mark.parametrize("name", PLANS)
def test_colour_changes_nothing_but_colour(name: str) -> None:
    """Without its escape codes the coloured plan is the plain one."""
    import re

    coloured = harmless(plan_text(PLANS[name](), Pen(True, 80)))
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9]+m", "", coloured) == plan_text(PLANS[name](), Pen(False, 80))
    golden(f"plan-{name}.colour.txt", coloured)


def test_four_hundred_changes_are_told_by_what_they_have_in_common() -> None:
    """Two screens at most, and the group's line says it all."""
    text = plan_text(_four_hundred(), Pen(False, 80))
    assert "~ 312 listings in 4 stores: price -10.0 % (spec edited)" in text
    assert text.count("\n") < 30


def test_verbose_shows_every_change() -> None:
    """Nothing is grouped away on request."""
    assert plan_text(_four_hundred(), Pen(False, 80), verbose=True).count("  ~ listing ") == 312


@pytest.mark.parametrize("name", PLANS)
def test_markdown_for_merge_requests(name: str) -> None:
    """Counts first; fences are balanced; no remote name mentions people or breaks a table."""
    text = plan_markdown(PLANS[name]())
    assert len(text) <= LIMIT
    assert text.count("```") % 2 == 0
    assert "\u202e" not in text
    golden(f"plan-{name}.md", text)


def test_hostile_names_stay_inside_their_cell() -> None:
    """Backticks, pipes, mentions, HTML and comments in names do nothing in Markdown."""
    evil = "a`b|c@all<!--x--><script>```[z](http://e)\n| d |"
    result = diff_store(
        "amz-de",
        "main",
        {("listing", evil): Desired({"sku": evil}, Origin("s.yaml", 1, "SkuMapping", "x"))},
        {},
        {},
        Policy(),
    )
    text = plan_markdown(_plan([result]))
    row = next(line for line in text.split("\n") if line.startswith("| ➕"))
    assert row.count("|") == 4
    for piece in ("<script", "<!--x", "@all", "](http", "`b"):
        assert piece not in row
    assert text.count("<!--") == 1


def test_a_huge_plan_still_fits_a_comment() -> None:
    """Ten thousand unlike changes are cut to the limit, without losing the head and the marker."""
    desired = {
        ("listing", f"S-{n}"): Desired(
            {"sku": f"S-{n}", "title": "x" * (n % 50), "status": str(n)},
            Origin("s.yaml", n, "SkuMapping", "x"),
        )
        for n in range(10_000)
    }
    live = {k: Live({**d.attributes, "status": "old" + d.attributes["sku"]}) for k, d in desired.items()}
    text = plan_markdown(_plan([diff_store("amz-de", "main", desired, live, {}, Policy(adopt="any"))]))
    assert len(text) <= LIMIT
    assert text.startswith("### acorn plan")
    assert "<!-- acorn:plan" in text


def test_findings_show_place_line_caret_and_remedy(tmp_path: Path) -> None:
    """Every error of every file at once, as a person reads them."""
    repository = Repository(tmp_path)
    repository.text(
        "apiVersion: acorn/v1\nkind: Store\nmetadata: {name: amz-no}\nspec:\n  type: storefront\n"
        "  storefront: {platform: amazon, curency: NOK, country: NO, currency: NOK}\n",
        "a.yaml",
    )
    repository.text(
        "apiVersion: acorn/v1\nkind: SkuMaping\nmetadata: {name: x}\n---\napiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: kettle}\nspec:\n"
        '  sku: 123\n  listings:\n    - {store: amz-de, price: {currency: EUR, value: "19.999"}, status: aktive}\n',
        "b.yaml",
    )
    repository.text("apiVersion: acorn/v1\nkind: Promo\n\tmetadata: x\n", "c.yaml")
    result = repository.run("validate")
    assert result.code == 4
    golden("findings.txt", result.out)


def test_what_was_not_done_is_told_causes_first_and_alike_ones_once() -> None:
    """A store whose creation was rejected: that is what to mend, and what waited for it is one group."""
    changes = [change for change in _four_hundred().changes if change.address.store == "amz-us"]
    waited = [(change, Outcome(change.address, "skipped", "interrupted")) for change in changes[:60]]
    refused = (changes[60], Outcome(changes[60].address, "rejected", "no such category"))
    done = (changes[61], Outcome(changes[61].address, "observed"))
    told = report_text([*waited, refused, done], True, Pen(False, 80)).splitlines()
    assert told[0] == f"  ! {changes[60].address}: rejected: no such category"
    assert told[1:4] == [f"  ! {c.address}: not tried: interrupted" for c in changes[:3]]
    assert told[4:] == [
        "    … and 57 more alike in amz-us",
        "Interrupted. 1 done, 61 not; run the same command again to finish.",
    ]


def test_findings_that_say_the_same_are_told_so_often_and_then_counted(tmp_path: Path) -> None:
    """A store that is gone, and all that was listed there; another fault beside them is not lost."""
    repository = Repository(
        tmp_path, *(sku(f"S-{number:03d}") for number in range(150)), sku("T", store="amz-fr")
    )
    said = repository.run("validate").out
    assert said.count("error GEN-012: there is no store amz-de") == 20
    assert "… and 130 more GEN-012 alike (there is no store amz-de): specs/all.yaml:" in said
    assert said.count("there is no store amz-fr") == 1
    assert "151 errors" in said


def test_the_way_through_as_people_see_it(tmp_path: Path) -> None:
    """Validate, plan, apply, plan, disturb, drift, plan: every output in one file."""
    promo = document(
        "Promo",
        "black-friday",
        {
            "type": "percentOff",
            "stores": {"all": True},
            "skus": {"all": True},
            "discount": {"percent": "20"},
            "window": {
                "start": {"local": "2026-11-27T00:00", "tz": "store"},
                "end": {"local": "2026-12-01T00:00", "tz": "store"},
            },
        },
    )
    repository = Repository(tmp_path, storefront(), shop(), sku(), sku("MUG-RED", "12.90"), promo)
    told = []
    for arguments in (
        ["validate"],
        ["plan"],
        ["apply", "--auto-approve"],
        ["plan"],
        [
            "sandbox",
            "disturb",
            "amz-de/listing/KTL-17-BLK.price=39.00",
            "amz-de/listing/MUG-RED.status=inactive",
        ],
        ["drift"],
        ["plan"],
        ["import", "--drifted"],
        ["drift"],
        ["history", "--limit", "3"],
        ["explain", "amz-de/listing/MUG-RED"],
        ["state", "list"],
        ["rules", "SKU-014"],
    ):
        result = repository.run(*arguments)
        told.append(f"$ acorn {' '.join(arguments)}\n{result.out}")
    import re

    golden("way-through.txt", re.sub(r"plan [0-9a-f]{12}", "plan 000000000000", "\n".join(told)))
