"""What every ledger must do, as tests that whoever writes a backend can run on theirs. Comes in: a way to
open one ledger. Goes out: passing tests, or messages for the backend's author. Callers: our tests, and yours:

    from acorn_gitops.ledger.conformance import LedgerConformance

    class TestMyLedger(LedgerConformance):
        @pytest.fixture
        def opened(self):
            return lambda: MyLedger(...)      # the same ledger each time, for writing; new for each test
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.ledger.records import Closed, Intent, PlanStatus, Settled
from acorn_gitops.model.finding import Stale
from acorn_gitops.model.resource import Address, Attributes, digest
from acorn_gitops.plan.change import Step

Opened = Callable[[], Ledger]
OWNER: Final = "shop/prod"
A: Final = Address("s", "listing", "A")
B: Final = Address("s", "listing", "B")
ROLE: Final = Address("s", "role", "r")


def _day(number: int) -> str:
    return f"2026-11-{number:02d}T00:00:00Z"


def _price(value: str) -> Attributes:
    return {"sku": "A", "price": {"currency": "EUR", "value": value}}


def _intent(plan: str, address: Address, attributes: Attributes | None, day: int = 1) -> Intent:
    return Intent(
        plan, address, "create", operation="create", key=f"{plan}-{address.key}", attributes=attributes, declared=attributes, origin="specs/a.yaml:1", remote_id="", protected=False, at=_day(day), commit="c" * 40
    )  # fmt: skip


def _settled(
    plan: str, address: Address, attributes: Attributes | None, outcome: str = "observed"
) -> Settled:
    return Settled(address, "create", plan, outcome=outcome, attributes=attributes, origin="specs/a.yaml:1")


def _applied(
    ledger: Ledger, plan: str, address: Address, attributes: Attributes | None, day: int = 1
) -> None:
    """A whole run that writes one thing."""
    about = {"owner": OWNER}
    ledger.begin_plan(plan, _day(day), "me", "c" * 40, "prod", about=about)
    ledger.intend([_intent(plan, address, attributes, day=day)])
    closed = [Closed(plan, address, "create", outcome="observed")]
    ledger.settle([_settled(plan, address, attributes)], closed, _day(day), "me", "c" * 40)
    ledger.end_plan(
        plan, "complete", _day(day), "me", {"create": 1}, {"s": day}, {**about, "commit": "c" * 40}
    )


class LedgerConformance:
    """Mix into a test class that has an `opened` fixture."""

    def test_a_new_ledger_knows_nothing(self, opened: Opened) -> None:
        """And says so without an error."""
        ledger = opened()
        assert (ledger.stores(), ledger.resources(), ledger.history(), ledger.trail()) == ([], [], [], [])
        assert (ledger.applied("s"), ledger.open_intents(), ledger.holds("s")) == ({}, [], False)
        assert (ledger.last_whole(), ledger.last_commit(), ledger.generation("s")) == ("", ("", 0), 0)
        assert (ledger.plan_status("p"), ledger.verify(), ledger.ever_gave()) == (None, None, False)
        ledger.check_owner(OWNER)
        ledger.check_sound()

    def test_what_was_applied_is_known_to_whoever_opens_it_next(self, opened: Opened) -> None:
        """With its content, its digest, and by which plan and commit."""
        first = opened()
        _applied(first, "p1", A, attributes=_price("9.00"))
        first.close()
        ledger = opened()
        assert (ledger.exists, ledger.stores(), ledger.holds("s")) == (True, ["s"], True)
        known = ledger.applied("s")["listing", "A"]
        assert known.digest == digest(_price("9.00"))
        assert known.attributes and b'"9.00"' in known.attributes
        assert ledger.recorded(A) == ("p1", _day(1))
        assert ledger.written_with(A) == "c" * 40
        assert (ledger.last_whole(), ledger.generation("s")) == ("c" * 40, 1)
        assert [str(address) for address, _ in ledger.resources()] == ["s/listing/A"]

    def test_what_was_applied_again_is_the_last(self, opened: Opened) -> None:
        """And what ended is gone, though it was ever there."""
        ledger = opened()
        _applied(ledger, "p1", A, attributes=_price("9.00"))
        _applied(ledger, "p2", A, attributes=_price("8.00"), day=2)
        assert ledger.applied("s")["listing", "A"].digest == digest(_price("8.00"))
        _applied(ledger, "p3", A, attributes=None, day=3)
        assert ledger.applied("s") == {}
        assert ledger.ever("s", "listing") == {A}

    def test_what_was_in_force_from_when_on(self, opened: Opened) -> None:
        """Each value with its day; prices in any order."""
        ledger = opened()
        _applied(ledger, "p1", A, attributes=_price("9.00"))
        _applied(ledger, "p2", A, attributes=_price("8.00"), day=2)
        _applied(ledger, "p3", A, attributes=None, day=3)
        told = {(at, (held or {}).get("price", {}).get("value")) for at, _, held in ledger.states([A, B])}
        assert told == {(_day(1), "9.00"), (_day(2), "8.00"), (_day(3), None)}

    def test_every_change_moves_its_serial(self, opened: Opened) -> None:
        """A plan presumes one."""
        ledger = opened()
        seen = [ledger.serial()]
        for number, value in enumerate(("9.00", "8.00"), 1):
            _applied(ledger, f"p{number}", A, attributes=_price(value), day=number)
            seen.append(ledger.serial())
        assert seen == sorted(set(seen))

    def test_an_intent_is_open_until_it_is_settled(self, opened: Opened) -> None:
        """Also for another process: that is what a run that died leaves behind."""
        first = opened()
        first.begin_plan("p1", _day(1), "me", "c", "prod", about={"owner": OWNER})
        first.intend([_intent("p1", A, _price("9.00")), _intent("p1", B, _price("1.00"))])
        first.close()
        ledger = opened()
        assert [one.address for one in ledger.open_intents()] == [A, B]
        assert ledger.intents_of("p1")[0].attributes == _price("9.00")
        assert ledger.last_intent() == ledger.open_intents()[-1].id > 0
        assert ledger.plan_status("p1") == "running"
        ledger.settle(
            [_settled("p1", A, _price("9.00"))],
            [Closed("p1", A, "create", outcome="observed")],
            _day(1),
            "me",
            "c",
        )
        assert [one.address for one in ledger.open_intents()] == [B]
        assert ledger.plan_outcomes("p1") == {Step(A, "create"): "observed"}

    def test_what_nobody_has_seen_may_still_come(self, opened: Opened) -> None:
        """A run that ends without knowing leaves what it sent among the sendings; what was refused is none of
        them."""
        ledger = opened()
        ledger.begin_plan("p1", _day(1), "me", "c", "prod", about={"owner": OWNER})
        ledger.intend([_intent("p1", A, _price("9.00")), _intent("p1", B, _price("1.00"))])
        closed = [Closed("p1", A, "create", outcome="unknown"), Closed("p1", B, "create", outcome="rejected")]
        ledger.settle([], closed, _day(1), "me", "c")
        ledger.end_plan("p1", "partial", _day(1), "me", {})
        assert [one.address for one in ledger.sendings()] == [A]
        assert (ledger.plan_status("p1"), ledger.last_whole()) == ("partial", "")

    def test_taken_in_and_forgotten_without_a_write(self, opened: Opened) -> None:
        """The rows come and go, the history tells both."""
        ledger = opened()
        rows = [Settled(A, "adopt", "", outcome="observed", attributes=_price("9.00"), adopted=True)]
        assert ledger.record(rows, _day(1), "me", "c", "import", {"owner": OWNER})
        assert ledger.applied("s").keys() == {("listing", "A")}
        assert ledger.record(
            [Settled(A, "forget", "", outcome="observed", attributes=None)],
            _day(2),
            "me",
            "",
            "state.rm",
            {"owner": OWNER},
        )
        assert ledger.applied("s") == {}
        assert [entry.event for entry in ledger.history()] == ["import", "state.rm"]
        assert ledger.record([], _day(3), "me", "", "import") == ""

    def test_what_guarded_the_last_whole_run_is_known(self, opened: Opened) -> None:
        """A part, and a run that did not come to its end, take nothing of it back."""
        ledger = opened()
        runs: list[tuple[PlanStatus, dict[str, object]]] = [
            ("complete", {}),
            ("complete", {"selected": True}),
            ("partial", {}),
        ]
        for n, (status, more) in enumerate(runs, start=1):
            guards = {"guards": {"n": n}}
            ledger.begin_plan(f"p{n}", _day(n), "me", f"c{n}", "prod", about={"owner": OWNER, **guards})
            ledger.end_plan(f"p{n}", status, _day(n), "me", {}, {"s": n}, {"owner": OWNER, **guards, **more})
        assert (ledger.last_guards(), ledger.whole_guards()) == ({"n": 3}, {"n": 1})
        ledger.begin_plan("p4", _day(4), "me", "c4", "prod", about={"owner": OWNER})
        ledger.end_plan("p4", "complete", _day(4), "me", {}, {"s": 4}, {"owner": OWNER})
        assert ledger.whole_guards() == {}

    def test_the_history_is_one_chain(self, opened: Opened) -> None:
        """Who, when, what, in order; each head is known, and sound."""
        ledger = opened()
        _applied(ledger, "p1", A, attributes=_price("9.00"))
        entries = ledger.history()
        assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
        assert (entries[0].actor, entries[0].event, entries[-1].event) == ("me", "apply.begin", "apply.end")
        assert ledger.trail() == [entry.hash for entry in entries]
        assert ledger.verify() is None
        assert ledger.knows(entries[0].hash) and not ledger.knows("0" * 64)
        ledger.check_sound()

    def test_a_ledger_belongs_to_somebody(self, opened: Opened) -> None:
        """Whoever else opens it is told."""
        ledger = opened()
        _applied(ledger, "p1", A, attributes=_price("9.00"))
        ledger.check_owner(OWNER)
        for other in ("shop/sandbox", "other/prod"):
            try:
                ledger.check_owner(other)
            except Stale:
                continue
            raise AssertionError(f"it lets {other} in")

    def test_rights_that_were_ever_given_are_remembered(self, opened: Opened) -> None:
        """Also when they are gone."""
        ledger = opened()
        _applied(ledger, "p1", A, attributes=_price("9.00"))
        assert not ledger.ever_gave()
        _applied(ledger, "p2", ROLE, attributes={"rules": []}, day=2)
        assert (ledger.last_word(ROLE.store), ledger.last_word("elsewhere")) == (_day(2), "")
        _applied(ledger, "p3", ROLE, attributes=None, day=3)
        assert (ledger.ever_gave(), ledger.last_word(ROLE.store)) == (True, _day(3)), "an end is a word, too"
        _applied(ledger, "p4", A, attributes=_price("8.00"), day=4)
        assert ledger.last_word(A.store) == _day(3), "a price says nothing of rights"

    def test_rights_that_people_give_are_remembered_as_they_were_last_accepted(self, opened: Opened) -> None:
        """Of each store for itself, until an apply says otherwise."""
        ledger = opened()
        for number, told in enumerate(({"s": [["role", "r", {"rules": []}]]}, {"t": []}), start=1):
            about = {"owner": OWNER, "by_hand": told}
            ledger.begin_plan(f"p{number}", _day(number), "me", "c", "prod", about=about)
        assert ledger.by_hand("s") == {("role", "r"): {"rules": []}}
        assert (ledger.by_hand("t"), ledger.by_hand("u"), ledger.ever_gave()) == ({}, {}, True)
        ledger.begin_plan("p3", _day(3), "me", "c", "prod", about={"owner": OWNER, "by_hand": {"s": []}})
        assert (ledger.by_hand("s"), ledger.ever_gave()) == ({}, True)
        assert (ledger.last_word("s"), ledger.last_word("t")) == (_day(3), "")
        assert ledger.ever_by_hand() == {"s": {("role", "r"): {"rules": []}}}

    def test_other_things_that_people_do_say_nothing_of_rights(self, opened: Opened) -> None:
        """A coupon is told beside the same role: the role was spoken of before."""
        ledger = opened()
        role, coupon = ["role", "r", {"rules": []}], ["promotion", "c", {"type": "coupon"}]
        for number, told in enumerate(([role], [role, coupon], [role]), start=1):
            about = {"owner": OWNER, "by_hand": {"s": told}}
            ledger.begin_plan(f"p{number}", _day(number), "me", "c", "prod", about=about)
        assert ledger.last_word("s") == _day(1)
        about = {"owner": OWNER, "by_hand": {"s": [["role", "r", {"rules": [1]}]]}}
        ledger.begin_plan("p4", _day(4), "me", "c", "prod", about=about)
        assert ledger.last_word("s") == _day(4)

    def test_what_no_store_has_heard_of_is_told_apart(self, opened: Opened) -> None:
        """The runs after the newest entry that a store remembers, the newest first; none where no store
        remembers."""
        ledger = opened()
        assert (ledger.owner(), ledger.unheard()) == ("", [])
        heads = [
            ledger.begin_plan(
                f"p{n}", _day(n), "me", f"c{n}", "prod", about={"owner": OWNER, "guards": {"n": n}}
            )
            for n in (1, 2, 3)
        ]
        assert (ledger.owner(), ledger.unheard(), ledger.last_guards()) == (OWNER, [], {"n": 3})
        assert ledger.believe(heads[:1])
        assert [one["commit"] for one in ledger.unheard()] == ["c3", "c2"]
        assert ledger.last_guards() == {"n": 1}
        assert not ledger.believe(heads)
        assert ledger.unheard() == []

    def test_an_opening_vouches_for_what_follows(self, opened: Opened) -> None:
        """A store that remembers it has not been changed by somebody else."""
        ledger = opened()
        head = ledger.open_up("state.begin", _day(1), "me", {"owner": OWNER, "forgotten": [str(A)]})
        assert ledger.knows(head) and ledger.vouches(head, head)
        assert not ledger.vouches("0" * 64, head)

    def test_what_was_only_intended_was_not_sent(self, opened: Opened) -> None:
        """Of two copies the one that knows no more than intents may be given up."""
        ledger = opened()
        _applied(ledger, "p1", A, attributes=_price("9.00"))
        before = ledger.trail()
        ledger.begin_plan("p2", _day(2), "me", "c", "prod", publishes=True, about={"owner": OWNER})
        ledger.intend([_intent("p2", A, _price("8.00"), day=2)])
        assert ledger.only_intended_since(before)
        ledger.settle(
            [_settled("p2", A, _price("8.00"))],
            [Closed("p2", A, "create", outcome="observed")],
            _day(2),
            "me",
            "c",
        )
        assert not ledger.only_intended_since(before)
