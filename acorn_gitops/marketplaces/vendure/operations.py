"""Every GraphQL document that is sent to Vendure. Comes in: nothing. Goes out: text. Callers: this adapter; a
test validates each against the schema of a real server.

Hand-kept: they are few, ask for what is used and nothing else, and several mutations are joined into one
request at run time, which generated clients cannot do. See docs/decisions/0011-vendure.md.
"""

from __future__ import annotations

from typing import Final

LOGIN: Final = """mutation Login($username: String!, $password: String!) {
  login(username: $username, password: $password) { __typename ... on CurrentUser { id } ... on ErrorResult { errorCode message } }
}"""

SERVER: Final = """query Server {
  globalSettings { id availableLanguages serverConfig { moneyStrategyPrecision } }
}"""
SET_LANGUAGES: Final = """mutation SetLanguages($codes: [LanguageCode!]!) {
  updateGlobalSettings(input: {availableLanguages: $codes}) { __typename ... on ErrorResult { errorCode message } }
}"""

_CHANNEL: Final = """id code token updatedAt pricesIncludeTax defaultCurrencyCode availableCurrencyCodes
  defaultLanguageCode availableLanguageCodes defaultTaxZone { id name } defaultShippingZone { id } seller { id name }"""
CHANNELS: Final = f"""query Channels($options: ChannelListOptions) {{
  channels(options: $options) {{ totalItems items {{ {_CHANNEL} }} }}
}}"""
CREATE_CHANNEL: Final = """mutation CreateChannel($input: CreateChannelInput!) {
  createChannel(input: $input) { __typename ... on Channel { id } ... on ErrorResult { errorCode message } }
}"""
UPDATE_CHANNEL: Final = """mutation UpdateChannel($input: UpdateChannelInput!) {
  updateChannel(input: $input) { __typename ... on Channel { id } ... on ErrorResult { errorCode message } }
}"""
DELETE_CHANNEL: Final = "mutation DeleteChannel($id: ID!) { deleteChannel(id: $id) { result message } }"
SELLERS: Final = """query Sellers($options: SellerListOptions) {
  sellers(options: $options) { totalItems items { id name } }
}"""
CREATE_SELLER: Final = "mutation CreateSeller($name: String!) { createSeller(input: {name: $name}) { id } }"

LOCATIONS: Final = """query Locations($options: StockLocationListOptions) {
  stockLocations(options: $options) { totalItems items { id name description updatedAt } }
}"""
CREATE_LOCATION: Final = """mutation CreateLocation($input: CreateStockLocationInput!) {
  createStockLocation(input: $input) { id }
}"""
UPDATE_LOCATION: Final = """mutation UpdateLocation($input: UpdateStockLocationInput!) {
  updateStockLocation(input: $input) { id }
}"""
DELETE_LOCATION: Final = """mutation DeleteLocation($id: ID!) {
  deleteStockLocation(input: {id: $id}) { result message }
}"""
ASSIGN_LOCATIONS: Final = """mutation AssignLocations($ids: [ID!]!, $channel: ID!) {
  assignStockLocationsToChannel(input: {stockLocationIds: $ids, channelId: $channel}) { id }
}"""

ZONES: Final = """query Zones($options: ZoneListOptions) {
  zones(options: $options) { totalItems items { id name members { code } } }
}"""
CREATE_ZONE: Final = """mutation CreateZone($name: String!, $members: [ID!]!) {
  createZone(input: {name: $name, memberIds: $members}) { id }
}"""
COUNTRIES: Final = """query Countries($options: CountryListOptions) {
  countries(options: $options) { totalItems items { id code } }
}"""
CREATE_COUNTRY: Final = """mutation CreateCountry($code: String!, $name: String!) {
  createCountry(input: {code: $code, enabled: true, translations: [{languageCode: en, name: $name}]}) { id }
}"""
TAX_CATEGORIES: Final = """query TaxCategories($options: TaxCategoryListOptions) {
  taxCategories(options: $options) { totalItems items { id name updatedAt } }
}"""
CREATE_TAX_CATEGORY: Final = """mutation CreateTaxCategory($name: String!) {
  createTaxCategory(input: {name: $name}) { id }
}"""
DELETE_TAX_CATEGORY: Final = """mutation DeleteTaxCategory($id: ID!) {
  deleteTaxCategory(id: $id) { result message }
}"""
TAX_RATES: Final = """query TaxRates($options: TaxRateListOptions) {
  taxRates(options: $options) { totalItems items {
    id name enabled value updatedAt createdAt category { id name } zone { id name members { code } } customerGroup { id }
  } }
}"""
CREATE_TAX_RATE: Final = ("createTaxRate(input: $i{n}) {{ id }}", "$i{n}: CreateTaxRateInput!")
"""One of many in a request: a field and its variable."""
UPDATE_TAX_RATE: Final = """mutation UpdateTaxRate($input: UpdateTaxRateInput!) {
  updateTaxRate(input: $input) { id }
}"""
DELETE_TAX_RATE: Final = "mutation DeleteTaxRate($id: ID!) { deleteTaxRate(id: $id) { result message } }"

