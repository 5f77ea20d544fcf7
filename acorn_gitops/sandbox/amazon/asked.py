"""What is asked of feeds and of reports alike. Comes in: requests. Goes out: answers. Callers: `feeds`,
`reports`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from acorn_gitops.sandbox.amazon.call import Answer, Call, Json, Refused, invalid
from acorn_gitops.sandbox.amazon.queued import Queue, Queued


class Sort(NamedTuple):
    """One of the two, in the models' names."""

    noun: str
    """`feed` or `report`."""
    result: str
    """Where one names the document that came of it."""
    queue: Callable[[Call], Queue]

    @property
    def id(self) -> str:
        """Where one names itself."""
        return f"{self.noun}Id"

    @property
    def document(self) -> str:
        """Where a document names itself."""
        return f"{self.noun}DocumentId"

    def shown(self, call: Call) -> Answer:
        """One of the seller's."""
        return Answer(200, self._told(call, self._one(call)))

    def listed(self, call: Call) -> Answer:
        """The seller's."""
        types = f"{self.noun}Types"
        kinds, states = {*call.values(types)}, {*call.values("processingStatuses")}
        if not kinds and not call.query.get("nextToken"):
            raise invalid(f"Missing required parameter '{types}'.")
        found = [one for one in self.queue(call).of(call.account.seller_id) if one.type in kinds]
        rows = [self._told(call, one) for one in found]
        rows = [row for row in rows if not states or row["processingStatus"] in states]
        return Answer(200, {f"{self.noun}s": rows[: int(call.query.get("pageSize", "10"))]})

    def cancelled(self, call: Call) -> Answer:
        """Only while it waits."""
        self._one(call).cancel(call.world.now())
        # The model has no body here; clients in use read one as JSON.
        return Answer(200, {})

    def fetched(self, call: Call) -> Answer:
        """Where a document can be fetched."""
        id = call.path[self.document]
        held = call.world.documents.get(id)
        if held is None:
            raise Refused(404, "NotFound", f"{id} is not found.")
        body: Json = {self.document: id, "url": call.base + call.world.documents.address(id)}
        if held.packed:
            body["compressionAlgorithm"] = "GZIP"
        return Answer(200, body)

    def places(self, call: Call, said: object) -> list[str]:
        """The marketplaces that a new one is for. Refused where the account does not sell there."""
        if not isinstance(said, list) or not 1 <= len(said) <= 25:
            raise invalid("'marketplaceIds' takes 1 to 25 values.")
        unknown = [one for one in said if one not in call.account.marketplaces]
        if unknown:
            raise invalid(f"Invalid 'marketplaceIds' provided: {unknown[0]}")
        return said

    def _one(self, call: Call) -> Queued:
        return self.queue(call).get(call.path[self.id], call.account.seller_id)

    def _told(self, call: Call, one: Queued) -> Json:
        return one.told(call.world.now(), id=self.id, type=f"{self.noun}Type", document=self.result)
