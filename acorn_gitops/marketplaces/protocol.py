"""What acorn asks of a marketplace. Comes in: nothing. Goes out: the protocol and its values. Callers:
adapters, apply, cli, conformance.

The life of an adapter, in five steps:
1. It is opened with a connection's settings; it may not talk yet.
2. `stores` tells which stores it holds.
3. `read` returns a whole store, or raises: a snapshot that is not complete may not exist.
4. `write` carries out a batch and answers for every row; "no answer" is `unknown`, never a guess.
5. `close` lets go.
You must implement these; you may raise `MarketplaceError` and its kin, and nothing else. A field that is
added later goes into `Scope` or `Write`, never into a signature.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from acorn_gitops.model.finding import Finding
from acorn_gitops.model.resource import Address, Attributes, Desired, Live

Management = Literal["managed", "observed", "attested"]
Operation = Literal["create", "update", "delete"]
Status = Literal["observed", "accepted", "rejected", "conflict", "unknown", "skipped"]
"""observed: done, by the marketplace's own word. accepted: taken, not seen yet. rejected: refused with a
reason. conflict: the resource moved since it was read. unknown: no answer. skipped: not tried."""


class Generation(NamedTuple):
    """What a marketplace remembers of the last apply to one of its stores: a number that grows by one with
    each, and the hash of the audit entry with which it began. Number 0: none yet."""

    number: int
    head: str


class Scope(NamedTuple):
    """What to read."""

    store: str
    known: str = ""
    """A version of the whole store that the caller still remembers: when it is current, an empty snapshot
    marked `unchanged` will do."""
    owner: str = ""
    """Who asks (project/environment): a marketplace that remembers generations tells this one's with the
    snapshot."""
    base: Snapshot | None = None
    """A whole snapshot that the caller still has: an adapter may ask only for what has changed since, and
    must answer with a whole one again."""
    types: frozenset[str] = frozenset()
    """With a base: the types that must be as they are now; others may be as they were. Empty: all."""


class Snapshot(NamedTuple):
    """A whole store at one moment. An adapter constructs it only with proof that nothing is missing."""

    store: str
    exists: bool
    resources: Mapping[tuple[str, str], Live]
    version: str = ""
    """The version of the whole store, where the marketplace has one: moves with every change in it."""
    unchanged: bool = False
    """The store is at `Scope.known`; nothing was read."""
    generation: Generation | None = None
    """What `Scope.owner` last applied; None where nobody knows, or nobody asked."""
    ambiguous: Mapping[tuple[str, str], str] = {}
    """Keys under which the marketplace holds several things, with a sentence about each: none of them is in
    `resources`, and nothing is created, changed or deleted there."""
    owners: bool = False
    """The marketplace keeps with each resource who manages it."""


class Write(NamedTuple):
    """One change to carry out. `attributes` are the declared ones only; None clears."""

    operation: Operation
    address: Address
    attributes: Attributes
    etag: str
    """The version that was read; the write must fail when it moved. Empty for create."""
    key: str
    """Idempotency key: the same write sent twice must have one effect."""
    former: str = ""
    """Of an update, the key under which the resource is now, where that is another (`Renames`)."""
    taken_from: str = ""
    """Who manages the resource until now, where it changes hands (`Owns`)."""


class Outcome(NamedTuple):
    """What became of a write."""

    address: Address
    status: Status
    message: str = ""
    etag: str = ""
    remote_id: str = ""
    read_back: bool = False
    """Whether it was read again after the write, and not only answered. What was not, whoever applies looks
    for."""


Shards = Mapping[str, Mapping[tuple[str, str], Desired]]
"""Desired resources by store, then by (type, key)."""


class Fitted(NamedTuple):
    """What of the wishes a marketplace can hold, in the form in which it will be read back."""

    shards: Shards
    findings: Sequence[Finding]
    """A warning for what is left out and harms nobody, an error for what would mean something else there."""
    withheld: frozenset[Address]
    """Wishes that errors are about: whatever is live at their addresses is neither compared nor deleted."""
    by_hand: frozenset[Address] = frozenset()
    """Wishes of a managed type for which the marketplace has no interface: a person carries them out."""


@runtime_checkable
class Fits(Protocol):
    """An adapter whose marketplace cannot hold all that a spec can say implements this too."""

    def fit(self, desired: Shards, today: str) -> Fitted:
        """Everything that is wished for on this connection, at once; `today` is an ISO date."""

    def keeps(self) -> frozenset[str]:
        """Types of which it deletes nothing: what leaves the specs is only forgotten."""


@runtime_checkable
class Knows(Protocol):
    """An adapter whose marketplace calls its stores by ids of its own implements this too."""

    def know(self, stores: Mapping[str, Mapping[str, object]]) -> None:
        """What the specs say of each store of this connection: its block `storefront` or `physical`, as it is
        resolved. Told before anything is read; each time all of them."""

    def identity(self, store: str) -> str:
        """What a name means there, in words that change when it means something else; empty where it means
        nothing. What was applied under another meaning says nothing of this one."""

    def candidates(self) -> Mapping[str, Mapping[str, object]]:
        """By identity, all that a name could mean there, as blocks for `remember`."""

    def remember(self, store: str, block: Mapping[str, object]) -> None:
        """What a name meant that no spec says any more."""


@runtime_checkable
class Batches(Protocol):
    """An adapter that is best given more or fewer writes at once than usual implements this too. It is given
    writes of one type and operation at a time then."""

    def batch(self, type: str, operation: str, waiting: int) -> int:
        """How many, where so many of this sort can be sent now."""


@runtime_checkable
class Entangles(Protocol):
    """An adapter whose marketplace keeps several resources as one thing, of which a write sends all,
    implements this too: one that comes late undoes what was done to the others meanwhile."""

    def entangled(self, type: str, key: str) -> str:
        """What a resource is a part of in its store; empty where it is by itself."""

    def comes_late(self, type: str, operation: str, *, answered: bool) -> float:
        """Seconds after which a write does not come any more that is not seen. `answered`: whether it was
        taken, or nobody lived to hear."""

    def is_overtaken(self, type: str, operation: str) -> bool:
        """Whether such a write may be carried out after what is sent now to the same resource."""


@runtime_checkable
class MakesInSteps(Protocol):
    """An adapter whose marketplace makes something by several requests, so that who dies in between leaves a
    part of it, implements this too."""

    def is_begun(self, type: str, wanted: Attributes, live: Live) -> bool:
        """Whether what is there is what a creation of `wanted` leaves that did not come to its end, and
        nothing else."""


def is_begun(marketplace: object, address: Address, wanted: Attributes, live: Live) -> bool:
    """Whether what is there is the part of a creation that did not come to its end."""
    return isinstance(marketplace, MakesInSteps) and marketplace.is_begun(address.type, wanted, live)


@runtime_checkable
class Irreplaceable(Protocol):
    """An adapter whose marketplace cannot give up a resource and make it anew under its key implements this
    too."""

    def irreplaceable(self) -> Mapping[str, str]:
        """Why, and what to do instead, by type; by `type.attribute` where it is that alone which can never be
        changed."""


@runtime_checkable
class Renames(Protocol):
    """An adapter whose marketplace can give a resource another key implements this too: it is not made anew
    then."""

    def renames(self) -> frozenset[str]:
        """The types of which it can."""


@runtime_checkable
class Central(Protocol):
    """An adapter whose marketplace has one store in which all others are implements this too."""

    def central(self) -> str:
        """That store. What is made in any store is in it too, and what is deleted from it is gone from
        all."""


@runtime_checkable
class Fences(Protocol):
    """An adapter whose marketplace remembers generations, and refuses a batch of another generation or of
    another version of the store, implements this too."""

    def generation(self, store: str, owner: str) -> Generation | None:
        """What `owner` (project/environment) last applied to a store; None where this one cannot remember
        it."""

    def advance(self, store: str, owner: str, expected: Generation, head: str) -> Generation:
        """Begin the next generation, and stamp every later batch of this store with it. Superseded when
        another than `expected` stands there."""


@runtime_checkable
class Owns(Protocol):
    """An adapter whose marketplace keeps with each resource who manages it implements this too. What is
    written in a generation (`Fences`) is marked as its owner's, and a write to what belongs to another one is
    refused unless it names him."""

    def claim(
        self, store: str, keys: Sequence[tuple[str, str]], owner: str
    ) -> Mapping[tuple[str, str], str] | None:
        """Mark resources as somebody's that are nobody's so far, and answer by (type, key) whose each is now:
        what belongs to another one stays his, and what is not there has no owner. None where this marketplace
        keeps no owners after all."""


class Marketplace(Protocol):
    """An adapter for one connection."""

    @property
    def name(self) -> str:
        """The connection's name."""

    def capabilities(self) -> Mapping[str, Management]:
        """By resource type, what this marketplace lets us do. A type left out is unknown to it."""

    def stores(self) -> Sequence[str]:
        """Names of the stores it holds."""

    def read(self, scope: Scope) -> Snapshot:
        """A whole store. Raises Incomplete, Unreachable or MarketplaceError; never returns a part."""

    def validate(self, store: str, writes: Sequence[Write]) -> Sequence[Outcome]:
        """What `write` would answer, without doing it."""

    def write(self, store: str, writes: Sequence[Write], at: str = "") -> Sequence[Outcome]:
        """Carry out a batch of one store, in order, and answer for every row in the same order. `at`: the
        version of the snapshot by which these writes were judged. Where the marketplace has versions, it does
        nothing (`Moved`) when the store has another one, but for what this process has sent since that
        snapshot."""

    def close(self) -> None:
        """Let go of connections."""


