"""`acorn import`. Comes in: live stores. Goes out: YAML for what is not in the specs, or drifted values written into
the specs that say otherwise; both are then in the ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
import orjson

from acorn_gitops.cli.session import Session, select, shared
from acorn_gitops.confine.files import writable
from acorn_gitops.confine.text import one_line
from acorn_gitops.marketplaces.protocol import Central
from acorn_gitops.model.finding import AcornError, Finding, InvalidSpecs
from acorn_gitops.model.resource import Address, Attributes, Live, attribute_of, protects
from acorn_gitops.reconcile.planning import NONSENSE, nonsense, to_record
from acorn_gitops.reconcile.states import (
    Situation,
    StoreView,
    Wishes,
    declared,
    refuse_unknown,
    situation,
    views,
)
from acorn_gitops.specs.configuration import Configuration, Spec


@click.command("import")
@shared
@select
@click.option(
    "--drifted",
    is_flag=True,
    help="Take values that were changed outside into the specs, instead of new resources.",
)
@click.option(
    "--store",
    "stores",
    multiple=True,
    metavar="NAME",
    help="Also look at this live store, which no spec declares. Repeatable.",
)
@click.option(
    "--to",
    default="",
    metavar="FOLDER",
    help="Folder for new files; by default `imported` in the first specs folder.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be written; write nothing.")
def command(
    environment: str | None,
    root: Path | None,
    no_color: bool,
    selected: tuple[str, ...],
    drifted: bool,
    stores: tuple[str, ...],
    to: str,
    dry_run: bool,
) -> int:
    """Take live resources into the specs: what nobody declares becomes YAML, and is acorn's from then on.

    With --drifted, values that were changed outside are written into the specs that declare them; comments and
    layout stay. Marketplaces are only read.
    """
    session = Session(root, environment, no_color)
    loaded = session.load()
    if loaded.findings and {f.id for f in loaded.findings} - {"GEN-017"}:
        raise InvalidSpecs("the specs are invalid; nothing was read or written", findings=loaded.findings)
    state = situation(session, loaded, Wishes(selected, lenient=True))
    live_stores = _undeclared_stores(session, state, stores)
    state.connections.update(live_stores)
    refuse_unknown(state)
    collected: list[StoreView] = []
    for view in views(state, Wishes(selected, allow_empty=list(state.connections))):
        if view.error:
            raise AcornError(f"{view.store} could not be read: {view.error}; nothing was written")
        collected.append(view)
    files, notes = _drifted(state, collected) if drifted else _new(session, state, collected, to)
    if not dry_run and drifted:
        _write(session, files)
    elif not dry_run:
        files, notes = _taken(session, state, collected, to, files, notes)
    for note in notes:
        session.say(session.err(f"· {note}", "yellow"))
    for path in sorted(files):
        click.echo(f"{'would write' if dry_run else 'wrote'} {path}")
    if not files:
        click.echo("nothing to take in")
    elif not dry_run:
        _record(session, selected)
    session.close()
    return 0


def _write(session: Session, files: Mapping[str, str]) -> None:
    from acorn_gitops.specs.edit import save

    for path in sorted(files):
        writable(session.root / path, session.root)
    for path in sorted(files):
        save(session.root / path, files[path], session.root)


ROUNDS: Final = 10
"""What is refused only once other things are left out is found in so many rounds."""


def _taken(
    session: Session,
    state: Situation,
    collected: list[StoreView],
    to: str,
    files: dict[str, str],
    notes: list[str],
) -> tuple[dict[str, str], list[str]]:
    """Write what was made of live resources, without what rules of this project refuse: that stays unmanaged, and is told. Answers what
    was written at last, and every note."""
    if not files:
        return files, notes
    refused: dict[str, str] = {}
    earlier = {finding.subject for finding in _errors(session)}
    for _ in range(ROUNDS):
        before = {path: _bytes(session.root / path) for path in files}
        _write(session, files)
        known = {*earlier, *refused, ""}
        new = {f.subject: f.message for f in _errors(session) if f.subject not in known}
        if not new:
            break  # all is well, or wrong for a reason of its own: `_record` tells
        _put_back(session, before)
        refused |= new
        files, notes = _new(session, state, collected, to, refused)
    told = [
        f"{name} stays unmanaged: rules of this project refuse it ({one_line(why, 200)})"
        for name, why in sorted(refused.items())
    ]
    return files, [*notes, *told]


def _errors(session: Session) -> list[Finding]:
    try:
        session.checked()
    except InvalidSpecs as error:
        return [finding for finding in error.findings if finding.severity == "error"]
    return []


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _put_back(session: Session, before: Mapping[str, bytes | None]) -> None:
    """Files as they were before this run wrote them."""
    from acorn_gitops.confine.files import replace

    for path, content in before.items():
        if content is None:
            (session.root / path).unlink()
        else:
            replace(session.root / path, content, root=session.root)


def _undeclared_stores(session: Session, state: Situation, stores: tuple[str, ...]) -> dict[str, str]:
    """Live stores that no spec declares: those that were named; all of them where there are no specs yet."""
    everything = not state.connections
    found: dict[str, str] = {}
    held: dict[str, str] = {}
    if not stores and not everything:
        return found
    state.marketplaces = session.marketplaces(state.loaded.configuration.connections)
    for name, marketplace in state.marketplaces.items():
        held.update(dict.fromkeys(marketplace.stores(), name))
    for store in held if everything and not stores else stores:
        if store not in held:
            raise AcornError(
                f"no connection holds a store {store}",
                hint=f"live stores: {', '.join(sorted(held)) or 'none'}",
            )
        if store not in state.connections:
            found[store] = held[store]
    return found


def _new(
    session: Session,
    state: Situation,
    collected: list[StoreView],
    to: str,
    refused: Collection[str] = (),
) -> tuple[dict[str, str], list[str]]:
    """New documents for resources that no spec declares, but for those that are refused (`Kind/name`)."""
    from acorn_gitops.compile.decompile import decompile
    from acorn_gitops.specs.edit import written
    from acorn_gitops.specs.resolve import name_of_sku

    config = state.loaded.configuration
    foreign: dict[Address, Attributes] = {}
    for view in collected:
        for key, have in view.live.items():
            if key not in view.desired and state.selection.resource(view.store, *key):
                foreign[Address(view.store, *key)] = have.attributes
    twice = _of_others(state, collected)
    for address in foreign.keys() & twice.keys():
        del foreign[address]
    taken = {f"{s.kind}/{s.name}" for s in config.specs()}
    made = decompile(foreign, taken)
    files: dict[str, str] = {}
    notes = [f"{address} stays unmanaged: {why}" for address, why in made.unsaid]
    notes += [
        f"{address} is {store}'s: this marketplace has it here, too"
        for address, store in sorted(twice.items())
    ]
    notes += [f"{view.store} stays as it is: {why}" for view in collected for why in view.ambiguous.values()]
    folder = to or f"{state.loaded.project.spec_paths[0].rstrip('/')}/imported"
    mapped = {s.spec["sku"]: s for s in config.skus}
    twins = {code.strip().casefold(): code for code in mapped}
    fresh: list[dict[str, Any]] = []
    for item in made.skus:
        if item["sku"] in mapped or f"SkuMapping/{item.get('name') or name_of_sku(item['sku'])}" in refused:
            continue
        other = twins.setdefault(item["sku"].strip().casefold(), item["sku"])
        if other == item["sku"]:
            fresh.append(item)
        else:
            notes.append(
                f"{item['sku']!r} stays unmanaged: but for letters' case or blanks it is {other!r}; rename one of them"
            )
    extended: list[Spec] = []
    for item in made.skus:
        spec = mapped.get(item["sku"])
        if spec is not None and f"SkuMapping/{spec.name}" not in refused:
            extended += _extend(config, spec, item, files, notes)
    for spec in extended:
        spec.spec["listings"].pop()  # it was there for the places of the next
    stores = [d for d in made.stores if f"Store/{d['metadata']['name']}" not in refused]
    by_kind: dict[str, list[dict[str, Any]]] = {"stores": stores}
    for document in made.others:
        if f"{document['kind']}/{document['metadata']['name']}" in refused:
            continue
        by_kind.setdefault(
            {"RolePermission": "roles", "TaxRule": "tax", "Promo": "promos"}[document["kind"]], []
        ).append(document)
    if fresh:
        lists = {str(raw.data["metadata"]["name"]) for raw in config.raws.values()}
        name = _free("imported", {s.name for s in config.skus} | lists)
        by_kind["skus"] = [
            {
                "apiVersion": "acorn/v1",
                "kind": "SkuMapping",
                "metadata": {"name": name},
                "spec": {"items": fresh},
            }
        ]
    if len(config.connections) > 1:
        for document in stores:
            document["spec"]["connection"] = state.connections[document["metadata"]["name"]]
    for kind, documents in by_kind.items():
        if documents:
            path = _unused(session.root, f"{folder}/{kind}")
            files[path] = written(documents)
    return files, notes


def _of_others(state: Situation, collected: Sequence[StoreView]) -> dict[Address, str]:
    """Promotions that a marketplace shows in its central store, too, and the store whose they are: taken in twice they would be
    managed twice."""
    owners: dict[tuple[str, str], str] = {}
    mine: list[tuple[Address, tuple[str, str]]] = []
    for view in collected:
        marketplace = state.marketplaces.get(view.connection)
        if not isinstance(marketplace, Central):
            continue
        for (type, key), have in view.live.items():
            if type != "promotion" or not have.remote_id:
                continue
            identity = (view.connection, have.remote_id)
            if view.store == marketplace.central():
                mine.append((Address(view.store, type, key), identity))
            else:
                owners.setdefault(identity, view.store)
    return {address: owners[identity] for address, identity in mine if identity in owners}


def _free(name: str, taken: set[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def _unused(root: Path, stem: str) -> str:
    path, number = f"{stem}.yaml", 2
    while (root / path).exists():
        path, number = f"{stem}-{number}.yaml", number + 1
    return path


def _extend(
    config: Configuration, spec: Spec, item: dict[str, Any], files: dict[str, str], notes: list[str]
) -> Iterator[Spec]:
    """Further listings of a SKU that is mapped already go where its other listings are. Answers the spec for each that was added to
    it."""
    for listing in item["listings"]:
        count = len(spec.spec.get("listings") or ())
        problem = _edit(config, spec, ("spec", "listings", count), listing, files)
        if problem:
            notes.append(problem)
        else:
            spec.spec.setdefault("listings", []).append(listing)
            yield spec


def _edit(config: Configuration, spec: Spec, path: tuple[Any, ...], value: Any, files: dict[str, str]) -> str:
    """Write a value where the spec says it; the reason when that is not possible."""
    from acorn_gitops.specs.edit import CannotEdit, set_value

    assert config.reader is not None
    # Defaults and templates speak for others too: what one resource is goes into its own words.
    layers = [layer for layer in config.layers_of(spec) if layer.what.split(" ")[0] in ("spec", "overlay")]
    if not layers:
        return f"{spec.origin}: cannot be edited"
    chosen = layers[-1]
    for layer in reversed(layers):
        inner = path[1:] if layer.path[:1] == ("spec",) else path
        if config.reader.has(layer.raw, (*layer.path, *inner)):
            chosen = layer
            break
    inner = path[1:] if chosen.path[:1] == ("spec",) else path
    if chosen.raw.item_file != chosen.raw.file:
        table = chosen.raw.item_file
        text = files.get(table) or config.reader.exact(table)
        changed = config.reader.put_cell(text, chosen.raw, (*chosen.path, *inner), value)
        if changed is None:
            shown = ".".join(str(p) for p in path[1:])
            return f"{spec.origin}: {shown} has no cell of its own in {table}; write {value!r} there by hand"
        files[table] = changed
        return ""
    text = files.get(chosen.raw.file) or config.reader.text(chosen.raw.file)
    try:
        edited = set_value(text, chosen.raw.file, chosen.raw.position, (*chosen.path, *inner), value)
    except CannotEdit as error:
        return str(error)
    wrong = _refused(edited, chosen.raw.file, chosen.raw.position)
    if wrong:
        shown = ".".join(str(p) for p in path[1:])
        return f"{spec.origin}: {shown} stays as it is: what the store holds no spec may say ({wrong})"
    files[chosen.raw.file] = edited
    return ""


def _refused(text: str, file: str, position: int) -> str:
    """Why a document of a file would not be taken; empty where it would."""
    from acorn_gitops.specs import gate
    from acorn_gitops.specs.strict import compose
    from acorn_gitops.specs.text import decode

    read = compose(text, file)
    faults = [*decode(text.encode(errors="replace"), file)[1], *read.findings]
    if faults:
        return one_line(faults[0].message, 200)
    document = read.documents[position].data
    found = gate.problems(
        str(document.get("kind")), document, partial=True
    )  # the rest may come from elsewhere
    return one_line(found[0].message, 200) if found else ""


def _drifted(state: Situation, collected: list[StoreView]) -> tuple[dict[str, str], list[str]]:
    """Values that were changed outside, written into the specs that declare them."""
    from acorn_gitops.compile.spec_paths import spec_paths
    from acorn_gitops.plan.compare import normal
    from acorn_gitops.plan.drift import store_drift

    config = state.loaded.configuration
    by_origin = {(s.kind, s.name): s for s in config.specs()}
    siblings = _siblings(state)
    live_of = {view.store: view.live for view in collected}
    files: dict[str, str] = {}
    notes: list[str] = []
    for view in collected:
        try:
            rows = store_drift(view.store, view.desired, view.live, view.applied).drifted
        except NONSENSE as error:
            notes.append(f"{view.store} stays as it is: {nonsense(error)}")
            continue
        for row in rows:
            want = view.desired.get((row.address.type, row.address.key))
            if want is None or not state.selection.resource(*row.address):
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
                    spec_paths(row.address, name, normal(live.get(name), name), spec)
                    if spec is not None
                    else []
                )
                if spec is None or not places:
                    notes.append(
                        f"{row.address}: {name} is not said in one place of a spec; edit {want.origin} by hand"
                    )
                    continue
                others = _elsewhere(row.address, name, live.get(name), spec, siblings, live_of)
                if others:
                    notes.append(
                        f"{row.address}: {name} is said once for {_listed(others)} too, where it is not so; edit"
                        f" {want.origin} by hand, or apply to put it back"
                    )
                    continue
                for place in places:
                    problem = _edit(config, spec, place.path, place.value, files)
                    if problem:
                        notes.append(problem)
    return files, notes


def _siblings(state: Situation) -> dict[tuple[str, str], list[Address]]:
    """All resources that one spec declares, by kind and name."""
    found: dict[tuple[str, str], list[Address]] = {}
    for store, shard in state.desired.stores.items():
        for key, want in shard.items():
            found.setdefault((want.origin.kind, want.origin.name), []).append(Address(store, *key))
    return found


def _elsewhere(
    address: Address,
    name: str,
    value: Any,
    spec: Spec,
    siblings: dict[tuple[str, str], list[Address]],
    live_of: Mapping[str, Mapping[tuple[str, str], Live]],
) -> list[Address]:
    """Other resources for which the same words of the spec stand, and of which the new value is not known to be
    true: writing it would change them at the next apply."""
    from acorn_gitops.compile.spec_paths import spec_paths
    from acorn_gitops.plan.compare import same

    here = {place.path for place in spec_paths(address, name, value, spec)}
    found: list[Address] = []
    for other in siblings.get((spec.kind, spec.name), ()):
        if other == address or other.type != address.type:
            continue
        if not here.intersection(place.path for place in spec_paths(other, name, value, spec)):
            continue
        have = live_of.get(other.store, {}).get((other.type, other.key))
        if have is None or not same(value, have.attributes.get(name), name):
            found.append(other)
    return found


def _listed(addresses: Sequence[Address]) -> str:
    shown = ", ".join(map(str, addresses[:3]))
    return shown + (f" and {len(addresses) - 3} more" if len(addresses) > 3 else "")


def _record(session: Session, selected: tuple[str, ...]) -> None:
    """Load again what was written, and take into the ledger what is now declared and as declared."""
    from acorn_gitops.ledger.ledger import Settled, open_ledger
    from acorn_gitops.ledger.lock import held
    from acorn_gitops.plan.diff import recordable
    from acorn_gitops.plan.ownership import left_to_owners
    from acorn_gitops.provenance.revision import Revision
    from acorn_gitops.reconcile.moved_ledger import move, publish, publishes
    from acorn_gitops.reconcile.planning import compute

    try:
        loaded, findings = session.checked()
    except InvalidSpecs as error:
        for finding in error.findings:
            if finding.severity == "error":
                session.warn([finding])
        raise AcornError(
            "what was written breaks rules of this project; it stays for you to mend, and was not recorded",
            hint="edit it, then run `acorn apply` to record it",
        ) from None
    path = session.ledger_path(loaded.project)
    with held(path, {"who": session.actor(), "since": session.stamp(), "plan": "import"}, 10):
        known = open_ledger(path)
        first = not known.stores()
        known.close()
        plan, state = compute(
            session,
            loaded,
            findings,
            Wishes(selected, fresh=True, lenient=True),
            Revision(session.root),
            write=True,
            takes_over=first,
            publish=(lambda ledger: publish(session, ledger)) if publishes(session) else None,
        )
        applied = {store: state.ledger.applied(store) for store in {a.store for a in to_record(plan)}}

        def last_applied(address: Address) -> Attributes | None:
            found = applied[address.store].get((address.type, address.key))
            return orjson.loads(found.attributes) if found is not None else None

        rows = [
            Settled(
                address,
                "adopt",
                plan.id,
                "observed",
                recordable(want, last_applied(address)),
                str(want.origin),
                adopted=True,
                protected=protects(want.lifecycle),
            )
            for address in sorted(to_record(plan))
            if (want := declared(state, address)) is not None
        ]
        read = [s.store for s in plan.stores if not s.error]
        move(
            session,
            state,
            {store: state.read_at[store] for store in read if store in state.read_at},
            read,
            lambda said: state.ledger.record(
                rows, session.stamp(), session.actor(), plan.revision, "import", said
            ),
        )
        state.ledger.close()
    click.echo(f"{len(rows):,} resource{'s' if len(rows) != 1 else ''} recorded as managed")
    for result in plan.stores:
        for sentence in left_to_owners(result.theirs):
            click.echo(sentence)
