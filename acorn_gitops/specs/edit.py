"""Writes into spec files that people wrote. Comes in: places and values. Goes out: the same files with these
values, comments and order kept. Caller: cli `import`.

One value is replaced where it stands in the text, so that the rest of the file stays byte for byte; what has
no place yet is added by ruamel.yaml's round trip. A result that does not mean what was asked is not written.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from acorn_gitops.confine.files import replace
from acorn_gitops.model.finding import FieldPath, Finding, InvalidSpecs, Place
from acorn_gitops.model.resource import Document
from acorn_gitops.specs.comments import lost_comment
from acorn_gitops.specs.fmt import round_trip
from acorn_gitops.specs.gate import accepts, problems
from acorn_gitops.specs.scalars import needs_quotes, quoted
from acorn_gitops.specs.strict import Node, compose


class CannotEdit(ValueError):
    """The value has no place in the file that could be edited safely."""


def scalar(value: object) -> str:
    """A scalar as it is written in specs. Text that looks like a number is quoted."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return quoted(str(value)) if needs_quotes(str(value)) else str(value)


class Edit(NamedTuple):
    """One value of a document of a file."""

    document: int
    path: FieldPath
    value: object


def set_value(text: str, file: str, document: int, path: Sequence[Any], value: object) -> str:
    """The text with one value replaced or added. CannotEdit when it would mean anything else."""
    return set_values(text, file, [Edit(document, tuple(path), value)])


def set_values(text: str, file: str, edits: Sequence[Edit]) -> str:
    """The text with values replaced or added, all of them or none. CannotEdit when it would mean anything
    else. The file is read twice, however many there are."""
    edits = [*{(one.document, one.path): one for one in edits}.values()]
    composed = compose(text, file)
    shown = ", ".join(".".join(map(str, one.path)) for one in edits[:3])
    if composed.findings or any(one.document >= len(composed.documents) for one in edits):
        raise CannotEdit(f"{file} cannot be read")
    wanted = [node.data for node in composed.documents]
    in_place: list[tuple[Node, object]] = []
    others: list[Edit] = []
    for one in edits:
        node = composed.documents[one.document]
        wanted[one.document] = _with(wanted[one.document], one.path, one.value)
        if node.has(one.path) and not isinstance(one.value, dict | list):
            in_place.append((node.below(one.path), one.value))
        else:
            others.append(one)
    result = _replaced(text, in_place)
    if result is None:
        result, others = text, [*edits]
    if others:
        result = _by_round_trip(result, others)
    after = compose(result, file)
    if after.findings or [node.data for node in after.documents] != wanted:
        raise CannotEdit(f"{file}: {shown} cannot be changed safely; edit it by hand")
    if lost_comment(text, result) is not None:
        words = f"{file}: {shown} cannot be changed without losing a comment"
        raise CannotEdit(f"{words}; edit it by hand")
    return result


def put_setting(root: Path, path: Sequence[object], value: object) -> None:
    """Write a value into acorn.yaml. CannotEdit, or InvalidSpecs in the words of the schema, where it does
    not fit."""
    file = root / PROJECT
    text = set_value(file.read_text(encoding="utf-8"), PROJECT, 0, path=path, value=value)
    _check_project(text)
    save(file, text, root)


def with_setting(text: str, name: str, entries: Sequence[object], *, new: object) -> str:
    """acorn.yaml with one entry more in a list of `spec`, which `entries` is then. CannotEdit, or
    InvalidSpecs, where that does not fit."""
    path, value = (("spec", name, len(entries) - 1), new) if len(entries) > 1 else (("spec", name), [new])
    changed = set_value(text, PROJECT, 0, path=path, value=value)
    _check_project(changed)
    return changed


def drop_setting(root: Path, path: Sequence[object]) -> None:
    """Take a value out of acorn.yaml, with what was noted beside it."""
    text = (root / PROJECT).read_text(encoding="utf-8")
    yaml = round_trip()
    document = yaml.load(text)
    current = document
    for part in path[:-1]:
        current = current[part]
    del current[path[-1]]
    out = io.StringIO()
    yaml.dump(document, out)
    _check_project(out.getvalue())
    save(root / PROJECT, out.getvalue(), root)


