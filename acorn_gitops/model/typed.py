"""The types of plain specs: what `Spec.spec` may hold, by kind. Written by `typed_source` from the models.

Every field may be absent: a spec is what was declared. One that is null counts as absent
(`tests/test_null.py`), so that no type here says None.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class AccessData(TypedDict, total=False):
    """Whether the marketplace has let us in. By invitation at most of them."""

    status: Literal["none", "requested", "granted", "refused"]
    ref: str
    date: str


class TurnoverData(TypedDict, total=False):
    """Gross merchandise value of the last twelve months in one country."""

    marketplace: str
    amount: str
    currency: str


class EligibilityData(TypedDict, total=False):
    """Why we believe that we may sell there."""

    gmv12m: list[TurnoverData]
    marketplaces: list[str]
    itCapability: str


class ContactData(TypedDict, total=False):
    """Who brought us in."""

    name: str
    channel: Literal["account-manager", "recruitment", "summit", "case", "other"]
    date: str


class PaperDocumentData(TypedDict, total=False):
    """A paper that was handed in."""

    type: Literal[
        "business-licence",
        "brand-certificate",
        "site-list",
        "turnover-band",
        "it-description",
        "tax-registration",
        "other",
    ]
    ref: str
    sha256: str
    issued: str
    expires: str


class AssessmentData(TypedDict, total=False):
    """What the marketplace decided."""

    decision: Literal["pending", "accepted", "rejected"]
    decidedAt: str
    ref: str


class AgreementData(TypedDict, total=False):
    """A contract."""

    title: str
    parties: list[str]
    effective: str
    exitClause: str
    ref: str


class TrainingData(TypedDict, total=False):
    """A full rehearsal with people."""

    date: str
    attendees: list[str]
    scenarios: list[str]
    result: Literal["passed", "failed"]


class OnboardingData(TypedDict, total=False):
    """The way in, with its evidence."""

    access: AccessData
    eligibility: EligibilityData
    contact: ContactData
    documents: list[PaperDocumentData]
    assessment: AssessmentData
    agreements: list[AgreementData]
    training: list[TrainingData]


class SystemData(TypedDict, total=False):
    """A system of ours that exchanges data with the store."""

    kind: Literal["erp", "wms", "oms", "pos", "pim", "middleware", "bi", "other"]
    version: str
    owner: str
    contact: str
    hours: str


class ChannelData(TypedDict, total=False):
    """One way on which data travels."""

    kind: Literal["notification", "api", "report", "file"]
    name: str
    everySeconds: int
    lastFailoverTest: str


class FlowData(TypedDict, total=False):
    """One kind of data between a system and the store."""

    entity: Literal["product", "inventory", "order", "price", "finance"]
    direction: Literal["in", "out", "both"]
    system: str
    channels: list[ChannelData]
    key: str
    fieldMap: dict[str, str]
    sloMinutes: int


class IntegrationData(TypedDict, total=False):
    """Systems and flows."""

    systems: dict[str, SystemData]
    flows: list[FlowData]


class MonitorData(TypedDict, total=False):
    """Something that is watched, and who hears of it."""

    signal: Literal[
        "inventory-lag",
        "missed-orders",
        "order-gap",
        "processing-failures",
        "oversell",
        "channel-down",
        "price-drift",
        "foreign-price",
        "account-state",
        "performance",
        "credential-age",
    ]
    route: str
    runbook: str
    severity: Literal["page", "ticket", "report"]
    warnAt: int
    failAt: int


class ExitData(TypedDict, total=False):
    """The way out, agreed while everybody is friends."""

    formats: list[Literal["json", "jsonl", "csv", "xml", "parquet"]]
    datasets: list[
        Literal["listings", "inventory", "orders", "prices", "promotions", "tax", "permissions", "finance"]
    ]
    noticeDays: int
    exportWithinDays: int
    retentionDays: int
    destructionProof: str
    noticeGiven: str
    exportedAt: str
    destroyedAt: str


class EntitlementsData(TypedDict, total=False):
    """Programmes of the marketplace that the account was admitted to. Facts, not wishes."""

    mli: Literal["none", "requested", "granted"]
    bopis: Literal["none", "requested", "granted"]
    vcs: Literal["none", "requested", "granted"]


class StorefrontData(TypedDict, total=False):
    """A seller account's shop on one marketplace."""

    platform: Literal["amazon", "vendure", "network", "shopify", "other"]
    currency: str
    sellerId: str
    marketplaceId: str
    country: str
    region: Literal["na", "eu", "fe"]
    environment: Literal["sandbox", "production"]
    credentialsRef: str
    credentialsRotated: str
    authorizedAt: str
    languages: list[str]
    timezone: str
    pricesIncludeTax: bool
    entitlements: EntitlementsData
    lifecycle: Literal[
        "eligibility",
        "contacted",
        "documents",
        "assessment",
        "agreement",
        "integration",
        "live",
        "exiting",
        "closed",
    ]


