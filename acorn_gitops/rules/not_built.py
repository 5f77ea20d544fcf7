"""Rules that are not built, and why. Comes in: nothing. Goes out: ids with reasons. Callers: cli `rules`,
docs.

An id stands here or is a rule; a test holds both against the list of the domain.
"""

from __future__ import annotations

from typing import Final

NOT_BUILT: Final[dict[str, str]] = {
    "SKU-006": "what is live and in no spec is told by `acorn plan` and `acorn drift` as not managed (≈), resource by resource; a rule would say it twice",
    "SKU-040": "feeds and their messages belong to an Amazon adapter, and there is none yet; the adapters that there are send in batches of their own",
    "SKU-041": "budgets do this for every kind and store, and one is built in where none is written: BUD-001 to BUD-006, ACN-023",
    "STO-030": "it is ONB-020, which asks for the proof wherever a storefront says `environment: production`: one gate, one id",
    "PRO-014": "when the tz database moves a promotion, its instants change, and the plan shows that as an update of start and end",
    "PRO-070": "promotions end at the marketplace by themselves; a price that stays low is drift of `listing.price` and told by MON-007",
}
"""By id."""
