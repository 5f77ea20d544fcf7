"""One person in any spelling. Comes in: what is declared, live and recorded of a store. Goes out: the same
with one spelling for each person, the marketplace's where it holds one. Caller: `states`.

An e-mail address names one person whatever its letters' case; marketplaces keep it as typed, in lower case,
or both. Compared by text, one person would be given the right under one spelling and keep it under another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from acorn_gitops.compile.desired_state import Key
from acorn_gitops.engines.access import one_spelling
from acorn_gitops.model.resource import Desired

Held = TypeVar("Held")
_OF_A_PERSON = ":user:"


def folded(key: Key) -> Key:
    """A grant's key in the spelling in which two are one; any other key as it is."""
    type_, name = key
    if type_ != "grant" or _OF_A_PERSON not in name:
        return key
    role, mark, who = name.partition(_OF_A_PERSON)
    return type_, f"{role}{mark}{one_spelling(who)}"


def spellings(*held: Iterable[Key]) -> dict[Key, Key]:
    """By folded key, the spelling that is held; of several the first."""
    found: dict[Key, Key] = {}
    for keys in held:
        for key in keys:
            if key[0] == "grant":
                found.setdefault(folded(key), key)
    return found


def respelt(shard: Mapping[Key, Desired], known: Mapping[Key, Key]) -> Mapping[Key, Desired]:
    """What is declared, each person as the store spells them."""
    changed = {
        key: known[folded(key)] for key in shard if key[0] == "grant" and known.get(folded(key), key) != key
    }
    if not changed:
        return shard
    return {
        changed.get(key, key): _named(want, changed[key]) if key in changed else want
        for key, want in shard.items()
    }


def moved(rows: Mapping[Key, Held], known: Mapping[Key, Key]) -> Mapping[Key, Held]:
    """What was recorded, under the keys of what is live."""
    if not any(key[0] == "grant" and known.get(folded(key), key) != key for key in rows):
        return rows
    return {known.get(folded(key), key) if key[0] == "grant" else key: held for key, held in rows.items()}


def _named(want: Desired, key: Key) -> Desired:
    subject = {**want.attributes["subject"], "id": key[1].partition(_OF_A_PERSON)[2]}
    return want._replace(attributes={**want.attributes, "subject": subject})
