"""`RolePermission`: who may do what in which stores. Allow-only: effective rights are the union.
Callers: `kinds`, schema writing."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from acorn_gitops.model.fields import Date, LongText, Money, Name, Percent, Selector, Strict, Text

Verb = Literal["read", "plan", "write", "approve", "apply", "delete", "export", "grant", "*"]
Resource = Literal[
    "listing",
    "inventory",
    "price",
    "ad",
    "content",
    "promo",
    "order",
    "refund",
    "report.sales",
    "report.finance",
    "report.tax",
    "performance",
    "app",
    "store",
    "tax",
    "shipping",
    "payout",
    "iam",
    "*",
]


ApiRole = Literal[
    "product-listing",
    "pricing",
    "inventory-and-order-tracking",
    "amazon-fulfillment",
    "finance-and-accounting",
    "selling-partner-insights",
    "brand-analytics",
    "buyer-communication",
    "direct-to-consumer-shipping",
    "tax-invoicing",
    "tax-remittance",
]
"""Roles of the Selling Partner API."""


class Subject(Strict):
    """A person, group or application."""

    kind: Literal["user", "group", "app"]
    id: Text
    """E-mail address of a user, name of a group or application."""
    employment: Literal["employee", "contractor", "external", "left"] | None = None
    mfa: bool | None = None
    """Whether sign-in needs a second factor."""
    account: Literal["primary", "secondary", "partner"] | None = None
    """How the marketplace knows them: another company must be an authorised partner, never a secondary user.
    Recorded."""
    apiRoles: list[ApiRole] | None = None
    """An application's roles at the Selling Partner API. Recorded."""


class Constraints(Strict):
    """Limits on what the verb allows. Where access is enforced, `apply` holds promotions to those of
    promo.apply."""

    maxDiscountPercent: Percent | None = None
    """The most that a promotion may take off any listing, whatever the form of its discount."""
    maxBudget: Money | None = None
    """The largest budget, over all stores of a promotion; one without a budget is beyond it."""


class Rule(Strict):
    """These verbs on these resources."""

    resources: list[Resource] = Field(min_length=1)
    verbs: list[Verb] = Field(min_length=1)
    constraints: Constraints | None = None


class Validity(Strict):
    """Half-open: from this date, until before that one. Days are those of UTC."""

    from_: Date | None = Field(default=None, alias="from")
    """First day."""
    until: Date | None = None
    """First day on which it no longer holds."""


class Approver(Strict):
    """Who may approve."""

    group: Name | None = None
    user: Text | None = None


class GivenApproval(Strict):
    """Who agreed, and when: a line that somebody else than those who gain by it writes."""

    by: Text
    at: Date


class RoleApprovals(Strict):
    """What needs a second pair of eyes."""

    requiredFor: list[Text]
    """resource.verb, e.g. promo.write."""
    approvers: list[Approver] = Field(min_length=1)
    min: int | None = Field(default=None, ge=1, le=10)
    selfApproval: bool | None = None
    given: list[GivenApproval] | None = None
    """Approvals that were given. git is asked who wrote each line."""


class Review(Strict):
    """When the grant was last looked at."""

    lastReviewed: Date
    by: Text | None = None
    everyDays: int | None = Field(default=None, ge=1, le=366)


class RolePermissionSpec(Strict):
    """Subjects, stores and rules."""

    subjects: list[Subject]
    stores: Selector
    """`all: true` must be said to mean every store."""
    rules: list[Rule] = Field(min_length=1)
    validity: Validity | None = None
    approvals: RoleApprovals | None = None
    justification: LongText | None = None
    review: Review | None = None
    breakGlass: bool | None = None
    """An emergency role: wildcards allowed. It needs a justification and an end, and its use is told and
    written into the history."""
    key: Text | None = None
    """Its key at the marketplace; by default the name."""
    inherits: list[Name] | None = None
    """Templates applied left to right; own fields win. One that is reached twice counts where it is named
    last; where others only inherit it, before the first of them."""