class VerificationData(TypedDict, total=False):
    """Proof that the marketplace has verified the address."""

    status: Literal["unverified", "pending", "verified", "rejected"]
    method: str
    at: str
    ref: str
    addressHash: str


class AddressData(TypedDict, total=False):
    """A postal address in the parts of Google's address data."""

    countryCode: str
    lines: list[str]
    locality: str
    administrativeArea: str
    postalCode: str
    phone: str
    verification: VerificationData


class GeoData(TypedDict, total=False):
    """Position in degrees, WGS 84."""

    lat: str
    lon: str


class HoursData(TypedDict, total=False):
    """Opening hours by weekday; each entry is [from, to]. `[]` is closed all day."""

    mon: list[list[str]]
    tue: list[list[str]]
    wed: list[list[str]]
    thu: list[list[str]]
    fri: list[list[str]]
    sat: list[list[str]]
    sun: list[list[str]]


class HoursExceptionData(TypedDict, total=False):
    """Other hours on one date."""

    date: str
    hours: list[list[str]]


class DurationData(TypedDict, total=False):
    """A length of time."""

    value: int
    unit: Literal["minutes", "hours", "days"]


class ShipFromStoreData(TypedDict, total=False):
    """Parcels leave from this shop."""

    enabled: bool
    handlingTime: DurationData
    cutoff: str
    carriers: list[str]


class BopisData(TypedDict, total=False):
    """Customers pick up here."""

    enabled: bool
    inventoryHold: DurationData
    curbside: bool


class ReturnsData(TypedDict, total=False):
    """Returns are taken here."""

    enabled: bool
    location: str | Literal["self"]


class CapabilitiesData(TypedDict, total=False):
    """What this shop can do for online orders."""

    shipFromStore: ShipFromStoreData
    bopis: BopisData
    returns: ReturnsData


class ThroughputData(TypedDict, total=False):
    """The most this shop can handle."""

    orders: int
    per: Literal["hour", "day"]


class SafetyStockData(TypedDict, total=False):
    """Units never offered online; a source that says `reserve` keeps that many in its place."""

    default: int


class PhysicalData(TypedDict, total=False):
    """A shop or warehouse with an address."""

    code: str
    address: AddressData
    alias: str
    geo: GeoData
    timezone: str
    hours: HoursData
    exceptions: list[HoursExceptionData]
    capabilities: CapabilitiesData
    throughput: ThroughputData
    safetyStock: SafetyStockData
    shippingTemplate: str
    sharedBy: list[str]
    supplySourceId: str


class StoreData(TypedDict, total=False):
    """One of two: a storefront or a physical store. The other's block is forbidden."""

    type: Literal["storefront", "physical"]
    inherits: list[str]
    connection: str
    legalEntity: str
    onboarding: OnboardingData
    integration: IntegrationData
    monitors: list[MonitorData]
    exit: ExitData
    storefront: StorefrontData
    physical: PhysicalData


class MoneyData(TypedDict, total=False):
    """An amount in a currency. Never a float."""

    currency: str
    value: str


class AttributesData(TypedDict, total=False):
    """Facts about the product."""

    brand: str
    title: str
    productType: str
    taxClass: str
    ptc: str
    hs6: str
    cost: MoneyData
    extra: dict[str, Any]