ROLES: Final = """query Roles($options: RoleListOptions) {
  roles(options: $options) { totalItems items { id code description permissions updatedAt channels { id code } } }
}"""
CREATE_ROLE: Final = "mutation CreateRole($input: CreateRoleInput!) { createRole(input: $input) { id } }"
UPDATE_ROLE: Final = "mutation UpdateRole($input: UpdateRoleInput!) { updateRole(input: $input) { id } }"
DELETE_ROLE: Final = "mutation DeleteRole($id: ID!) { deleteRole(id: $id) { result message } }"
ADMINISTRATORS: Final = """query Administrators($options: AdministratorListOptions) {
  administrators(options: $options) { totalItems items { id emailAddress updatedAt user { id roles { id code } } } }
}"""
CREATE_ADMINISTRATOR: Final = """mutation CreateAdministrator($input: CreateAdministratorInput!) {
  createAdministrator(input: $input) { id }
}"""
UPDATE_ADMINISTRATOR: Final = """mutation UpdateAdministrator($input: UpdateAdministratorInput!) {
  updateAdministrator(input: $input) { id }
}"""

VARIANTS: Final = """query Variants($options: ProductVariantListOptions) {
  productVariants(options: $options) { totalItems items {
    id sku name enabled updatedAt useGlobalOutOfStockThreshold outOfStockThreshold trackInventory
    prices { currencyCode price } taxCategory { id name } product { id enabled }
  } }
}"""
VARIANTS_OF_SERVER: Final = """query VariantsOfServer($options: ProductVariantListOptions) {
  productVariants(options: $options) { totalItems items { id sku } }
}"""
PRICES_OF_SERVER: Final = """query PricesOfServer($options: ProductVariantListOptions) {
  productVariants(options: $options) { totalItems items { id sku price priceWithTax } }
}"""
STOCK: Final = """query Stock($options: ProductVariantListOptions) {
  productVariants(options: $options) { totalItems items { id sku stockLevels { stockLocationId stockOnHand } } }
}"""
EMPTY_PRODUCTS: Final = """query EmptyProducts($options: ProductListOptions) {
  products(options: $options) { totalItems items { id slug variantList { totalItems } channels { code } } }
}"""
CREATE_PRODUCT: Final = (
    "createProduct(input: {{enabled: true, translations: $t{n}}}) {{ id }}",
    "$t{n}: [ProductTranslationInput!]!",
)
"""One of many in a request: a field and its variable."""
CREATE_VARIANTS: Final = """mutation CreateVariants($input: [CreateProductVariantInput!]!) {
  createProductVariants(input: $input) { id sku }
}"""
PRODUCTS: Final = """query Products($options: ProductListOptions) {
  products(options: $options) { totalItems items {
    id variantList(options: {take: 100, filter: {enabled: {eq: true}}}) { totalItems items { sku } }
  } }
}"""
ENABLE_PRODUCT: Final = (
    "mutation EnableProduct($id: ID!) { updateProduct(input: {id: $id, enabled: true}) { id } }"
)
UPDATE_VARIANTS: Final = """mutation UpdateVariants($input: [UpdateProductVariantInput!]!) {
  updateProductVariants(input: $input) { id }
}"""
ASSIGN_VARIANT: Final = (
    "assignProductVariantsToChannel(input: $i{n}) {{ id }}",
    "$i{n}: AssignProductVariantsToChannelInput!",
)
"""One of many in a request: a field and its variable."""
REMOVE_VARIANTS: Final = """mutation RemoveVariants($ids: [ID!]!, $channel: ID!) {
  removeProductVariantsFromChannel(input: {productVariantIds: $ids, channelId: $channel}) { id }
}"""
CHANNELS_OF_VARIANTS: Final = """query ChannelsOfVariants($options: ProductVariantListOptions) {
  productVariants(options: $options) { totalItems items { id sku channels { code } } }
}"""
DELETE_VARIANTS: Final = """mutation DeleteVariants($ids: [ID!]!) {
  deleteProductVariants(ids: $ids) { result message }
}"""

PROMOTIONS: Final = """query Promotions($options: PromotionListOptions) {
  promotions(options: $options) { totalItems items {
    id name enabled startsAt endsAt couponCode usageLimit perCustomerUsageLimit updatedAt
    conditions { code args { name value } } actions { code args { name value } }
  } }
}"""
PROMOTION_IDS: Final = """query PromotionIds($options: PromotionListOptions) {
  promotions(options: $options) { totalItems items { id } }
}"""
CREATE_PROMOTION: Final = """mutation CreatePromotion($input: CreatePromotionInput!) {
  createPromotion(input: $input) { __typename ... on Promotion { id } ... on ErrorResult { errorCode message } }
}"""
UPDATE_PROMOTION: Final = """mutation UpdatePromotion($input: UpdatePromotionInput!) {
  updatePromotion(input: $input) { __typename ... on Promotion { id } ... on ErrorResult { errorCode message } }
}"""
DELETE_PROMOTION: Final = "mutation DeletePromotion($id: ID!) { deletePromotion(id: $id) { result message } }"
USES_OF_CATEGORIES: Final = """query UsesOfCategories($options: ProductVariantListOptions) {
  productVariants(options: $options) { totalItems items { id taxCategory { id } } }
}"""


def many(field: str, variable: str, count: int) -> str:
    """One mutation of many alike: its results are f0, f1, and so on."""
    variables = ", ".join(variable.format(n=n) for n in range(count))
    fields = " ".join(f"f{n}: {field.format(n=n)}" for n in range(count))
    return f"mutation Many({variables}) {{ {fields} }}"
