"""Where the values of a resource come from. Comes in: a workspace, an address. Goes out: its fields with
layer, place, author, what was applied and what is live. Callers: cli `explain`, `blaming`.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, cast

import orjson

from acorn_gitops.model.finding import AcornError, Finding, Place
from acorn_gitops.model.resource import Address
from acorn_gitops.provenance.blame import Authors, Authorship
from acorn_gitops.provenance.merges import UNKNOWN
from acorn_gitops.provenance.revision import follows
from acorn_gitops.reconcile.states import Wishes, gather, views
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.resources.registry import spec_paths
from acorn_gitops.specs.configuration import Configuration, Spec
from acorn_gitops.specs.load import Loaded

if TYPE_CHECKING:
    from acorn_gitops.model.typed import SkuMappingData


def fields_of(
    workspace: Workspace,
    loaded: Loaded,
    address: Address,
    *,
    field: str | None,
    offline: bool,
    wrote: bool,
) -> tuple[list[dict[str, object]], str]:
    """Each field of a resource (`field`, `value`, the `layer` and `place` that say it, who wrote that line,
    what was `applied` last, what is `live`), and a title. `offline`: no marketplace is asked; `wrote`: git is
    asked. AcornError where nobody knows the resource."""
    config: Configuration = loaded.configuration
    state = gather(workspace, loaded, Wishes())
    want = state.desired.stores.get(address.store, {}).get((address.type, address.key))
    applied = state.ledger.applied(address.store).get((address.type, address.key))
    last = orjson.loads(applied.attributes) if applied is not None else None
    live = None
    if not offline:
        for view in views(
            gather(workspace, loaded, Wishes([address.store])),
            Wishes([address.store], allow_empty=[address.store]),
        ):
            have = view.live.get((address.type, address.key))
            live = have.attributes if have is not None else None
            if view.error:
                workspace.warn([Finding("ACN-011", "warning", f"live value unknown: {view.error}")])
    if want is None and last is None and live is None:
        known = [str(Address(address.store, *key)) for key in state.desired.stores.get(address.store, {})]
        raise AcornError(f"nobody knows {address}", hint=near(str(address), known))
    spec = next(
        (
            s
            for s in config.specs()
            if want is not None and (s.kind, s.name) == (want.origin.kind, want.origin.name)
        ),
        None,
    )
    names = list(want.attributes) if want is not None else sorted({*(last or {}), *(live or {})})
    rows = []
    authors = Authors(workspace.root)
    for name in names:
        if field is not None and name != field:
            continue
        wanted = want.attributes.get(name) if want is not None else None
        row: dict[str, object] = {"field": name, "value": wanted}
        if spec is not None:
            places = spec_paths(address, name, wanted, spec=spec.spec)
            how, place = config.located(spec, places[0].path if places else ())
            if not places:
                how = _computed(config, address, name, spec=spec)
            elif places[0].path[1:2] == ("listings",) and not config.says(spec, places[0].path):
                # Said for all listings at once: by a list's `defaults.listing`, or by acorn.yaml.
                how, place = config.located(spec, ("spec", "listing", *places[0].path[3:]))
            if wrote and not places:
                place = _written_last(
                    workspace.root, authors, [place, *_sources(config, address, name, spec=spec)]
                )
            row |= {"layer": how, "place": str(place)}
            if wrote and place.line:
                row |= _author(authors, place, alone=field is not None)
        if last is not None:
            row["applied"] = last.get(name)
        if live is not None:
            row["live"] = live.get(name)
        rows.append(row)
    origin = f"  {want.origin}" if want is not None else "  (in no spec)"
    return rows, f"{address}{origin}"


def _computed(config: Configuration, address: Address, name: str, spec: Spec) -> str:
    """In words, where a value comes from that nobody wrote as it is."""
    if (address.type, name) == ("listing", "price"):
        sku = cast("Spec[SkuMappingData]", spec)
        for listing in sku.spec.get("listings") or ():
            rule = (listing.get("price") or {}).get("rule")
            if listing["store"] == address.store and rule and rule in config.price_rules:
                source = config.price_rules[rule]["fromStore"]
                return f"price rule {rule} of acorn.yaml, from the price in {source},"
    return "nowhere in these words: computed from"


def _sources(config: Configuration, address: Address, name: str, spec: Spec) -> list[Place]:
    """Where what a price is computed from was written: the rule, its parts, the price in the other store."""
    if (address.type, name) != ("listing", "price"):
        return []
    sku, store, found = cast("Spec[SkuMappingData]", spec), address.store, list[Place]()
    for _ in range(len(config.price_rules) + 1):  # rules may follow from each other, each once
        listings = sku.spec.get("listings") or ()
        number = next((n for n, one in enumerate(listings) if one["store"] == store), None)
        price = (listings[number].get("price") or {}) if number is not None else {}
        rule = price.get("rule")
        said = ("spec", "listings", number or 0, "price", "rule" if rule else "value")
        found += [config.place(spec, said)] if config.says(spec, said) else []
        if not rule or rule not in config.price_rules:
            break
        found += _places_of_rule(config, rule)
        store = config.price_rules[rule]["fromStore"]
    return found


def _places_of_rule(config: Configuration, rule: str) -> list[Place]:
    """Every line of acorn.yaml that says something of a price rule."""
    reader, raw = config.reader, config.project_raw
    if reader is None or raw is None:
        return []
    body = raw.data["spec"].get("priceRules", {}).get(rule) or {}
    paths = [("spec", "priceRules", rule, part) for part in body]
    return [reader.place(raw, path) for path in paths if reader.has(raw, path)]


def _written_last(root: Path, authors: Authors, places: list[Place]) -> Place:
    """Of several places the one whose line was changed last, by the order of commits; what is not committed
    yet was."""
    first, *others = places
    last: tuple[str, Place] | None = None
    for place in others:
        wrote = authors.line(place.file, place.line) if place.line else None
        if wrote is None:
            continue
        if not wrote.commit:
            return place
        if last is None or (wrote.commit != last[0] and follows(root, wrote.commit, last[0])):
            last = wrote.commit, place
    return last[1] if last is not None else first


def _author(authors: Authors, place: Place, *, alone: bool) -> dict[str, object]:
    """Who wrote a line (`author` in words, `wrote` as git tells it); nothing where git does not know it."""
    wrote = authors.line(place.file, place.line, alone=alone)
    if wrote is None:
        return {}
    if authors.is_cut_off_at(wrote):
        return {"author": UNKNOWN, "wrote": None}
    return {"author": told(wrote), "wrote": wrote._asdict()}


def told(wrote: Authorship) -> str:
    """Who wrote a line, in words."""
    if not wrote.commit:
        return "an edit that is not committed yet"
    return f"{wrote.author} in {wrote.commit[:12]} on {wrote.at}: {wrote.summary}"


def near(word: str, known: list[str]) -> str:
    """A hint for a name that is not there."""
    close = difflib.get_close_matches(word, known, n=1)
    return (
        f"did you mean {close[0]}?"
        if close
        else "`acorn plan --verbose` and `acorn state list` show what there is"
    )
