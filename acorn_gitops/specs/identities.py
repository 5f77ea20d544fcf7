"""What documents a text holds, whatever else is wrong with it. Comes in: the bytes of a spec file as some
commit holds it. Goes out: a digest for each document, by kind and name. Caller: reconcile `planning`, for
whoever asks who changed a document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Final

import orjson

from acorn_gitops.specs.strict import compose

Identity = tuple[str, str]
"""Kind and name of a document."""
KEY: Final = "key of "
"""Before a kind, in place of it: an identity by `spec.key`, under which documents of other names are the same
thing at a marketplace."""
MOST: Final = 256 << 10
"""Bytes of a text that is looked into."""
_SPELT: Final = b"\\"
"""By which a name can be written so that no search finds it."""


def identities(content: bytes) -> Mapping[Identity, tuple[str, ...]] | None:
    """Digests of the documents of a text, in the order in which they stand. None where nobody can tell what
    is in it: it is no YAML, or too long to be looked into."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return {}  # nobody loads it
    if len(content) > MOST:
        return None
    composed = compose(text, "")
    if any(finding.severity == "error" for finding in composed.findings):
        return None
    found: dict[Identity, tuple[str, ...]] = {}
    for node in composed.documents:
        for identity in _of(node.data):
            found[identity] = (*found.get(identity, ()), _digest(node.data))
    return found


def may_hold(content: bytes, wanted: Collection[Identity]) -> bool:
    """Whether a text may hold one of these documents, told without reading it."""
    if _SPELT in content:
        return True
    # A blank of a name can be a line's end: each word is looked for by itself.
    return any(
        all(word.encode() in content for word in (kind.removeprefix(KEY), *name.split()))
        for kind, name in wanted
    )


def _of(data: object) -> list[Identity]:
    if not isinstance(data, dict):
        return []
    kind, metadata, spec = data.get("kind"), data.get("metadata"), data.get("spec")
    found = [(kind, metadata.get("name"))] if isinstance(metadata, dict) else []
    if isinstance(spec, dict) and spec.get("key"):
        found.append((f"{KEY}{kind}", spec["key"]))
    return [(str(kind), str(name)) for kind, name in found]


def _digest(data: object) -> str:
    try:
        text = orjson.dumps(data, option=orjson.OPT_SORT_KEYS, default=str)
    except TypeError:
        text = repr(data).encode()
    return hashlib.sha256(text).hexdigest()
