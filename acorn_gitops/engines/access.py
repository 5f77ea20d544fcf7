"""Who may do what, where, on a day. Comes in: a configuration, a date. Goes out: effective rights, and for
each decision the roles that give it and why the others do not. Callers: rules, cli `access` and `apply`.

Allow-only: effective rights are the union of all roles that hold; nothing takes away, so that no order
matters. A wildcard means every resource or verb that there is. A person has what is granted to them and,
where their groups are told, what is granted to those: acorn knows no memberships of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from acorn_gitops.model.resource import Attributes, attribute_of
from acorn_gitops.model.selectors import select
from acorn_gitops.resources.registry import TYPES
from acorn_gitops.specs.configuration import Configuration, Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import ConstraintsData, RolePermissionData, RuleData

RESOURCES: Final = (
    "listing",
    "inventory",
    "price",
    "ad",
    "content",
    "promo",
    "order",
    "refund",
    "report.sales",
    "report.finance",
    "report.tax",
    "performance",
    "app",
    "store",
    "tax",
    "shipping",
    "payout",
    "iam",
)
"""Every resource; a test holds them and the model together."""
VERBS: Final = ("read", "plan", "write", "approve", "apply", "delete", "export", "grant")


MOST_GRANTS: Final = 500_000
"""Subjects times stores, of all roles: more is a slip, or an attack."""


def grants_of(configuration: Configuration) -> int:
    """How many grants the roles make."""
    access = Access(configuration, "")
    return sum(
        len(role.spec["subjects"]) * len(access.stores_of(role)) for role in configuration.roles.values()
    )


class Subject(NamedTuple):
    """A person, a group or an application."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


class Right(NamedTuple):
    """What may be done: price.write."""

    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.resource}.{self.verb}"


class Source(NamedTuple):
    """A role that gives a right, to whom, and within which limits."""

    role: Spec[RolePermissionData]
    subject: Subject
    constraints: ConstraintsData


class Decision(NamedTuple):
    """Whether a right is given. `lost`: roles that come near, and what is missing."""

    allowed: bool
    sources: tuple[Source, ...]
    lost: tuple[tuple[str, str], ...]


