"""The values of planning. Comes in: nothing. Goes out: `Change`, `FieldChange`, `StoreResult`. Callers:
diff, document, apply, report.

Closed unions: an action or reason added here makes the type checker stop wherever it must be thought about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, NamedTuple

from acorn_gitops.model.resource import Address, Attributes, Origin, attribute_of, is_money
from acorn_gitops.resources.buyers import as_seen, buyers_of
from acorn_gitops.resources.registry import LAST_WAVE, TYPES

Action = Literal["create", "update", "replace", "delete", "adopt", "forget", "manual"]
Reason = Literal[
    "declared",  # new in the specs
    "edited",  # the spec was edited since it was last applied
    "drifted",  # the marketplace was changed from outside
    "edited+drifted",  # both, in different directions
    "missing",  # it was applied, and somebody deleted it
    "undeclared",  # it left the specs
    "renamed",  # movedFrom
    "exists",  # it was there before acorn
    "gone",  # it left the specs and the marketplace
    "first",  # never applied from here: nothing is known of who changed what
]

SYMBOLS: Final[dict[str, str]] = {
    "create": "+",
    "update": "~",
    "replace": "-/+",
    "delete": "-",
    "adopt": "=",
    "forget": "x",
    "manual": "?",
}


LEAVING: Final = -1
"""The wave of people who leave a role: before it changes, so that nobody is given what they are to lose."""
FALLING: Final = LAST_WAVE + 1
"""The wave of prices that fall: after the promotions."""


class Applied:
    """What the ledger remembers of a resource: digest and content of what was last declared and written. The
    content is fetched when it is asked for: of nearly all resources only the digest is compared."""

    __slots__ = ("_content", "digest", "found", "protected")

    def __init__(
        self,
        digest: str,
        content: bytes | Callable[[], bytes],
        *,
        protected: bool = False,
        found: bool = False,
    ) -> None:
        self.digest = digest
        self.protected = protected
        """Its spec said preventDestroy: that still holds when the spec is gone."""
        self.found = found
        """It was there as declared, on a marketplace that keeps no owners, and nobody took it over by a
        word."""
        self._content = content

    @property
    def attributes(self) -> bytes:
        """The attributes as JSON text."""
        return self._content if isinstance(self._content, bytes) else self._content()


class FieldChange(NamedTuple):
    """One attribute: `path` is the attribute or a place inside it; None is absent."""

    path: str
    before: Any
    after: Any
    reason: Reason


class Step(NamedTuple):
    """One thing to do at one address; a replacement takes two."""

    address: Address
    operation: str


class Change(NamedTuple):
    """One address: what to do, why, where it was declared, and the live fingerprint it presumes."""

    action: Action
    address: Address
    reason: Reason
    before: Attributes | None
    after: Attributes | None
    fields: tuple[FieldChange, ...]
    origin: Origin | None
    fingerprint: str
    moved_from: str | None = None

    @property
    def writes(self) -> bool:
        """Whether it sends anything to the marketplace."""
        return self.action in ("create", "update", "replace", "delete")

    @property
    def touched(self) -> set[str]:
        """The attributes in which something differs."""
        return {attribute_of(field.path) for field in self.fields}

    @property
    def former(self) -> Address:
        """The address of what is there before it."""
        return self.address if self.moved_from is None else self.address._replace(key=self.moved_from)

    @property
    def stage(self) -> tuple[int, int]:
        """When it is carried out: what others stand on first, and taken away last. Promotions stand between
        prices that rise and prices that fall, so that no moment of a run sells for less than its beginning or
        its end."""
        wave = TYPES[self.address.type].wave
        if self.action == "delete" and self.address.type == "grant":
            return 0, LEAVING
        if self.action in ("delete", "forget") and self.address.type != "promotion":
            return 1, -wave
        return 0, FALLING if self._lowers_price() else wave

    def _lowers_price(self) -> bool:
        if self.address.type != "listing" or self.action != "update" or self.moved_from is not None:
            return False  # what is renamed goes first: others name it by its new key
        before, after = self.before or {}, self.after or {}
        return any(
            _is_lower(as_seen(before, buyer).get("price"), as_seen(after, buyer).get("price"))
            for buyer in buyers_of(before, after)
        )

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is done, in the order in which it must be. A rename creates first, so that what refers to the
        former can follow, and nothing is lost when the creation is refused."""
        if self.action != "replace":
            return (Step(self.address, self.action),)
        delete, create = Step(self.former, "delete"), Step(self.address, "create")
        # Nothing refers to a promotion, and two of them at once would take the discount off twice.
        return (
            (delete, create)
            if self.moved_from is None or self.address.type == "promotion"
            else (create, delete)
        )


def _is_lower(before: object, after: object) -> bool:
    """Whether a price falls, or may: in another currency, or where it is no number, nobody can tell."""
    if not (isinstance(before, dict) and isinstance(after, dict)) or not (
        is_money(before) and is_money(after)
    ):
        return False
    try:
        return before["currency"] != after["currency"] or Decimal(after["value"]) < Decimal(before["value"])
    except InvalidOperation:
        return True


def products_of(changes: Iterable[Change], store: str = "") -> dict[str, str]:
    """Of listings that are made (in one store, or of all that are given), by SKU the product that they
    offer."""
    found = {}
    for change in changes:
        after = change.after or {}
        if change.address.type == "listing" and after.get("asin") and store in ("", change.address.store):
            found[str(after.get("sku") or change.address.key)] = str(after["asin"])
    return found


@dataclass(slots=True)
class StoreResult:
    """One store compared."""

    store: str
    connection: str
    in_sync: int = 0
    ceded: int = 0
    live: int = 0
    changes: list[Change] = field(default_factory=list)
    unmanaged: list[Address] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    to_record: list[Address] = field(default_factory=list)
    """In sync, but the ledger does not know it in these words yet."""
    error: str = ""
    marketplace: str = ""
    """What the connection reaches, for people: adapter and address, without credentials."""
    binding: str = ""
    """A digest of all that decides which marketplace that is: a saved plan is for this one and no other."""
    theirs: dict[str, list[Address]] = field(default_factory=dict)
    """By owner, what is as declared and managed by somebody else."""
