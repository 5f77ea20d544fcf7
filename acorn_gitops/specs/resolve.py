"""Raw documents to specs: defaults, templates, overlays, lists. Comes in: raw documents. Goes out: resolved
specs with the layers they were made of, and findings. Caller: `load`.

Order from lowest: `defaults` of acorn.yaml, templates from left to right (each with its own templates below
it), the document, overlays of the environment in their order. The order of files changes nothing: a second
document of the same kind and name is an error, not a winner.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from acorn_gitops.model.finding import Finding
from acorn_gitops.specs import gate
from acorn_gitops.specs.configuration import Layer, Spec
from acorn_gitops.specs.files import Raw, Reader
from acorn_gitops.specs.merge import merge, merge_all

MAX_INHERITANCE = 4
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


def name_of_sku(sku: str) -> str:
    """The default name of a listed SKU: lower case, anything unusual as a hyphen."""
    name = sku.lower()
    if _NAME.match(name):
        return name
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-") or "sku"


class Resolver:
    """Resolves the documents of one revision for one environment."""

    def __init__(self, reader: Reader, defaults: Mapping[str, dict[str, Any]]) -> None:
        self.reader = reader
        self.defaults = defaults
        self.findings: list[Finding] = []
        self.layers: dict[tuple[str, str], list[Layer]] = {}
        self.raws: dict[tuple[str, int], Raw] = {}
        self.specs: dict[str, dict[str, Spec]] = {kind: {} for kind in gate.KINDS}
        self._templates: dict[tuple[str, str], Raw] = {}
        self._overlays: dict[tuple[str, str], list[Raw]] = {}
        self._seen: dict[tuple[str, str], Raw] = {}

    def fail(
        self, id: str, raw: Raw, path: tuple[Any, ...], message: str, hint: str = "", *, key: bool = False
    ) -> None:
        """Record an error at a place of a document."""
        place = self.reader.place(raw, path, key=key)
        subject = f"{raw.kind}/{raw.name}" if raw.name else ""
        self.findings.append(Finding(id, "error", message, place, hint, self.reader.source(place), subject))

    def run(self, documents: list[Raw], overlays: list[Raw]) -> None:
        """Fill `specs`, `layers` and `findings`."""
        documents = [raw for raw in documents if self._known(raw)]
        for raw in documents:
            if (raw.data.get("metadata") or {}).get("abstract") is True:
                self._register(raw)
                self._templates[(raw.kind, raw.name)] = raw
        for raw in overlays:
            if self._known(raw):
                self._overlays.setdefault((raw.kind, raw.name), []).append(raw)
        for raw in documents:
            if (raw.kind, raw.name) in self._templates and self._templates[(raw.kind, raw.name)] is raw:
                self._check_template(raw)
            else:
                self._document(raw)
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
            if raw.accepted:
                self._expand(raw)
            else:
                self._explain([Layer("spec", raw, ())], raw.data, raw)
            return
        default = self.defaults.get(raw.kind)
        inherits = spec.get("inherits") if isinstance(spec, dict) else None
        overlays = self._overlays.pop((raw.kind, raw.name), [])
        if raw.accepted and not default and not inherits and not overlays:
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
        if gate.accepts(raw.kind, merged):
            self._add(raw, merged, layers)
        else:
            self._explain(layers, merged, raw)

    def _contribution(self, layer: Layer) -> dict[str, Any]:
        data = layer.raw.data
        if not layer.what.startswith("template"):
            return data
        metadata = data.get("metadata") or {}
        spec = {k: v for k, v in (data.get("spec") or {}).items() if k != "inherits"}
        out: dict[str, Any] = {"spec": spec}
        if metadata.get("labels"):
            out["metadata"] = {"labels": metadata["labels"]}
        if data.get("lifecycle"):
            out["lifecycle"] = data["lifecycle"]
        return out

    def _inherited(self, raw: Raw, chain: tuple[str, ...]) -> list[Raw]:
        """Templates of a document, lowest first; a template reached twice counts where it came first."""
        found: list[Raw] = []
        for index, name in enumerate((raw.data.get("spec") or {}).get("inherits") or []):
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
                self.fail(
                    "STO-003",
                    raw,
                    path,
                    f"templates inherit each other: {' → '.join((*chain, name))}",
                    "break the circle",
                )
            elif len(chain) > MAX_INHERITANCE:
                self.fail(
                    "STO-003",
                    raw,
                    path,
                    f"templates are nested more than {MAX_INHERITANCE} deep",
                    "flatten them",
                )
            else:
                for below in (*self._inherited(template, (*chain, name)), template):
                    if below not in found:
                        found.append(below)
        return found

    def _check_template(self, raw: Raw) -> None:
        for problem in gate.problems(raw.kind, raw.data, partial=True):
            self.fail(problem.id, raw, problem.path, problem.message, problem.hint, key=problem.key)

    def _explain(self, layers: list[Layer], merged: dict[str, Any], raw: Raw) -> None:
        data, positions = _only_bad_items(merged)
        for problem in gate.problems(raw.kind, data):
            path = problem.path
            if positions and path[:2] == ("spec", "items") and len(path) > 2:
                path = (*path[:2], positions[path[2]], *path[3:])
            owner = next((layer.raw for layer in reversed(layers) if self.reader.has(layer.raw, path)), raw)
            self.fail(problem.id, owner, path, problem.message, problem.hint, key=problem.key)

    def _add(self, raw: Raw, data: dict[str, Any], layers: list[Layer]) -> None:
        metadata = data["metadata"]
        spec = data["spec"]
        if "inherits" in spec:
            spec = {k: v for k, v in spec.items() if k != "inherits"}
        name = metadata["name"]
        self.specs[raw.kind][name] = Spec(
            raw.kind,
            name,
            metadata.get("labels") or {},
            spec,
            raw.file,
            raw.line,
            data.get("lifecycle"),
            metadata.get("movedFrom"),
        )
        self.layers[(raw.kind, name)] = layers

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
            made = Spec("SkuMapping", name, own, body, file, lines[index], lifecycle, None, index)
            if self._overlays:
                made = self._overlaid(made, raw, index)
            if known.setdefault(name, made) is not made:
                first = known[name]
                self.fail(
                    "GEN-010",
                    raw,
                    ("spec", "items", index),
                    f"SkuMapping {name} is declared twice, first in {first.file}:{first.line}",
                    "rename one of them by `name`, or merge them",
                )

    def _overlaid(self, made: Spec, raw: Raw, index: int) -> Spec:
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
        document: dict[str, Any] = {
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
        import difflib

        close = difflib.get_close_matches(name, self.specs[kind], n=1)
        hint = (
            f"did you mean {close[0]}?"
            if close
            else "an overlay changes a spec that exists; it cannot add one"
        )
        self.fail(
            "GEN-016",
            raw,
            ("metadata", "name"),
            f"this overlay changes {kind} {name}, which does not exist",
            hint,
        )


def _only_bad_items(document: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
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