@dataclass
class Access:
    """All roles of a configuration on a day (ISO text)."""

    configuration: Configuration
    today: str
    _stores: dict[str, frozenset[str]] = field(default_factory=dict)
    _effective: dict[tuple[tuple[str, Subject], ...], dict[Right, list[Source]]] = field(default_factory=dict)
    """By roles that hold for somebody, the rights that they give together: the same in many stores."""
    _held: dict[tuple[str, ...], frozenset[Right]] = field(default_factory=dict)

    def stores_of(self, role: Spec[RolePermissionData]) -> frozenset[str]:
        """The stores that a role is for."""
        if role.name not in self._stores:
            candidates = ((s.name, s.labels) for s in self.configuration.stores.values())
            self._stores[role.name] = frozenset(select(role.spec["stores"], candidates))
        return self._stores[role.name]

    def subjects(self) -> list[Subject]:
        """Everybody whom any role names."""
        return sorted({s for role in self.configuration.roles.values() for s in subjects_of(role)})

    def rights(self, who: Iterable[Subject], store: str) -> dict[Right, list[Source]]:
        """Effective rights of somebody (and their groups) in a store."""
        grants = self.grants(who, store)
        memo = tuple((role.name, one) for role, one in grants)
        known = self._effective.get(memo)
        if known is None:
            known = self._effective[memo] = {}
            for role, one in grants:
                for right, constraints in self._rights[role.name]:
                    known.setdefault(right, []).append(Source(role, one, constraints))
        return {right: [*sources] for right, sources in known.items()}

    def held(self, who: Subject, store: str) -> frozenset[Right]:
        """Which rights somebody has in a store."""
        memo = tuple(role.name for role, _ in self.grants([who], store))
        if memo not in self._held:
            self._held[memo] = frozenset(right for name in memo for right, _ in self._rights[name])
        return self._held[memo]

    def grants(self, who: Iterable[Subject], store: str) -> list[tuple[Spec[RolePermissionData], Subject]]:
        """The roles that hold for somebody (and their groups) in a store, and through whom."""
        here = sorted(
            ((number, role, one) for one in set(who) for number, role in self._granted.get(one, ())),
            key=lambda found: (found[0], found[2]),
        )
        return [(role, one) for _, role, one in here if store in self.stores_of(role)]

    @cached_property
    def _granted(self) -> dict[Subject, list[tuple[int, Spec[RolePermissionData]]]]:
        """By subject, the roles that hold now, in the order of the specs."""
        found: dict[Subject, list[tuple[int, Spec[RolePermissionData]]]] = {}
        for number, role in enumerate(self.configuration.roles.values()):
            if not self._not_now(role):
                for one in subjects_of(role):
                    found.setdefault(one, []).append((number, role))
        return found

    @cached_property
    def _rights(self) -> dict[str, list[tuple[Right, ConstraintsData]]]:
        return {role.name: [*rights_of(role)] for role in self.configuration.roles.values()}

    def holders(self, store: str, right: Right) -> list[Subject]:
        """Who has a right in a store."""
        return [s for s in self._everybody if right in self.held(s, store)]

    @cached_property
    def _everybody(self) -> list[Subject]:
        return self.subjects()

    def decide(self, who: Sequence[Subject], store: str, right: Right) -> Decision:
        """One question, with all that bears on it."""
        sources = self.rights(who, store).get(right, [])
        lost: list[tuple[str, str]] = []
        for role in sorted(self.configuration.roles.values(), key=lambda r: r.name):
            if any(source.role is role for source in sources):
                continue
            mine = [s for s in subjects_of(role) if s in who]
            gives = any(have == right for have, _ in rights_of(role))
            if not mine and not gives:
                continue
            if not mine:
                why = f"is not granted to {who[0]}"
            elif self._not_now(role):
                why = self._not_now(role)
            elif store not in self.stores_of(role):
                why = f"is not for {store}"
            else:
                why = f"does not give {right}"
            lost.append((role.name, why))
        return Decision(bool(sources), tuple(sources), tuple(lost))

    def _not_now(self, role: Spec[RolePermissionData]) -> str:
        validity = role.spec.get("validity") or {}
        if validity.get("from") is not None and self.today < validity["from"]:
            return f"holds from {validity['from']}"
        if validity.get("until") is not None and self.today >= validity["until"]:
            return f"held until {validity['until']}"
        return ""


def subject(kind: str, id: str) -> Subject:
    """Somebody, by the one spelling of their name."""
    return Subject(kind, one_spelling(id))


def one_spelling(name: str) -> str:
    """An address or a name as it is compared: Ada@Example.com is ada@example.com, with its domain in either
    of its forms."""
    name = name.strip().lower()
    local, mark, domain = name.rpartition("@")
    if mark and ("xn--" in domain or domain.endswith(".") or not domain.isascii()):
        return f"{local}@{_one_form(domain)}"
    return name


def _one_form(domain: str) -> str:
    """A domain as people read it: without the dot of the root, and not in the ASCII form of its letters."""
    import idna

    plain = domain.removesuffix(".")
    try:
        return str(idna.decode(idna.encode(plain, uts46=True)))
    except UnicodeError:
        pass  # what was a name before 2008 may be none now, and still has two forms
    try:
        return plain.encode().decode("idna") if plain.isascii() else plain.encode("idna").decode("idna")
    except UnicodeError:
        return plain


def acting(actor: str) -> Subject:
    """Who acts, as `ACORN_ACTOR` or the forge says it: ada@example.com, user:ada@example.com, app:ci."""
    kind, colon, id = actor.partition(":")
    return subject(kind, id) if colon and kind in ("user", "app") else subject("user", actor)


def subjects_of(role: Spec[RolePermissionData]) -> list[Subject]:
    """Who a role is granted to; who has left has nothing."""
    return [subject(s["kind"], s["id"]) for s in role.spec["subjects"] if s.get("employment") != "left"]


