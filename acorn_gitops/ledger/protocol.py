"""What a ledger is to those who use it. Comes in: nothing. Goes out: `Ledger`. Callers: apply, reconcile;
`conformance` says whether a backend is one.

A ledger is one environment's: what was last applied to every resource, what is about to be sent, and a
chained history of both. One thread and one process write at a time; the lock is the caller's. A ledger that
does not exist yet reads as an empty one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from acorn_gitops.ledger.records import Closed, Entry, Intent, PlanStatus, Settled
from acorn_gitops.model.resource import Address, Attributes
from acorn_gitops.plan.change import Applied, Step


class Ledger(Protocol):
    """One environment's ledger."""

    @property
    def where(self) -> str:
        """Where it is kept, as its backend says it."""
        ...

    @property
    def lost(self) -> str:
        """Why nobody would find what is written from now on: it was taken away while it was open. Empty where
        it is still there."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...

    @property
    def exists(self) -> bool:
        """Whether anything was ever applied from here."""
        ...

    def serial(self) -> int:
        """Grows with every recorded change; a plan presumes one."""
        ...

    def applied(self, store: str) -> dict[tuple[str, str], Applied]:
        """Last-applied resources of a store; their content is read when it is asked for. Stale where they are
        not those that the trail vouches for."""
        ...

    def check_sound(self) -> None:
        """Stale where the history was changed or cut, or where what was last applied is not what it says:
        before anything is written, and where a ledger comes from elsewhere."""
        ...

    def check_small(self) -> None:
        """`check_sound` where it costs nothing: for plans, on ledgers of a few megabytes."""
        ...

    def remote_ids(self, store: str) -> dict[tuple[str, str], str]:
        """What the marketplace calls the resources that were last applied to a store, where it said."""
        ...

    def holds(self, store: str) -> bool:
        """Whether anything is recorded of a store."""
        ...

    def stores(self) -> list[str]:
        """Stores that the ledger knows."""
        ...

    def resources(self) -> list[tuple[Address, dict[str, Any]]]:
        """Every row, for `state list`, `state show` and export."""
        ...

    def open_intents(self) -> list[Intent]:
        """Writes of which it is not known whether they happened: the process died, or no answer came."""
        ...

    def undisturbed(self) -> list[Intent]:
        """Open intents since which no run has begun, and nothing was taken in or forgotten: nobody has looked
        for what came of them."""
        ...

    def sendings(self, since: str = "") -> list[Intent]:
        """All that was sent and is not known to have come or to have been refused, whoever the resource
        belongs to by now: for whoever reckons with what may still come. `since`: a day (ISO text) before
        which nothing counts any more."""
        ...

    def recorded(self, address: Address) -> tuple[str, str]:
        """By which plan a resource was last recorded, and when; empty where it never was."""
        ...

    def unfinished(self) -> dict[Address, Attributes]:
        """What replacements would have created whose deletion is done and whose creation is not. It holds
        what nobody declared and was there before, so that whoever finishes the work can carry it over."""
        ...

    def plan_status(self, plan: str) -> PlanStatus | None:
        """What became of a plan; None when it was never begun."""
        ...

    def plan_outcomes(self, plan: str) -> dict[Step, str]:
        """Recorded outcomes of a plan's steps."""
        ...

    def history(self) -> list[Entry]:
        """The audit trail from the beginning."""
        ...

    def states(self, addresses: Collection[Address]) -> Iterator[tuple[str, Address, Attributes | None]]:
        """What was in force from when on, of these resources: (instant, address, attributes; None when it was
        gone). Made from the audit trail; of promotions in its order, of prices in any. What was only recorded
        is known from the row, or from the entry that replaced it; what somebody else had set, from the write
        that ended it, a second before it."""
        ...

    def renames(self, store: str, type: str) -> list[tuple[str, str, str]]:
        """Resources of a type that were given another key, in their order: (instant, key, former key)."""
        ...

    def ever(self, store: str, type: str) -> set[Address]:
        """Every resource of a type that a store has, or once had."""
        ...

    def by_hand(self, store: str) -> Mapping[tuple[str, str], Attributes]:
        """What people are to do in a store, by type and key, as the last apply that might say so left it
        (`about` of `begin_plan`). Of promotions a digest."""
        ...

    def ever_by_hand(self) -> Mapping[str, Mapping[tuple[str, str], Attributes]]:
        """The same of every store, as it was when it was not empty, by entries that count (`believe`)."""
        ...

    def ever_gave(self) -> bool:
        """Whether any role or grant was ever applied, or people were told to make one."""
        ...

    def verify(self) -> int | None:
        """The sequence number of the first line of history that was changed or removed; None when all is
        well."""
        ...

    def intents_of(self, plan: str) -> list[Intent]:
        """Writes of a plan that are still open."""
        ...

    def knows(self, head: str) -> bool:
        """Whether this trail holds the entry with which an apply began, or with which the ledger was made
        again."""
        ...

    def moved_since(self, store: str, head: str) -> bool:
        """Whether what was last applied to a store was changed after the entry that the store remembers: then
        somebody added to this ledger what the store knows nothing of. What a run that did not come to its end
        has written is its own."""
        ...

    def believe(self, heads: Collection[str]) -> bool:
        """Let nothing count that follows the newest entry which a store remembers (`heads`): nobody but this
        ledger says that it was applied. Answers whether anything is left out. What begins next says so, and
        whatever was left out counts for nothing from then on."""
        ...

    def note_seals(self) -> None:
        """Remember how the stores are vouched for now: what this process adds is its own."""
        ...

    def open_up(self, event: str, at: str, actor: str, about: Mapping[str, object]) -> str:
        """Record that something is about to move this ledger (one of `OPENINGS`); answers the hash of the
        entry, for the stores to remember first: whoever dies in between is not taken for somebody else."""
        ...

    def begun_to_forget(self) -> dict[str, set[Address]]:
        """What somebody began to forget (`state rm`) and did not come to record, by the hash of the entry
        with which that began: it is given away, whatever the rows still say."""
        ...

    def vouches(self, head: str, opening: str) -> bool:
        """Whether an entry that a store remembers follows from an opening, or is it: what was added later no
        store has heard of."""
        ...

    def generation(self, store: str) -> int:
        """The last generation of a store that this ledger knows; 0 where it knows none."""
        ...

    def binding(self, store: str) -> str:
        """Which marketplace a store was on when something was last recorded of it (`marketplace_of`); empty
        where that is not known."""
        ...

    def bindings(self, store: str) -> frozenset[str]:
        """Every marketplace that it was ever said to be on, also by what counts for nothing."""
        ...

    def last_commit(self) -> tuple[str, int]:
        """The commit of the last run that began, and when it was committed (seconds since 1970; 0: not
        known); "" where none is known. What a run that died or was not answered has sent may come."""
        ...

    def last_whole(self) -> str:
        """The commit of the last run that came to its end and left nothing out; "" where none is known."""
        ...

    def written_with(self, address: Address) -> str:
        """The commit with which a resource was written last, not counting its end; "" where it never was, or
        without git."""
        ...

    def unsoaked(self) -> dict[str, list[Address]]:
        """By phase of a rollout, what was to be seen and to stay for a while before others may follow, and
        was not when the last run ended, or died."""
        ...

    def last_guards(self) -> dict[str, object]:
        """The settings that guarded the last run of which they are known."""
        ...

    def whole_guards(self) -> dict[str, object]:
        """The same of the last run that came to its end and left nothing out."""
        ...

    def unheard(self) -> list[Mapping[str, object]]:
        """What entries say (`about`, `commit`) with which runs began that count for nothing (`believe`),
        after the last one that counts, the newest first. Nothing is permitted because of them; what they
        forbid may be true."""
        ...

    def last_word(self, store: str) -> str:
        """When roles or grants of a store were last written or recorded, or its people last told of them (an
        instant); "" where they never were."""
        ...

    def owner(self) -> str:
        """Whose ledger this is (project/environment); "" where nothing says so."""
        ...

    def check_owner(self, owner: str) -> None:
        """Stale where this is the ledger of another project or environment (`owner`: project/environment)."""
        ...

    def begin_plan(
        self,
        plan: str,
        at: str,
        actor: str,
        commit: str,
        environment: str,
        run: str = "",
        *,
        publishes: bool = False,
        about: Mapping[str, object] | None = None,
    ) -> str:
        """Record that a plan is being applied; answers the hash of the entry. `run` keeps it apart from every
        other; `publishes`: it writes nothing before this entry is where others see it; `about`: owner,
        generations and bindings, as `record` takes them."""
        ...

    def end_plan(
        self,
        plan: str,
        status: PlanStatus,
        at: str,
        actor: str,
        counts: dict[str, int],
        generations: Mapping[str, int] | None = None,
        about: Mapping[str, object] | None = None,
    ) -> str:
        """Record how it ended, and in which generations of the stores it was; answers the hash of the entry.
        `about`: owner, commit and when that was committed."""
        ...

    def last_intent(self) -> int:
        """The id of the intent that was written down last; 0 where there is none."""
        ...

    def intend(self, intents: Iterable[Intent]) -> None:
        """Write ahead: what is about to be sent. The history vouches for it, so that nothing planted is taken
        for ours."""
        ...

    def settle(
        self, settled: Iterable[Settled], closed: Iterable[Closed], at: str, actor: str, commit: str
    ) -> None:
        """Record what became of writes: last applied, intents closed, history."""
        ...

    def record(
        self,
        rows: Sequence[Settled],
        at: str,
        actor: str,
        commit: str,
        event: str,
        about: Mapping[str, object] | None = None,
        anew: Collection[str] = (),
    ) -> str:
        """Take resources into the ledger (or, without attributes, out of it) without any write; answers the
        hash of the entry, "" where there is nothing to record. `about`: whose ledger this is (`owner`), the
        generations of the stores before (`generations`), which marketplaces they are on (`bindings`). `anew`:
        stores in which nothing is waited for any more."""
        ...

    def only_intended_since(self, others: Sequence[str]) -> bool:
        """Whether all that this trail knows beyond another is what was about to be done, and nothing of it
        was published: then nothing was sent."""
        ...

    def backup(self) -> object:
        """A copy beside the file, made before anything drastic."""
        ...

    def packed(self) -> bytes:
        """The whole ledger, whatever is still in its journal, as compressed bytes for `unpacked`."""
        ...

    def trail(self) -> list[str]:
        """The hashes of the audit trail: one ledger continues another when it holds the other's last."""
        ...
