"""`Policy`: rules of a repository's own, in CEL. Callers: `specs.own_rules`, schema writing.

Not one of the five kinds: nothing of it is wished for at a marketplace. The files lie beside the specs, below
`policies/`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from acorn_gitops.model.fields import LabelText, LongText, Name, Strict, Text


class PolicyTest(Strict):
    """One case: what is given, and whether it passes."""

    name: Text
    given: dict[LabelText, Any]
    """The variables that the expression sees: spec, labels, name for specs; change or plan for plans."""
    passes: bool


class PolicyRule(Strict):
    """One rule."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}-[0-9]{3}$")]
    """Three letters that no family of acorn's has, and a number: OUR-001."""
    severity: Literal["error", "warning", "info"]
    title: Text
    why: LongText
    mend: LongText
    target: Literal["Store", "SkuMapping", "RolePermission", "TaxRule", "Promo", "change", "plan"]
    """What it looks at: every spec of a kind, every change of a plan, or a plan as a whole."""
    when: LongText | None = None
    """A CEL expression: only where it is true does the rule apply."""
    check: LongText
    """A CEL expression that is true where all is well."""
    message: LongText | None = None
    """A CEL expression that makes the message. Default: the title."""
    tests: list[PolicyTest] | None = None


class PolicySpec(Strict):
    """Rules of one file."""

    rules: list[PolicyRule] = Field(min_length=1)


class PolicyMetadata(Strict):
    """Who these rules are."""

    name: Name


class PolicyDocument(Strict):
    """Rules of your own, in CEL."""

    apiVersion: Literal["acorn/v1"]
    kind: Literal["Policy"]
    metadata: PolicyMetadata
    spec: PolicySpec
