"""All specs of a revision, resolved for one environment. Comes in: what `load` resolved. Goes out: values
that rules and compile read. Callers: rules, compile, cli."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Generic, NamedTuple

from acorn_gitops.model.finding import FieldPath, Finding, Place, Severity
from acorn_gitops.model.resource import Origin
from acorn_gitops.specs.facts import Facts, read_facts
from acorn_gitops.specs.files import Raw, Reader
from acorn_gitops.specs.own_rules import OwnRules, read_own_rules

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from acorn_gitops.model.typed import (
        ConnectionData,
        EntityData,
        LifecycleData,
        PoliciesData,
        PriceRuleData,
        ProjectData,
        PromoData,
        RolePermissionData,
        SkuMappingData,
        StoreData,
        TaxRuleData,
    )

    Data = TypeVar("Data", default=Mapping[str, object], covariant=True)
else:
    from typing import TypeVar

    Data = TypeVar("Data", covariant=True)


class Spec(NamedTuple, Generic[Data]):
    """One spec, resolved: what was declared, after defaults, templates and overlays."""

    kind: str
    name: str
    labels: Mapping[str, str]
    spec: Data
    file: str
    line: int
    lifecycle: LifecycleData | None = None
    moved_from: str | None = None
    item: int = -1
    """Position in its list or table; -1 for a document of its own."""

    @property
    def origin(self) -> Origin:
        """Where it was declared."""
        return Origin(self.file, self.line, self.kind, name=self.name)


class Layer(NamedTuple):
    """One source of a spec's fields: `raw` at `path`, merged in order. Path () is a whole document."""

    what: str
    raw: Raw
    path: FieldPath


@dataclass
class Configuration:
    """Specs by kind, plus the project's settings for the chosen environment."""

    project: str
    environment: str
    connections: Mapping[str, ConnectionData]
    policies: PoliciesData
    price_rules: Mapping[str, PriceRuleData]
    product_types: Mapping[str, dict[str, object]]
    stores: dict[str, Spec[StoreData]]
    skus: list[Spec[SkuMappingData]]
    roles: dict[str, Spec[RolePermissionData]]
    taxes: dict[str, Spec[TaxRuleData]]
    promos: dict[str, Spec[PromoData]]
    digest: str
    layers: dict[tuple[str, str], list[Layer]] = field(default_factory=dict)
    raws: dict[tuple[str, int], Raw] = field(default_factory=dict)
    """Documents of lists and tables by (file of the entries, line of the document)."""
    reader: Reader | None = None
    documents: int = 0
    unreached: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    """By name of a SKU, bounds that `pricePolicy.default` says and stores that it does not reach
    (`floors.unreached`)."""
    uncovered: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    """By name of a set, stores in which it has no floor of its own, and a part that has none there
    (`floors.uncovered`)."""
    project_raw: Raw | None = None
    """acorn.yaml, for the places of its `defaults`."""

    @cached_property
    def settings(self) -> ProjectData:
        """`spec` of acorn.yaml as written, for what no environment changes."""
        settings: ProjectData = self.project_raw.data["spec"] if self.project_raw is not None else {}
        return settings

    @cached_property
    def facts(self) -> Facts:
        """Recorded facts, read when the first rule asks."""
        if self.reader is None:
            return Facts()
        return read_facts(self.reader.root, self.settings.get("facts"))

    @cached_property
    def own_rules(self) -> OwnRules:
        """Rules of the repository's own, read when they are first asked for."""
        if self.reader is None:
            return OwnRules()
        return read_own_rules(self.reader, self.settings.get("customRules"))

    def entity(self, store: Spec[StoreData]) -> EntityData | None:
        """The company behind a store, where acorn.yaml keeps it."""
        entities = self.settings.get("entities") or {}
        return entities.get(store.spec.get("legalEntity") or "")

    def specs(self) -> Iterator[Spec]:
        """Every spec of every kind."""
        yield from self.stores.values()
        yield from self.skus
        yield from self.roles.values()
        yield from self.taxes.values()
        yield from self.promos.values()

    def layers_of(self, spec: Spec) -> list[Layer]:
        """Where the fields of a spec come from, lowest first."""
        return [*self._project_defaults(spec.kind), *self._written_layers(spec)]

    def _project_defaults(self, kind: str) -> list[Layer]:
        if self.project_raw is None or kind not in (self.project_raw.data["spec"].get("defaults") or {}):
            return []
        return [Layer("defaults", self.project_raw, ("spec", "defaults", kind))]

    def _written_layers(self, spec: Spec) -> list[Layer]:
        known = self.layers.get((spec.kind, spec.name))
        if known is not None:
            return known
        for raw in self.raws.values():
            if (
                raw.item_file == spec.file
                and 0 <= spec.item < len(raw.item_lines)
                and (raw.item_lines[spec.item] == spec.line)
            ):
                layers = (
                    [Layer("list defaults", raw, ("spec", "defaults"))]
                    if raw.data["spec"].get("defaults")
                    else []
                )
                return [*layers, Layer("spec", raw, ("spec", "items", spec.item))]
        return []

    def place(self, spec: Spec, path: Iterable[str | int] = (), *, key: bool = False) -> Place:
        """Where a field of a spec was written; the spec itself when it was written nowhere."""
        return self.located(spec, path, key=key)[1]

    def says(self, spec: Spec, path: Iterable[str | int]) -> bool:
        """Whether a layer of a spec says exactly this field, and not only something around it."""
        path = tuple(path)
        if self.reader is None:
            return False
        inner = [
            path[1:] if one.path[:1] == ("spec",) and path[:1] == ("spec",) else path
            for one in self.layers_of(spec)
        ]
        return any(
            self.reader.has(layer.raw, (*layer.path, *rest))
            for layer, rest in zip(self.layers_of(spec), inner, strict=True)
        )

    def located(self, spec: Spec, path: Iterable[str | int] = (), *, key: bool = False) -> tuple[str, Place]:
        """The layer that says a field of a spec, and where; the spec itself when it is said nowhere."""
        path = tuple(path)
        if self.reader is not None:
            for layer in reversed(self.layers_of(spec)):
                inner = path
                if layer.path[:1] == ("spec",) and path[:1] == ("spec",):
                    inner = path[1:]
                full = (*layer.path, *inner)
                if path and self.reader.has(layer.raw, full):
                    return layer.what, self.reader.place(layer.raw, full, key=key)
            if len(path) > 2:  # what is missing is missing in something
                return self.located(spec, path[:-1], key=True)
        return "spec", Place(spec.file, spec.line, 1)

    def setting(
        self,
        id: str,
        severity: Severity,
        path: Iterable[str | int],
        message: str,
        hint: str = "",
        subject: str = "Project",
    ) -> Finding:
        """A finding at a field of acorn.yaml, below `spec`."""
        if self.reader is None or self.project_raw is None:
            return Finding(id, severity, message, place=None, hint=hint, source="", subject=subject)
        place = self.reader.place(self.project_raw, ("spec", *path))
        return Finding(
            id, severity, message, place=place, hint=hint, source=self.reader.source(place), subject=subject
        )

    def finding(
        self, id: str, severity: Severity, spec: Spec, path: Iterable[str | int], message: str, hint: str = ""
    ) -> Finding:
        """A finding at a field of a spec, with its line of text."""
        path = tuple(path)
        place = self.place(spec, path)
        source = self.reader.source(place) if self.reader is not None else ""
        field = ".".join(part for part in path if isinstance(part, str))
        return Finding(
            id,
            severity,
            message,
            place=place,
            hint=hint,
            source=source,
            subject=f"{spec.kind}/{spec.name}",
            field=field,
        )
