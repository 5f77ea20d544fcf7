"""The way for people and tests: set the clock, change habits, make it fail, do what a hand in Seller Central
would. Below `/_emulator/`, where the real one has nothing. Caller: `app`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Final

from acorn_gitops.sandbox.amazon import listings, promotions, restrictions
from acorn_gitops.sandbox.amazon.call import Json, Refused, invalid
from acorn_gitops.sandbox.amazon.world import Account, Fault, Habits, World

ROOT: Final = "/_emulator/"
LONGEST: Final = 400 * 86_400.0
"""Seconds that pass at once."""
FAULTS: Final[Mapping[str, str]] = {
    "fail": "answered 500, nothing done",
    "throttle": "answered 429, nothing done",
    "lost": "done, and the answer never comes",
    "html": "answered 503 with a page",
    "truncate": "done, and the answer is cut off",
    "fatal": "of createFeed: taken, and ended as FATAL when it is worked on",
    "aborted": "of createFeed: worked off, and ended as FATAL",
}


class Control:
    """What can be done to a world. `advance` moves its clock; None where it is the real one."""

    def __init__(self, world: World, advance: Callable[[float], None] | None) -> None:
        self._world = world
        self._advance = advance

    def answer(self, what: str, body: object) -> object:
        """Do it, and tell how things are."""
        said = body if isinstance(body, dict) else {}
        act = _ACTS.get(what)
        if act is None:
            raise Refused(404, "NotFound", f"the emulator can: {', '.join(sorted(_ACTS))}")
        try:
            return act(self, said)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise invalid(f"{what}: {error}") from None

    def _state(self, _: Mapping[str, object]) -> object:
        world = self._world
        return {
            "now": world.now().isoformat(),
            "habits": asdict(world.habits),
            "requests": world.requests,
            "throttled": world.throttled,
            "accounts": {
                id: {
                    "region": one.region,
                    "marketplaces": sorted(one.marketplaces),
                    "listings": len(one.listings),
                    "supplySources": len(one.supply_sources),
                }
                for id, one in world.accounts.items()
            },
        }

    def _account(self, said: Json) -> object:
        return {"sellerId": self._world.enroll(said).seller_id}

    def _clock(self, said: Json) -> object:
        if self._advance is None:
            raise ValueError("the clock is the real one; start with --virtual-clock")
        seconds = float(said["advance"])
        if not 0 <= seconds <= LONGEST:
            raise ValueError(f"advance takes 0 to {LONGEST:.0f} seconds")
        self._advance(seconds)
        self._world.settle()
        return {"now": self._world.now().isoformat()}

    def _habits(self, said: Json) -> object:
        self._world.habits = replace(self._world.habits, **said)
        return asdict(self._world.habits)

    def _fault(self, said: Json) -> object:
        if said["kind"] not in FAULTS:
            raise ValueError(f"kind is one of {', '.join(FAULTS)}")
        fault = Fault(said["kind"], str(said.get("operation", "*")), int(said.get("times", 1)))
        self._world.faults.append(fault)
        return asdict(fault)

    def _product_type(self, said: Json) -> object:
        """A product type with its schema."""
        schema = said["schema"]
        if not isinstance(schema["properties"], dict):
            raise TypeError("a schema has properties")
        self._world.product_types[str(said["name"])] = schema
        return sorted(self._world.product_types)

    def _verdict(self, said: Json) -> object:
        """Submissions of a SKU are INVALID from now on, with these words; without any they are judged
        again."""
        if said.get("message"):
            self._world.verdicts[str(said["sku"])] = str(said.get("code", "99010")), str(said["message"])
        else:
            self._world.verdicts.pop(str(said["sku"]), None)
        return self._world.verdicts

    def _restriction(self, said: Json) -> object:
        """Nobody may offer a product in a marketplace, for a reason; without one they may again."""
        key = str(said["asin"]), str(said["marketplaceId"])
        if said.get("message"):
            code = str(said.get("code", "APPROVAL_REQUIRED"))
            if code not in restrictions.REASONS:
                raise ValueError(f"code is one of {', '.join(restrictions.REASONS)}")
            self._world.restrictions[key] = code, str(said["message"])
        else:
            self._world.restrictions.pop(key, None)
        return [[*one] for one in self._world.restrictions]

    def _promotion(self, said: Json) -> object:
        """Somebody makes a coupon or a deal, or cancels one by its id."""
        if "cancel" in said:
            self._world.promotions[str(said["cancel"])].cancelled = True
            return {}
        account = self._whose(said)
        if said["marketplaceId"] not in account.marketplaces:
            raise ValueError("the account does not sell there")
        one = promotions.made(self._world, account.seller_id, said)
        self._world.promotions[one.id] = one
        return {"promotionId": one.id}

    def _hand(self, said: Json) -> object:
        """Somebody sets attributes of a listing in Seller Central, deletes it, or archives a place: at
        once."""
        account = self._whose(said)
        if "supplySourceId" in said:
            account.supply_sources[said["supplySourceId"]].update(said["set"])
            return {}
        operation = "DELETE" if said.get("delete") else "UPDATE" if said.get("all") else "PATCH"
        patches = [
            {"op": "replace", "path": f"/attributes/{name}", "value": value}
            for name, value in (said.get("set") or {}).items()
        ]
        wish = listings.Submission(
            said["sku"],
            said["marketplaceId"],
            operation,
            product_type=str(said.get("productType", "PRODUCT")),
            attributes=said.get("all") or {},
            patches=patches,
        )
        before, self._world.habits = self._world.habits, Habits()
        try:
            listings.submit(self._world, account, wish)
        finally:
            self._world.habits = before
        return {}

    def _dump(self, said: Json) -> object:
        account = self._whose(said)
        return {
            "supplySources": list(account.supply_sources.values()),
            "stock": account.stock,
            "listings": [
                {"sku": sku, "marketplaceId": place, "productType": one.product_type, "asin": one.asin}
                | {"attributes": one.attributes}
                for (sku, place), one in sorted(account.listings.items())
            ],
        }

    def _whose(self, said: Json) -> Account:
        accounts = self._world.accounts
        if "sellerId" in said:
            return accounts[said["sellerId"]]
        if len(accounts) != 1:
            raise ValueError("name a sellerId")
        return next(iter(accounts.values()))


_ACTS: Final[Mapping[str, Callable[[Control, Json], object]]] = {
    "state": Control._state,
    "account": Control._account,
    "clock": Control._clock,
    "habits": Control._habits,
    "fault": Control._fault,
    "verdict": Control._verdict,
    "productType": Control._product_type,
    "hand": Control._hand,
    "promotion": Control._promotion,
    "restriction": Control._restriction,
    "dump": Control._dump,
}
