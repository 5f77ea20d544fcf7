"""Whether two values mean the same, and where they differ. Comes in: canonical desired values and live ones.
Goes out: equality, field changes. Callers: diff, drift.

Live values are only brought into canonical form when they look different: in a catalogue nearly all are
equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from acorn_gitops.confine.text import safe
from acorn_gitops.model.language import canonical_tag
from acorn_gitops.model.money import BOUNDS, NUMBERS, MoneyError, canonical, one_spelling
from acorn_gitops.model.resource import Attributes, Live, is_money
from acorn_gitops.resources.registry import KEYED, SETS


def normal(value: object, name: str = "") -> object:
    """A live value in canonical form: money in one spelling, sets sorted, empty blocks as absent."""
    if isinstance(value, dict):
        if is_money(value):
            try:
                return {
                    "currency": value["currency"],
                    "value": canonical(str(value["value"]), str(value["currency"])),
                }
            except MoneyError:
                return value
        numbers = NUMBERS | BOUNDS if "currency" in value else NUMBERS
        out = {
            k: one_spelling(v, "percent") if k in numbers else normal(v, k)
            for k, v in value.items()
            if v is not None
        }
        return out or None
    if isinstance(value, list) and name == "languages":
        return sorted({canonical_tag(tag) if isinstance(tag, str) else repr(tag) for tag in value})
    if isinstance(value, list):
        items = [normal(item) for item in value]
        return sorted(items, key=repr) if name in SETS else items
    return value


def same(desired: object, live: object, name: str) -> bool:
    """Whether a live value is what was declared."""
    return bool(desired == live or normal(desired, name) == normal(live, name))


def holds(attributes: Attributes, live: Live | None) -> bool:
    """Whether a live resource is there and has all of these attributes."""
    return live is not None and all(
        same(value, live.attributes.get(name), name) for name, value in attributes.items()
    )


def is_just(attributes: Attributes, live: Live) -> bool:
    """Whether a live resource has all of these attributes, and nothing else."""
    said = {name for name, value in attributes.items() if value is not None}
    return holds(attributes, live) and live.attributes.keys() <= said


def may_be_from(type: str, sent: Attributes, live: Live, owner: str | None) -> bool:
    """Whether what is there may be what a creation made whose end nobody wrote down, and not what somebody
    else made under the same name. `owner`: as whose it would be marked; None where a marketplace marks
    nothing: then a promotion, a role or a grant that says more than was sent is theirs. Of a listing
    marketplaces show more than they were told."""
    if owner is not None:
        return live.owner == owner
    return type not in CHOSEN or is_just(sent, live)


CHOSEN: Final = frozenset({"promotion", "role", "grant"})
"""Types of which anybody makes one under any name."""


def inside_band(name: str, value: Any, band: Mapping[str, Any], whole: Attributes) -> bool:
    """Whether a ceded value is within its owner's range. A price is ceded within the bounds of its listing
    (`whole`) only, whatever the range says. Anything unreadable is outside."""
    try:
        amount = Decimal(str(value["value"] if is_money(value) else value))
        if not Decimal(band["min"]) <= amount <= Decimal(band["max"]):
            return False
        if name != "price":
            return True
        low = [bound for part in ("minPrice", "mapPrice") if (bound := whole.get(part)) is not None]
        high = [bound for part in ("maxPrice",) if (bound := whole.get(part)) is not None]
        return all(Decimal(bound["value"]) <= amount for bound in low) and all(
            amount <= Decimal(bound["value"]) for bound in high
        )
    except (InvalidOperation, TypeError, KeyError):
        return False


def field_differences(name: str, before: object, after: object) -> Iterator[tuple[str, object, object]]:
    """(path, before, after) of what differs in one attribute. Money and plain values are one thing;
    inside blocks deepdiff finds the places."""
    before, after = normal(before, name), normal(after, name)
    if (
        not (isinstance(before, dict | list) and isinstance(after, dict | list))
        or is_money(before)
        or is_money(after)
    ):
        yield name, before, after
        return
    if name in SETS and all(isinstance(v, str) for v in (*before, *after)):
        yield name, before, after
        return
    old, new = _by_key(name, before), _by_key(name, after)
    if old is not None and new is not None:
        yield from _of_blocks(name, old, new)
        return
    from deepdiff import DeepDiff  # here: 270 ms, and only blocks that differ need it

    found = DeepDiff(before, after, view="tree", ignore_order=False, threshold_to_diff_deeper=0)
    rows: dict[str, tuple[object, object]] = {}
    for levels in found.values():
        for level in levels:
            if is_money(getattr(level.up, "t1", None)) and is_money(getattr(level.up, "t2", None)):
                level = level.up  # an amount is one thing
            path = "".join(
                f"[{step}]" if isinstance(step, int) else f".{safe(str(step))}"
                for step in level.path(output_format="list")
            )
            rows[name + path] = (_present(level.t1), _present(level.t2))
    for path in sorted(rows):
        yield path, *rows[path]


def _by_key(name: str, blocks: object) -> dict[int | str, dict[str, Any]] | None:
    """A list of blocks by the part that tells one from another; None where it is no such list."""
    part = KEYED.get(name)
    if part is None or not isinstance(blocks, list) or not all(isinstance(b, dict) for b in blocks):
        return None
    found: dict[int | str, dict[str, Any]] = {}
    for block in blocks:
        key = block.get(part)
        found[key if isinstance(key, int) else str(key)] = block
    return found if len(found) == len(blocks) else None


_NO_BLOCK: Final[Mapping[str, Any]] = {}


def _of_blocks(
    name: str, before: Mapping[int | str, Mapping[str, Any]], after: Mapping[int | str, Mapping[str, Any]]
) -> Iterator[tuple[str, object, object]]:
    """What differs, block by block: what stands in the brackets is the part that tells one from another."""
    every: set[int | str] = {*before, *after}
    ordered: list[int | str] = [*sorted(key for key in every if isinstance(key, int))]
    ordered += sorted(key for key in every if isinstance(key, str))
    for key in ordered:
        old, new = before.get(key) or _NO_BLOCK, after.get(key) or _NO_BLOCK
        for part in sorted({*old, *new} - {KEYED[name]}):
            if old.get(part) != new.get(part):
                yield f"{name}[{safe(str(key))}].{safe(str(part))}", old.get(part), new.get(part)


def _present(value: object) -> object:
    return None if type(value).__name__ == "NotPresent" else value
