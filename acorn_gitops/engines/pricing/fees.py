"""What a marketplace keeps of a sale. Comes in: recorded fees (`facts/fees.csv`), a day. Goes out: the fees
of one piece of a SKU in a store. Caller: `margin`.

Which fees hold depends on account, category and programme, and changes; so they are recorded, each with its
days and where it stands, and acorn brings none. A row for one SKU counts before one for a product type, and
that before one for the whole store, kind by kind. A percentage is of what the buyer pays, tax included; of it
and `minimum` the higher counts, and `amount` comes on top.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from acorn_gitops.engines.pricing.exchange import exchanged
from acorn_gitops.model.money import quantum
from acorn_gitops.specs.configuration import Configuration, Spec
from acorn_gitops.specs.facts import Row

if TYPE_CHECKING:
    from acorn_gitops.model.typed import SkuMappingData


class Part(NamedTuple):
    """A fee that depends on the price: a share of it, at least so much (minor units)."""

    share: Fraction
    minimum: Fraction


class Fees(NamedTuple):
    """What is kept of one piece: the fees that depend on its price, and the sum of all others (minor
    units)."""

    parts: tuple[Part, ...] = ()
    fixed: Fraction = Fraction(0)

    def of(self, price: int) -> Fraction:
        """Of a piece that is sold for `price` (minor units)."""
        return self.fixed + sum((max(price * p.share, p.minimum) for p in self.parts), Fraction(0))

    def bounds(self) -> Iterator[tuple[Fraction, Fraction]]:
        """(share, sum) of every combination of shares and minimums: a price leaves enough when it does under
        each of them."""
        choices = (
            ((p.share, Fraction(0)), (Fraction(0), p.minimum)) if p.minimum else ((p.share, Fraction(0)),)
            for p in self.parts
        )
        for chosen in product(*choices):
            share = sum((one[0] for one in chosen), Fraction(0))
            yield share, self.fixed + sum((one[1] for one in chosen), Fraction(0))


NOTHING = Fees()


class RecordedFees:
    """The fees of a configuration on a day (ISO text)."""

    def __init__(self, configuration: Configuration, today: str) -> None:
        self._configuration = configuration
        self._today = today
        self._known: dict[tuple[str, str, str, str], Fees | None] = {}

    @cached_property
    def _rows(self) -> Mapping[str, Mapping[str, list[Row]]]:
        """By store, then by kind."""
        found: dict[str, dict[str, list[Row]]] = {}
        for row in self._configuration.facts.rows("fees"):
            found.setdefault(row["store"], {}).setdefault(row["kind"], []).append(row)
        return found

    @property
    def any(self) -> bool:
        """Whether anybody recorded fees."""
        return bool(self._rows)

    def of(self, spec: Spec[SkuMappingData], store: str, currency: str) -> Fees | None:
        """What the store keeps of a piece of a SKU; nothing where no fees of it are recorded. None where a
        kind is recorded and no row holds today, or where it is in a currency of which no rate is known: a fee
        that was is no fee that is."""
        kinds = self._rows.get(store)
        if not kinds:
            return NOTHING
        key = (
            store,
            spec.spec["sku"],
            (spec.spec.get("attributes") or {}).get("productType") or "",
            currency,
        )
        if key not in self._known:
            self._known[key] = self._summed(kinds, *key[1:])
        return self._known[key]

    def _summed(self, kinds: Mapping[str, list[Row]], sku: str, sort: str, currency: str) -> Fees | None:
        parts: list[Part] = []
        fixed = Fraction(0)
        for rows in kinds.values():
            about = [
                row
                for row in rows
                if row.cells.get("sku") in (None, sku) and row.cells.get("productType") in (None, sort)
            ]
            if not about:
                continue
            today = [row for row in about if self._holds(row)]
            if not today:
                return None
            # The closest of those that hold today: what is announced, or over, hides nothing. Of equals the
            # last that was written.
            most = max(map(_closeness, today))
            row = [one for one in today if _closeness(one) == most][-1]
            rate = self._minor(row["currency"], currency)
            if rate is None:
                return None
            share = Fraction(row.cells.get("percent") or "0") / 100
            minimum = Fraction(row.cells.get("minimum") or "0") * rate
            if share or minimum:
                parts.append(Part(share, minimum))
            fixed += Fraction(row.cells.get("amount") or "0") * rate
        return Fees(tuple(parts), fixed)

    def _holds(self, row: Row) -> bool:
        return row["from"] <= self._today < (row.cells.get("to") or "9999")

    def _minor(self, source: str, target: str) -> Fraction | None:
        """Minor units of `target` for one unit of `source`."""
        rate = exchanged(self._configuration, Decimal(1), source, target=target)
        return None if rate is None else Fraction(rate) / Fraction(quantum(target))


def _closeness(row: Row) -> int:
    return 2 if "sku" in row.cells else 1 if "productType" in row.cells else 0
