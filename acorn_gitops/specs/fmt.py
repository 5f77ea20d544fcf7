"""Spec files in canonical form. Comes in: text. Goes out: text that means the same. Caller: cli `fmt`.

ruamel.yaml's round trip keeps comments and quotes; the head of a document is put in order (apiVersion, kind,
metadata, lifecycle, spec), indentation is two, lists are indented, text is NFC. When the result would mean
anything else, the file is left alone.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from acorn_gitops.confine.text import normal, one_line
from acorn_gitops.model.finding import Finding, Place
from acorn_gitops.model.language import canonical_tag
from acorn_gitops.specs.comments import lost_comment
from acorn_gitops.specs.strict import compose
from acorn_gitops.specs.text import decode

_HEAD: Final = ("apiVersion", "kind", "metadata", "lifecycle", "spec")


def round_trip() -> Any:
    """A ruamel.yaml instance with acorn's style."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt")
    yaml.Resolver = _resolver()
    yaml.Emitter = _emitter()
    yaml.Representer = _representer()
    yaml.preserve_quotes = True
    yaml.width = 1_000_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.allow_duplicate_keys = False
    return yaml


@cache
def _resolver() -> object:
    """Dates are text in specs, also those that no calendar has."""
    from ruamel.yaml.resolver import VersionedResolver

    class Resolver(VersionedResolver):
        def add_version_implicit_resolver(
            self, version: Any, tag: object, regexp: object, first: object
        ) -> None:
            if not str(tag).endswith(":timestamp"):
                super().add_version_implicit_resolver(version, tag, regexp, first)

    return Resolver


def formatted(data: bytes, file: str, out_of_time: Callable[[], bool] = bool) -> tuple[str, list[Finding]]:
    """The canonical text of a file, or findings (then the text is as it was). `out_of_time`: asked between
    documents, whether to give up."""
    if len(data) > MOST_BYTES:
        return "", [_too_much(file, f"is larger than {MOST_BYTES >> 20} MiB")]
    nfc = normal("NFC", data.decode("utf-8", "replace")).encode()
    text, findings = decode(nfc if data.decode("utf-8", "ignore").encode() == data else data, file)
    if findings:
        return text, findings
    text = _EMPTY.sub("---\n", text)
    before = compose(text, file)
    if before.findings:
        return text, before.findings
    strangers = [n for n in before.documents if not _ours(n.data)]
    if strangers:
        return text, [_stranger(file, strangers[0].line)]
    try:
        result = _settled(text, file, out_of_time)
    except TimeoutError:
        return text, [_too_much(file, "takes too long to be formatted")]
    after = compose(result, file)
    for known in before.documents:
        _spell(known.data)
    if after.findings or [n.data for n in after.documents] != [n.data for n in before.documents]:
        finding = Finding(
            "GEN-018",
            "error",
            "this file cannot be formatted without changing its meaning",
            place=Place(file, 1, 1),
            hint="it was left as it is; please report it",
        )
        return text, [finding]
    lost = lost_comment(text, result)
    if lost is not None:
        finding = Finding(
            "GEN-018",
            "error",
            f"formatting this file would lose the comment {one_line(lost.words, 80)}",
            place=Place(file, lost.line, 1),
            hint="it was left as it is; move the comment below the next `---`, or to the one at the end of the next line",
        )
        return text, [finding]
    return result, []


_MARK: Final = re.compile(r"\A((?:[ \t]*(?:#[^\n]*)?\n)*)---[ \t]*(?:(#[^\n]*\n)|\n)")
"""Comments before the first `---`: the emitter drops them with it, and keeps those that stand before a
key."""

_EMPTY: Final = re.compile(r"^---[ \t]*\n(?:---[ \t]*\n)+", re.MULTILINE)
"""Documents of nothing, one after the other."""

MOST_BYTES: Final = 8 << 20
"""Of one file: the emitter takes some ten seconds for a million bytes."""
MOST_SECONDS: Final = 60.0
"""For one file."""

SETTLES: Final = 3
"""Passes after which a text is as it stays."""


def _settled(text: str, file: str, out_of_time: Callable[[], bool]) -> str:
    """Pass after pass, until nothing changes any more. TimeoutError when time is up."""
    once, result = text, _again(_MARK.sub(r"\1\2", text), out_of_time)
    for _ in range(SETTLES):
        # What stood in the way of one pass, such as a blank line at the end, is gone in the next.
        if result == once or compose(result, file).findings:
            break
        once, result = result, _again(result, out_of_time)
    return result


def _again(text: str, out_of_time: Callable[[], bool]) -> str:
    """One pass: every document as the emitter writes it, its head in order."""
    yaml = round_trip()
    out = io.StringIO()
    for index, document in enumerate(yaml.load_all(text)):
        if out_of_time():
            raise TimeoutError
        _spell(document)
        if hasattr(document, "move_to_end"):
            for key in [k for k in _HEAD if k in document] if _movable(document) else []:
                document.move_to_end(key)
        if index:
            out.write("---\n")
        yaml.dump(document, out)
    return _tidy(out.getvalue())


def _spell(document: object) -> None:
    """Bring values of which there are several spellings into one, in place: language tags."""
    spec = document.get("spec") if isinstance(document, dict) else None
    front: Any = spec.get("storefront") if isinstance(spec, dict) else None
    tags: object = front.get("languages") if isinstance(front, dict) else None
    for index, tag in enumerate(tags if isinstance(tags, list) else ()):
        if isinstance(tag, str) and canonical_tag(tag) != tag:
            front["languages"][index] = canonical_tag(tag)


def _ours(data: object) -> bool:
    """Whether a document says that it is acorn's; an empty one harms nobody."""
    return data is None or (isinstance(data, dict) and str(data.get("apiVersion", "")).startswith("acorn/"))


def _stranger(file: str, line: int) -> Finding:
    return Finding(
        "GEN-011",
        "error",
        "this is not an acorn/v1 document, and was left as it is",
        place=Place(file, max(line, 1), 1),
        hint="`acorn fmt` changes specs only",
    )


def _too_much(file: str, why: str) -> Finding:
    hint = "it was left as it is; make several files of it"
    return Finding("GEN-018", "error", f"this file {why}", place=Place(file, 1, 1), hint=hint)


def _movable(document: Any) -> bool:
    """Whether the head can be put in order: comments before a moved key would go astray, so only an
    already complete head without comments between is moved."""
    keys = list(document)
    wanted = [k for k in _HEAD if k in document]
    return keys != wanted and set(keys) <= set(_HEAD) and not document.ca.items


def _tidy(text: str) -> str:
    text = "\n".join(line.rstrip(" ") for line in text.split("\n"))
    text = re.sub(r"\n(---\n)+(?=---\n)", "\n", text)
    return text.strip("\n") + "\n" if text.strip() else ""


@cache
def _emitter() -> type:
    from ruamel.yaml.emitter import Emitter

    class WholeMaps(Emitter):
        """`[{group: x}]` stays a map in braces: ruamel would write `[group: x]`."""

        def expect_flow_mapping(
            self, single: bool | None = False, force_flow_indent: bool | None = False
        ) -> None:
            super().expect_flow_mapping(single=False, force_flow_indent=force_flow_indent)

    return WholeMaps


@cache
def _representer() -> type:
    from ruamel.yaml.representer import RoundTripRepresenter

    class SaidNulls(RoundTripRepresenter):
        """A null is a wish here (clear this), so it is said."""

    SaidNulls.add_representer(
        type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return SaidNulls
