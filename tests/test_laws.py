"""The laws of the design, over generated configurations: whole repositories, the real sandbox, the real ledger."""

from __future__ import annotations

import random
import shutil
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn_gitops.ledger.sqlite import SqliteLedger
from tests.repository import Repository, changes, document, shop, storefront

FRONTS = {
    "amz-de": ("EUR", "Europe/Berlin"),
    "amz-us": ("USD", "America/Los_Angeles"),
    "amz-jp": ("JPY", "Asia/Tokyo"),
}
SHOPS = ("de-ber-mitte", "de-ham-mitte")


@st.composite
def configurations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Documents of all five kinds that pass every rule."""
    fronts = draw(st.lists(st.sampled_from(sorted(FRONTS)), min_size=1, unique=True))
    shops = draw(st.lists(st.sampled_from(SHOPS), unique=True))
    documents = [
        storefront(name, *FRONTS[name], languages=draw(st.permutations(["de_DE", "en_GB"])))
        for name in fronts
    ]
    documents += [shop(name) for name in shops]
    codes = draw(
        st.lists(st.sampled_from([f"SKU-{n}" for n in range(8)]), min_size=1, max_size=6, unique=True)
    )
    listed: set[str] = set()
    for code in codes:
        spec: dict[str, Any] = {"sku": code}
        if draw(st.booleans()):
            spec["attributes"] = draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "brand": st.sampled_from(["Acme", "Ümlaut & Söhne", "永谷園", "NO"]),
                        "title": st.text("abc Ä123#:\"'-", min_size=1, max_size=12)
                        .map(str.strip)
                        .filter(bool),
                        "taxClass": st.sampled_from(["standard", "reduced"]),
                    },
                )
            )
        spec["listings"] = []
        for store in draw(st.lists(st.sampled_from(fronts), unique=True)):
            currency = FRONTS[store][0]
            cents = draw(st.integers(100, 99_999))
            value = (
                str(cents)
                if currency == "JPY"
                else draw(
                    st.sampled_from([f"{Decimal(cents) / 100:.2f}", f"{cents // 100}", f"{cents // 10 / 10}"])
                )
            )
            listing: dict[str, Any] = {"store": store, "price": {"currency": currency, "value": value}}
            listing |= draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "status": st.sampled_from(["active", "inactive"]),
                        "fulfillment": st.sampled_from(["mfn", "afn"]),
                        "sellerSku": st.just(f"{code}-{store}"),
                    },
                )
            )
            spec["listings"].append(listing)
            listed.add(code)
        if shops and draw(st.booleans()):
            spec["inventory"] = {
                "pool": "main",
                "sources": [{"location": s, "priority": i + 1} for i, s in enumerate(shops)],
                "buffer": {"units": 3},
            }
        documents.append(document("SkuMapping", code.lower(), spec))
    if draw(st.booleans()):
        documents.append(
            document(
                "RolePermission",
                "pricing",
                {
                    "subjects": [
                        {"kind": "group", "id": g}
                        for g in draw(st.lists(st.sampled_from(["eu", "us", "jp"]), unique=True))
                    ],
                    "stores": {"all": True},
                    "rules": [
                        {"resources": draw(st.permutations(["price", "promo"])), "verbs": ["read", "write"]}
                    ],
                },
            )
        )
    if draw(st.booleans()):
        documents.append(
            document(
                "TaxRule",
                "domestic",
                {
                    "validity": {"from": "2025-01-01"},
                    "match": {"customer": {"type": "b2c"}, "goods": {"taxClass": ["standard"]}},
                    "result": {
                        "liableParty": "seller",
                        "treatment": "standard",
                        "rate": {"percent": draw(st.sampled_from(["19", "20", "7"]))},
                    },
                },
            )
        )
    if listed and draw(st.booleans()):
        documents.append(
            document(
                "Promo",
                "black-friday",
                {
                    "type": "percentOff",
                    "stores": {"all": True},
                    "skus": {"names": sorted(listed)},
                    "discount": {"percent": draw(st.sampled_from(["10", "25"]))},
                    "window": {
                        "start": {"local": "2026-11-27T00:00", "tz": "store"},
                        "end": {"local": "2026-12-01T00:00", "tz": "store"},
                    },
                },
            )
        )
    return documents


def fresh(*documents: dict[str, Any]) -> Repository:
    """A repository in a folder of its own (hypothesis runs many in one test)."""
    made = Repository(Path(tempfile.mkdtemp(prefix="acorn-law-")), *documents)
    with (made.path / "acorn.yaml").open("a") as file:
        file.write("  policies: {budgets: {}}\n")  # any move is meant
    return made


@given(configurations(), configurations())
@settings(max_examples=12)
def test_planning_what_was_applied_finds_nothing_to_do(first: list[Any], second: list[Any]) -> None:
    """plan(apply(x)) is empty, from nothing and from any other configuration."""
    repository = fresh(*first)
    try:
        for documents in (first, second, first):
            repository.write(*documents)
            plan = repository.plan()
            result = repository.apply()
            again = repository.plan()
            assert not again["changes"], (changes(again), result)
            assert bool(plan["changes"]) == bool(result.out.count("Plan: ")), (
                "a plan that is not clean shows what it would do"
            )
            for change in plan["changes"]:
                if change["action"] in ("update", "replace"):
                    assert change["fields"], f"{change['address']} changes, and shows nothing"
                    assert all(f["before"] != f["after"] for f in change["fields"])
    finally:
        shutil.rmtree(repository.path)


@given(configurations(), configurations())
@settings(max_examples=15)
def test_nothing_is_written_outside_the_plan(first: list[Any], second: list[Any]) -> None:
    """Applying changes exactly the resources that the plan names, and every write is attributed to that plan."""
    repository = fresh(*first)
    try:
        repository.apply()
        repository.write(*second)
        before = repository.live()
        plan = repository.plan()
        planned = {
            c["address"] for c in plan["changes"] if c["action"] in ("create", "update", "replace", "delete")
        }
        repository.apply()
        after = repository.live()
        assert {a for a in before.keys() | after.keys() if before.get(a) != after.get(a)} == planned
        history = repository.run("history", "-o", "json", "--limit", "10000").json
        assert history["broken_at"] is None
        writes = [e["body"] for e in history["entries"] if e["event"] == "write.observed"]
        assert all(body["plan"] for body in writes)
        assert planned <= {body["address"] for body in writes}
    finally:
        shutil.rmtree(repository.path)


@given(configurations())
@settings(max_examples=15)
def test_planning_an_export_finds_nothing_to_do(documents: list[Any]) -> None:
    """plan(export(live)) is empty, even with an empty ledger: leaving and coming back loses nothing."""
    repository = fresh(*documents)
    try:
        repository.apply()
        assert repository.run("export", "out").code == 0
        shutil.rmtree(repository.path / "specs")
        shutil.copytree(repository.path / "out" / "specs", repository.path / "specs")
        shutil.rmtree(repository.path / ".acorn" / "sandbox")
        plan = repository.plan()
        assert not plan["changes"], changes(plan)
        unsaid = [a for s in plan["stores"] for a in s["unmanaged"]]
        assert all("/tax-class/" in a for a in unsaid), (
            "everything but unused tax classes can be said in specs"
        )
    finally:
        shutil.rmtree(repository.path)


@given(configurations(), st.randoms(use_true_random=False))
@settings(max_examples=15)
def test_order_changes_nothing(documents: list[Any], chance: random.Random) -> None:
    """The order of documents, of files and of keys decides nothing: the same changes in the same order."""
    repository = fresh(*documents)
    try:
        expected = _without_places(repository.plan())
        shuffled = [_shuffled(d, chance) for d in documents]
        chance.shuffle(shuffled)
        middle = chance.randrange(len(shuffled) + 1)
        (repository.path / "specs" / "all.yaml").unlink()
        for name, part in (("z.yaml", shuffled[:middle]), ("a/b.yaml", shuffled[middle:])):
            if part:
                (repository.path / "specs" / name).parent.mkdir(exist_ok=True)
                repository.write(*part, file=name)
        assert _without_places(repository.plan()) == expected
    finally:
        shutil.rmtree(repository.path)


def _without_places(plan: Any) -> list[Any]:
    return [{k: v for k, v in c.items() if k != "origin"} for c in plan["changes"]]


def _shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {k: _shuffled(value[k], chance) for k in keys}
    return value


class _Crash(BaseException):
    """The process dies here: nothing after it may run."""


@given(configurations(), configurations(), st.integers(0, 9), st.sampled_from(["intend", "settle"]))
@settings(max_examples=12)
def test_an_interrupted_apply_run_again_ends_where_the_uninterrupted_one_does(
    first: list[Any], second: list[Any], point: int, where: str
) -> None:
    """Die before or after any batch is written down; running again reaches the same state, and creates nothing twice."""
    straight, broken = fresh(*first), fresh(*first)
    try:
        for repository in (straight, broken):
            repository.apply()
            repository.write(*second)
        straight.apply()
        calls = 0
        original = getattr(SqliteLedger, where)

        def dying(self: SqliteLedger, *arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > point:
                raise _Crash
            return original(self, *arguments)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SqliteLedger, where, dying)
            try:
                broken.run("apply", "--auto-approve")
            except _Crash:
                pass
        broken.apply()
        assert broken.live() == straight.live()
        assert not broken.plan()["changes"]
        assert _ledger(broken) == _ledger(straight), (
            point,
            where,
            straight.run("history", "--limit", "60").out,
            broken.run("history", "--limit", "80").out,
        )
    finally:
        shutil.rmtree(straight.path)
        shutil.rmtree(broken.path)


def _ledger(repository: Repository) -> dict[str, Any]:
    return {row["address"]: row["attributes"] for row in repository.run("state", "list", "-o", "json").json}


@given(configurations())
@settings(max_examples=10)
def test_a_lost_ledger_is_rebuilt_from_specs_and_live_state(documents: list[Any]) -> None:
    """Identity is natural: after `state rebuild` the ledger holds what it held, and nothing is planned."""
    repository = fresh(*documents)
    try:
        repository.apply()
        before = _ledger(repository)
        shutil.rmtree(repository.path / ".acorn" / "sandbox")
        assert repository.run("state", "rebuild").code == 0
        assert _ledger(repository) == before
        assert not repository.plan()["changes"]
    finally:
        shutil.rmtree(repository.path)
