"""How much one plan may do. Comes in: changes of a store, what is managed there, budgets of the project. Goes
out: findings for what is over budget. Caller: cli, for plans and before every apply.

Each store is judged by itself: ten deletions are a day's work in a catalogue of thousands and the end of a
shop that lists twelve things. A plan over budget is shown in full; only apply is refused, and the way past is
a waiver in git.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from acorn_gitops.model.finding import Finding
from acorn_gitops.model.resource import Attributes, attribute_of, is_money
from acorn_gitops.plan.change import Action, Change
from acorn_gitops.plan.ownership import belongs_to
from acorn_gitops.resources.buyers import ASKED, Buyer, as_seen, buyers_of

if TYPE_CHECKING:
    from acorn_gitops.model.typed import AllowanceData, BudgetData

GUARDS: Final[dict[str, tuple[str, str]]] = {
    "BUD-001": (
        "More changes than the budget allows",
        "A slip in a selector or a table reaches every row at once.",
    ),
    "BUD-003": (
        "All prices of a store move further than the budget allows",
        "Each change is small, and together they are a sale that nobody decided.",
    ),
    "BUD-004": (
        "More permissions go than the budget allows",
        "An emptied selector locks everybody out in the middle of the season.",
    ),
    "BUD-002": (
        "A price moves further than the budget allows",
        "A lost digit is a price, too, and is sold at within minutes.",
    ),
    "BUD-005": (
        "More is taken off sale than the budget allows",
        "A shop can be emptied without a single deletion.",
    ),
    "BUD-006": (
        "A plan reaches a whole store, and no budget speaks of what it does",
        "Many prices that halve or double at once, or most of a shop that goes off sale, are a slip more often than a wish.",
    ),
}
"""Ids, what they say, and why."""
_Part = Literal["creates", "updates", "deletes", "changes"]
_COUNTED: Final[dict[_Part, tuple[Action, ...]]] = {
    "creates": ("create",),
    "updates": ("update", "replace"),
    "deletes": ("delete", "replace"),
    "changes": ("create", "update", "replace", "delete"),
}


BUILT_IN: Final = "built-in"
"""The name of the budget that holds where none is written."""
MANY: Final = 5
"""From so many listings on it is judged."""
MANY_UNITS: Final = 1_000
"""From so many pieces on that are kept back, ten times as many as before count as all."""
HALVED: Final = Decimal(50)
DOUBLED: Final = Decimal(100)


class Cut(NamedTuple):
    """What buyers pay for a listing at least, before and after the promotions and prices that a plan
    changes."""

    address: str
    currency: str
    before: Decimal
    after: Decimal
    new: bool = False
    """The listing comes with this plan: nobody has paid its price yet."""


def built_in(
    store: str,
    changes: Sequence[Change],
    managed: Mapping[str, int],
    cuts: Sequence[Cut] = (),
    *,
    prices: bool = True,
    off_sale: bool = True,
) -> Iterator[Finding]:
    """Where no budget of the project speaks of it: many prices of a store that halve or double at once, by
    themselves or by promotions (`prices`), and most of its listings going off sale (`off_sale`). `budgets:
    {}` says that none is wanted."""
    moves: dict[str, list[tuple[Decimal, Decimal]]] = {}
    for move in judged_moves(changes, managed.get("listing", 0)) if prices else ():
        moves.setdefault(str(move.change.address), []).append((Decimal(move.old), Decimal(move.new)))
    for cut in cuts if prices else ():
        moves.setdefault(cut.address, []).append((cut.before, cut.after))
    far = [address for address, some in moves.items() if any(map(_is_far, some))]
    if len(far) >= MANY and len(far) * 10 >= managed.get("listing", 0):
        yield Finding(
            "BUD-006",
            "warning",
            f"{store}: {len(far):,} prices halve or double at once, and no budget says that they may",
            place=None,
            hint=_WRITE_ONE,
            source="",
            subject=f"{store}/budget/{BUILT_IN}",
        )
    if not off_sale:
        return
    off = sum(map(_off_sale, changes))
    if off >= MANY and off * 2 > managed.get("listing", 0):
        yield Finding(
            "BUD-006",
            "warning",
            f"{store}: {off:,} of {managed.get('listing', 0):,} listings go off sale, and no budget says that they may",
            place=None,
            hint=_WRITE_ONE,
            source="",
            subject=f"{store}/budget/{BUILT_IN}",
        )


def _is_far(move: tuple[Decimal, Decimal]) -> bool:
    old, new = move
    return (old - new) * 100 >= old * HALVED or (new - old) * 100 >= old * DOUBLED


_WRITE_ONE: Final = (
    "write `policies.budgets` in acorn.yaml, or agree on a waiver; until then apply refuses the plan"
)


def _off_sale(change: Change) -> bool:
    """Whether a listing is no longer sold afterwards."""
    if change.address.type != "listing":
        return False
    before, after = change.before or {}, change.after or {}
    if change.action == "delete":
        return before.get("status") != "inactive"
    if change.action not in ("update", "replace"):
        return False
    if after.get("status") == "inactive" and before.get("status") != "inactive":
        return True
    return (_is_given_nothing(after) and not _is_given_nothing(before)) or _keeps_far_more(before, after)


def _is_given_nothing(listing: Attributes) -> bool:
    """Whether a division of stock leaves a listing none: all is kept back, none may be given, or those are
    named that share it, and this one is not."""
    said = listing.get("allocation") or {}
    percent = (said.get("buffer") or {}).get("percent")
    try:
        kept = percent is not None and Decimal(str(percent)) >= 100
    except ArithmeticError:
        kept = False
    return kept or said.get("cap") == 0 or (said.get("mode") == "weighted" and said.get("weight") == 0)


def _keeps_far_more(before: Attributes, after: Attributes) -> bool:
    """Whether so many more pieces are kept back that a slip is likelier than so large a stock."""
    old, new = (
        ((listing.get("allocation") or {}).get("buffer") or {}).get("units") or 0
        for listing in (before, after)
    )
    return bool(new >= MANY_UNITS and new >= 10 * old)


def _put_back(change: Change) -> bool:
    """Whether only somebody else's hand is undone: the price was reviewed when it was applied. What is taken
    over from others is theirs until then."""
    asked = [field for field in change.fields if attribute_of(field.path) in ASKED]
    return not belongs_to(change) and bool(asked) and all(field.reason == "drifted" for field in asked)


class Move(NamedTuple):
    """What a listing costs for a buyer, before and after: amounts as decimal text."""

    change: Change
    buyer: Buyer
    currency: str
    old: str
    new: str


def judged_moves(changes: Sequence[Change], listings: int) -> Iterator[Move]:
    """The prices that a budget is about: all that move, but for a few that are only put back. Many that were
    changed outside at once are no slip of somebody's hand; rather these specs are old."""
    repaired = sum(map(_put_back, changes))
    mass = repaired >= MANY and repaired * 10 >= listings
    for move in _moves(changes):
        if mass or not _put_back(move.change):
            yield move


