"""The rules, found by registration. Comes in: decorated functions. Goes out: `check`, `RULES`. Callers: cli,
docs, tests.

A rule that itself fails blocks: an error in a check is an error finding, never silence.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from typing import Final, NamedTuple

from acorn_gitops.model.finding import AcornError, Finding, Severity
from acorn_gitops.rules.context import Check, Context, Known, Phase
from acorn_gitops.rules.custom import SPEC_TARGETS, check_custom
from acorn_gitops.specs.configuration import Configuration


class Rule(NamedTuple):
    """One rule: its id, how bad a breach is, and what to tell people."""

    id: str
    severity: Severity
    title: str
    why: str
    check: Check | None
    mend: str = ""
    """What to do about a breach."""
    source: str = ""
    """On what it rests: a law, a marketplace's page, or acorn's own judgement."""
    phase: Phase = "validate"
    references: bool = False
    """It is about what another file may hold: no finding where files could not be read."""


OWN: Final = "acorn's own judgement"
"""The source of rules that rest on no text but on what goes wrong otherwise."""


class Loading(NamedTuple):
    """What loading decides, before there is anything that a function could look at."""

    title: str
    why: str
    mend: str
    source: str = OWN
    severity: Severity = "error"


LOADING: Final[dict[str, Loading]] = {
    "GEN-001": Loading(
        "A text field holds what YAML reads as something else",
        "NO, 00123, 12:30 and 19.90 without quotes are false, 83, 750 and a float to some readers.",
        "Quote it, as the message shows.",
        source="YAML 1.1 and 1.2.2 (core schema), and how PyYAML reads these values",
    ),
    "GEN-002": Loading(
        "The file is not YAML",
        "Nothing in it can be trusted.",
        "Look at indentation, quotes and brackets at the place that is named.",
        source="YAML 1.2.2",
    ),
    "GEN-003": Loading(
        "A key or column stands twice",
        "Most readers silently keep one of the two.",
        "Remove one of them.",
        source="YAML 1.2.2, 3.2.1.3: keys are unique",
    ),
    "GEN-004": Loading(
        "The file is too large, too deep, or expands too far",
        "A small file must not stop the pipeline.",
        "Split it, or write aliases out; `defaults` and `table` say much in few lines.",
        source="CWE-776: recursive entity expansion",
    ),
    "GEN-005": Loading(
        "A path leaves the repository, or names nothing usable",
        "Pull requests must not read the runner's disk.",
        "Name a file of this repository, from its root, without `..` and links.",
        source="CWE-22: path traversal",
    ),
    "GEN-006": Loading(
        "Unknown field",
        "A typing error would otherwise mean: not managed.",
        "Correct its name; docs/kinds.md lists every field.",
    ),
    "GEN-007": Loading(
        "The value is not allowed here",
        "The marketplace would refuse it, or worse, take it.",
        "Write one of the values or the form that the message names.",
    ),
    "GEN-008": Loading(
        "A required field is missing", "The resource cannot be created without it.", "Add the field."
    ),
    "GEN-009": Loading(
        "Invisible or control characters, or wrong encoding",
        "Reviewers cannot see them.",
        "Save the file as UTF-8, and remove the character that is named.",
        source="CVE-2021-42574 (Trojan Source); Unicode TR36",
    ),
    "GEN-010": Loading(
        "The same thing is declared twice",
        "Order must never decide which one wins.",
        "Rename one of them, or merge them.",
    ),
    "GEN-011": Loading(
        "Unknown kind or format version", "It would be silently ignored.", "Correct `kind` and `apiVersion`."
    ),
    "GEN-013": Loading(
        "Text is not in Unicode normal form NFC",
        "Two spellings that look equal would be two names.",
        "Run `acorn fmt`.",
        source="Unicode TR15",
    ),
    "GEN-014": Loading(
        "Tags and merge keys are not allowed",
        "They are not YAML 1.2 core, and readers differ.",
        "Write the value out; use `defaults` or `inherits` for what is shared.",
        source="YAML 1.2.2, core schema",
    ),
    "GEN-015": Loading(
        "The table is not usable CSV",
        "A shifted column would put a price where a SKU belongs.",
        "Export it again with the same delimiter in every row, and quotes where a cell holds one.",
        source="RFC 4180",
    ),
    "GEN-016": Loading(
        "An overlay changes something that does not exist",
        "The change would be lost silently.",
        "Correct the name, or declare it in the specs.",
    ),
    "GEN-017": Loading(
        "There are no specs",
        "An empty configuration would mean deleting everything.",
        "Correct `specs` in acorn.yaml, or begin with `acorn init` or `acorn import`.",
    ),
    "GEN-020": Loading(
        "A waiver has ended, or something is softened that cannot be",
        "An exception that nobody ends is a rule that nobody has.",
        "Mend what it was for and remove it, or agree on a new day.",
    ),
    "GEN-021": Loading(
        "A waiver waives nothing, ends soon, or lasts for more than a year",
        "Told before it becomes an error, or a habit.",
        "Correct its scope or its day, remove it, or mend what it is for.",
        severity="warning",
    ),
    "STO-004": Loading(
        "No secret stands in a spec",
        "Whoever can read the repository, or ever could, has the account.",
        "Revoke it, keep the new one in the environment or a keyring, and write env:NAME.",
        source="Selling Partner API: credentials; git keeps every version",
    ),
    "STO-003": Loading(
        "Templates: unknown, circular or too deep",
        "The resolved spec would be a guess.",
        "Correct `inherits`; templates say `metadata: {abstract: true}`, four deep at most.",
    ),
}
"""Findings of loading, which no function here decides."""

RULES: Final[dict[str, Rule]] = {}


def rule(
    id: str,
    severity: Severity,
    title: str,
    why: str,
    *,
    mend: str,
    source: str = OWN,
    phase: Phase = "validate",
    references: bool = False,
) -> Callable[[Check], Check]:
    """Register a rule. Ids are unique; the same function may carry one id only. `references`: it is about
    what another file may hold."""

    def register(check: Check) -> Check:
        if id in RULES or id in LOADING:
            raise ValueError(f"rule {id} is registered twice")
        RULES[id] = Rule(
            id,
            severity,
            title,
            why=why,
            check=check,
            mend=mend,
            source=source,
            phase=phase,
            references=references,
        )
        return check

    return register


def all_rules() -> list[Rule]:
    """Every rule of every family, and loading's, by id."""
    _load_families()
    loading = [
        Rule(id, one.severity, one.title, why=one.why, check=None, mend=one.mend, source=one.source)
        for id, one in LOADING.items()
    ]
    return sorted([*RULES.values(), *loading], key=lambda r: r.id)


