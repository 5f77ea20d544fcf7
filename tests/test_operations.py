"""Going live, being operated, leaving: onboard, doctor, rehearse, the production gate, export drills, monitors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from acorn_gitops.rules.cases import base
from tests.repository import Repository, document, shop, sku, storefront
from tests.rule_cases import lay_out


@pytest.fixture
def live(tmp_path: Path) -> Repository:
    """The small repository of the pages about rules: a store that is live, with all its records."""
    return lay_out(tmp_path / "r", {})


def patched(live: Repository, patch: dict[str, Any]) -> Repository:
    """The same, changed."""
    return lay_out(live.path, patch)


# Onboarding


def test_every_stage_is_shown_with_what_it_lacks(live: Repository) -> None:
    """A complete store has a tick at each; a gap blocks at the first stage that has one."""
    result = live.run("onboard", "amz-de")
    assert result.code == 0
    assert result.out.count("✓") == 7
    patched(live, {"Store/amz-de": {"onboarding": {"assessment": None, "contact": None}}})
    result = live.run("onboard")
    assert result.code == 1
    assert "amz-de  live  blocked at contacted" in result.out
    assert "ONB-004" in result.out
    assert "ONB-006" in result.out
    rows = live.run("onboard", "-o", "json").json["stores"]
    assert [(r["store"], r["blocked_at"]) for r in rows] == [("amz-de", "contacted")]


def test_a_store_on_its_way_is_not_blocked_by_what_is_to_come(live: Repository) -> None:
    """Only the stages behind it count."""
    patched(
        live,
        {
            "Store/amz-de": {
                "storefront": {"lifecycle": "assessment"},
                "onboarding": {"assessment": None, "agreements": None},
            }
        },
    )
    result = live.run("onboard")
    assert result.code == 0
    assert "ONB-006" in result.out  # what its own stage needs
    assert "ONB-007" not in result.out


def test_the_brief_gathers_what_a_quote_needs(live: Repository) -> None:
    """From the specs, without a price; what is missing is said."""
    facts = live.run("onboard", "--brief", "-o", "json").json
    assert facts["turnover_12_months"] == [{"country": "DE", "currency": "EUR", "amount": "1200000"}]
    assert facts["cost_drivers"] == {
        "marketplaces": 1, "shops": 1, "skus": 1, "systems": 2, "tills": 1, "middleware": 0, "fastest_sync_seconds": 300,
    }  # fmt: skip
    assert facts["missing"] == []
    assert facts["write_back"] is True
    assert "turnover in DE" in live.run("onboard", "--brief").out
    bare = Repository(live.path.parent / "bare", storefront(), sku())
    assert len(bare.run("onboard", "--brief", "-o", "json").json["missing"]) == 3


def test_wrong_questions(live: Repository) -> None:
    """In words."""
    assert live.run("onboard", "amz-xx").code == 1
    assert live.run("view", "stores", "--store", "amz-xx").code == 1


def test_a_policy_asks_every_live_store(tmp_path: Path) -> None:
    """Without it a live store without records is a note; with it each gap is an error."""
    made = Repository(tmp_path / "r", storefront(lifecycle="live"), sku())
    result = made.run("validate")
    assert result.code == 0
    assert "info ONB-001" in result.out
    path = made.path / "acorn.yaml"
    path.write_text(path.read_text() + "  policies: {onboarding: required}\n")
    result = made.run("validate")
    assert result.code == 4
    for id in ("ONB-001", "ONB-005", "ONB-030", "INT-001", "MON-020"):
        assert f"error {id}" in result.out, id


# Doctor


@pytest.mark.parametrize(
    ("patch", "cause"),
    [
        ({}, None),
        ({"Store/amz-de": {"onboarding": {"access": {"status": "requested"}}, "integration": {"flows": []}}}, "Eligibility and admission"),
        ({"Store/amz-de": {"integration": {"flows": []}}}, "Integration"),
        ({"RolePermission/pricing": {"rules": [{"resources": ["*"], "verbs": ["read"]}]}, "SkuMapping/kettle": {"gtin": "4006381333932"}}, "Permissions"),
        ({"SkuMapping/kettle": {"gtin": "4006381333932"}}, "Master data"),
        ({"Project": {"connections": {"main": {"adapter": "network", "url": "http://127.0.0.1:9/"}}}}, "Connection"),
        ({"Project": {"policies": {"rehearsal": "required"}}}, "Rehearsal"),
        ({"facts/orders.csv": "store,order,channel,seenAt\namz-de,A-2,backup,2026-11-23T08:30:00Z\n"}, "Operation"),
    ],
)  # fmt: skip
def test_the_first_cause_is_named(patch: dict[str, Any], cause: str | None, live: Repository) -> None:
    """In the order in which things block."""
    patched(live, patch)
    result = live.run("doctor", "-o", "json")
    assert result.json["first_cause"] == cause
    assert result.code == (1 if cause else 0)
    text = live.run("doctor").out
    assert (f"First cause: {cause}" in text) is bool(cause)


def test_silence_is_not_health(live: Repository) -> None:
    """Nothing recorded is unknown, never good."""
    parts = {p["name"]: p["state"] for p in live.run("doctor", "-o", "json").json["parts"]}
    assert parts["Operation"] == "unknown"
    assert parts["Connection"] == "good"
    assert {
        p["state"]
        for p in live.run("doctor", "--offline", "-o", "json").json["parts"]
        if p["name"] == "Connection"
    } == {"unknown"}


# Rehearsal and the production gate


def test_a_rehearsal_proves_these_specs_and_everyday_changes(live: Repository) -> None:
    """The same digest, or only prices and the like: apply goes on. A new listing, an old record, a failed one: it does not."""
    required = {"Project": {"policies": {"rehearsal": "required"}}}
    patched(live, required)
    refused = live.run("apply", "--auto-approve")
    assert refused.code == 4
    assert "ONB-020" in refused.err
    assert live.live() == {}
    assert "apply will refuse" in " ".join(live.run("plan").out.split())
    assert live.run("rehearse").code == 0
    record = orjson.loads((live.path / "evidence" / "rehearsal-sandbox.json").read_bytes())
    assert record["result"] == "passed"
    assert len(record["scenarios"]) == 7
    assert live.live() == {}  # nothing of it happened here
    live.apply()
    listing = dict(base()["SkuMapping/kettle"]["listings"][0])
    cheaper = {
        **required,
        "SkuMapping/kettle": {"listings": [{**listing, "price": {"currency": "EUR", "value": "47.99"}}]},
    }
    patched(live, cheaper)
    live.apply()
    another = {**required, "SkuMapping/kettle": {"listings": [listing | {"condition": "used_good"}]}}
    patched(live, another)
    assert live.run("apply", "--auto-approve").code == 4


@pytest.mark.parametrize(
    "spoil",
    [
        {"result": "failed"},
        {"at": "2026-08-01T09:00:00Z"},
        {"digest": "0" * 64, "form": "0" * 64},
        {"at": "yesterday"},
        {"at": None},
    ],
)
def test_a_record_that_proves_nothing(spoil: dict[str, Any], live: Repository) -> None:
    """Failed, old, of other specs, or spoilt."""
    patched(live, {"Project": {"policies": {"rehearsal": "required"}}})
    assert live.run("rehearse").code == 0
    path = live.path / "evidence" / "rehearsal-sandbox.json"
    path.write_bytes(orjson.dumps({**orjson.loads(path.read_bytes()), **spoil}))
    assert live.run("apply", "--auto-approve").code == 4
    path.write_text("[]")
    assert live.run("apply", "--auto-approve").code == 4


def test_the_gate_is_the_environments(live: Repository) -> None:
    """Production asks; the sandbox does not, and its rehearsal proves nothing for production."""
    settings = {"environments": {"sandbox": {}, "production": {"policies": {"rehearsal": "required"}}}}
    patched(live, {"Project": settings})
    assert live.run("rehearse").code == 0
    live.apply()
    assert live.run("apply", "--env", "production", "--auto-approve").code == 4
    assert live.run("rehearse", "--env", "production").code == 0
    assert live.run("apply", "--env", "production", "--auto-approve").code == 0


def test_a_rehearsal_that_fails_says_where(live: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its record proves nothing. Here the copy cannot reach a folder that only this machine has."""
    from acorn_gitops.reconcile import rehearsing

    monkeypatch.setattr(
        rehearsing, "scenarios", lambda *_: iter([rehearsing.Step("It works", False, "it does not")])
    )
    result = live.run("rehearse")
    assert result.code == 1
    assert "failed It works: it does not" in result.out
    record = orjson.loads((live.path / "evidence" / "rehearsal-sandbox.json").read_bytes())
    assert record["result"] == "failed"


