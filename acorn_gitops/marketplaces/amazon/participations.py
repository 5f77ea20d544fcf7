"""In which marketplaces an account sells. Comes in: a client. Goes out: a storefront for each, as Amazon has
it; nothing of it can be written. Callers: `adapter`.

One request a minute is allowed, so that one answer serves a whole run.
"""

from __future__ import annotations

from acorn_gitops.marketplaces.amazon import operations as op
from acorn_gitops.marketplaces.amazon.client import Client
from acorn_gitops.marketplaces.by_looking import Raw
from acorn_gitops.model.finding import MarketplaceError
from acorn_gitops.model.reference import amazon_marketplaces
from acorn_gitops.model.resource import Attributes


class Participations:
    """The marketplaces of one account."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._found: dict[str, Attributes] | None = None
        self._trouble: MarketplaceError | None = None

    def all(self) -> dict[str, Attributes]:
        """By marketplace id, attributes of the storefront; without those in which the account does not
        sell. One minute is between two requests, so that a refusal is remembered, too."""
        if self._trouble is not None:
            raise self._trouble
        if self._found is None:
            try:
                rows = self._client.call(op.PARTICIPATIONS)["payload"]
            except MarketplaceError as error:
                self._trouble = error
                raise
            self._found = {
                str(row["marketplace"]["id"]): _storefront(row)
                for row in rows
                if row["participation"]["isParticipating"]
            }
        return self._found


def _storefront(row: Raw) -> Attributes:
    place = row["marketplace"]
    known = amazon_marketplaces().get(place["id"])
    made: Attributes = {
        "platform": "amazon",
        "marketplaceId": place["id"],
        "country": known.country if known is not None else place["countryCode"],
        "currency": place["defaultCurrencyCode"],
    }
    if known is not None:
        made["region"] = known.region
    return made
