"""A rollout: the stores that go first are written first, and what is not seen there is sent to no other. What the plan's
reviewer saw is what is rolled out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from acorn_gitops.apply.parts import Part
from acorn_gitops.apply.rollout import by_phase, mixed, why_not_still
from acorn_gitops.marketplaces.protocol import Snapshot, Write
from acorn_gitops.model.resource import Address, Live
from acorn_gitops.plan.change import Change, FieldChange
from acorn_gitops.plan.rollout import Phase, phases_of, rollout_words
from acorn_gitops.reconcile.applying import Applied, ApplyRequest
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.sandbox.database import Database
from tests.repository import PROJECT, Repository, document, sku, storefront

STORES = ("amz-at", "amz-de", "amz-fr", "amz-it")


def everywhere(price: str) -> dict[str, Any]:
    made = sku()
    made["spec"]["listings"] = [
        {"store": s, "price": {"currency": "EUR", "value": price}, "status": "active"} for s in STORES
    ]
    return made


class Team:
    """Four stores at 49.99, with phases."""

    def __init__(self, folder: Path, *phases: str) -> None:
        self.made = Repository(folder, *map(storefront, STORES), everywhere("49.99"))
        self.made.apply()
        self.phases(*phases)
        self.made.write(*map(storefront, STORES), everywhere("47.50"))
        self.paused: list[float] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def phases(self, *phases: str) -> None:
        text = "".join(f"\n      - {one}" for one in phases)
        said = PROJECT + (f"  policies:\n    rollout:{text}\n" if phases else "")
        (self.made.path / "acorn.yaml").write_text(said)

    def fault(self, kind: str, pattern: str, times: int = 100, reads: int = 0) -> None:
        done = self.made.run("sandbox", "fault", kind, pattern, "--times", str(times), "--reads", str(reads))
        assert done.code == 0, done

    def workspace(self, environ: dict[str, str]) -> Workspace:
        def pause(seconds: float) -> None:
            self.paused.append(seconds)
            self.meanwhile()

        return Workspace(self.made.path, environ=environ, pause=pause)

    def repricer(self) -> None:
        """Somebody else's hand puts the canary back to what it was."""
        from acorn_gitops.sandbox import disturb

        database = Database(self.made.path / ".acorn" / "sandbox.db")
        listing = Address("amz-it", "listing", "KTL-17-BLK")
        disturb.set_attribute(database, listing, "price", {"currency": "EUR", "value": "49.99"})
        database.close()

    def prices(self) -> dict[str, str]:
        live = self.made.live()
        return {s: live[f"{s}/listing/KTL-17-BLK"]["price"]["value"] for s in STORES}


CANARY = "{name: canary, stores: {names: [amz-it]}}"
SECOND = "{name: second, stores: {names: [amz-fr]}}"


@pytest.fixture
def environ() -> dict[str, str]:
    import os

    return dict(os.environ)


def applied(team: Team, environ: dict[str, str]) -> Applied:
    return team.workspace(environ).apply(ApplyRequest(wait=0))


def test_the_canary_is_first_and_the_rest_follows(tmp_path: Path, environ: dict[str, str]) -> None:
    team = Team(tmp_path, CANARY, SECOND)
    sent: list[str] = []
    from acorn_gitops.reconcile.applying import Hooks

    done = team.workspace(environ).apply(hooks=Hooks(progress=lambda _done, _of, where: sent.append(where)))
    assert done.complete
    assert [one.split()[0] for one in sent] == ["amz-it", "amz-fr", "amz-at", "amz-de"]
    assert {*team.prices().values()} == {"47.50"}


def test_what_is_refused_at_the_canary_is_sent_to_no_other(tmp_path: Path) -> None:
    team = Team(tmp_path, CANARY)
    team.fault("reject", "amz-it/listing/*")
    done = team.made.run("apply", "--auto-approve")
    assert done.code == 3, done
    assert "the rollout ended after canary: 1 of 1 change not seen (amz-it/listing/KTL-17-BLK)" in done.out
    assert team.prices() == dict.fromkeys(STORES, "49.99")