def _moves(changes: Sequence[Change]) -> Iterator[Move]:
    """Prices that move: of a listing, or from one that goes to one that comes for the same SKU or item."""
    gone: dict[tuple[str, str], Attributes] = {}
    for change in changes:
        if change.address.type == "listing" and change.action == "delete" and change.before:
            for name in ("sku", "asin", "gtin"):
                if change.before.get(name):
                    gone[name, str(change.before[name])] = change.before
    for change in changes:
        before = change.before if not {*ASKED}.isdisjoint(change.touched) else None
        if change.address.type != "listing" or not change.after:
            continue
        if change.action == "create":
            after = change.after
            before = next(
                (
                    gone[name, str(after[name])]
                    for name in ("sku", "asin", "gtin")
                    if (name, str(after.get(name))) in gone
                ),
                None,
            )
        for buyer in buyers_of(before, change.after) if before is not None else ():
            yield from _move(change, before or {}, change.after, buyer)


def _move(change: Change, before: Attributes, after: Attributes, buyer: Buyer) -> Iterator[Move]:
    old, new = as_seen(before, buyer).get("price"), as_seen(after, buyer).get("price")
    if old is None or new is None or old == new or not (is_money(old) and is_money(new)):
        return
    if old["currency"] == new["currency"]:
        yield Move(change, buyer, new["currency"], old=old["value"], new=new["value"])


