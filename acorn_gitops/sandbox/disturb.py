"""A hand from outside: changes made on the marketplace behind acorn's back. Comes in: a database and wishes.
Goes out: what was changed. Caller: cli `sandbox disturb`, tests."""

from __future__ import annotations

import random
from decimal import Decimal

import orjson

from acorn_gitops.model.money import round_half_up
from acorn_gitops.model.resource import Address
from acorn_gitops.resources.registry import parse_address
from acorn_gitops.sandbox.database import Database


def set_attribute(database: Database, address: Address, name: str, value: object) -> None:
    """Set (or with None clear) one attribute. KeyError when there is no such resource."""
    row = database.get(*address)
    if row is None:
        raise KeyError(str(address))
    attributes = {**row.attributes, name: value}
    with database.transaction() as db:
        database.put(db, database.next_revision(db, address.store), *address, attributes, row.id)


def delete(database: Database, address: Address) -> None:
    """Delete a resource, whatever depends on it. KeyError when there is no such resource."""
    if database.get(*address) is None:
        raise KeyError(str(address))
    with database.transaction() as db:
        database.end(db, database.next_revision(db, address.store), *address)


def insert(database: Database, address: Address, attributes: dict[str, object]) -> None:
    """Put a resource there as somebody else's."""
    with database.transaction() as db:
        database.put(db, database.next_revision(db, address.store), *address, attributes, database.new_id(db))


def at_random(database: Database, count: int, seed: int) -> list[str]:
    """So many believable disturbances: prices cut, listings paused, one deleted, a stranger added. The same
    seed disturbs the same rows."""
    chance = random.Random(seed)
    listings = [(s, k, a) for s, _, k, a in database.each(None, "listing") if a.get("price")]
    if not listings:
        return []
    done: list[str] = []
    for number, (store, key, attributes) in enumerate(chance.sample(listings, min(count, len(listings)))):
        address = Address(store, "listing", key)
        match number % 4:
            case 0 | 2:
                price = attributes["price"]
                cut = round_half_up(Decimal(price["value"]) * Decimal("0.85"), price["currency"])
                set_attribute(
                    database, address, "price", value={"currency": price["currency"], "value": str(cut)}
                )
                done.append(f"{address}: price {price['value']} -> {cut} {price['currency']}")
            case 1:
                set_attribute(database, address, "status", value="inactive")
                done.append(f"{address}: status -> inactive")
            case _:
                delete(database, address)
                done.append(f"{address}: deleted")
    store = listings[0][0]
    stranger = Address(store, "listing", f"STRANGER-{seed}")
    insert(database, stranger, {"sku": stranger.key, "status": "active"})
    done.append(f"{stranger}: added by hand")
    return done


def dump(database: Database) -> bytes:
    """Everything there is now, as JSON lines: {address, attributes}."""
    rows = [orjson.dumps({"address": f"{s}/{t}/{k}", "attributes": a}) for s, t, k, a in database.each()]
    return b"\n".join(rows) + (b"\n" if rows else b"")


def seed(database: Database, lines: bytes) -> int:
    """Put resources from JSON lines there, as if others had. ValueError with the line that cannot be read."""
    count = 0
    for number, line in enumerate(lines.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
            address, attributes = parse_address(row["address"]), dict(row["attributes"])
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"line {number}: {error}") from None
        insert(database, address, attributes)
        count += 1
    return count