# Leaving


def test_an_export_drill_reads_everything_back(live: Repository) -> None:
    """And ends the warning that leaving was not practised."""
    (live.path / "evidence" / "export-drill.json").unlink()
    assert "ONB-031" in live.run("validate").out
    live.apply()
    result = live.run("export", "out", "--drill")
    assert result.code == 0, result
    record = orjson.loads((live.path / "evidence" / "export-drill.json").read_bytes())
    assert record["result"] == "passed"
    assert record["resources"] == len(live.live())
    assert "live.jsonl" in record["files"]
    assert "ONB-031" not in live.run("validate").out


def test_a_drill_that_does_not_hold_fails(live: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """When what was written does not say what the store holds."""
    import acorn_gitops.compile.decompile as module

    live.apply()
    real = module.decompile
    monkeypatch.setattr(
        module, "decompile", lambda found: real({a: v for a, v in found.items() if a.type != "promotion"})
    )
    result = live.run("export", "out", "--drill")
    assert result.code == 1
    assert "amz-de/promotion/spring is in no exported spec" in result.err
    assert orjson.loads((live.path / "evidence" / "export-drill.json").read_bytes())["result"] == "failed"
    assert live.run("export", "other", "--drill", "--select", "amz-de").code == 64


def test_monitors_make_the_job_fail(live: Repository) -> None:
    """The scheduled job's exit code speaks of drift and of monitors; thresholds are the store's own where it says them."""
    live.apply()
    assert live.run("drift", "--detailed-exitcode").code == 0
    (live.path / "facts").mkdir()
    (live.path / "facts" / "published.csv").write_text(
        "store,sku,quantity,asOf\namz-de,KTL-17-BLK,10,2026-11-23T08:30:00Z\n"
    )
    result = live.run("drift", "--detailed-exitcode")
    assert result.code == 2
    assert "warning MON-001: amz-de: stock was last published 30 minutes ago" in result.out
    assert "see wiki/stock" in result.out
    monitors = [
        {**m, "warnAt": 60} if m["signal"] == "inventory-lag" else m
        for m in base()["Store/amz-de"]["monitors"]
    ]
    patched(live, {"Store/amz-de": {"monitors": monitors}})
    live.run("apply", "--auto-approve")
    assert live.run("drift", "--detailed-exitcode").code == 0


def test_documents_of_every_kind_need_no_records(tmp_path: Path) -> None:
    """A shop that nobody connects online is asked for nothing."""
    made = Repository(
        tmp_path / "r",
        shop(),
        document(
            "Store", "other", {"type": "storefront", "storefront": {"platform": "other", "currency": "EUR"}}
        ),
    )
    assert made.run("validate", "--strict").code == 0
