"""`acorn.yaml`, the project file: where specs lie, which connections and environments there are, policies.
Callers: `specs.project`, schema writing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from acorn_gitops.model.fields import (
    Amount,
    Clock,
    Currency,
    Date,
    Factor,
    Instant,
    LabelText,
    LongText,
    Name,
    Percent,
    SecretRef,
    Selector,
    Strict,
    Territory,
    Text,
    Timezone,
)

Url = Annotated[
    str,
    # Clients append to it, and one server would have names without number.
    StringConstraints(pattern=r"^[^?#]{1,500}$"),
    Field(
        description="An address: scheme, host and path.",
        json_schema_extra={
            "patternErrorMessage": "write scheme, host and path, without ? and #; the rest goes under `options`"
        },
    ),
]


class Connection(Strict):
    """A way to a marketplace."""

    adapter: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
    """`network`, or the entry point of an installed adapter."""
    url: Url | None = None
    """Address of the marketplace; `sandbox:` is the embedded one, `sandbox:NAME` another of its kind."""
    token: SecretRef | None = None
    """Where the bearer token is kept."""
    options: dict[LabelText, Any] | None = None
    """Further settings of the adapter."""


class ConnectionPatch(Strict):
    """What an environment changes about a connection."""

    adapter: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")] | None = None
    url: Url | None = None
    token: SecretRef | None = None
    options: dict[LabelText, Any] | None = None


def _is_a_type(name: str, info: ValidationInfo) -> str:
    """Refused where whoever validates knows the types of resources (`context`), and this is none of them."""
    known: Sequence[str] = (info.context or {}).get("types") or ()
    if known and name not in known:
        raise PydanticCustomError(
            "literal_error", "not a type of resource", {"expected": ", ".join(f"'{one}'" for one in known)}
        )
    return name


ResourceTypeName = Annotated[
    str, AfterValidator(_is_a_type), WithJsonSchema({"type": "string", "x-names": "types of resources"})
]
"""The name of a type of resource. The model does not know which there are: the published schema is told
(`model.schema`)."""


class Allowance(Strict):
    """So many, or so large a part; the smaller of the two when both are given."""

    count: int | None = Field(default=None, ge=0, le=100_000_000)
    percent: Percent | None = None
    """Of the resources of these types that the store has."""


class Budget(Strict):
    """How much one plan may do in one store. A plan over budget is shown; apply refuses it, with exit code
    5."""

    stores: list[Text] | None = None
    """Names, with * and ?. Default: every store, each by itself."""
    types: list[ResourceTypeName] | None = None
    """Default: every type."""
    creates: Allowance | None = None
    updates: Allowance | None = None
    """Replacements count here and among the deletes."""
    deletes: Allowance | None = None
    changes: Allowance | None = None
    """All of them together."""
    offSale: Allowance | None = None
    """Listings that are no longer sold afterwards: deleted, made inactive, or left without stock by a cap of
    0."""
    priceDrop: Percent | None = None
    """The most that one price may fall."""
    priceRise: Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,4})(\.[0-9]{1,4})?$")] | None = (
        None
    )
    """The most, in percent, that one price may rise."""
    priceSum: Percent | None = None
    """The most, in percent of their sum before, by which all prices of a plan in the store may move together,
    up or down."""
    permissionsRemoved: int | None = Field(default=None, ge=0, le=1_000_000)
    """The most rights and grants that may go, at once or because a role ends sooner or begins later."""


RuleId = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}-[0-9]{3}$")]


class Waiver(Strict):
    """An exception that somebody owns, with an end. Reviewed in git like everything else."""

    rule: RuleId
    scope: Text
    """What it is for: Kind/name (Promo/black-friday), a store (amz-de), an address (amz-de/listing/KTL-*), or
    a budget (amz-de/budget/daily); with * and ?."""
    reason: LongText
    owner: Text
    """Who answers for it."""
    until: Date
    """The first day on which it no longer holds. After that it is an error until it is removed."""
    environments: list[Name] | None = None
    """Default: all."""


class RolloutPhase(Strict):
    """Stores that are written before the others."""

    name: Name
    stores: Selector
    """A store belongs to the first phase that selects it; what none selects is written last."""
    mayFailPercent: Percent | None = None
    """Of the changes of this phase, how many may end without being seen in the store before the rollout ends.
    Default: 0, none."""
    soakSeconds: int | None = Field(default=None, ge=0, le=86_400)
    """How long to wait once everything was seen; then it must still be there. Default: 0."""


class Policies(Strict):
    """What a plan may do."""

    rollout: list[RolloutPhase] | None = Field(default=None, max_length=9)
    """Which stores `apply` writes first, in this order. Where one phase does not show what was sent to it,
    nothing is sent to the next, and the exit code is 3. Default: all stores at once."""

    onboarding: Literal["required", "optional"] | None = None
    """required: every live store keeps its records: onboarding, integration, monitors, exit. Default: those
    that it keeps must be right."""
    rehearsal: Literal["required", "optional"] | None = None
    """required: apply needs a passed `acorn rehearse` of these specs, or of specs that differ in everyday
    values only. Default: optional."""
    signedCommits: Literal["required", "optional"] | None = None
    """required: apply needs a commit that is signed with a key of ACORN_SIGNERS, files outside the
    repository. Default: optional."""
    onUnreadable: Literal["stop", "skip"] | None = None
    """What apply does when a store cannot be read. stop: nothing is written anywhere. skip: the others are
    applied, that one is told, and the exit code is 3. Default: stop."""
    access: Literal["enforced", "open"] | None = None
    """enforced: whoever applies needs the right `apply` on everything that the plan touches, by the roles of
    the specs. Default: open."""
    floors: Literal["required", "optional"] | None = None
    """required: every active listing needs `pricePolicy.min` for its store. Default: optional."""
    financeTolerance: Percent | None = None
    """How far, in percent, our books and the marketplace's settlement of a period may differ. Default:
    0.5."""
    severities: dict[RuleId, Literal["error", "warning", "info"]] | None = None
    """How bad a breach of a rule is here, where that is not as it ships. Rules of loading (GEN) and budgets
    (BUD) cannot be changed."""
    budgets: dict[Name, Budget] | None = Field(default=None, max_length=100)
    """By name, so that an environment can change one of them. Where none is written, one is built in:
    BUD-006."""

    prune: dict[ResourceTypeName, bool] | None = None
    """By resource type: delete what left the specs (true) or only forget it (false). Default: true for
    everything but storefront and location."""
    adopt: Literal["equal", "any", "never"] | None = None
    """Live resources that the specs declare but acorn did not create: take over when equal (default),
    any (plans the difference), or never."""


class Environment(Strict):
    """One target, e.g. sandbox or production."""

    overlays: list[Text] | None = None
    """Folders of overlays, merged in this order."""
    connections: dict[Name, ConnectionPatch] | None = None
    policies: Policies | None = None
    ledger: Text | None = None
    """Path of this environment's ledger; default `.acorn/ENV/ledger.db`."""