class ComponentData(TypedDict, total=False):
    """So many of a SKU."""

    sku: str
    qty: int


class CompositionData(TypedDict, total=False):
    """What one sold unit contains."""

    type: Literal["single", "multipack", "bundle"]
    of: str
    qty: int
    components: list[ComponentData]


class PriceData(TypedDict, total=False):
    """A price, or the rule that computes it. Exactly one of `value` and `rule`."""

    currency: str
    value: str
    rule: str


class BusinessTierData(TypedDict, total=False):
    """Less for more."""

    minimumQuantity: int
    price: str


class BusinessData(TypedDict, total=False):
    """What registered businesses are asked, in the currency of the listing's price."""

    price: str
    tiers: list[BusinessTierData]


class ListingData(TypedDict, total=False):
    """The SKU in one store."""

    store: str
    sellerSku: str
    movedFrom: str
    asin: str
    condition: Literal[
        "new_new",
        "new_open_box",
        "new_oem",
        "refurbished_refurbished",
        "used_like_new",
        "used_very_good",
        "used_good",
        "used_acceptable",
        "collectible_like_new",
        "collectible_very_good",
        "collectible_good",
        "collectible_acceptable",
        "club_club",
    ]
    fulfillment: Literal["mfn", "afn"]
    price: PriceData
    business: BusinessData
    status: Literal["active", "inactive"]


class DefaultBoundsData(TypedDict, total=False):
    """Bounds for every store that sells in their currency and is not named."""

    min: MoneyData
    max: MoneyData
    map: MoneyData


class PricePolicyData(TypedDict, total=False):
    """What a price may be, by store."""

    default: DefaultBoundsData
    min: dict[str, str]
    max: dict[str, str]
    map: dict[str, str]
    minMarginPercent: str
    spreadMaxPercent: str


class StockSourceData(TypedDict, total=False):
    """A place whose stock feeds the pool."""

    location: str
    priority: int
    reserve: int


class BufferData(TypedDict, total=False):
    """Held back from the pool: the larger of both."""

    units: int
    percent: str


class AllocationData(TypedDict, total=False):
    """How the pool is divided among listings."""

    mode: Literal["weighted", "priority", "shared"]
    weights: dict[str, int]
    min: dict[str, int]
    cap: dict[str, int]


class InventoryData(TypedDict, total=False):
    """From where the SKU is sold."""

    pool: str
    unit: Literal["each", "case"]
    sources: list[StockSourceData]
    buffer: BufferData
    allocation: AllocationData


class ApprovalData(TypedDict, total=False):
    """A recorded category approval."""

    store: str
    category: str
    status: Literal["requested", "approved", "rejected"]
    ref: str
    at: str
    evidence: str
    expires: str


class SkuMappingData(TypedDict, total=False):
    """One SKU."""

    gtin: str
    attributes: AttributesData
    composition: CompositionData
    listings: list[ListingData]
    pricePolicy: PricePolicyData
    inventory: InventoryData
    approvals: list[ApprovalData]
    sku: str
    inherits: list[str]