def test_what_is_accepted_and_never_there_ends_it_too(tmp_path: Path) -> None:
    team = Team(tmp_path, CANARY)
    team.fault("accept", "amz-it/listing/*")
    done = team.made.run("apply", "--auto-approve", "--wait", "0")
    assert done.code == 3, done
    assert "not seen" in done.out
    assert team.prices()["amz-de"] == "49.99"


def test_the_second_phase_ends_it_for_the_rest_alone(tmp_path: Path) -> None:
    team = Team(tmp_path, CANARY, SECOND)
    team.fault("reject", "amz-fr/listing/*")
    assert team.made.run("apply", "--auto-approve").code == 3
    assert team.prices() == {"amz-at": "49.99", "amz-de": "49.99", "amz-fr": "49.99", "amz-it": "47.50"}


def test_a_saved_plan_that_ended_goes_on_where_it_was(tmp_path: Path) -> None:
    team = Team(tmp_path, CANARY, SECOND)
    assert team.made.run("plan", "--out", "plan.json").code == 0
    team.fault("reject", "amz-fr/listing/*")
    assert team.made.run("apply", "plan.json").code == 3
    assert team.made.run("sandbox", "fault", "none").code == 0
    done = team.made.run("apply", "plan.json")
    assert done.code == 0, done
    assert {*team.prices().values()} == {"47.50"}