@cache
def _load_families() -> None:
    """Once in a process: the files themselves are looked for."""
    import acorn_gitops.rules.families as package

    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)


def check(
    configuration: Configuration,
    now: datetime,
    *,
    after_errors: bool = False,
    phase: Phase = "validate",
    known: Known | None = None,
) -> list[Finding]:
    """Findings of every rule of a phase, by place. `after_errors`: some files could not be read, so a
    reference to what they may hold is no finding."""
    _load_families()
    context = Context(configuration, now, {}, known=known)
    found: list[Finding] = []
    for id in sorted(RULES):
        registered = RULES[id]
        if registered.phase != phase or (after_errors and registered.references):
            continue
        try:
            found.extend(_findings(registered, context))
        except AcornError as error:
            found.append(Finding(id, "error", error.message, place=None, hint=error.hint, firm=True))
        except Exception as error:  # noqa: BLE001 - fail closed: a broken rule blocks and says so
            found.append(
                Finding(
                    id,
                    "error",
                    f"the rule itself failed: {type(error).__name__}: {error}",
                    place=None,
                    hint="please report this; nothing is applied while a rule cannot be judged",
                    firm=True,
                )
            )
    if phase == "validate":
        found += configuration.facts.findings
        found += configuration.own_rules.findings
    found += check_custom(context, phase)
    if not configuration.policies.get("severities") and not _has_waivers(configuration):
        return sorted(set(found), key=Finding.sort_key)
    from acorn_gitops.rules.waivers import BUDGETS, as_they_count

    mine = [id for id, one in RULES.items() if one.phase == phase]
    mine += [
        one.id
        for one in configuration.own_rules.rules
        if (one.target in SPEC_TARGETS) == (phase == "validate")
    ]
    every = None
    if phase == "validate":
        mine += LOADING
        every = {*RULES, *LOADING, *BUDGETS, *(one.id for one in configuration.own_rules.rules)}
    counted = as_they_count(configuration, list(dict.fromkeys(found)), now.date(), known=mine, every=every)
    return sorted(set(counted), key=Finding.sort_key)


def _findings(registered: Rule, context: Context) -> Iterator[Finding]:
    """What a rule says, with its id, and as bad as it is."""
    assert registered.check is not None
    for said in registered.check(context):
        if isinstance(said, Finding):
            yield said
        else:
            yield said.finding(context.configuration, id=registered.id, severity=registered.severity)


def _has_waivers(configuration: Configuration) -> bool:
    raw = configuration.project_raw
    return raw is not None and bool(raw.data["spec"].get("waivers"))
