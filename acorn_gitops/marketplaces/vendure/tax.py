"""Tax classes as tax categories, tax rules as tax rates. Comes in: jobs. Goes out: rows. Caller: adapter.

Both are the whole server's: every channel shows them, and one that two stores declare is made once. A rate is
for one zone and one category, so that a rule for seven countries and two classes is fourteen rates; they are
named `rule/country/class`, and read back together. A rate of another name is a rule of its own, for its
zone's countries.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Final

from acorn_gitops.confine.text import one_line
from acorn_gitops.marketplaces.by_looking import Job, Raw, RemoteStore, Row, Rows, Trouble, live, one_by_one
from acorn_gitops.marketplaces.vendure import operations as op
from acorn_gitops.marketplaces.vendure.channels import Places, slug
from acorn_gitops.marketplaces.vendure.client import Client
from acorn_gitops.model.finding import MarketplaceError
from acorn_gitops.model.resource import Attributes

MOST_PERCENT: Final = 1_000_000
_OURS: Final = re.compile(r"(?P<rule>.+)/(?P<country>[A-Z]{2})/(?P<category>[^/]+)\Z")


def rates_of(attributes: Attributes) -> dict[tuple[str, str], str]:
    """Percent by (country, class) of a rule in the form that `fit` gives it."""
    rate = attributes.get("rate") or {}
    countries = (attributes.get("supply") or {}).get("shipTo") or ()
    classes = (attributes.get("goods") or {}).get("taxClass") or ()
    percents = rate.get("percents") or {}
    return {
        (country, name): str(percents.get(f"{country}/{name}", rate.get("percent")))
        for country in countries
        for name in classes
    }


def rate_form(percents: Mapping[tuple[str, str], str]) -> dict[str, object]:
    """One percentage when all are equal, else one for each country and class."""
    if len(set(percents.values())) == 1:
        return {"percent": next(iter(percents.values()))}
    return {"percents": {f"{country}/{name}": value for (country, name), value in sorted(percents.items())}}


def percent(value: float) -> str:
    """Vendure's float as the decimal text that was meant: 25.5 is "25.5", 20.0 is "20". ValueError for
    what is no share."""
    if type(value) not in (int, float) or not abs(value) <= MOST_PERCENT:
        raise ValueError(f"a percentage that is none: {one_line(repr(value), 60)}")
    text = format(Decimal(str(value)).normalize(), "f")
    return text if text != "-0" else "0"


class Categories:
    """`tax-class`: one tax category."""

    type = "tax-class"
    shared = True

    def __init__(self, client: Client) -> None:
        self._client = client

    def all(self) -> Rows:
        """Every category by its class."""
        return Rows(
            "tax categories",
            [
                (slug(raw["name"]), Row(live({"name": slug(raw["name"])}, raw, raw["id"]), raw))
                for raw in self._client.every(op.TAX_CATEGORIES, "taxCategories")
            ],
        )

    def id_of(self, name: str) -> str:
        """The id of a class. MarketplaceError when there is none."""
        row = self.all().get(name)
        if row is None:
            raise MarketplaceError(f"there is no tax class {name}")
        return row.live.remote_id

    def rows(self, channel: RemoteStore, keys: Collection[str] | None) -> Rows:
        """All of the server, or those of these names."""
        return self.all().only(keys)

    def create(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Named as the class."""
        return one_by_one(
            jobs, lambda job: self._client.write(op.CREATE_TAX_CATEGORY, {"name": job.key}) and None
        )

    def update(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Its name is its key: there is nothing to change."""
        return [None for _ in jobs]

    def delete(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Vendure refuses while rates name it; while listings of any channel do, this refuses."""

        def do(job: Job) -> None:
            assert job.row is not None
            used = self._client.every(op.USES_OF_CATEGORIES, "productVariants")
            if any(v["taxCategory"]["id"] == job.row.raw["id"] for v in used):
                raise MarketplaceError("listings still name it")
            self._client.write(op.DELETE_TAX_CATEGORY, {"id": job.row.raw["id"]})

        return one_by_one(jobs, do)


class Rates:
    """`tax-rule`: as many tax rates as it has countries and classes."""

    type = "tax-rule"
    shared = True

    def __init__(self, client: Client, places: Places, categories: Categories) -> None:
        self._client = client
        self._places = places
        self._categories = categories

    def rows(self, channel: RemoteStore, keys: Collection[str] | None) -> Rows:
        """All of the server, or those of these names."""
        groups: dict[str, dict[tuple[str, str], dict[str, object]]] = {}
        found: list[tuple[str, Row]] = []
        for raw in self._client.every(op.TAX_RATES, "taxRates"):
            match = _OURS.match(raw["name"])
            members = [m["code"] for m in raw["zone"]["members"]]
            if (
                match is None
                or match["country"] not in members
                or slug(raw["category"]["name"]) != match["category"]
            ):
                found.append((raw["name"], self._foreign(raw, members)))
                continue
            if others := [one for one in members if one != match["country"]]:
                # Somebody added countries to the zone: they are taxed as well, and no rule says so.
                found.append((raw["name"], self._foreign(raw, others)))
            group = groups.setdefault(match["rule"], {})
            cell = (match["country"], match["category"])
            if cell in group:
                found.append(
                    (match["rule"], self._foreign(raw, members))
                )  # a twin: it makes its rule ambiguous
                continue
            group[cell] = raw
        for key, group in groups.items():
            found.append((key, self._row(group)))
        return Rows("tax rates", found).only(keys)

    def _row(self, group: dict[tuple[str, str], Raw]) -> Row:
        # A country all of whose rates are switched off has none.
        on = {country for (country, _), raw in group.items() if raw["enabled"]}
        said = {cell: raw for cell, raw in group.items() if not on or cell[0] in on}
        percents = {cell: percent(raw["value"]) for cell, raw in said.items()}
        raws = [said[cell] for cell in sorted(said)]
        age = {"updatedAt": " ".join(str(raw["updatedAt"]) for raw in raws)}
        attributes = self._said(
            sorted({c for c, _ in said}), sorted({n for _, n in said}), rate_form(percents), raws
        )
        return Row(live(attributes, age, group[min(group)]["id"]), group)

    def _foreign(self, raw: Raw, members: Sequence[str]) -> Row:
        category = slug(raw["category"]["name"])
        attributes = self._said(sorted(members), [category], {"percent": percent(raw["value"])}, [raw])
        return Row(live(attributes, raw, raw["id"]), {("", category): raw})

    def _said(
        self,
        countries: list[str],
        classes: list[str],
        rate: dict[str, object],
        raws: Sequence[Raw],
    ) -> Attributes:
        zero = all(not raw["value"] for raw in raws)
        return {
            "supply": {"shipTo": countries} if countries else None,
            "goods": {"taxClass": classes},
            "rate": rate,
            "enabled": all(raw["enabled"] for raw in raws),
            # A rate says by being there what these say in words.
            "liableParty": "seller",
            "treatment": "zero" if zero else "standard",
            "validFrom": str(min(raw["createdAt"] for raw in raws))[:10],
            "foreign": "rates for groups of customers"
            if any(raw.get("customerGroup") for raw in raws)
            else None,
        }

    def create(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """One rate for each country and class. None is made where another rule has one already: Vendure would
        take either."""
        return one_by_one(jobs, lambda job: self._bring(job, {}))

    def update(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """What is missing is made, what is too many deleted, percentages are set."""

        def do(job: Job) -> None:
            assert job.row is not None
            self._bring(job, job.row.raw)

        return one_by_one(jobs, do)

    def _bring(self, job: Job, have: dict[tuple[str, str], Raw]) -> None:
        wanted = rates_of(job.merged)
        enabled = job.merged.get("enabled") is not False
        if len(have) == 1 and next(iter(have))[0] == "":
            self._bring_foreign(job, next(iter(have.values())), wanted, enabled)
            return
        others = {
            (m["code"], slug(raw["category"]["name"])): raw["name"]
            for raw in self._client.every(op.TAX_RATES, "taxRates")
            if raw["enabled"] and raw["id"] not in {r["id"] for r in have.values()}
            for m in raw["zone"]["members"]
            if raw["zone"]["name"] == m["code"]
        }
        for cell in wanted:
            if cell not in have and cell in others and enabled:
                raise MarketplaceError(
                    f"{cell[0]} has a rate for {cell[1]} already: {others[cell]}; Vendure would take either"
                )
        inputs: dict[str, object] = {}
        for cell in sorted(wanted.keys() - have.keys()):
            inputs[f"i{len(inputs)}"] = {
                "name": f"{job.key}/{cell[0]}/{cell[1]}",
                "enabled": enabled,
                "value": float(Decimal(wanted[cell])),
                "categoryId": self._categories.id_of(cell[1]),
                "zoneId": self._places.zone_of(cell[0]),
            }
        if inputs:  # in one request: a rule is not left with half of its rates
            self._client.write(op.many(*op.CREATE_TAX_RATE, len(inputs)), inputs)
        for cell, value in wanted.items():
            if cell in have and (
                percent(have[cell]["value"]) != value or have[cell]["enabled"] is not enabled
            ):
                fields = {"id": have[cell]["id"], "value": float(Decimal(value)), "enabled": enabled}
                self._client.write(op.UPDATE_TAX_RATE, {"input": fields})
        for cell in have.keys() - wanted.keys():
            self._client.write(op.DELETE_TAX_RATE, {"id": have[cell]["id"]})

    def _bring_foreign(
        self, job: Job, raw: Raw, wanted: Mapping[tuple[str, str], str], enabled: bool
    ) -> None:
        """A rate that was there before acorn keeps its zone and its category."""
        members = {m["code"] for m in raw["zone"]["members"]}
        if {c for c, _ in wanted} != members or {n for _, n in wanted} != {slug(raw["category"]["name"])}:
            raise MarketplaceError(
                f"this rate is for the zone {raw['zone']['name']}: its countries and its class are not changed from here"
            )
        if len(set(wanted.values())) != 1:
            raise MarketplaceError("a rate of one zone has one percentage")
        value = next(iter(wanted.values()))
        fields = {"id": raw["id"], "value": float(Decimal(value)), "enabled": enabled}
        self._client.write(op.UPDATE_TAX_RATE, {"input": fields})

    def delete(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """All rates of the rule."""

        def do(job: Job) -> None:
            assert job.row is not None
            for raw in job.row.raw.values():
                self._client.write(op.DELETE_TAX_RATE, {"id": raw["id"]})

        return one_by_one(jobs, do)