PROJECT = "acorn.yaml"


def _check_project(text: str) -> None:
    data = compose(text, PROJECT)
    document = data.documents[0].data if data.documents else None
    wrong = [] if document is None or accepts("Project", document) else problems("Project", document)
    if data.findings or wrong or document is None:
        found = [Finding(one.id, "error", one.message, place=Place(PROJECT), hint=one.hint) for one in wrong]
        words = f"{PROJECT} would be wrong; nothing was written"
        raise InvalidSpecs(words, findings=[*data.findings, *found])


def _replaced(text: str, values: Sequence[tuple[Node, object]]) -> str | None:
    """Replace one-line scalars where they stand; None when one is something else."""
    lines = text.split("\n")
    # From the end: what was not replaced yet stands where it stood.
    for node, value in sorted(values, key=lambda one: (one[0].line, one[0].column), reverse=True):
        if isinstance(node.data, dict | list):
            return None
        line, start = lines[node.line - 1], node.column - 1
        old = next((form for form in _forms(node.data) if line.startswith(form, start)), None)
        if old is None:
            return None
        new = quoted(str(value)) if old[:1] in "\"'" and isinstance(value, str) else scalar(value)
        lines[node.line - 1] = line[:start] + new + line[start + len(old) :]
    return "\n".join(lines)


def _forms(value: object) -> Sequence[str]:
    """How a scalar may be written."""
    text = str(value)
    return quoted(text), "'" + text.replace("'", "''") + "'", scalar(value), text


def _by_round_trip(text: str, edits: Sequence[Edit]) -> str:
    yaml = round_trip()
    documents = list(yaml.load_all(text))
    for one in edits:
        current = documents[one.document]
        for part in one.path[:-1]:
            if isinstance(current, dict) and part not in current:
                current[part] = {}
            current = current[part]
        last = one.path[-1]
        if isinstance(current, list) and last == len(current):
            current.append(styled(one.value))
        else:
            current[last] = styled(one.value)
    out = io.StringIO()
    for index, item in enumerate(documents):
        if index:
            out.write("---\n")
        yaml.dump(item, out)
    return out.getvalue()


def _with(data: object, path: Sequence[Any], value: object) -> object:
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(data, list):
        out = list(data)
        if head == len(out):
            return [*out, _with({} if rest else None, rest, value)]
        out[head] = _with(out[head], rest, value)
        return out
    base = dict(data) if isinstance(data, dict) else {}
    base[head] = _with(base.get(head), rest, value)
    return base


def styled(value: object) -> Any:
    """A plain value for ruamel: text that needs quotes has them; small flat maps stand on one line."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, str):
        return DoubleQuotedScalarString(value) if needs_quotes(value) else value
    if isinstance(value, dict):
        made = CommentedMap((k, styled(v)) for k, v in value.items())
        if _flat(value):
            made.fa.set_flow_style()
        return made
    if isinstance(value, list):
        items = CommentedSeq(styled(v) for v in value)
        if all(not isinstance(v, dict | list) for v in value):
            items.fa.set_flow_style()
        return items
    return value


def _flat(value: dict[str, object], depth: int = 0) -> bool:
    if len(value) > 9 or depth > 1:
        return False
    return all(
        (isinstance(v, dict) and depth == 0 and _flat(v, 1))
        or not isinstance(v, dict | list)
        or (isinstance(v, list) and not v)
        for v in value.values()
    )


def written(documents: Sequence[Document]) -> str:
    """New documents as text, in canonical form."""
    yaml = round_trip()
    out = io.StringIO()
    for index, document in enumerate(documents):
        if index:
            out.write("---\n")
        body = styled({k: v for k, v in document.items() if k != "metadata"})
        body.fa.set_block_style()
        if "metadata" in document:
            body.insert(2, "metadata", styled(document["metadata"]))
        if isinstance(document.get("spec"), dict):
            body["spec"].fa.set_block_style()
        yaml.dump(body, out)
    return out.getvalue()


def save(path: Path, text: str, root: Path) -> None:
    """Write whole or not at all, inside the repository."""
    replace(path, text.encode(), root=root)
