"""Effective rights are the union of what holds; what must be apart is found; who applies needs the right to."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acorn_gitops.engines.access import RESOURCES, VERBS, Access, Right, Subject, needed, toxic
from acorn_gitops.model.role_permission import Resource, Verb
from acorn_gitops.resources.registry import TYPES
from acorn_gitops.specs.configuration import Configuration, Spec
from tests.repository import Repository, document, shop, sku, storefront

TODAY = "2026-11-23"
ADA, BO = Subject("user", "ada@example.com"), Subject("user", "bo@example.com")


def role(name: str, resources: list[str], verbs: list[str], *who: Subject, **more: Any) -> Spec:
    """A role for the store amz-de, or for those that `stores` says."""
    body = {
        "subjects": [{"kind": s.kind, "id": s.id} for s in who or (ADA,)],
        "stores": more.pop("stores", {"names": ["amz-de"]}),
        "rules": [{"resources": resources, "verbs": verbs, **more.pop("rule", {})}],
        **more,
    }
    return Spec("RolePermission", name, {}, body, "roles.yaml", 1)


def access(*roles: Spec, today: str = TODAY) -> Access:
    """Two storefronts and a shop."""
    stores = {
        n: Spec("Store", n, {"region": r}, {"type": t}, "s.yaml", 1)
        for n, r, t in (
            ("amz-de", "eu", "storefront"),
            ("amz-us", "na", "storefront"),
            ("shop", "eu", "physical"),
        )
    }
    config = Configuration("t", "e", {}, {}, {}, {}, stores, [], {r.name: r for r in roles}, {}, {}, "")
    return Access(config, today)


def test_the_engine_knows_every_resource_and_verb() -> None:
    """Those of the model, without its wildcards; and every resource type has a right that appliers need."""
    assert {*RESOURCES, "*"} == set(get_args(Resource))
    assert {*VERBS, "*"} == set(get_args(Verb))
    for type_ in TYPES:
        for action in ("create", "update", "delete", "replace"):
            for right in needed(type_, action, ["price"]):
                assert right.resource in RESOURCES
                assert right.verb in VERBS


@pytest.mark.parametrize(
    ("made", "may"),
    [
        (role("r", ["price"], ["write"]), True),
        (role("r", ["*"], ["write"]), True),
        (role("r", ["price"], ["*"]), True),
        (role("r", ["promo"], ["write"]), False),
        (role("r", ["price"], ["read", "plan"]), False),
        (role("r", ["price"], ["write"], BO), False),
        (role("r", ["price"], ["write"], stores={"labels": {"region": "eu"}}), True),
        (role("r", ["price"], ["write"], stores={"names": ["amz-us"]}), False),
        (role("r", ["price"], ["write"], stores={"all": True, "exclude": ["amz-de"]}), False),
        (role("r", ["price"], ["write"], validity={"from": TODAY}), True),
        (role("r", ["price"], ["write"], validity={"from": "2026-11-24"}), False),
        (role("r", ["price"], ["write"], validity={"until": "2026-11-24"}), True),
        (role("r", ["price"], ["write"], validity={"until": TODAY}), False),
        (role("r", ["price"], ["write"], Subject("group", "eu")), False),
    ],
    ids=lambda v: str(v.spec) if isinstance(v, Spec) else "",
)
def test_who_may_what_where_and_when(made: Spec, may: bool) -> None:
    """One role, one question."""
    decision = access(made).decide([ADA], "amz-de", Right("price", "write"))
    assert decision.allowed is may
    assert bool(decision.sources) is may
    assert bool(decision.lost) is (
        not may and (made.spec["subjects"][0]["id"] == ADA.id or "write" in str(made.spec))
    )


def test_who_has_left_has_nothing() -> None:
    """Whatever still stands in the role."""
    gone = role("r", ["price"], ["write"])
    gone.spec["subjects"][0]["employment"] = "left"
    assert not access(gone).decide([ADA], "amz-de", Right("price", "write")).allowed


def test_groups_count_where_they_are_told() -> None:
    """acorn knows no memberships of its own."""
    made = access(role("r", ["price"], ["write"], Subject("group", "pricing")))
    right = Right("price", "write")
    assert not made.decide([ADA], "amz-de", right).allowed
    assert made.decide([ADA, Subject("group", "pricing")], "amz-de", right).allowed
    assert made.holders("amz-de", right) == [Subject("group", "pricing")]


drawn_roles = st.lists(
    st.tuples(
        st.sets(st.sampled_from(["price", "promo", "iam", "*"]), min_size=1),
        st.sets(st.sampled_from(["read", "write", "grant", "*"]), min_size=1),
        st.sets(st.sampled_from([ADA, BO]), min_size=1),
        st.sampled_from([{"names": ["amz-de"]}, {"all": True}, {"labels": {"region": "na"}}, {}]),
        st.sampled_from([{}, {"from": "2027-01-01"}, {"until": "2026-01-01"}, {"from": "2026-01-01"}]),
    ),
    max_size=5,
)


@given(drawn_roles, st.permutations([0, 1, 2, 3, 4]))
def test_rights_agree_with_brute_force_in_any_order(drawn: list[Any], order: list[int]) -> None:
    """Asked right by right, person by person, store by store."""
    roles = [
        role(f"r{n}", sorted(r), sorted(v), *sorted(w), stores=s, validity=d)
        for n, (r, v, w, s, d) in enumerate(drawn)
    ]
    shuffled = [roles[n] for n in order if n < len(roles)]
    one, other = access(*roles), access(*shuffled)
    for who in (ADA, BO):
        for store, region in (("amz-de", "eu"), ("amz-us", "na"), ("shop", "eu")):
            expected = set()
            for resources, verbs, subjects, stores, days in drawn:
                there = (
                    store in stores.get("names", ())
                    or "all" in stores
                    or stores.get("labels", {}).get("region") == region
                )
                now = days.get("from", "") <= TODAY and days.get("until", "9") > TODAY
                if who in subjects and there and now:
                    expected |= {
                        Right(r, v)
                        for r in (RESOURCES if "*" in resources else resources)
                        for v in (VERBS if "*" in verbs else verbs)
                    }
            assert set(one.rights([who], store)) == expected == set(other.rights([who], store))


@pytest.mark.parametrize(
    ("rights", "store", "found"),
    [
        (["price.write", "price.approve"], "storefront", True),
        (["price.write", "promo.approve"], "storefront", False),
        (["iam.grant", "listing.apply"], "storefront", True),
        (["app.write", "order.export"], "storefront", True),
        (["inventory.write", "order.write"], "physical", True),
        (["inventory.write", "order.write"], "storefront", False),
        (["payout.write", "refund.write"], "storefront", True),
        (["price.write"], "storefront", False),
    ],
)
def test_toxic_pairs(rights: list[str], store: str, found: bool) -> None:
    """Two rights that nobody should have together, by the table."""
    held = {Right(*text.rsplit(".", 1)): [] for text in rights}
    assert bool(list(toxic(held, store))) is found


TWO = {"requiredFor": ["iam.grant"], "approvers": [{"group": "owners"}], "min": 1}
"""Somebody else is asked."""


def permission(
    name: str, resources: list[str], verbs: list[str], id: str = "ada@example.com", **more: Any
) -> dict[str, Any]:
    """A document."""
    subject = {"kind": "user", "id": id, **more.pop("subject", {})}
    return document(
        "RolePermission",
        name,
        {
            "subjects": [subject],
            "stores": more.pop("stores", {"names": ["amz-de"]}),
            "rules": [{"resources": resources, "verbs": verbs}],
            **more,
        },
    )


@pytest.mark.parametrize(
    ("documents", "id", "code"),
    [
        ([permission("a", ["price"], ["write"]), permission("b", ["price"], ["approve"])], "ROL-002", 4),
        (
            [
                permission("a", ["price"], ["write"]),
                permission("b", ["price"], ["approve"], "bo@example.com"),
            ],
            None,
            0,
        ),
        (
            [
                permission("a", ["price"], ["write"]),
                permission("b", ["price"], ["approve"], stores={"names": ["amz-fr"]}),
            ],
            None,
            0,
        ),
        (
            [
                permission(
                    "a", ["*"], ["*"], breakGlass=True, justification="fire", validity={"until": "2027-02-01"}
                )
            ],
            None,
            0,
        ),
        ([permission("a", ["price"], ["write"], subject={"employment": "left"})], "ROL-008", 4),
        ([permission("a", ["price"], ["read"], review={"lastReviewed": "2026-01-01"})], "ROL-007", 0),
        ([permission("a", ["price"], ["read"], review={"lastReviewed": "2026-11-01"})], None, 0),
        ([permission("a", ["price"], ["read"], validity={"until": "2026-12-01"})], "ROL-004", 0),
        ([permission("a", ["price"], ["read"], validity={"until": "2027-12-01"})], None, 0),
        ([permission("a", ["iam"], ["grant"], approvals=TWO)], "ROL-020", 0),
        (
            [
                permission("a", ["iam"], ["grant"], stores={"all": True}, approvals=TWO),
                permission("b", ["iam"], ["grant"], "bo@example.com", stores={"all": True}, approvals=TWO),
                permission("c", ["store"], ["write"], "cy@example.com", stores={"all": True}),
                permission("d", ["store"], ["write"], "di@example.com", stores={"all": True}),
            ],
            None,
            0,
        ),
    ],
)
def test_rules_of_access(documents: list[dict[str, Any]], id: str | None, code: int, tmp_path: Path) -> None:
    """A failing and a passing case of each."""
    made = Repository(tmp_path / "r", storefront(), storefront("amz-fr"), sku(), *documents)
    result = made.run("validate")
    assert result.code == code, result
    told = {word.rstrip(":") for word in result.out.split() if word.startswith("ROL-")}
    assert told == ({id} if id else set()), result.out


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Ada may apply prices in one store; nobody may do more. Somebody else gave them that."""
    monkeypatch.setenv("ACORN_ACTOR", "somebody@example.com")
    made = Repository(
        tmp_path / "r",
        storefront(),
        shop(),
        sku(),
        permission("pricing", ["price"], ["read", "write"]),
        permission("appliers", ["price"], ["apply"], "tester"),
    )
    made.apply()
    monkeypatch.setenv("ACORN_ACTOR", "tester")
    return made


