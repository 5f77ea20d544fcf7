"""What a marketplace cannot hold of the wishes, gathered to be told once. Comes in: one thing at a time. Goes
out: findings. Callers: the `fit` modules of adapters.

What only describes and is left out is a warning for each type (ACN-030). What would mean something else there
is refused by name (ACN-031), and whatever is live there is left alone.
"""

from __future__ import annotations

from acorn_gitops.model.finding import Finding, Place
from acorn_gitops.model.resource import Address, Desired


class Impossible(Exception):
    """It would mean something else there."""


class LeftOut:
    """For one run of one connection. `marketplace` is its name in sentences, `page` where the docs have the
    table of what it holds."""

    def __init__(self, marketplace: str, page: str) -> None:
        self._marketplace, self._page = marketplace, page
        self.lost: dict[tuple[str, str], list[Desired]] = {}
        self.refused: list[Finding] = []
        self.withheld: set[Address] = set()

    def lose(self, type: str, name: str, want: Desired) -> None:
        """Something of a wish that is left out."""
        self.lost.setdefault((type, name), []).append(want)

    def refuse(self, address: Address, want: Desired, why: str) -> None:
        """A wish that must not be."""
        self.withheld.add(address)
        place = Place(want.origin.file, want.origin.line) if want.origin.line else Place(want.origin.file)
        hint = "select other stores for it, say it otherwise in an overlay, or do it by hand there"
        self.refused.append(
            Finding(
                "ACN-031",
                "error",
                f"{address}: {why}",
                place=place,
                hint=hint,
                source="",
                subject=str(address),
            )
        )

    def findings(self) -> list[Finding]:
        """All of it, in order."""
        by_type: dict[str, dict[str, list[Desired]]] = {}
        for (type_, name), wants in sorted(self.lost.items()):
            by_type.setdefault(type_, {})[name] = wants
        told = []
        for type_, names in by_type.items():
            first = min(
                (want.origin for wants in names.values() for want in wants), key=lambda o: (o.file, o.line)
            )
            count = max(map(len, names.values()))
            told.append(
                Finding(
                    "ACN-030",
                    "warning",
                    f"{self._marketplace} cannot hold {', '.join(names)} of {_counted(type_, count)}: said in the specs, not sent, not"
                    " compared",
                    place=Place(first.file, first.line),
                    hint=f"{self._page} has the table of what is held",
                )
            )
        return [*told, *sorted(self.refused, key=Finding.sort_key)]


def _counted(type: str, count: int) -> str:
    word = {"stock": "stock row", "tax-rule": "tax rule"}.get(type, type)
    return f"{count:,} {word}{'s' * (count != 1)}"