class ForeignExchange(Strict):
    """A dated rate: 1 unit of the source currency in target currency."""

    rate: Factor
    asOf: Date
    source: Text


class PriceRule(Strict):
    """Computes a price from the SKU's price in another store."""

    fromStore: Name
    """The store whose price is taken."""
    factor: Factor | None = None
    """Multiplied, default 1."""
    fx: ForeignExchange | None = None
    """Needed when the currencies differ."""
    ending: Annotated[str, StringConstraints(pattern=r"^\.?[0-9]{1,4}$")] | None = None
    """The result ends like this, rounded to the nearest: ".95" or "0"."""


class Registration(Strict):
    """A tax number in a country, and when somebody last asked whether it holds."""

    country: Territory
    """Where it holds: a country, or a part with a tax of its own (XI is Northern Ireland; CA-QC, ES-CN)."""
    number: Text
    status: Literal["valid", "invalid", "unknown"] | None = None
    """What the register said. unknown: it did not answer, which says nothing."""
    checkedAt: Date | None = None
    reference: Text | None = None
    """The register's consultation number."""


class DistanceSales(Strict):
    """What a company sold to consumers in other member states in a calendar year: goods at a distance, and
    digital services."""

    year: int = Field(ge=2020, le=2100)
    value: Amount
    """In euros, without tax."""
    asOf: Date
    """The day up to which it is counted."""


class Entity(Strict):
    """A company of ours."""

    name: Text
    establishedIn: Territory
    """The country, or the part of it with a tax of its own (ES-CN, XI), in which it has its seat."""
    distanceSales: list[DistanceSales] | None = None
    """Its turnover that decides whether the destination's tax is owed (10,000 euros a year)."""
    registrations: list[Registration] | None = None
    """Where it is registered for VAT, GST or the like."""
    schemes: list[Literal["union-oss", "non-union-oss", "ioss"]] | None = None
    """One-stop shops that it files."""
    iossNumber: Annotated[str, StringConstraints(pattern=r"^IM[0-9]{10}$")] | None = None
    uscc: Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{18}$")] | None = None
    """China's unified social credit code."""