@runtime_checkable
class Describes(Protocol):
    """An adapter of a marketplace that has schemas of what is sold implements this too."""

    def describe(self, store: str, product_type: str) -> bytes:
        """The JSON Schema of a product type in a store. MarketplaceError where there is none."""


@runtime_checkable
class Shows(Protocol):
    """An adapter of a marketplace that tells what buyers are shown implements this too."""

    def shown(self, store: str, skus: Collection[str]) -> Mapping[str, Mapping[str, str]]:
        """By SKU (the key of a listing), the price that everybody is shown, in the store's currency; without
        those of which nothing is shown. MarketplaceError where it cannot be asked."""


class Wave(NamedTuple):
    """What one store is given in one wave."""

    store: str
    writes: Mapping[tuple[str, str], int]
    """How many, by (type, operation)."""
    readings: int = 0
    """How often the whole store is read for it."""


class Foreseen(NamedTuple):
    """What a plan takes at a marketplace that lets in only so much."""

    requests: int
    seconds: float
    feeds: int = 0
    """How many of the requests are feeds: documents with many changes, which it works off when it comes to
    them."""


@runtime_checkable
class Foresees(Protocol):
    """An adapter of a marketplace that lets in only so much implements this too."""

    def foresees(self, waves: Sequence[Wave]) -> Foreseen:
        """What writes take, looks included, with the limits as they are known now. No request is sent."""


class Settings(NamedTuple):
    """A connection of acorn.yaml, with its secret already looked up."""

    name: str
    adapter: str
    url: str
    token: str
    options: Mapping[str, object]
