"""What a rule may look at: specs, the present, and in the later phases the changes, prices, people. Comes in:
the caller's knowledge. Goes out: a `Context`. Callers: every rule, `registry`, `custom`, cli.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

from acorn_gitops.engines.pricing.calendar import Dated, Listed
from acorn_gitops.engines.pricing.prior_price import Span
from acorn_gitops.model.resource import Attributes
from acorn_gitops.rules.said import Said
from acorn_gitops.specs.configuration import Configuration

if TYPE_CHECKING:
    from acorn_gitops.model.typed import RolePermissionData

Phase = Literal["validate", "plan", "apply", "drift"]
"""validate: from specs and recorded facts, offline; every later phase does it, too. plan: with what is live
and what was applied. apply: next to the write. drift: by the scheduled job."""


EVER: Final = "*"
"""In place of a commit: since the beginning."""
ANYBODY: Final = "?"
"""Among those who changed something (`Known.editors`): nobody can tell who did."""


class Where(Protocol):
    """A resource's address."""

    @property
    def store(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def key(self) -> str: ...


class Named(Protocol):
    """A spec, as far as rules need to know which."""

    @property
    def name(self) -> str: ...


class Planned(Protocol):
    """A change, as far as rules look at one."""

    @property
    def action(self) -> str: ...
    @property
    def address(self) -> Where: ...
    @property
    def before(self) -> Attributes | None: ...
    @property
    def after(self) -> Attributes | None: ...
    @property
    def origin(self) -> Named | None:
        """The spec that says it; None where none does."""


class Known(NamedTuple):
    """What the later phases know besides specs: changes, the price history, who acts, who wrote a line."""

    changes: Sequence[Planned]
    prices: Callable[[Listed, datetime], Sequence[Span]]
    """(listing, instant): what a buyer paid for it in the thirty days before, as far as anybody knows."""
    actor: str
    author: Callable[[str, int], tuple[str, str] | None]
    """(file, line): e-mail address of who wrote it, and the day (ISO text); None where git does not know."""
    begins: Callable[[Dated, Listed], datetime] = lambda dated, listed: dated.start
    """(promotion in a store, listing): when it begins, or really began, to lower what that costs."""
    applied: Callable[[str, str, str], Attributes | None] = lambda store, type, key: None
    """(store, type, key): a resource as it was last applied."""
    untaxed: frozenset[str] = frozenset()
    """Stores to which no tax rule was ever applied."""
    drifted: Sequence[tuple[Where, str]] = ()
    """Of the drift job: what was changed outside, and which attribute."""
    acknowledged: Sequence[tuple[Where, str]] = ()
    """Likewise, of what a waiver of MON-007 leaves so; "" where the resource was deleted."""
    follows: Callable[[tuple[str, int], tuple[str, int]], bool] = lambda one, other: True
    """(file, line), (file, line): whether the first was written with the second in sight: in the same commit
    or a later one."""
    editors: Callable[[Collection[tuple[str, str]], Collection[str], str], frozenset[str]] = (
        lambda wanted, files, since: frozenset()
    )
    """(documents by kind and name, the files in which they are, a commit or ""): e-mail addresses of those
    who changed one of them since then ("": since the last whole apply), also by taking it out; whoever
    applies stands for those whom git does not know."""
    announces: Callable[[str, str, str], bool] = lambda store, promo, sku: True
    """(store, promotion, SKU): whether this plan makes or changes the promotion there, or the price that it
    is taken off; putting back what a hand changed is neither."""
    commit: Callable[[str, int], str] = lambda file, line: ""
    """(file, line): the commit that wrote it last; "" where it is not committed, or git does not know."""
    recorded: Sequence[Planned] = ()
    """Roles and grants that are there as they are declared, and are not known as applied: they will be."""
    holders: Callable[[str, str], Collection[str]] = lambda store, role: ()
    """(store, key of a role): who has it there, by what was last applied and by what is live (ids)."""
    roles_before: Callable[[], Sequence[tuple[str, RolePermissionData]]] = lambda: ()
    """Roles that asked for approvals when everything was applied last: name, and the spec as it was written
    (templates and overlays apart)."""
    ever: Callable[[str, str], bool] = lambda store, type: False
    """(store, type): whether such a resource was ever applied there."""
    gave: Callable[[], bool] = lambda: False
    """Whether any role or grant was ever applied."""
    written_with: Callable[[Where], str] = lambda address: ""
    """The commit with which a resource was written last; "" where it never was."""


class Context(NamedTuple):
    """What a rule may look at."""

    configuration: Configuration
    now: datetime
    shared: dict[str, Any]
    """What several rules need and one of them computed."""
    known: Known | None = None
    """None while only specs are looked at."""

    @property
    def today(self) -> str:
        """The present day in UTC, ISO text."""
        return self.now.date().isoformat()


Check = Callable[[Context], Iterator[Said]]
