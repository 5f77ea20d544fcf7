"""Live values, written into the specs that say otherwise; comments and layout stay. Comes in: what stores
hold, and the specs. Goes out: the new texts of files, and what could not be said. Callers: `importing`,
`new_specs`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from acorn_gitops.confine.text import one_line
from acorn_gitops.model.finding import FieldPath
from acorn_gitops.model.resource import Address, Live, attribute_of
from acorn_gitops.plan.compare import normal, same
from acorn_gitops.plan.drift import store_drift
from acorn_gitops.reconcile.planning import NONSENSE, nonsense
from acorn_gitops.reconcile.states import States, StoreView
from acorn_gitops.resources.registry import spec_paths
from acorn_gitops.specs import gate
from acorn_gitops.specs.configuration import Configuration, Spec
from acorn_gitops.specs.edit import CannotEdit, Edit, set_values
from acorn_gitops.specs.files import Raw
from acorn_gitops.specs.strict import compose
from acorn_gitops.specs.text import decode

if TYPE_CHECKING:
    from acorn_gitops.model.typed import SkuMappingData


def written_back(
    state: States, collected: list[StoreView], *, but: Collection[str] = ()
) -> tuple[dict[str, str], list[str]]:
    """Values that were changed outside, written into the specs that declare them; `but`: not of these
    types."""
    config = state.loaded.configuration
    by_origin = {(s.kind, s.name): s for s in config.specs()}
    siblings = _siblings(state)
    live_of = {view.store: view.live for view in collected}
    files: dict[str, str] = {}
    notes: list[str] = []
    edits = _Edits(config)
    for view in collected:
        try:
            rows = store_drift(view.store, view.desired, view.live, applied=view.applied).drifted
        except NONSENSE as error:
            notes.append(f"{view.store} stays as it is: {nonsense(error)}")
            continue
        for row in rows:
            want = view.desired.get((row.address.type, row.address.key))
            if want is None or not state.selection.resource(*row.address):
                continue
            if row.address.type in but:
                notes.append(f"{row.address} stays as it is: who may do what is never taken over by itself")
                continue
            if row.deleted:
                notes.append(
                    f"{row.address} was deleted outside: remove it from {want.origin}, or apply to create it again"
                )
                continue
            spec = by_origin.get((want.origin.kind, want.origin.name))
            live = view.live[(row.address.type, row.address.key)].attributes
            for name in dict.fromkeys(attribute_of(path) for path, _, _ in row.fields):
                places = (
                    spec_paths(row.address, name, normal(live.get(name), name), spec=spec.spec)
                    if spec is not None
                    else []
                )
                if spec is None or not places:
                    notes.append(
                        f"{row.address}: {name} is not said in one place of a spec; edit {want.origin} by hand"
                    )
                    continue
                others = _elsewhere(
                    row.address, name, live.get(name), spec=spec, siblings=siblings, live_of=live_of
                )
                if others:
                    notes.append(
                        f"{row.address}: {name} is said once for {_listed(others)} too, where it is not so; edit"
                        f" {want.origin} by hand, or apply to put it back"
                    )
                    continue
                then = _follow(config, spec, row.address, name)
                for number, place in enumerate(places):
                    edits.add(_Wish(spec, place.path, place.value, then=then if not number else ()))
    return files, notes + edits.carry_out(files)


def _follow(config: Configuration, spec: Spec, address: Address, name: str) -> list[str]:
    """That prices of other stores are computed from one that was taken in, and will follow it."""
    if (address.type, name) != ("listing", "price"):
        return []
    sku = cast("Spec[SkuMappingData]", spec)
    stores = [
        listing["store"]
        for listing in sku.spec.get("listings") or ()
        if (rule := config.price_rules.get((listing.get("price") or {}).get("rule") or ""))
        and rule["fromStore"] == address.store
    ]
    if not stores:
        return []
    return [
        f"{address}: the prices in {', '.join(sorted(stores))} are computed from it (price rules), and the next apply"
        " changes them too"
    ]


def _siblings(state: States) -> dict[tuple[str, str], list[Address]]:
    """All resources that one spec declares, by kind and name."""
    found: dict[tuple[str, str], list[Address]] = {}
    for store, shard in state.desired.stores.items():
        for key, want in shard.items():
            found.setdefault((want.origin.kind, want.origin.name), []).append(Address(store, *key))
    return found


def _elsewhere(
    address: Address,
    name: str,
    value: object,
    spec: Spec,
    siblings: dict[tuple[str, str], list[Address]],
    live_of: Mapping[str, Mapping[tuple[str, str], Live]],
) -> list[Address]:
    """Other resources for which the same words of the spec stand, and of which the new value is not known to
    be true: writing it would change them at the next apply."""
    here = {place.path for place in spec_paths(address, name, value, spec=spec.spec)}
    found: list[Address] = []
    for other in siblings.get((spec.kind, spec.name), ()):
        if other == address or other.type != address.type:
            continue
        if not here.intersection(place.path for place in spec_paths(other, name, value, spec=spec.spec)):
            continue
        have = live_of.get(other.store, {}).get((other.type, other.key))
        if have is None or not same(value, have.attributes.get(name), name):
            found.append(other)
    return found


def _listed(addresses: Sequence[Address]) -> str:
    shown = ", ".join(map(str, addresses[:3]))
    return shown + (f" and {len(addresses) - 3} more" if len(addresses) > 3 else "")


def extend(
    config: Configuration,
    spec: Spec[SkuMappingData],
    item: dict[str, Any],
    files: dict[str, str],
    notes: list[str],
) -> Iterator[Spec[SkuMappingData]]:
    """Further listings of a SKU that is mapped already go where its other listings are. Answers the spec for
    each that was added to it."""
    for listing in item["listings"]:
        count = len(spec.spec.get("listings") or ())
        one = _Edits(config)
        one.add(_Wish(spec, ("spec", "listings", count), listing))
        problems = one.carry_out(files)
        if problems:
            notes += problems
        else:
            spec.spec.setdefault("listings", []).append(listing)
            yield spec


class _Place(NamedTuple):
    """Where a value is said: in a document of a file, or in a table that it names."""

    raw: Raw
    path: FieldPath
    in_table: bool

    @property
    def file(self) -> str:
        """The file to edit."""
        return self.raw.item_file if self.in_table else self.raw.file


class _Wish(NamedTuple):
    """A value to write, and what is to be told once it is written."""

    spec: Spec
    path: FieldPath
    value: object
    then: Sequence[str] = ()


class _Edits:
    """Values that are gathered, and written file by file: a file is read a few times, however many of its
    values changed."""

    def __init__(self, config: Configuration) -> None:
        self._config = config
        self._wishes: dict[tuple[str, int], list[tuple[_Place, _Wish]]] = {}
        self.notes: list[str] = []

    def add(self, wish: _Wish) -> None:
        """One more."""
        place = _place(self._config, wish.spec, wish.path)
        if place is None:
            self.notes.append(f"{wish.spec.origin}: cannot be edited")
            return
        # Two documents may name one table, and read it otherwise.
        key = (place.file, place.raw.position if place.in_table else -1)
        self._wishes.setdefault(key, []).append((place, wish))

    def carry_out(self, files: dict[str, str]) -> list[str]:
        """Write all that can be; `files` has the new texts afterwards. Answers what could not, and what is to
        be told of the others."""
        for wishes in self._wishes.values():
            self._left = GIVEN_UP
            self._write(wishes, files)
            if self._left < 0:
                self.notes.append(
                    f"{wishes[0][0].file}: {-self._left:,} more values stay as they are: too many before them could not be written"
                )
        return self.notes

    def _write(self, wishes: Sequence[tuple[_Place, _Wish]], files: dict[str, str]) -> None:
        """All at once; where that cannot be, each half by itself."""
        if self._left <= 0:
            self._left -= len(wishes)
            return
        trouble = _written(self._config, wishes, files)
        if not trouble:
            self.notes += [words for _, wish in wishes for words in wish.then]
            return
        if len(wishes) == 1:
            self._left -= 1
            self.notes.append(trouble)
            return
        middle = len(wishes) // 2
        self._write(wishes[:middle], files)
        self._write(wishes[middle:], files)


GIVEN_UP: Final = 100
"""Values of one file that cannot be written, after which the rest is left as it is: a hostile marketplace can
hold as many as there are listings."""


def _place(config: Configuration, spec: Spec, path: FieldPath) -> _Place | None:
    """Where a spec says a value, or would; None where it cannot be edited."""
    assert config.reader is not None
    # Defaults and templates speak for others too: what one resource is goes into its own words.
    layers = [layer for layer in config.layers_of(spec) if layer.what.split(" ")[0] in ("spec", "overlay")]
    if not layers:
        return None
    chosen = layers[-1]
    for layer in reversed(layers):
        inner = path[1:] if layer.path[:1] == ("spec",) else path
        if config.reader.has(layer.raw, (*layer.path, *inner)):
            chosen = layer
            break
    inner = path[1:] if chosen.path[:1] == ("spec",) else path
    return _Place(chosen.raw, (*chosen.path, *inner), chosen.raw.item_file != chosen.raw.file)


def _written(config: Configuration, wishes: Sequence[tuple[_Place, _Wish]], files: dict[str, str]) -> str:
    """Write values of one file where the specs say them; the reason when that is not possible, and then none
    is written."""
    assert config.reader is not None
    first, wish = wishes[0]
    shown = ".".join(str(part) for part in wish.path[1:])
    if first.in_table and not config.reader.is_utf8(first.file):
        return f"{wish.spec.origin}: {first.file} is not kept in UTF-8; write {shown} {wish.value!r} there by hand"
    if first.in_table:
        text = files.get(first.file) or config.reader.exact(first.file)
        changed = config.reader.put_cells(text, first.raw, [(place.path, one.value) for place, one in wishes])
        if changed is None:
            return f"{wish.spec.origin}: {shown} has no cell of its own in {first.file}; write {wish.value!r} there by hand"
        files[first.file] = changed
        return ""
    text = files.get(first.file) or config.reader.text(first.file)
    try:
        edits = [Edit(place.raw.position, place.path, one.value) for place, one in wishes]
        edited = set_values(text, first.file, edits)
    except CannotEdit as error:
        return str(error)
    wrong = _refused(edited, first.file, {place.raw.position for place, _ in wishes})
    if wrong:
        return f"{wish.spec.origin}: {shown} stays as it is: what the store holds no spec may say ({wrong})"
    files[first.file] = edited
    return ""


def _refused(text: str, file: str, positions: Collection[int]) -> str:
    """Why documents of a file would not be taken; empty where they would."""
    read = compose(text, file)
    faults = [*decode(text.encode(errors="replace"), file)[1], *read.findings]
    if faults:
        return one_line(faults[0].message, 200)
    for position in sorted(positions):
        document = read.documents[position].data
        # The rest may come from elsewhere.
        found = gate.problems(str(document.get("kind")), document, partial=True)
        if found:
            return one_line(found[0].message, 200)
    return ""