def in_force(
    applied: Iterable[tuple[str, str, Attributes]], who: Iterable[Subject], today: str
) -> dict[Right, list[ConstraintsData]] | None:
    """Rights that somebody has by what was last applied to a store, (type, key, attributes), with the limits
    of each; None where no grant was ever applied there. Specs that are about to be applied give nobody a
    right yet."""
    roles: dict[str, Mapping[str, Any]] = {}
    grants: list[Attributes] = []
    for type_, key, attributes in applied:
        if type_ == "role":
            roles[key] = attributes
        elif type_ == "grant":
            grants.append(attributes)
    if not grants:
        return None
    wanted = set(who)
    found: dict[Right, list[ConstraintsData]] = {}
    for grant in grants:
        role = roles.get(grant["role"])
        one = subject(grant["subject"]["kind"], grant["subject"]["id"])
        if role is None or one not in wanted or grant.get("employment") == "left":
            continue
        if today < (role.get("validFrom") or "") or (role.get("validUntil") and today >= role["validUntil"]):
            continue
        for entry in role["rules"]:
            for right in _spelt_out(entry):
                found.setdefault(right, []).append(cast("ConstraintsData", entry.get("constraints") or {}))
    return found


def rights_of(role: Spec[RolePermissionData]) -> Iterator[tuple[Right, ConstraintsData]]:
    """Every right that a role gives, wildcards spelt out, with its limits."""
    for entry in role.spec["rules"]:
        said = entry.get("constraints") or {}
        constraints = cast("ConstraintsData", {k: v for k, v in said.items() if v is not None})
        for right in _spelt_out(entry):
            yield right, constraints


def rules_of(rules: Iterable[RuleData]) -> Iterator[Right]:
    """Every right that a role's `rules` give, as specs or a store hold them."""
    for entry in rules:
        yield from _spelt_out(entry)


def _spelt_out(entry: RuleData) -> Iterator[Right]:
    for resource in RESOURCES if "*" in entry["resources"] else entry["resources"]:
        for verb in VERBS if "*" in entry["verbs"] else entry["verbs"]:
            yield Right(resource, verb)


class Pair(NamedTuple):
    """Two rights that nobody should have together in one store. `*` is every resource, or verb."""

    one: Right
    other: Right
    severity: str
    why: str
    only: str = ""
    """The store type to which it is limited."""


TOXIC: Final = (
    Pair(Right("price", "write"), Right("price", "approve"), "error", why="who sets prices would approve their own"),
    Pair(Right("promo", "write"), Right("promo", "approve"), "error", why="who makes promotions would approve their own"),
    Pair(Right("tax", "write"), Right("tax", "approve"), "error", why="who writes tax rules would approve their own"),
    Pair(Right("payout", "write"), Right("refund", "write"), "error", why="money could be sent out twice, by one person"),
    Pair(Right("payout", "write"), Right("iam", "grant"), "error", why="a payout account could be made reachable for anybody"),
    Pair(Right("iam", "grant"), Right("*", "apply"), "error", why="who gives rights could give them to themselves, and use them"),
    Pair(Right("app", "write"), Right("*", "export"), "error", why="who holds an application's keys could carry out customers' data"),
    Pair(
        Right("inventory", "write"), Right("order", "write"), "info",
        why="who counts the stock could hand goods out and correct the count", only="physical",
    ),
)  # fmt: skip
"""Separation of duties, for one subject in one store."""


def toxic(rights: Mapping[Right, Sequence[Source]], store_type: str) -> Iterator[tuple[Pair, Right, Right]]:
    """The pairs that meet in somebody's rights, each once with an example of both."""
    for pair in TOXIC:
        if pair.only and pair.only != store_type:
            continue
        ones = sorted(r for r in rights if _meant(pair.one, r))
        others = sorted(r for r in rights if _meant(pair.other, r))
        if ones and others:
            yield pair, ones[0], others[0]


def _meant(pattern: Right, right: Right) -> bool:
    return pattern.verb == right.verb and pattern.resource in ("*", right.resource)


def needed(type: str, action: str, fields: Iterable[str]) -> set[Right]:
    """The rights that carrying out a change takes: `apply` on what it is about, and `delete` besides where
    something goes. `fields` are those that change, or all that a creation sets."""
    known = TYPES[type]
    gone = {Right(known.needs, "delete")} if action in ("delete", "replace") else set()
    parts = {known.needs} if action != "update" or not known.needs_by_field else set()
    if action != "delete":
        parts |= {known.needs_by_field.get(attribute_of(name), known.needs) for name in fields}
    return gone | {Right(part, "apply") for part in parts}
