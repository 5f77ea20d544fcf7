"""Raw documents to specs: defaults, templates, overlays, lists. Comes in: raw documents. Goes out: resolved
specs with the layers they were made of, and findings. Caller: `load`.

Order from lowest: `defaults` of acorn.yaml, templates from left to right (each with its own templates below
it), the document, overlays of the environment in their order. The order of files changes nothing: a second
document of the same kind and name is an error, not a winner.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from acorn_gitops.model.finding import FieldPath, Finding
from acorn_gitops.model.resource import Document
from acorn_gitops.specs import gate, packs
from acorn_gitops.specs.configuration import Layer, Spec
from acorn_gitops.specs.files import Raw, Reader
from acorn_gitops.specs.merge import merge, merge_all
from acorn_gitops.specs.near import Names
from acorn_gitops.specs.scalars import quoted

MAX_INHERITANCE = 4
_WORD = re.compile(r"[A-Za-z]+")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_LONGEST: Final = 63


def name_of_sku(sku: str) -> str:
    """The default name of a listed SKU: lower case, anything unusual as a hyphen, no longer than a name
    is."""
    name = sku.lower()
    if _NAME.match(name):
        return name
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")[:_LONGEST].rstrip("-") or "sku"


class Resolver:
    """Resolves the documents of one revision for one environment."""

    def __init__(self, reader: Reader, defaults: Mapping[str, Document]) -> None:
        self.reader = reader
        self.defaults = defaults
        self.findings: list[Finding] = []
        self.layers: dict[tuple[str, str], list[Layer]] = {}
        self.raws: dict[tuple[str, int], Raw] = {}
        self.specs: dict[str, dict[str, Spec[Any]]] = {kind: {} for kind in gate.KINDS}
        self._templates: dict[tuple[str, str], Raw] = {}
        self._unusable: set[tuple[str, str]] = set()
        self._visited: set[tuple[str, str]] = set()
        self._told: set[tuple[str, int, FieldPath, str]] = set()
        self._overlays: dict[tuple[str, str], list[Raw]] = {}
        self._seen: dict[tuple[str, str], Raw] = {}
        self._near: dict[str, Names] = {}
        self._ancestors: dict[tuple[str, str, int], tuple[list[Raw], frozenset[str]]] = {}
        """By kind, name and depth: the templates below a template, and their names."""

    def fail(
        self, id: str, raw: Raw, path: FieldPath, message: str, hint: str = "", *, key: bool = False
    ) -> None:
        """Record an error at a place of a document."""
        once = (raw.file, raw.position, path, message)
        if once in self._told:  # a fault of a template is told once, not once for each heir
            return
        self._told.add(once)
        place = self.reader.place(raw, path, key=key)
        subject = f"{raw.kind}/{raw.name}" if raw.name else ""
        source = self.reader.source(place)
        written = _WORD.match(source, max(place.column - 1, 0)) if id == "GEN-001" else None
        if written and hint.lower() == f"write {quoted(written[0])}".lower():
            hint = f"write {quoted(written[0])}"  # `True` was meant as "True"
        self.findings.append(
            Finding(id, "error", message, place=place, hint=hint, source=source, subject=subject)
        )

    def run(self, documents: list[Raw], overlays: list[Raw]) -> None:
        """Fill `specs`, `layers` and `findings`."""
        documents = [raw for raw in documents if self._known(raw)]
        for raw in documents:
            if _map(raw.data.get("metadata")).get("abstract") is True and self._register(raw):
                self._templates[(raw.kind, raw.name)] = raw
                if not self._check_template(raw):
                    self._unusable.add((raw.kind, raw.name))
        for raw in overlays:
            if self._known(raw):
                self._overlays.setdefault((raw.kind, raw.name), []).append(raw)
        for raw in documents:
            if _map(raw.data.get("metadata")).get("abstract") is not True:
                self._document(raw)
        for key, raw in self._templates.items():
            if key not in self._visited:  # nobody inherits it yet: its own templates are still looked at
                self._inherited(raw, (raw.name,))
        for (kind, name), raws in self._overlays.items():
            for raw in raws:
                self._unused_overlay(raw, kind, name)

    def _known(self, raw: Raw) -> bool:
        if raw.kind in gate.KINDS:
            return True
        import difflib

        if "kind" not in raw.data:
            self.fail("GEN-008", raw, (), "kind is missing", f"one of {', '.join(gate.KINDS)}")
        else:
            close = difflib.get_close_matches(raw.kind, gate.KINDS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(gate.KINDS)}"
            self.fail("GEN-011", raw, ("kind",), f"unknown kind {raw.data['kind']}", hint)
        return False

    def _register(self, raw: Raw) -> bool:
        if not raw.name:
            return True
        first = self._seen.setdefault((raw.kind, raw.name), raw)
        if first is raw:
            return True
        self.fail(
            "GEN-010",
            raw,
            ("metadata", "name"),
            f"{raw.kind} {raw.name} is declared twice, first in {first.file}:{first.line}",
            "rename one of them, or merge them",
        )
        return False

    def _document(self, raw: Raw) -> None:
        if not self._register(raw):
            return
        spec = raw.data.get("spec")
        if raw.kind == "SkuMapping" and isinstance(spec, dict) and ("items" in spec or "table" in spec):
            whole = raw.data if raw.accepted else _with_defaults(raw.data)
            if raw.accepted or (whole is not raw.data and gate.accepts(raw.kind, whole)):
                self._expand(raw)
            else:
                self._explain([Layer("spec", raw, ())], whole, raw)
            return
        default = self.defaults.get(raw.kind)
        listing = default.get("listing") if default and raw.kind == "SkuMapping" else None
        if default and listing:
            default = {key: value for key, value in default.items() if key != "listing"}
        inherits = spec.get("inherits") if isinstance(spec, dict) else None
        overlays = self._overlays.pop((raw.kind, raw.name), [])
        if raw.accepted and not default and not listing and not inherits and not overlays:
            self._add(raw, raw.data, [Layer("spec", raw, ())])
            return
        layers: list[Layer] = []
        chain = self._inherited(raw, (raw.name,)) if isinstance(inherits, list) else []
        layers += [Layer(f"template {t.name}", t, ()) for t in chain]
        layers.append(Layer("spec", raw, ()))
        layers += [Layer(f"overlay {o.file}", o, ()) for o in overlays]
        trees = [{"spec": default}] if default else []
        trees += [self._contribution(layer) for layer in layers]
        merged = merge_all(trees)
        if listing:
            merged = _with_listing_defaults(merged, listing)
        if any(isinstance(n, str) and (raw.kind, n) in self._unusable for n in _list(inherits)):
            return  # the template's own findings say why
        if gate.accepts(raw.kind, merged):
            self._add(raw, merged, layers)
        else:
            self._explain(layers, merged, raw)

    def _contribution(self, layer: Layer) -> Document:
        data = layer.raw.data
        if not layer.what.startswith("template"):
            return data
        metadata = _map(data.get("metadata"))
        spec = {k: v for k, v in _map(data.get("spec")).items() if k != "inherits"}
        out: dict[str, object] = {"spec": spec}
        if metadata.get("labels"):
            out["metadata"] = {"labels": metadata["labels"]}
        if data.get("lifecycle"):
            out["lifecycle"] = data["lifecycle"]
        return out

    def _inherited(self, raw: Raw, chain: tuple[str, ...]) -> list[Raw]:
        """Templates of a document, lowest first. One that is reached twice counts where it is named last;
        where it is only inherited by others, before the first of them."""
        found: dict[int, Raw] = {}
        for index, name in enumerate(_list(_map(raw.data.get("spec")).get("inherits"))):
            path = ("spec", "inherits", index)
            template = self._templates.get((raw.kind, name)) if isinstance(name, str) else None
            if template is None:
                known = sorted(n for k, n in self._templates if k == raw.kind)
                self.fail(
                    "STO-003",
                    raw,
                    path,
                    f"there is no template {name}",
                    f"a template is a {raw.kind} with `metadata.abstract: true`; known: {', '.join(known) or 'none'}",
                )
            elif name in chain:
                circle = (*chain[chain.index(name) :], name)
                message = f"templates inherit each other: {' → '.join(circle)}"
                self.fail("STO-003", raw, path, message, "break the circle")
            elif len(chain) > MAX_INHERITANCE:
                self.fail(
                    "STO-003",
                    raw,
                    path,
                    f"templates are nested more than {MAX_INHERITANCE} deep",
                    "flatten them",
                )
                self._visit(raw.kind, name)
            else:
                self._visited.add((raw.kind, name))
                for below in self._below(template, (*chain, name)):
                    found.setdefault(id(below), below)
                found.pop(id(template), None)
                found[id(template)] = template
        return [*found.values()]

    def _below(self, template: Raw, chain: tuple[str, ...]) -> list[Raw]:
        """As `_inherited`, once for each template and depth: many may inherit from one. Nothing is remembered
        of one with a fault, as a circle depends on where it is entered."""
        memo = (template.kind, template.name, len(chain))
        known = self._ancestors.get(memo)
        if known is not None and known[1].isdisjoint(chain[:-1]):
            return known[0]
        faults = len(self.findings)
        found = self._inherited(template, chain)
        if len(self.findings) == faults:
            self._ancestors[memo] = found, frozenset(one.name for one in found)
        return found

    def _visit(self, kind: str, name: str) -> None:
        """Templates below one that is already refused are not refused again for the same reason."""
        waiting = [name]
        while waiting:
            key = (kind, waiting.pop())
            if key in self._templates and key not in self._visited:
                self._visited.add(key)
                inherits = _list(_map(self._templates[key].data.get("spec")).get("inherits"))
                waiting += [n for n in inherits if isinstance(n, str)]

    def _check_template(self, raw: Raw) -> bool:
        found = gate.problems(raw.kind, raw.data, partial=True)
        if not raw.name:  # nobody could inherit from it
            found += [p for p in gate.problems(raw.kind, raw.data) if p.path[:1] == ("metadata",)]
        for problem in found:
            self.fail(problem.id, raw, problem.path, problem.message, problem.hint, key=problem.key)
        return not found

    def _explain(self, layers: list[Layer], merged: dict[str, object], raw: Raw) -> None:
        data, positions = _only_bad_items(merged)
        for problem in gate.problems(raw.kind, data):
            path = problem.path
            if positions and path[:2] == ("spec", "items") and len(path) > 2:
                path = (*path[:2], positions[int(path[2])], *path[3:])
            owner = next((layer.raw for layer in reversed(layers) if self.reader.has(layer.raw, path)), raw)
            self.fail(problem.id, owner, path, problem.message, problem.hint, key=problem.key)

    def _add(self, raw: Raw, data: Document, layers: list[Layer]) -> None:
        metadata = data["metadata"]
        spec = data["spec"]
        if raw.kind == "TaxRule" and "pack" in spec:
            for problem in packs.problems(spec):
                self.fail("GEN-012", raw, ("spec", problem.field), problem.message, problem.hint)
                return
            for name, rule in packs.expanded(spec):
                made = Spec(
                    "TaxRule", f"{metadata['name']}-{name}", metadata.get("labels") or {}, spec=rule, file=raw.file, line=raw.line, lifecycle=data.get("lifecycle")
                )  # fmt: skip
                first = self.specs["TaxRule"].setdefault(made.name, made)
                if first is not made:
                    self._twice(raw, ("metadata", "name"), made, first)
                    continue
                self.layers["TaxRule", made.name] = layers
            return
        if "inherits" in spec:
            spec = {k: v for k, v in spec.items() if k != "inherits"}
        name = metadata["name"]
        made = Spec(
            raw.kind,
            name,
            metadata.get("labels") or {},
            spec=spec,
            file=raw.file,
            line=raw.line,
            lifecycle=data.get("lifecycle"),
            moved_from=metadata.get("movedFrom"),
        )
        first = self.specs[raw.kind].setdefault(name, made)
        if first is not made:
            self._twice(raw, ("metadata", "name"), made, first)
            return
        self.layers[(raw.kind, name)] = layers

    def _twice(self, raw: Raw, path: FieldPath, made: Spec, first: Spec) -> None:
        self.fail(
            "GEN-010",
            raw,
            path,
            f"{made.kind} {made.name} is declared twice, first in {first.file}:{first.line}",
            "rename one of them" + (" by `name`" if made.item >= 0 else "") + ", or merge them",
        )

    def _expand(self, raw: Raw) -> None:
        """The entries of a list or table, each merged over the shared defaults."""
        self.raws[(raw.item_file, raw.line)] = raw
        spec = raw.data["spec"]
        metadata = raw.data["metadata"]
        shared = dict(merge(self.defaults.get("SkuMapping") or {}, spec.get("defaults") or {}))
        listing = shared.pop("listing", None)
        labels = metadata.get("labels") or {}
        lifecycle = raw.data.get("lifecycle")
        known = self.specs["SkuMapping"]
        lines = raw.item_lines
        file = raw.item_file
        for index, item in enumerate(spec["items"]):
            name = item.get("name") or name_of_sku(item["sku"])
            if shared:
                body = dict(shared)
                for key, value in item.items():
                    under = body.get(key)
                    body[key] = merge(under, value) if type(under) is dict and type(value) is dict else value
            else:
                body = item
            if listing and body.get("listings"):
                if body is item:
                    body = dict(item)
                body["listings"] = [{**listing, **entry} for entry in body["listings"]]
            own = {**labels, **item["labels"]} if item.get("labels") else labels
            made: Spec[Any] = Spec(
                "SkuMapping",
                name,
                own,
                spec=body,
                file=file,
                line=lines[index],
                lifecycle=lifecycle,
                moved_from=None,
                item=index,
            )
            if self._overlays:
                made = self._overlaid(made, raw, index)
            if known.setdefault(name, made) is not made:
                self._twice(raw, ("spec", "items", index), made, known[name])

    def _overlaid(self, made: Spec[Any], raw: Raw, index: int) -> Spec[object]:
        overlays = self._overlays.pop(("SkuMapping", made.name), [])
        if not overlays:
            return made
        layers = [
            Layer("spec", raw, ("spec", "items", index)),
            *(Layer(f"overlay {o.file}", o, ()) for o in overlays),
        ]
        if raw.data["spec"].get("defaults"):
            layers.insert(0, Layer("list defaults", raw, ("spec", "defaults")))
        body = {k: v for k, v in made.spec.items() if k not in ("name", "labels")}
        document: dict[str, object] = {
            "apiVersion": "acorn/v1",
            "kind": "SkuMapping",
            "metadata": {"name": made.name},
            "spec": body,
        }
        merged = merge_all([document, *(o.data for o in overlays)])
        if not gate.accepts("SkuMapping", merged):
            self._explain([Layer("spec", o, ()) for o in overlays], merged, overlays[-1])
            return made
        self.layers[("SkuMapping", made.name)] = layers
        return made._replace(
            spec=merged["spec"],
            labels={**made.labels, **(merged["metadata"].get("labels") or {})},
            lifecycle=merged.get("lifecycle") or made.lifecycle,
        )

    def _unused_overlay(self, raw: Raw, kind: str, name: str) -> None:

        if (kind, name) in self._templates:
            self.fail(
                "GEN-016",
                raw,
                ("metadata", "name"),
                f"this overlay changes {kind} {name}, which is a template",
                "overlays change specs, not templates: name those that inherit from it",
            )
            return
        if kind not in self._near:
            self._near[kind] = Names(self.specs[kind])
        close = self._near[kind].near(name)
        hint = (
            f"did you mean {close}?" if close else "an overlay changes a spec that exists; it cannot add one"
        )
        self.fail(
            "GEN-016",
            raw,
            ("metadata", "name"),
            f"this overlay changes {kind} {name}, which does not exist",
            hint,
        )


def _only_bad_items(document: Document) -> tuple[dict[str, object], list[int]]:
    """A list document reduced to the entries that its schema refuses, and their positions."""
    spec = document.get("spec")
    items = spec.get("items") if isinstance(spec, dict) else None
    if not isinstance(items, list) or len(items) < 20:
        return document, []
    bare = {"apiVersion": "acorn/v1", "kind": "SkuMapping", "metadata": {"name": "x"}}
    bad = [
        i
        for i, item in enumerate(items)
        if not gate.accepts("SkuMapping", {**bare, "spec": {"items": [item]}})
    ]
    reduced = {"items": [items[i] for i in bad] or items[:1]}
    return {**document, "spec": {**(spec or {}), **reduced}}, bad or [0]


def _with_defaults(document: Document) -> dict[str, object]:
    """A list whose entries say what its defaults say for them: what is required may stand in either."""
    spec = document["spec"]
    defaults = spec.get("defaults")
    items = spec.get("items")
    if not isinstance(defaults, dict) or not isinstance(items, list):
        return document
    shared = {key: value for key, value in defaults.items() if key != "listing"}
    laid = [merge(shared, item) if isinstance(item, dict) else item for item in items]
    return {**document, "spec": {**spec, "items": laid}}


def _map(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _with_listing_defaults(document: Document, listing: dict[str, object]) -> dict[str, object]:
    """The document with the shared fields of listings below those of each listing."""
    listings = _map(document.get("spec")).get("listings")
    if not isinstance(listings, list):
        return document
    laid = [{**listing, **entry} if isinstance(entry, dict) else entry for entry in listings]
    return {**document, "spec": {**document["spec"], "listings": laid}}
