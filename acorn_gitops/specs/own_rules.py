"""Rules of the repository's own: read and checked for form. Comes in: folders or files of acorn.yaml. Goes
out: rules with their places, and findings. Caller: `configuration`. What they mean is `rules.custom`'s
business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from acorn_gitops.confine.paths import Escape, inside, spec_files
from acorn_gitops.model.finding import Finding, Place
from acorn_gitops.specs import gate
from acorn_gitops.specs.files import Raw, Reader

FOLDER: Final = "policies"
"""Where they are kept when acorn.yaml does not say."""


class OwnRule(NamedTuple):
    """One rule as written."""

    id: str
    severity: str
    title: str
    why: str
    mend: str
    target: str
    when: str | None
    check: str
    message: str | None
    tests: Sequence[Mapping[str, Any]]
    places: Mapping[str, Place]
    """Of the rule ("") and its expressions (when, check, message)."""


@dataclass(slots=True)
class OwnRules:
    """All of them."""

    rules: list[OwnRule] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    """From which they were read."""
    findings: list[Finding] = field(default_factory=list)


def read_own_rules(reader: Reader, written: Sequence[str] | None) -> OwnRules:
    """Every rule of the files that acorn.yaml names, or of `policies` where there is such a folder."""
    out = OwnRules()
    for name in written if written is not None else [FOLDER]:
        try:
            real = inside(reader.root, name, folder=True)
            if real.is_dir():
                found = spec_files(real)
                files = found.files
                out.findings += [
                    Finding("GEN-005", "error", f"{reader.relative(p)} {why}", place=Place(reader.relative(p)), hint="rules are files of this repository")
                    for p, why in found.refused
                ]  # fmt: skip
            else:
                files = [real]
        except FileNotFoundError:
            if written is not None:
                out.findings.append(
                    Finding(
                        "GEN-005",
                        "error",
                        f"{name} does not exist",
                        place=Place("acorn.yaml"),
                        hint="create it, or correct `customRules`",
                    )
                )
            continue
        except (Escape, OSError) as error:
            out.findings.append(
                Finding(
                    "GEN-005",
                    "error",
                    str(error),
                    place=Place("acorn.yaml"),
                    hint="rules are files of this repository",
                )
            )
            continue
        for path in files:
            read = reader.read(path)
            out.files.append(reader.relative(path))
            out.findings += read.findings
            for raw in read.documents:
                _document(reader, raw, out)
    seen: dict[str, OwnRule] = {}
    for one in out.rules:
        first = seen.setdefault(one.id, one)
        if first is not one:
            out.findings.append(
                Finding("GEN-010", "error", f"the rule {one.id} is declared twice, first in {first.places['']}", place=one.places[""], hint="give one of them another id")
            )  # fmt: skip
    return out


def _document(reader: Reader, raw: Raw, out: OwnRules) -> None:
    if raw.kind != "Policy":
        place = reader.place(raw, ("kind",))
        out.findings.append(
            Finding("GEN-011", "error", f"{raw.kind or 'this'} is no Policy", place=place, hint="write kind: Policy; specs go into their own folders", source=reader.source(place))
        )  # fmt: skip
        return
    if not gate.accepts("Policy", raw.data):
        for problem in gate.problems("Policy", raw.data):
            place = reader.place(raw, problem.path, key=problem.key)
            out.findings.append(
                Finding(
                    problem.id,
                    "error",
                    problem.message,
                    place=place,
                    hint=problem.hint,
                    source=reader.source(place),
                    subject=f"Policy/{raw.name}",
                )
            )
        return
    for index, rule in enumerate(raw.data["spec"]["rules"]):
        at = ("spec", "rules", index)
        places = {
            part: reader.place(raw, (*at, part)) for part in ("when", "check", "message") if rule.get(part)
        }
        out.rules.append(
            OwnRule(
                rule["id"], rule["severity"], rule["title"], why=rule["why"], mend=rule["mend"], target=rule["target"], when=rule.get("when"),
                check=rule["check"], message=rule.get("message"), tests=rule.get("tests") or (), places={"": reader.place(raw, at), **places},
            )
        )  # fmt: skip