def enforce(repository: Repository) -> None:
    """From here on rights count for acorn itself."""
    path = repository.path / "acorn.yaml"
    path.write_text(path.read_text() + "  policies: {access: enforced}\n")


def test_whoever_applies_needs_the_right_to(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A price may be applied by who has price.apply there; a listing not; and nobody else may do either."""
    enforce(repository)
    spec = repository.path / "specs" / "all.yaml"
    text = spec.read_text()
    spec.write_text(text.replace("49.99", "44.99"))
    monkeypatch.setenv("ACORN_ACTOR", "mallory")
    result = repository.run("apply", "--auto-approve")
    assert result.code == 4
    assert "ACN-024" in result.err
    assert "user:mallory has no price.apply in amz-de" in result.err
    assert repository.run("plan", "--detailed-exitcode").code == 2, (
        "nothing was written; planning is open to everybody"
    )
    monkeypatch.setenv("ACORN_ACTOR", "tester")
    assert repository.run("apply", "--auto-approve").code == 0
    spec.write_text(text.replace("status: active", "status: inactive"))
    assert repository.run("plan", "--out", "p.json").code == 0
    result = repository.run("apply", "p.json")
    assert result.code == 4
    assert "no listing.apply" in result.err


EVERYTHING = ["iam", "store", "listing", "price", "promo", "content", "inventory", "tax"]


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Ada may apply everything, Eve prices only until the end of 2026 and promotions up to a tenth; enforced, and applied."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-26T09:00:00Z")
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    made = Repository(tmp_path / "r")
    write_guarded(made)
    enforce(made)
    made.apply()
    monkeypatch.setenv("ACORN_ACTOR", "Eve@Example.com")
    return made


def write_guarded(
    made: Repository, *more: dict[str, Any], price: str = "49.99", lifecycled: bool = False, **eve: Any
) -> None:
    """Its specs, with Eve's roles changed."""
    limits = {"maxDiscountPercent": "10", "maxBudget": {"currency": "EUR", "value": "100.00"}}
    promos = {"resources": ["promo"], "verbs": ["apply"], "constraints": limits}
    rules = [{"resources": ["price"], "verbs": ["apply"]}, promos]
    role = permission(
        "eve",
        ["price"],
        ["apply"],
        "eve@example.com",
        **{"validity": {"until": "2026-12-31"}, "rules": rules, **eve},
    )
    admins = permission(
        "admins", EVERYTHING, ["read", "apply", "delete"], approvals=TWO, stores={"all": True}
    )
    listed = sku(price=price) | ({"lifecycle": {"ignoreFields": ["price"]}} if lifecycled else {})
    made.write(storefront(), listed, admins, role, *more)


def test_nobody_uses_a_right_that_they_have_just_written(
    guarded: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What specs are about to give is no right yet: not a wider role, not a longer one, and an ended one not at all."""
    wider = [{"resources": ["price", "listing", "iam"], "verbs": ["apply", "delete"]}]
    write_guarded(guarded, rules=wider, price="44.99", approvals=TWO)
    result = guarded.run("apply", "--auto-approve")
    assert result.code == 4
    assert "ROL-012" in result.err, "and they wrote it themselves"
    with (guarded.path / "acorn.yaml").open("a") as file:
        file.write('  waivers: [{rule: ROL-012, scope: "*", reason: me, owner: eve, until: "2026-12-20"}]\n')
    result = guarded.run("apply", "--auto-approve")
    assert (result.code, "counts from the next apply on" in result.err) == (4, True), result
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    write_guarded(guarded, price="48.99")
    guarded.apply()
    write_guarded(guarded, price="49.99")
    guarded.apply()
    monkeypatch.setenv("ACORN_ACTOR", "eve@example.com")
    write_guarded(guarded, rules=wider, price="44.99", approvals=TWO)
    result = guarded.run("apply", "--auto-approve")
    assert result.code == 4
    assert "iam.apply in amz-de, which 1 change of this plan needs, is only about to be given" in result.err
    assert guarded.live()["amz-de/listing/KTL-17-BLK"]["price"]["value"] == "49.99"


def test_an_expired_right_cannot_be_prolonged_and_used(
    guarded: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its day has come: a new one holds when somebody else has applied it."""
    monkeypatch.setenv("ACORN_NOW", "2027-01-02T09:00:00Z")
    write_guarded(
        guarded, price="44.99", validity={"until": "2027-12-31"}, review={"lastReviewed": "2027-01-01"}
    )
    result = guarded.run("apply", "--auto-approve", "--select", "*/listing/*")
    assert result.code == 4
    assert "price.apply in amz-de, which 1 change of this plan needs, is only about to be given" in result.err
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    assert guarded.run("apply", "--auto-approve", "--select", "*/role/*").code == 0
    monkeypatch.setenv("ACORN_ACTOR", "eve@example.com")
    assert guarded.run("apply", "--auto-approve").code == 0


def test_deleting_takes_the_right_to_delete(guarded: Repository) -> None:
    """To apply is not to delete; and a creation takes the rights on all that it sets."""
    wider = [{"resources": ["price", "listing"], "verbs": ["apply"]}]
    write_guarded(guarded, rules=wider)
    assert "ROL-012" in guarded.run("apply", "--auto-approve").err
    made = permission(
        "eve", ["price", "listing"], ["apply"], "eve@example.com", validity={"until": "2026-12-31"}
    )
    admins = permission(
        "admins", EVERYTHING, ["read", "apply", "delete"], approvals=TWO, stores={"all": True}
    )
    guarded.write(storefront(), admins, made)
    result = guarded.run("apply", "--auto-approve", "--select", "*/listing/*")
    assert result.code == 4
    assert "no listing.delete" in result.err


@pytest.mark.parametrize(
    ("percent", "budget", "words"),
    [
        ("10", "100.00", ""),
        ("10.01", "100.00", "takes 10.1 % off, more than 10 %"),
        ("5", "100.01", "has a budget of 100.01 EUR, more than 100.00 EUR"),
        ("5", None, "has no budget, and 100.00 EUR are allowed"),
    ],
)
def test_promotions_stay_within_the_limits_of_a_role(
    percent: str, budget: str | None, words: str, guarded: Repository
) -> None:
    """`constraints` bind whoever applies."""
    window = {
        edge: {"local": f"2026-12-{day}T00:00", "tz": "UTC"} for edge, day in (("start", "01"), ("end", "05"))
    }
    body: dict[str, Any] = {
        "type": "percentOff", "stores": {"names": ["amz-de"]}, "skus": {"names": ["KTL-17-BLK"]},
        "window": window, "discount": {"percent": percent},
    }  # fmt: skip
    if budget is not None:
        body["limits"] = {"budget": {"currency": "EUR", "value": budget}}
    write_guarded(guarded, document("Promo", "bf", body))
    result = guarded.run("apply", "--auto-approve")
    assert result.code == (4 if words else 0), result
    assert words in result.err


def test_a_new_store_can_be_opened_by_who_may_elsewhere(
    guarded: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Roles for all stores reach it; nobody has given themselves anything. Whoever may not elsewhere may not there."""
    write_guarded(guarded, storefront("amz-fr"))
    result = guarded.run("apply", "--auto-approve")
    assert result.code == 4
    assert "ROL-012" not in result.err
    assert "no store.apply in amz-fr" in result.err
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    assert guarded.run("apply", "--auto-approve").code == 0


def test_an_emergency_role_leaves_a_trace(guarded: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told when it is used, and stands in the history."""
    glass = permission(
        "glass",
        ["*"],
        ["*"],
        "pat@example.com",
        breakGlass=True,
        justification="outage",
        validity={"until": "2026-12-31"},
    )
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    write_guarded(guarded, glass)
    assert guarded.run("apply", "--auto-approve").code == 0
    monkeypatch.setenv("ACORN_ACTOR", "pat@example.com")
    write_guarded(guarded, glass, price="44.99")
    result = guarded.run("apply", "--auto-approve")
    assert result.code == 0
    assert "ACN-026" in result.err
    assert "pat@example.com (emergency role glass)" in guarded.run("history", "-o", "json").out


def test_another_time_is_for_looking_ahead_only(guarded: Repository) -> None:
    """What is written to something real goes by the real clock: an expired role or waiver does not come back by ACORN_NOW."""
    path = guarded.path / "acorn.yaml"
    path.write_text(path.read_text().replace('url: "sandbox:"', 'url: "https://retail.example.com/"'))
    result = guarded.run("apply", "--auto-approve")
    assert result.code == 64
    assert "goes by the real clock" in result.err


def test_half_of_the_specs_gives_no_answer(guarded: Repository) -> None:
    """A role that cannot be read may be the one that gives the right."""
    guarded.text(
        "apiVersion: acorn/v1\nkind: RolePermission\nmetadata: {name: x}\nspec: {rules: [\n", "broken.yaml"
    )
    result = guarded.run("access", "--who", "ada@example.com", "--what", "price.apply")
    assert result.code == 4
    assert "part of them would answer wrongly" in result.err


def test_access_is_open_unless_it_is_enforced(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As before."""
    spec = repository.path / "specs" / "all.yaml"
    spec.write_text(spec.read_text().replace("49.99", "44.99"))
    monkeypatch.setenv("ACORN_ACTOR", "mallory")
    assert repository.run("apply", "--auto-approve").code == 0


def test_access_explains_itself(repository: Repository) -> None:
    """May and may not, with the roles; rights of one person; holders of one right."""
    result = repository.run(
        "access", "--who", "ada@example.com", "--what", "price.write", "--store", "amz-de"
    )
    assert result.code == 0
    assert "may price.write in amz-de" in result.out
    assert "through pricing (user:ada@example.com)" in result.out
    result = repository.run(
        "access", "--who", "ada@example.com", "--what", "price.apply", "--store", "amz-de"
    )
    assert result.code == 1
    assert "may not price.apply" in result.out
    assert "pricing does not give price.apply" in result.out
    assert "appliers is not granted to user:ada@example.com" in result.out
    rights = repository.run("access", "--who", "ada@example.com", "-o", "json").json["rows"]
    assert [(r["store"], sorted(r["rights"])) for r in rights] == [("amz-de", ["price.read", "price.write"])]
    rows = repository.run("access", "--what", "price.write", "-o", "json").json["rows"]
    assert {r["store"]: r["holders"] for r in rows} == {
        "amz-de": ["user:ada@example.com"],
        "de-ber-mitte": [],
    }


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 64),
        (["--what", "price"], 64),
        (["--what", "price.fly"], 64),
        (["--what", "price.write", "--on", "soon"], 64),
        (["--what", "price.write", "--store", "nope"], 1),
        (["--who", "nobody@example.com"], 0),
    ],
)
def test_wrong_questions_are_answered_in_words(
    arguments: list[str], code: int, repository: Repository
) -> None:
    """Never with a traceback."""
    result = repository.run("access", *arguments)
    assert result.code == code, result
    assert "internal error" not in result.err