def over_budget(
    store: str,
    changes: Sequence[Change],
    managed: Mapping[str, int],
    budgets: Mapping[str, BudgetData],
    cuts: Sequence[Cut] = (),
) -> Iterator[Finding]:
    """What of a store's changes is over which budget. `managed`: resources by type that acorn manages there,
    before; `cuts`: what buyers will pay less because of its promotions."""
    here: dict[str, BudgetData] = {}
    for name in sorted(budgets):
        budget = budgets[name]
        patterns = budget.get("stores")
        if patterns is not None and not any(fnmatchcase(store, pattern) for pattern in patterns):
            continue
        here[name] = budget
        types = budget.get("types")
        chosen = [c for c in changes if c.writes and (types is None or c.address.type in types)]
        have = sum(count for type_, count in managed.items() if types is None or type_ in types)
        yield from _counts(store, name, budget, changes=chosen, have=have)
        # What buyers pay, and what they can buy, is one thing whichever type a budget names.
        money = [c for c in changes if c.writes] if _prices_in(budget) else chosen
        yield from _sold(store, name, budget, changes=money, have=managed.get("listing", 0))
        yield from _sum(
            store,
            name,
            budget,
            changes=money,
            listings=managed.get("listing", 0),
            cuts=cuts if _prices_in(budget) else (),
        )
        yield from _permissions(store, name, budget, changes=chosen)
    speaks = {part for budget in here.values() if _prices_in(budget) for part in budget}
    yield from built_in(
        store,
        changes,
        managed,
        cuts=cuts,
        prices=not {"priceDrop", "priceSum"} & speaks,
        off_sale="offSale" not in speaks,
    )
    # A price is told once, by the budget that allows least: a waiver is for a price, whoever forbids it.
    writes = [change for change in changes if change.writes]
    deep = [*_promoted(_tightest(here, "listing", "promotion"), cuts)]
    yield from deep
    told = {finding.subject for finding in deep}
    for finding in _prices(_tightest(here, "listing", "promotion"), writes, managed.get("listing", 0)):
        if finding.subject not in told:
            yield finding


class _Tightest(NamedTuple):
    """Of several budgets, what allows least: percent and the budget's name; None where none says anything."""

    drop: tuple[Decimal, str] | None
    rise: tuple[Decimal, str] | None


def _prices_in(budget: BudgetData) -> bool:
    """Whether a budget is about prices: what buyers pay is one thing, by a list price or by a promotion."""
    types = budget.get("types")
    return types is None or "listing" in types or "promotion" in types


def _tightest(budgets: Mapping[str, BudgetData], *types: str) -> _Tightest:
    found: dict[str, tuple[Decimal, str] | None] = {}
    for part in ("priceDrop", "priceRise"):
        said = [
            (Decimal(budget[part]), name)
            for name, budget in budgets.items()
            if budget.get(part) is not None
            and (budget.get("types") is None or not {*types}.isdisjoint(budget["types"]))
        ]
        found[part] = min(said, default=None)
    return _Tightest(found["priceDrop"], found["priceRise"])


def _counts(
    store: str, name: str, budget: BudgetData, changes: Sequence[Change], have: int
) -> Iterator[Finding]:
    actions = Counter(change.action for change in changes)
    for part, counted in _COUNTED.items():
        allowance = budget.get(part)
        if not allowance:
            continue
        number = sum(actions[action] for action in counted)
        most, why = _most(allowance, have)
        if most is not None and number > most:
            yield Finding(
                "BUD-001",
                "warning",
                f"{store}: {number:,} {part}, and the budget {name} allows {most:,}{why}",
                place=None,
                hint=_HINT,
                source="",
                subject=f"{store}/budget/{name}",
            )


def _sold(
    store: str, name: str, budget: BudgetData, changes: Sequence[Change], have: int
) -> Iterator[Finding]:
    allowance = budget.get("offSale")
    if not allowance:
        return
    number = sum(map(_off_sale, changes))
    most, why = _most(allowance, have)
    if most is not None and number > most:
        yield Finding(
            "BUD-005",
            "warning",
            f"{store}: {number:,} listing{'s go' if number != 1 else ' goes'} off sale, and the budget {name} allows {most:,}{why}",
            place=None,
            hint=_HINT,
            source="",
            subject=f"{store}/budget/{name}",
        )


def _most(allowance: AllowanceData, have: int) -> tuple[int | None, str]:
    """The smaller of a count and a part; a part of a small store may be none at all."""
    found: list[tuple[int, str]] = []
    if allowance.get("count") is not None:
        found.append((int(allowance["count"]), ""))
    if allowance.get("percent") is not None:
        part = Decimal(have) * Decimal(allowance["percent"]) / 100
        found.append((int(part.to_integral_value(ROUND_FLOOR)), f" ({allowance['percent']} % of {have:,})"))
    return min(found, default=(None, ""), key=lambda f: f[0] if f[0] is not None else 0)


def _prices(most: _Tightest, changes: Sequence[Change], listings: int) -> Iterator[Finding]:
    if most.drop is None and most.rise is None:
        return
    for change, buyer, currency, old, new in judged_moves(changes, listings):
        before, after = Decimal(old), Decimal(new)
        # Compared exactly: the percentage that is shown is rounded.
        if most.drop is not None and after < before and (before - after) * 100 > before * most.drop[0]:
            what, (allowed, name) = "falls", most.drop
        elif most.rise is not None and after > before and (after - before) * 100 > before * most.rise[0]:
            what, (allowed, name) = "rises", most.rise
        else:
            continue
        percent = f"by {_exact(abs((after - before) * 100 / before))} %" if before else "from nothing"
        yield Finding(
            "BUD-002",
            "warning",
            f"{change.address} {what} from {old} to {new} {currency}{buyer.words}, {percent}; the budget {name} allows {allowed} %",
            place=None,
            hint=_HINT,
            source="",
            subject=str(change.address),
        )


