"""Changes of listings on their way to Amazon: item by item, or many at once by a feed. Comes in: jobs, and
what each sends. Goes out: what is wrong with each. Callers: `listings`, `sales`.

Every offer that is sent is kept in mind (`on_its_way`), whichever way it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from acorn_gitops.confine.text import one_line
from acorn_gitops.marketplaces.amazon import operations as op
from acorn_gitops.marketplaces.amazon.catalogue import path_of, summary_of
from acorn_gitops.marketplaces.amazon.client import Client, Refusal
from acorn_gitops.marketplaces.amazon.feeds import Feeds, Submission
from acorn_gitops.marketplaces.amazon.offers import OFFER, offer_of
from acorn_gitops.marketplaces.amazon.on_its_way import Key, OnItsWay
from acorn_gitops.marketplaces.by_looking import Job, Raw, RemoteStore, Taken, Trouble, one_by_one
from acorn_gitops.model.finding import MarketplaceError, Unreachable

Tree = Raw
Makes = Callable[[Job], Submission | None]
"""What a job sends; None where nothing is left to send. MarketplaceError where it must not be."""


class Submissions:
    """Those of one account in one run."""

    def __init__(self, client: Client, feeds: Feeds) -> None:
        self._client, self._feeds = client, feeds
        self._on_its_way = OnItsWay()

    def every(self, store: RemoteStore, jobs: Sequence[Job], makes: Makes) -> list[Trouble]:
        """Send what each job makes, by a feed where they are many."""
        if not self._feeds.takes(len(jobs)):
            return one_by_one(jobs, lambda job: self.send(store, makes(job)))
        made: list[Submission | None] = []

        def make(job: Job) -> None:
            made.append(None)
            wish = makes(job)
            if wish is not None:
                self._check_free(store, wish)
            made[-1] = wish

        troubles = one_by_one(jobs, make)
        numbers = [n for n, wish in enumerate(made) if wish is not None]
        if numbers:
            found = self._fed(store, [wish for wish in made if wish is not None])
            for number, trouble in zip(numbers, found, strict=True):
                troubles[number] = trouble
        return troubles

    def send(self, store: RemoteStore, wish: Submission | None) -> None:
        """One item, by itself. MarketplaceError with what Amazon says is wrong."""
        if wish is None:
            return
        self._check_free(store, wish)
        try:
            self._submit(store, wish)
        except Refusal:
            raise
        except Exception:
            self._sent(store, [wish], certain=False)
            raise
        self._sent(store, [wish])

    def changed(self, store: RemoteStore, raw: Tree, patches: Sequence[Tree]) -> Submission | None:
        """What changes attributes of an item; None where nothing does."""
        if not patches:
            return None
        product = summary_of(store, raw).get("productType") or "PRODUCT"
        return Submission(op.PATCH_LISTING, raw, {"productType": product, "patches": [*patches]})

    def offer(self, store: RemoteStore, raw: Tree) -> Tree:
        """The offer of an item as it is, or will be once what this run has sent is seen. MarketplaceError
        where somebody else changed it meanwhile."""
        found = offer_of(store, raw.get("attributes") or {})
        return self._on_its_way.offer(_way(store, raw["sku"]), found, self._client.now())

    def notice(self, store: RemoteStore, items: Iterable[Tree]) -> None:
        """They were looked at."""
        now = self._client.now()
        for raw in items:
            found = offer_of(store, raw.get("attributes") or {})
            self._on_its_way.notice(_way(store, raw["sku"]), found, now)

    def _fed(self, store: RemoteStore, wishes: Sequence[Submission]) -> list[Trouble]:
        try:
            troubles = self._feeds.send(store, wishes)
        except Unreachable:
            self._sent(store, wishes, certain=False)
            raise
        except MarketplaceError as error:
            return [error.message] * len(wishes)
        taken = [w for w, why in zip(wishes, troubles, strict=True) if why is None or isinstance(why, Taken)]
        self._sent(store, taken)
        return troubles

    def _check_free(self, store: RemoteStore, wish: Submission) -> None:
        if why := self._feeds.why_not(store, wish.sku):
            raise MarketplaceError(why)

    def _submit(self, store: RemoteStore, wish: Submission) -> None:
        """Accepted, or Refusal: Amazon's 200 says nothing yet."""
        query = {"marketplaceIds": store.id}
        answer: Tree = self._client.call(wish.operation, path_of(store, wish.sku), query, wish.body)
        if answer.get("status") != "ACCEPTED":
            raise Refusal(issues_in(answer))

    def _sent(self, store: RemoteStore, wishes: Iterable[Submission], *, certain: bool = True) -> None:
        now = self._client.now()
        for wish in wishes:
            offer = _offer_in(wish.body) if wish.body is not None else None
            if offer is not None:
                found = offer_of(store, wish.raw.get("attributes") or {})
                self._on_its_way.sent(_way(store, wish.sku), found, offer, now, certain=certain)


def issues_in(answer: Tree) -> str:
    """What Amazon says is wrong."""
    issues = [one for one in answer.get("issues") or () if one.get("severity") == "ERROR"]
    said = "; ".join(one_line(f"{one.get('code')} {one.get('message')}", 300) for one in issues[:5])
    return f"Amazon answers {one_line(str(answer.get('status')), 20)}: {said}"


def patch(operation: str, name: str, value: Tree) -> Tree:
    """One step of a change, about one instance of an attribute."""
    return {"op": operation, "path": f"/attributes/{name}", "value": [value]}


def _way(store: RemoteStore, sku: str) -> Key:
    return str(store.raw.get("sellerId")), store.id, sku


def _offer_in(body: Tree) -> Tree | None:
    """The offer to everybody that a request leaves behind: empty for none, None where it says nothing of
    it."""
    if "attributes" in body:
        return next(filter(_is_to_everybody, body["attributes"].get(OFFER) or ()), None)
    for step in body["patches"]:
        if step["path"] == f"/attributes/{OFFER}" and _is_to_everybody(step["value"][0]):
            return {} if step["op"] == "delete" else dict(step["value"][0])
    return None


def _is_to_everybody(offer: Tree) -> bool:
    return bool(offer.get("audience", "ALL") == "ALL")