def test_a_plan_that_goes_on_waits_for_what_an_earlier_run_did(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """The canary was written, and nobody knows yet whether it stays."""
    from acorn_gitops.plan.document import read
    from acorn_gitops.reconcile.applying import Hooks

    team = Team(tmp_path, "{name: canary, stores: {names: [amz-it]}, soakSeconds: 600}")
    assert team.made.run("plan", "--out", "plan.json").code == 0
    saved = ApplyRequest(plan=read(tmp_path / "plan.json"), wait=0)
    stopped = team.workspace(environ).apply(saved, Hooks(stopping=lambda: sum(team.paused) >= 30))
    assert stopped.interrupted
    team.paused.clear()
    done = team.workspace(environ).apply(saved)
    assert done.complete and sum(team.paused) == 600
    assert {*team.prices().values()} == {"47.50"}


def test_another_plan_waits_for_what_an_earlier_run_left_unwatched(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """A run that ended while its canary stood its time is no reason not to wait, whatever plan comes next."""
    from acorn_gitops.reconcile.applying import Hooks

    team = Team(tmp_path, "{name: canary, stores: {names: [amz-it]}, soakSeconds: 600}")
    stopped = team.workspace(environ).apply(
        ApplyRequest(wait=0), Hooks(stopping=lambda: sum(team.paused) >= 30)
    )
    assert stopped.interrupted
    assert [p for s, p in team.prices().items() if s != "amz-it"] == ["49.99"] * 3
    team.paused.clear()
    team.meanwhile = team.repricer
    done = applied(team, environ)
    assert (sum(team.paused), done.complete) == (600, False), "what is not there any more ends it"
    assert team.prices() == dict.fromkeys(STORES, "49.99")
    team.meanwhile = lambda: None
    assert applied(team, environ).complete
    team.paused.clear()
    team.made.write(*map(storefront, STORES), everywhere("46.50"))
    assert applied(team, environ).complete
    assert sum(team.paused) == 600, "once it has stood its time, only what is new has to"


SOAKING = "{name: canary, stores: {names: [amz-it]}, soakSeconds: 600}"


def _ends_after(team: Team, environ: dict[str, str], seconds: float, **asked: Any) -> Applied:
    """A run that is ended once it has waited for so long."""
    from acorn_gitops.reconcile.applying import Hooks

    team.paused.clear()
    hooks = Hooks(stopping=lambda: sum(team.paused) >= seconds)
    return team.workspace(environ).apply(ApplyRequest(wait=0, **asked), hooks)


def test_a_plan_that_is_carried_out_in_pieces_forgets_no_time(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """A saved plan, ended twice while its canary stood its time; then another plan."""
    from acorn_gitops.plan.document import read

    team = Team(tmp_path, SOAKING)
    assert team.made.run("plan", "--out", "plan.json").code == 0
    for _ in range(2):
        assert _ends_after(team, environ, 30, plan=read(tmp_path / "plan.json")).interrupted
    assert _ends_after(team, environ, 1e9).complete
    assert sum(team.paused) == 600


def test_a_part_of_everything_forgets_no_time(tmp_path: Path, environ: dict[str, str]) -> None:
    """Neither one with the canary alone, nor one without it: that one looks at it all the same."""
    team = Team(tmp_path, SOAKING)
    assert _ends_after(team, environ, 30).interrupted
    team.made.write(*map(storefront, STORES), everywhere("46.50"))
    assert _ends_after(team, environ, 1e9, select=("amz-it",)).complete
    assert team.paused == [], "nothing follows in this plan"
    assert team.prices()["amz-it"] == "46.50"
    team.meanwhile = team.repricer
    ended = _ends_after(team, environ, 1e9, select=("amz-de",))
    assert (sum(team.paused), ended.complete, team.prices()["amz-de"]) == (600, False, "49.99")
    team.meanwhile = lambda: None
    assert _ends_after(team, environ, 1e9).complete
    assert sum(team.paused) == 600


def test_a_deletion_stands_its_time_too(tmp_path: Path, environ: dict[str, str]) -> None:
    team = Team(tmp_path, SOAKING)
    team.phases()
    both = everywhere("49.99")
    other = {**both, "metadata": {"name": "ktl-18"}, "spec": {**both["spec"], "sku": "KTL-18"}}
    team.made.write(*map(storefront, STORES), both, other)
    team.made.apply()
    team.phases(SOAKING)
    team.made.write(*map(storefront, STORES), both)
    assert _ends_after(team, environ, 30).interrupted
    assert _ends_after(team, environ, 1e9).complete
    assert sum(team.paused) == 600


def test_a_plan_for_the_canary_alone_takes_no_time_from_what_was_there(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """The others go back to what they have, and come after it in the next change."""
    team = Team(tmp_path, SOAKING)
    assert _ends_after(team, environ, 30).interrupted
    mixed = everywhere("49.99")
    mixed["spec"]["listings"][-1]["price"]["value"] = "47.50"
    more = sku("KTL-19", "5.00", "amz-it")
    team.made.write(*map(storefront, STORES), mixed, more)
    assert _ends_after(team, environ, 1e9).complete
    team.made.write(*map(storefront, STORES), everywhere("47.50"), more)
    assert _ends_after(team, environ, 1e9).complete
    assert sum(team.paused) == 600


def test_what_only_changes_with_it_takes_no_time_from_it(tmp_path: Path, environ: dict[str, str]) -> None:
    """The canary's price stands its time also where its share of the stock is about to change, in the last
    phase."""
    from tests.repository import shop

    def divided(price: str, weights: dict[str, int]) -> dict[str, Any]:
        made = everywhere(price)
        allocation = {"mode": "weighted", "weights": weights}
        sources = [{"location": "de-ber-mitte", "priority": 1}]
        made["spec"]["inventory"] = {"pool": "main", "sources": sources, "allocation": allocation}
        return made

    equal = dict.fromkeys(STORES, 25)
    team = Team(tmp_path, SOAKING)
    team.phases()
    team.made.write(*map(storefront, STORES), shop(), divided("49.99", equal))
    team.made.apply()
    team.phases(SOAKING)
    team.made.write(*map(storefront, STORES), shop(), divided("47.50", equal))
    assert _ends_after(team, environ, 30).interrupted
    team.made.write(*map(storefront, STORES), shop(), divided("47.50", {**equal, "amz-it": 20, "amz-de": 30}))
    assert _ends_after(team, environ, 1e9).complete
    assert sum(team.paused) == 600


def test_nothing_is_marked_as_ours_in_a_store_that_was_frozen_meanwhile(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from acorn_gitops.marketplaces.network.adapter import NetworkMarketplace

    team = Team(tmp_path, SOAKING)
    database = Database(team.made.path / ".acorn" / "sandbox.db")
    from acorn_gitops.sandbox import disturb

    as_declared = {"sku": "KTL-18", "status": "active", "price": {"currency": "EUR", "value": "30.00"}}
    disturb.insert(database, Address("amz-de", "listing", "KTL-18"), as_declared)
    database.close()
    team.made.write(*map(storefront, STORES), everywhere("47.50"), sku("KTL-18", "30.00"))
    with (tmp_path / "acorn.yaml").open("a") as file:
        file.write(
            '  freezes: [{name: peak, reason: peak week, owner: mia@example.com, from: "2026-11-23T09:05:00Z",'
            ' until: "2026-12-01T00:00:00Z"}]\n'
        )
    claimed: list[str] = []
    monkeypatch.setattr(
        NetworkMarketplace,
        "claim",
        lambda self, store, keys, owner: claimed.append(store) or dict.fromkeys(keys, owner),
    )
    environ["ACORN_NOW"] = "2026-11-23T09:00:00Z"
    workspace = team.workspace(environ)

    def later() -> None:
        workspace.environ = {**environ, "ACORN_NOW": "2026-11-23T09:10:00Z"}

    team.meanwhile = later
    workspace.apply(ApplyRequest(wait=0))
    assert claimed == []


def test_a_freeze_that_begins_while_the_canary_stands_its_time_stops_the_rest(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    team = Team(tmp_path, "{name: canary, stores: {names: [amz-it]}, soakSeconds: 600}")
    with (tmp_path / "acorn.yaml").open("a") as file:
        file.write(
            '  freezes: [{name: peak, reason: peak week, owner: mia@example.com, from: "2026-11-23T09:05:00Z",'
            ' until: "2026-12-01T00:00:00Z"}]\n'
        )
    environ["ACORN_NOW"] = "2026-11-23T09:00:00Z"
    workspace = team.workspace(environ)

    def later() -> None:
        workspace.environ = {**environ, "ACORN_NOW": "2026-11-23T09:10:00Z"}

    team.meanwhile = later
    done = workspace.apply(ApplyRequest(wait=0))
    told = {change.address.store: outcome for change, outcome in done.outcomes}
    assert told["amz-it"].status == "observed"
    assert "ACN-042: peak freezes them: peak week" in told["amz-de"].message
    assert team.prices() == {"amz-at": "49.99", "amz-de": "49.99", "amz-fr": "49.99", "amz-it": "47.50"}


def test_so_many_may_fail_and_not_one_more(tmp_path: Path) -> None:
    phase = Phase("canary", ("amz-it",), may_fail="10", soak=0)
    assert not phase.stops_at(1, 10) and phase.stops_at(1, 9) and phase.stops_at(2, 19)
    assert Phase("canary", (), may_fail="0", soak=0).stops_at(1, 1_000_000)
    team = Team(tmp_path, "{name: canary, stores: {names: [amz-it]}, mayFailPercent: '100'}")
    team.fault("reject", "amz-it/listing/*")
    assert team.made.run("apply", "--auto-approve").code == 3
    assert team.prices()["amz-de"] == "47.50"


def test_what_does_not_stay_there_ends_it(tmp_path: Path, environ: dict[str, str]) -> None:
    team = Team(tmp_path, "{name: canary, stores: {names: [amz-it]}, soakSeconds: 600}")

    team.meanwhile = team.repricer
    done = applied(team, environ)
    assert sum(team.paused) == 600
    assert not done.complete
    words = {o.message for _, o in done.outcomes if o.status == "skipped"}
    assert words == {
        "the rollout ended after canary: amz-it/listing/KTL-17-BLK was there, and after 600 s it is not"
    }
    assert team.prices() == dict.fromkeys(STORES, "49.99")


def test_somebody_who_stops_it_is_heard_while_it_waits(tmp_path: Path, environ: dict[str, str]) -> None:
    team = Team(tmp_path, "{name: canary, stores: {names: [amz-it]}, soakSeconds: 600}")
    from acorn_gitops.reconcile.applying import Hooks

    workspace = team.workspace(environ)
    done = workspace.apply(ApplyRequest(wait=0), Hooks(stopping=lambda: sum(team.paused) >= 30))
    assert done.interrupted and sum(team.paused) == 30
    assert team.prices() == {**dict.fromkeys(STORES, "49.99"), "amz-it": "47.50"}


def test_what_stays_there_lets_the_rest_follow(tmp_path: Path, environ: dict[str, str]) -> None:
    team = Team(tmp_path, "{name: canary, stores: {names: [amz-it]}, soakSeconds: 600}")
    assert applied(team, environ).complete
    assert sum(team.paused) == 600
    assert {*team.prices().values()} == {"47.50"}


def test_somebody_else_who_applies_meanwhile_ends_it(tmp_path: Path, environ: dict[str, str]) -> None:
    """The canary soaks; another clone applies to the stores that wait: what this run sends there is refused."""
    team = Team(tmp_path, "{name: canary, stores: {names: [amz-it]}, soakSeconds: 1}")

    def hand() -> None:
        done = team.made.run("sandbox", "disturb", "amz-de/listing/KTL-17-BLK.price=12.00")
        assert done.code == 0

    team.meanwhile = hand
    done = applied(team, environ)
    status = {c.address.store: o.status for c, o in done.outcomes}
    assert status == {"amz-it": "observed", "amz-at": "observed", "amz-fr": "observed", "amz-de": "conflict"}
    assert team.prices()["amz-de"] == "12.00"


def test_the_phases_are_those_that_were_reviewed(tmp_path: Path) -> None:
    team = Team(tmp_path, CANARY)
    assert team.made.run("plan", "--out", "plan.json").code == 0
    saved = orjson.loads((tmp_path / "plan.json").read_bytes())
    assert saved["rollout"] == [{"name": "canary", "stores": ["amz-it"], "may_fail": "0", "soak": 0}]
    team.phases(CANARY, SECOND)
    assert team.made.run("apply", "plan.json").code == 6
    team.phases(CANARY)
    for forged in ([], [{**saved["rollout"][0], "may_fail": "100"}]):
        from acorn_gitops.plan.document import plan_id

        other = {**saved, "rollout": forged}
        other["id"] = plan_id(other)
        (tmp_path / "forged.json").write_bytes(orjson.dumps(other))
        done = team.made.run("apply", "forged.json")
        assert done.code == 6 and "go first" in done.err, done
    assert team.prices() == dict.fromkeys(STORES, "49.99")


@pytest.mark.parametrize(
    "broken",
    [
        [{"name": "x"}],
        [{"name": "x", "stores": "amz-it", "may_fail": "0", "soak": 0}],
        [{"name": "x", "stores": [], "may_fail": "NaN", "soak": 0}],
        [{"name": "x", "stores": [], "may_fail": "0", "soak": -1}],
        "canary",
    ],
)
def test_phases_that_are_none_are_no_plan(tmp_path: Path, broken: object) -> None:
    team = Team(tmp_path, CANARY)
    assert team.made.run("plan", "--out", "plan.json").code == 0
    saved = orjson.loads((tmp_path / "plan.json").read_bytes()) | {"rollout": broken}
    (tmp_path / "plan.json").write_bytes(orjson.dumps(saved))
    done = team.made.run("apply", "plan.json")
    assert done.code != 0 and "Traceback" not in done.err
    assert team.prices() == dict.fromkeys(STORES, "49.99")


def test_a_store_belongs_to_the_first_phase_that_selects_it() -> None:
    said: Any = [
        {"name": "one", "stores": {"labels": {"size": "small"}}, "soakSeconds": 5},
        {"name": "two", "stores": {"all": True, "exclude": ["d"]}, "mayFailPercent": "2.5"},
    ]
    labels = {"a": {"size": "small"}, "b": {}, "c": {"size": "small"}, "d": {}}
    assert phases_of(said, labels.items()) == [
        Phase("one", ("a", "c"), may_fail="0", soak=5),
        Phase("two", ("b",), may_fail="2.5", soak=0),
    ]


def change(address: str, action: str = "update", *paths: str, after: dict[str, Any] | None = None) -> Part:
    made = Change(
        action,  # type: ignore[arg-type]
        Address(*address.split("/")),  # type: ignore[arg-type]
        "edited",
        before={},
        after=after or {},
        fields=tuple(FieldChange(path, 1, 2, "edited") for path in paths),
        origin=None,
        fingerprint="",
    )
    return Part(made, made.steps)


def test_rights_change_everywhere_at_once_and_stock_is_divided_at_once() -> None:
    phases = [Phase("canary", ("a",), may_fail="0", soak=0)]
    parts = {
        "ends": change("b/grant/ada", "delete"),
        "given": change("b/grant/bob", "create"),
        "price": change("a/listing/K", "update", "price"),
        "share": change("a/listing/L", "update", "price", "allocation.weight"),
        "pool": change("a/stock/K", "update", "reserve"),
        "late": change("a/listing/M", "delete"),
        "joins": change("a/listing/L", "create", after={"allocation": {"weight": 1}}),
        "alone": change("a/listing/N", "create", after={"allocation": {"weight": 1}}),
    }
    found = by_phase(parts.values(), phases, last=lambda part: part is parts["late"])
    names = {id(part): name for name, part in parts.items()}
    assert [[names[id(p)] for p in some] for some in (found.rights, *found.phases)] == [
        ["ends", "given"],
        ["price", "alone"],
        ["share", "pool", "late", "joins"],
    ]
    assert mixed((part.change for part in parts.values()), phases) == [Address("a", "listing", "L")]
    assert by_phase(parts.values(), [], last=lambda _: True) == ([], [[*parts.values()]])


@pytest.mark.parametrize(
    ("stores", "words"),
    [
        (["a", "b", "c"], "canary (a, 60 s), then 2 stores"),
        (["a"], ""),
        (["b", "c"], ""),
        (["a", "b"], "canary (a, 60 s), then 1 store"),
        ([], ""),
    ],
)
def test_a_plan_says_who_goes_first_where_that_matters(stores: list[str], words: str) -> None:
    assert rollout_words([Phase("canary", ("a",), may_fail="0", soak=60)], stores) == words


def test_a_canary_that_cannot_be_read_ends_it(tmp_path: Path, environ: dict[str, str]) -> None:
    """Nothing was tried there, whatever becomes of a store that is left out."""
    team = Team(tmp_path, CANARY)
    said = (team.made.path / "acorn.yaml").read_text()
    (team.made.path / "acorn.yaml").write_text(
        said.replace("policies:\n", "policies:\n    onUnreadable: skip\n")
    )
    team.fault("fail", "GET /v1/stores/amz-it*", times=1000)
    done = team.workspace(environ).apply(ApplyRequest(wait=0))
    assert not done.complete and "amz-it" in done.unread
    words = {o.message for c, o in done.outcomes if c.address.store != "amz-it"}
    assert len(words) == 1 and "amz-it was left out" in words.pop()
    assert team.made.run("sandbox", "fault", "none").code == 0
    assert team.prices() == dict.fromkeys(STORES, "49.99")


def test_a_replacement_is_there_again() -> None:
    address = Address("a", "listing", "K")
    live = Snapshot("a", True, {("listing", "K"): Live({"sku": "K"}, "", "")})
    phase = Phase("canary", ("a",), may_fail="0", soak=60)
    swapped = [
        Write("delete", address, {}, etag="", key="1"),
        Write("create", address, {"sku": "K"}, etag="", key="2"),
    ]
    assert why_not_still(phase, swapped, {"a": live}) == ""
    assert "and after 60 s it is not" in why_not_still(phase, swapped[:1], {"a": live})


def test_who_takes_the_rollout_out_is_told(tmp_path: Path) -> None:
    team = Team(tmp_path, CANARY)
    team.made.apply()
    team.phases()
    team.made.write(*map(storefront, STORES), everywhere("45.00"))
    assert "ACN-036" in team.made.run("plan").out


def test_rights_wait_for_a_store_that_is_made_with_them(tmp_path: Path) -> None:
    """Everything at once, from nothing: a role cannot come before its store."""
    role = document(
        "RolePermission",
        "pricing",
        {
            "subjects": [{"kind": "user", "id": "ada@example.com"}],
            "stores": {"all": True},
            "rules": [{"resources": ["price"], "verbs": ["read"]}],
        },
    )
    made = Repository(tmp_path, *map(storefront, STORES), everywhere("49.99"), role)
    (made.path / "acorn.yaml").write_text(PROJECT + f"  policies:\n    rollout:\n      - {CANARY}\n")
    done = made.run("apply", "--auto-approve")
    assert done.code == 0, done
    assert {one.partition("/")[0] for one in made.live() if "/grant/" in one} == {*STORES}


def test_it_is_told_in_the_plan(tmp_path: Path) -> None:
    team = Team(tmp_path, CANARY)
    assert "rollout: canary (amz-it), then 3 stores" in team.made.run("plan").out
    assert "Rollout: canary &#40;amz-it&#41;, then 3 stores." in team.made.run("plan", "-o", "markdown").out