def _promoted(most: _Tightest, cuts: Sequence[Cut]) -> Iterator[Finding]:
    if most.drop is None:
        return
    allowed, name = most.drop
    for cut in cuts:
        if (cut.before - cut.after) * 100 > cut.before * allowed:
            percent = _exact((cut.before - cut.after) * 100 / cut.before)
            yield Finding(
                "BUD-002",
                "warning",
                f"{cut.address} falls from {cut.before} to {cut.after} {cut.currency} with promotions, by {percent} %; the budget {name}"
                f" allows {allowed} %",
                place=None,
                hint=_HINT,
                source="",
                subject=cut.address,
            )


def _exact(percent: Decimal) -> Decimal:
    """With one decimal; with two where one would hide what is over."""
    one, two = percent.quantize(Decimal("0.1")), percent.quantize(Decimal("0.01"))
    return one if one == percent or one > percent else two


def _sum(
    store: str,
    name: str,
    budget: BudgetData,
    changes: Sequence[Change],
    listings: int,
    cuts: Sequence[Cut],
) -> Iterator[Finding]:
    most = budget.get("priceSum")
    if most is None:
        return
    moved: dict[str, tuple[str, Decimal, Decimal]] = {}
    every = [(cut.address, (cut.currency, cut.before, cut.after)) for cut in cuts if not cut.new]
    for move in judged_moves(changes, listings):
        every.append((str(move.change.address), (move.currency, Decimal(move.old), Decimal(move.new))))
    for address, one in every:
        other = moved.get(address)
        if other is None or _part(one) < _part(other):
            moved[address] = one  # a small cut at one time hides no price that falls at all others
    sums: dict[str, list[Decimal]] = {}
    for currency, old, new in moved.values():
        before, after = sums.setdefault(currency, [Decimal(0), Decimal(0)])
        sums[currency] = [before + old, after + new]
    for currency, (before, after) in sorted(sums.items()):
        if abs(after - before) * 100 > before * Decimal(most):
            percent = f"{(after - before) * 100 / before:+.1f} %" if before else "from nothing"
            yield Finding(
                "BUD-003",
                "warning",
                f"{store}: prices move from {before} to {after} {currency} in sum, {percent}; the budget {name} allows {most} %",
                place=None,
                hint=_HINT,
                source="",
                subject=f"{store}/budget/{name}",
            )


def _part(move: tuple[str, Decimal, Decimal]) -> Decimal:
    """What is left of an amount, as a part of it."""
    return move[2] / move[1] if move[1] else Decimal(1)


def _permissions(store: str, name: str, budget: BudgetData, changes: Sequence[Change]) -> Iterator[Finding]:
    most = budget.get("permissionsRemoved")
    if most is None:
        return
    gone = sum(map(_taken, changes))
    if gone > most:
        yield Finding(
            "BUD-004",
            "warning",
            f"{store}: {gone:,} permission{'s' * (gone != 1)} would go, and the budget {name} allows {most:,}",
            place=None,
            hint=_HINT,
            source="",
            subject=f"{store}/budget/{name}",
        )


def _taken(change: Change) -> int:
    """Grants that end, and rights (resource and verb) that a role loses: at once, or by an end that comes
    nearer or a beginning that is put off."""
    if change.address.type == "grant":
        return int(change.action == "delete")
    if change.address.type != "role":
        return 0
    before, after = change.before or {}, change.after or {}
    if change.action == "delete" or _shorter(before, after):
        return len(_rights(before))
    return len(_rights(before) - _rights(after))


def _shorter(before: Attributes, after: Attributes) -> bool:
    """Days of `YYYY-MM-DD` compare as text; none is never, or always."""
    if not before:
        return False
    until, since = after.get("validUntil"), after.get("validFrom")
    ended = until is not None and until < (before.get("validUntil") or "9999-12-31")
    return ended or (since is not None and since > (before.get("validFrom") or ""))


def _rights(role: Attributes | None) -> set[tuple[str, str]]:
    return {
        (r, v) for rule in (role or {}).get("rules") or () for r in rule["resources"] for v in rule["verbs"]
    }


_HINT = "make it in smaller steps, or agree on a waiver in acorn.yaml; until then apply refuses the plan"