class Route(Strict):
    """Where an alert goes."""

    kind: Literal["pager", "mail", "chat", "ticket", "webhook"]
    target: Text
    """An address: of a webhook or bot (a secret, so env:NAME), or of mail. Where it is only a name, nothing
    can be sent there."""
    format: Literal["webhook", "slack", "teams", "feishu", "dingtalk", "wecom", "apprise"] | None = None
    """What the address takes; by default known by its host, mail by its kind. apprise reaches pagers and the
    rest."""
    secret: SecretRef | None = None
    """What messages are signed with, where the address checks that (webhook, feishu, dingtalk)."""
    escalation: Text | None = None
    """Who is asked when nobody answers."""


class Freeze(Strict):
    """A time in which nothing is written to some stores. Read from the default branch, so that an old
    checkout knows of it, too."""

    name: Name
    stores: list[Text] | None = Field(default=None, min_length=1, max_length=1000)
    """Names, with * and ?. Default: every store."""
    reason: LongText
    owner: Text
    """Who answers for it, and may lift it."""
    from_: Instant | None = Field(default=None, alias="from")
    """Default: at once."""
    until: Instant
    """The first moment at which it no longer holds."""
    environments: list[Name] | None = Field(default=None, min_length=1)
    """Default: all."""


class ChangeWindow(Strict):
    """When some stores may be changed. A store with windows is written only while one of them is open."""

    stores: list[Text] | None = Field(default=None, min_length=1, max_length=1000)
    """Names, with * and ?. Default: every store."""
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] | None = Field(
        default=None, min_length=1
    )
    """Default: every day."""
    from_: Clock = Field(alias="from")
    until: Clock
    """The moment at which it closes; before `from` it is the next morning's."""
    tz: Timezone
    environments: list[Name] | None = Field(default=None, min_length=1)
    """Default: all."""


class Hold(Strict):
    """A commit that must not be applied again: it was rolled back."""

    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{7,64}$")]
    reason: LongText
    owner: Text


class ProjectMetadata(Strict):
    """Who this project is."""

    name: Name
    labels: dict[LabelText, LabelText] | None = None


class ProjectSpec(Strict):
    """Settings of the repository."""

    specs: list[Text] = Field(min_length=1)
    """Folders or files with specs."""
    connections: dict[Name, Connection]
    """By name. With one, every store is held by it; with more, stores name theirs."""
    environments: dict[Name, Environment]
    defaultEnvironment: Name
    """Used without --env. Choose one that harms nobody."""
    defaults: (
        dict[Literal["Store", "SkuMapping", "RolePermission", "TaxRule", "Promo"], dict[str, Any]] | None
    ) = None
    """Lowest layer of each kind's spec."""
    policies: Policies | None = None
    priceRules: dict[Name, PriceRule] | None = None
    waivers: list[Waiver] | None = Field(default=None, max_length=1000)
    """Exceptions from rules and budgets."""
    entities: dict[Name, Entity] | None = None
    """Our companies, by the name that stores give as `legalEntity`."""
    exchangeRates: (
        dict[Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}/[A-Z]{3}$")], ForeignExchange] | None
    ) = None
    """Dated rates for comparing amounts: "GBP/EUR" is what one pound is in euros. Never used to set a
    price."""
    baseCurrency: Currency | None = None
    """The currency in which totals are shown. Default: EUR."""
    labels: dict[LabelText, list[LabelText] | None] | None = None
    """The labels that stores may have, and their values; null allows any value. Default: any label."""
    routes: dict[Name, Route] | None = None
    """Where alerts go, by name."""
    freezes: list[Freeze] | None = Field(default=None, max_length=200)
    """When nothing is written, and why: `acorn freeze` and `acorn thaw` write them."""
    changeWindows: list[ChangeWindow] | None = Field(default=None, max_length=200)
    """When stores may be changed. Default: always."""
    holds: list[Hold] | None = Field(default=None, max_length=1000)
    """Commits that are not applied again: `acorn rollback` writes them."""
    facts: Text | None = None
    """Folder of recorded facts (CSV): stock, offers, activity. Default: facts, where there is such a
    folder."""
    customRules: list[Text] | None = None
    """Folders or files with rules of your own, in CEL. Default: policies, where there is such a folder."""
    productTypes: dict[Text, Text] | None = None
    """Product type to the JSON Schema file that checks `attributes.extra`."""


class ProjectDocument(Strict):
    """acorn.yaml."""

    apiVersion: Literal["acorn/v1"]
    kind: Literal["Project"]
    metadata: ProjectMetadata
    spec: ProjectSpec