class SubjectData(TypedDict, total=False):
    """A person, group or application."""

    kind: Literal["user", "group", "app"]
    id: str
    employment: Literal["employee", "contractor", "external", "left"]
    mfa: bool
    account: Literal["primary", "secondary", "partner"]
    apiRoles: list[
        Literal[
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
    ]


class SelectorData(TypedDict, total=False):
    """Which stores (or SKUs) are meant: by name, by labels, or all of them; less the excluded.

    Labels given together must all match; a list of values means any of them. A selector that names
    nothing selects nothing: there is no silent "all"."""

    names: list[str]
    labels: dict[str, str | list[str]]
    exclude: list[str]
    all: bool


class ConstraintsData(TypedDict, total=False):
    """Limits on what the verb allows. Where access is enforced, `apply` holds promotions to those of
    promo.apply."""

    maxDiscountPercent: str
    maxBudget: MoneyData


class RuleData(TypedDict, total=False):
    """These verbs on these resources."""

    resources: list[
        Literal[
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
    ]
    verbs: list[Literal["read", "plan", "write", "approve", "apply", "delete", "export", "grant", "*"]]
    constraints: ConstraintsData


ValidityData = TypedDict(
    "ValidityData",
    {
        "from": str,
        "until": str,
    },
    total=False,
)
"""Half-open: from this date, until before that one. Days are those of UTC."""


class ApproverData(TypedDict, total=False):
    """Who may approve."""

    group: str
    user: str


class GivenApprovalData(TypedDict, total=False):
    """Who agreed, and when: a line that somebody else than those who gain by it writes."""

    by: str
    at: str


class RoleApprovalsData(TypedDict, total=False):
    """What needs a second pair of eyes."""

    requiredFor: list[str]
    approvers: list[ApproverData]
    min: int
    selfApproval: bool
    given: list[GivenApprovalData]


class ReviewData(TypedDict, total=False):
    """When the grant was last looked at."""

    lastReviewed: str
    by: str
    everyDays: int


class RolePermissionData(TypedDict, total=False):
    """Subjects, stores and rules."""

    subjects: list[SubjectData]
    stores: SelectorData
    rules: list[RuleData]
    validity: ValidityData
    approvals: RoleApprovalsData
    justification: str
    review: ReviewData
    breakGlass: bool
    key: str
    inherits: list[str]


TaxRuleValidityData = TypedDict(
    "TaxRuleValidityData",
    {
        "from": str,
        "to": str,
    },
    total=False,
)
"""Half-open dates in the jurisdiction's civil time."""


class StoreMatchData(TypedDict, total=False):
    """Which storefronts. Nothing given: every storefront."""

    names: list[str]
    labels: dict[str, str | list[str]]
    marketplaces: list[str]


class SupplyData(TypedDict, total=False):
    """Where goods start and end."""

    shipFrom: list[str]
    shipTo: list[str]
    territoryExclude: list[str]


class CustomerData(TypedDict, total=False):
    """Who buys."""

    type: Literal["b2c", "b2b", "any"]
    vatId: Literal["any", "present", "valid", "absent"]


class SellerData(TypedDict, total=False):
    """Who sells."""

    establishedIn: list[str]
    establishedOutside: list[str]
    registeredIn: list[str]
    notRegisteredIn: list[str]
    underThreshold: bool


class GoodsData(TypedDict, total=False):
    """What is sold."""

    taxClass: list[str]
    ptc: list[str]
    skus: list[str]


class ValueBoundData(TypedDict, total=False):
    """Only for goods of this value. At least one of `above` and `max`."""

    currency: str
    above: str
    max: str
    basis: Literal["item", "consignment"]


class MatchData(TypedDict, total=False):
    """All given dimensions must match; one left out matches everything."""

    stores: StoreMatchData
    supply: SupplyData
    customer: CustomerData
    seller: SellerData
    goods: GoodsData
    value: ValueBoundData


RateData = TypedDict(
    "RateData",
    {
        "class": Literal["standard", "reduced", "superReduced", "zero", "parking"],
        "of": Literal["shipTo", "shipFrom"],
        "percent": str,
    },
    total=False,
)
"""A class of the country's dated rates, or a percentage. Exactly one."""


class TaxData(TypedDict, total=False):
    """One of several taxes on one sale, each of the price without tax."""

    name: str
    percent: str
    liableParty: Literal["seller", "marketplace", "customer"]


class InvoiceData(TypedDict, total=False):
    """What the invoice must say."""

    mention: str
    category: Literal["S", "Z", "E", "AE", "K", "G", "O"]


class ResultData(TypedDict, total=False):
    """What holds when the rule wins."""

    liableParty: Literal["seller", "marketplace", "customer", "none"]
    treatment: Literal[
        "standard",
        "reduced",
        "superReduced",
        "zero",
        "exempt",
        "reverseCharge",
        "intraCommunity",
        "export",
        "outOfScope",
    ]
    rate: RateData
    taxes: list[TaxData]
    scheme: Literal["local", "union-oss", "non-union-oss", "ioss", "mpf", "none"]
    invoice: InvoiceData


class EvidenceData(TypedDict, total=False):
    """Why we believe it."""

    source: str
    asOf: str
    reviewedBy: str
    nextReview: str


class TaxRuleData(TypedDict, total=False):
    """When it matches, and what follows."""

    validity: TaxRuleValidityData
    match: MatchData
    result: ResultData
    enabled: bool
    priority: int
    evidence: EvidenceData
    retroactive: bool
    key: str
    inherits: list[str]


class SkuSelectionData(TypedDict, total=False):
    """Which SKUs; only those listed in a store take part there."""

    names: list[str]
    labels: dict[str, str | list[str]]
    exclude: list[str]
    all: bool


class MomentData(TypedDict, total=False):
    """A wall-clock time and whose clock it is."""

    local: str
    tz: str
    fold: int


class WindowData(TypedDict, total=False):
    """From `start` until before `end`."""

    start: MomentData
    end: MomentData


class BuyXGetYData(TypedDict, total=False):
    """Buy so many, get so many."""

    buy: int
    get: int
    discountPercent: str


class DiscountData(TypedDict, total=False):
    """Exactly one of these, and `gift` beside it."""

    percent: str
    amount: dict[str, MoneyData]
    salePrice: dict[str, MoneyData]
    buyXGetY: BuyXGetYData
    gift: bool


class StackingData(TypedDict, total=False):
    """How it meets other promotions."""

    group: str
    tier: Literal[10, 20, 30, 40, 50]
    mode: Literal["additive", "multiplicative", "bestOnly"]
    priority: int
    combinableWith: list[str]


class LimitsData(TypedDict, total=False):
    """How much of it there is."""

    budget: MoneyData
    redemptions: int
    perCustomer: int
    quantity: int


class FloorsData(TypedDict, total=False):
    """Which floors it must respect."""

    respect: list[Literal["min", "map", "margin"]]


class PromoApprovalData(TypedDict, total=False):
    """Who agreed."""

    role: str
    by: str
    at: str
    listings: int


class PromoData(TypedDict, total=False):
    """What, where, when, how much."""

    type: Literal[
        "salePrice",
        "percentOff",
        "amountOff",
        "coupon",
        "primeExclusive",
        "lightningDeal",
        "bestDeal",
        "buyXGetY",
        "quantityTier",
        "freeShipping",
        "promoCode",
        "storeOnly",
    ]
    stores: SelectorData
    skus: SkuSelectionData
    window: WindowData
    discount: DiscountData
    audience: Literal["all", "prime", "b2b", "segment"]
    code: str
    minimumOrder: dict[str, MoneyData]
    minimumQuantity: int
    stacking: StackingData
    limits: LimitsData
    floors: FloorsData
    approvals: list[PromoApprovalData]
    maxTotalPercent: str
    key: str
    inherits: list[str]


class BandData(TypedDict, total=False):
    """The range within which a ceded value is somebody else's business."""

    by: str
    min: str
    max: str


class LifecycleData(TypedDict, total=False):
    """How changes to this resource are treated."""

    preventDestroy: bool
    ignoreFields: list[str]
    ceded: dict[str, BandData]


class ConnectionData(TypedDict, total=False):
    """A way to a marketplace."""

    adapter: str
    url: str
    token: str
    options: dict[str, Any]


class ConnectionPatchData(TypedDict, total=False):
    """What an environment changes about a connection."""

    adapter: str
    url: str
    token: str
    options: dict[str, Any]


class RolloutPhaseData(TypedDict, total=False):
    """Stores that are written before the others."""

    name: str
    stores: SelectorData
    mayFailPercent: str
    soakSeconds: int


class AllowanceData(TypedDict, total=False):
    """So many, or so large a part; the smaller of the two when both are given."""

    count: int
    percent: str


class BudgetData(TypedDict, total=False):
    """How much one plan may do in one store. A plan over budget is shown; apply refuses it, with exit code
    5."""

    stores: list[str]
    types: list[str]
    creates: AllowanceData
    updates: AllowanceData
    deletes: AllowanceData
    changes: AllowanceData
    offSale: AllowanceData
    priceDrop: str
    priceRise: str
    priceSum: str
    permissionsRemoved: int


class PoliciesData(TypedDict, total=False):
    """What a plan may do."""

    rollout: list[RolloutPhaseData]
    onboarding: Literal["required", "optional"]
    rehearsal: Literal["required", "optional"]
    signedCommits: Literal["required", "optional"]
    onUnreadable: Literal["stop", "skip"]
    access: Literal["enforced", "open"]
    floors: Literal["required", "optional"]
    financeTolerance: str
    severities: dict[str, Literal["error", "warning", "info"]]
    budgets: dict[str, BudgetData]
    prune: dict[str, bool]
    adopt: Literal["equal", "any", "never"]


class EnvironmentData(TypedDict, total=False):
    """One target, e.g. sandbox or production."""

    overlays: list[str]
    connections: dict[str, ConnectionPatchData]
    policies: PoliciesData
    ledger: str


class ForeignExchangeData(TypedDict, total=False):
    """A dated rate: 1 unit of the source currency in target currency."""

    rate: str
    asOf: str
    source: str


class PriceRuleData(TypedDict, total=False):
    """Computes a price from the SKU's price in another store."""

    fromStore: str
    factor: str
    fx: ForeignExchangeData
    ending: str


class WaiverData(TypedDict, total=False):
    """An exception that somebody owns, with an end. Reviewed in git like everything else."""

    rule: str
    scope: str
    reason: str
    owner: str
    until: str
    environments: list[str]


class DistanceSalesData(TypedDict, total=False):
    """What a company sold to consumers in other member states in a calendar year: goods at a distance, and
    digital services."""

    year: int
    value: str
    asOf: str


class RegistrationData(TypedDict, total=False):
    """A tax number in a country, and when somebody last asked whether it holds."""

    country: str
    number: str
    status: Literal["valid", "invalid", "unknown"]
    checkedAt: str
    reference: str


class EntityData(TypedDict, total=False):
    """A company of ours."""

    name: str
    establishedIn: str
    distanceSales: list[DistanceSalesData]
    registrations: list[RegistrationData]
    schemes: list[Literal["union-oss", "non-union-oss", "ioss"]]
    iossNumber: str
    uscc: str


class RouteData(TypedDict, total=False):
    """Where an alert goes."""

    kind: Literal["pager", "mail", "chat", "ticket", "webhook"]
    target: str
    format: Literal["webhook", "slack", "teams", "feishu", "dingtalk", "wecom", "apprise"]
    secret: str
    escalation: str


FreezeData = TypedDict(
    "FreezeData",
    {
        "name": str,
        "stores": list[str],
        "reason": str,
        "owner": str,
        "from": str,
        "until": str,
        "environments": list[str],
    },
    total=False,
)
"""A time in which nothing is written to some stores. Read from the default branch, so that an old
    checkout knows of it, too."""


ChangeWindowData = TypedDict(
    "ChangeWindowData",
    {
        "stores": list[str],
        "days": list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]],
        "from": str,
        "until": str,
        "tz": str,
        "environments": list[str],
    },
    total=False,
)
"""When some stores may be changed. A store with windows is written only while one of them is open."""


class HoldData(TypedDict, total=False):
    """A commit that must not be applied again: it was rolled back."""

    commit: str
    reason: str
    owner: str


class ProjectData(TypedDict, total=False):
    """Settings of the repository."""

    specs: list[str]
    connections: dict[str, ConnectionData]
    environments: dict[str, EnvironmentData]
    defaultEnvironment: str
    defaults: dict[Literal["Store", "SkuMapping", "RolePermission", "TaxRule", "Promo"], dict[str, Any]]
    policies: PoliciesData
    priceRules: dict[str, PriceRuleData]
    waivers: list[WaiverData]
    entities: dict[str, EntityData]
    exchangeRates: dict[str, ForeignExchangeData]
    baseCurrency: str
    labels: dict[str, list[str]]
    routes: dict[str, RouteData]
    freezes: list[FreezeData]
    changeWindows: list[ChangeWindowData]
    holds: list[HoldData]
    facts: str
    customRules: list[str]
    productTypes: dict[str, str]
