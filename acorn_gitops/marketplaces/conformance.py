"""What every adapter must do, as tests that outsiders can run on theirs. Comes in: a fresh, writable
marketplace. Goes out: passing tests, or messages written for the adapter's author. Callers: our tests, and
yours:

    from acorn_gitops.marketplaces.conformance import AdapterConformance

    class TestMyAdapter(AdapterConformance):
        @pytest.fixture
        def marketplace(self):
            yield MyAdapter(...)          # empty, and only ours for the length of a test

Adapters whose marketplace works with other values override `resources`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from acorn_gitops.marketplaces.protocol import Marketplace, Operation, Outcome, Scope, Snapshot, Write
from acorn_gitops.model.resource import Address, Attributes, Live
from acorn_gitops.plan.compare import holds
from acorn_gitops.resources.registry import TYPES

STORE = "conformance"


class AdapterConformance:
    """Mix into a test class that has a `marketplace` fixture."""

    resources: ClassVar[Sequence[tuple[str, str, Attributes]]] = (
        ("storefront", STORE, {"platform": "network", "currency": "EUR", "languages": ["de_DE"]}),
        ("tax-class", "standard", {"name": "standard"}),
        ("role", "pricing", {"rules": [{"resources": ["price"], "verbs": ["read", "write"]}]}),
        (
            "tax-rule",
            "domestic",
            {
                "validFrom": "2025-01-01",
                "liableParty": "seller",
                "treatment": "standard",
                "rate": {"percent": "19"},
            },
        ),
        ("grant", "pricing:group:eu", {"role": "pricing", "subject": {"id": "eu", "kind": "group"}}),
        (
            "listing",
            "SKU-1",
            {
                "sku": "SKU-1",
                "taxClass": "standard",
                "price": {"currency": "EUR", "value": "49.90"},
                "status": "active",
            },
        ),
        (
            "listing",
            "SKU-2",
            {"sku": "SKU-2", "price": {"currency": "EUR", "value": "5.00"}, "status": "active"},
        ),
        (
            "promotion",
            "sale",
            {
                "type": "percentOff",
                "skus": ["SKU-1", "SKU-2"],
                "start": "2026-11-26T23:00:00Z",
                "end": "2026-11-30T23:00:00Z",
                "discount": {"percent": "20"},
            },
        ),
    )
    """One of each type that a storefront holds, in an order in which they can be created."""

    # -- parts -------------------------------------------------------------------------------------------

    def managed(self, marketplace: Marketplace) -> list[tuple[Address, Attributes]]:
        """The resources that this marketplace lets us write."""
        can = marketplace.capabilities()
        return [(Address(STORE, t, k), a) for t, k, a in self.resources if can.get(t) == "managed"]

    def send(
        self,
        marketplace: Marketplace,
        operation: Operation,
        address: Address,
        attributes: Attributes,
        etag: str = "",
        key: str = "",
    ) -> Outcome:
        """One write."""
        write = Write(operation, address, attributes, etag=etag, key=key or f"{operation}-{address}")
        outcomes = marketplace.write(address.store, [write])
        assert len(outcomes) == 1, f"write() must answer for every row: 1 sent, {len(outcomes)} answered"
        return outcomes[0]

    def fill(self, marketplace: Marketplace) -> Mapping[tuple[str, str], Live]:
        """Create everything."""
        for address, attributes in self.managed(marketplace):
            outcome = self.send(marketplace, "create", address, attributes)
            assert outcome.status in ("observed", "accepted"), (
                f"creating {address} was {outcome.status}: {outcome.message}"
            )
        return self.read(marketplace).resources

    def read(self, marketplace: Marketplace) -> Snapshot:
        """The store as it is."""
        return marketplace.read(Scope(STORE))

    def a_listing(self, marketplace: Marketplace) -> tuple[Address, Live]:
        """A listing that is there."""
        live = self.fill(marketplace)
        address = Address(STORE, "listing", self.listing_key(0))
        return address, live[(address.type, address.key)]

    def listing_key(self, number: int) -> str:
        """Keys of the listings above."""
        return [k for t, k, _ in self.resources if t == "listing"][number]

    # -- claims ------------------------------------------------------------------------------------------

    def test_capabilities_name_known_types_only(self, marketplace: Marketplace) -> None:
        """Capabilities say managed, observed or attested, of types that acorn knows."""
        can = marketplace.capabilities()
        assert can, "capabilities() is empty: this adapter can do nothing"
        assert set(can) <= set(TYPES), f"unknown types: {sorted(set(can) - set(TYPES))}"
        assert set(can.values()) <= {"managed", "observed", "attested"}

    def test_a_store_that_is_not_there_is_no_error(self, marketplace: Marketplace) -> None:
        """Reading an unknown store answers that it does not exist, with no resources."""
        snapshot = marketplace.read(Scope("nowhere-at-all"))
        assert not snapshot.exists
        assert not snapshot.resources

    def test_what_was_created_is_read_back_as_sent(self, marketplace: Marketplace) -> None:
        """Every attribute that was sent is read back with the same meaning."""
        live = self.fill(marketplace)
        for address, attributes in self.managed(marketplace):
            have = live.get((address.type, address.key))
            assert have is not None, f"{address} was created, and is not in what read() returns"
            assert holds(attributes, have), (
                f"{address} was sent as {attributes} and read as {dict(have.attributes)}"
            )

    def test_a_filled_store_is_listed(self, marketplace: Marketplace) -> None:
        """`stores` names the store once it holds something."""
        self.fill(marketplace)
        assert STORE in marketplace.stores()

    def test_creating_twice_never_makes_twins(self, marketplace: Marketplace) -> None:
        """A second creation under another idempotency key is refused, and nothing is doubled."""
        live = self.fill(marketplace)
        address, attributes = self.managed(marketplace)[-1]
        outcome = self.send(marketplace, "create", address, attributes, key="another-key")
        assert outcome.status in ("conflict", "rejected"), (
            f"a second creation of {address} was {outcome.status}"
        )
        assert self.read(marketplace).resources.keys() == live.keys()

    def test_the_same_write_sent_again_has_one_effect(self, marketplace: Marketplace) -> None:
        """After a lost answer the same write is sent again under the same key; it must succeed, once."""
        live = self.fill(marketplace)
        for address, attributes in self.managed(marketplace):
            outcome = self.send(marketplace, "create", address, attributes)
            assert outcome.status in ("observed", "accepted"), (
                f"repeating the creation of {address} was {outcome.status}: {outcome.message}"
            )
        assert self.read(marketplace).resources.keys() == live.keys()

    def test_an_update_changes_what_was_sent_and_nothing_else(self, marketplace: Marketplace) -> None:
        """Attributes that were not sent stay as they are."""
        address, have = self.a_listing(marketplace)
        outcome = self.send(
            marketplace, "update", address, {"price": {"currency": "EUR", "value": "44.99"}}, have.etag
        )
        assert outcome.status == "observed", outcome.message
        now = self.read(marketplace).resources[(address.type, address.key)]
        expected = {**have.attributes, "price": {"currency": "EUR", "value": "44.99"}}
        assert holds(expected, now), (
            f"only the price was sent; {dict(have.attributes)} became {dict(now.attributes)}"
        )

    def test_an_update_of_what_has_moved_is_a_conflict(self, marketplace: Marketplace) -> None:
        """A write that presumes an older version changes nothing."""
        address, have = self.a_listing(marketplace)
        assert (
            self.send(marketplace, "update", address, {"status": "inactive"}, have.etag).status == "observed"
        )
        outcome = self.send(marketplace, "update", address, {"status": "active"}, have.etag, key="late")
        assert outcome.status == "conflict", f"a write on an old version was {outcome.status}"
        assert (
            self.read(marketplace).resources[(address.type, address.key)].attributes["status"] == "inactive"
        )

    def test_deleting_deletes_that_and_nothing_else(self, marketplace: Marketplace) -> None:
        """A promotion that is deleted is gone; everything else is there."""
        live = self.fill(marketplace)
        address = self.managed(marketplace)[-1][0]
        outcome = self.send(marketplace, "delete", address, {}, live[(address.type, address.key)].etag)
        assert outcome.status == "observed", outcome.message
        assert set(live) - set(self.read(marketplace).resources) == {(address.type, address.key)}

    def test_one_bad_row_does_not_spoil_a_batch(self, marketplace: Marketplace) -> None:
        """Rows are answered one by one, in order; the good ones are done."""
        address, have = self.a_listing(marketplace)
        other = Address(STORE, "listing", self.listing_key(1))
        writes = [
            Write(
                "update",
                address,
                {"price": {"currency": "EUR", "value": "43.00"}},
                etag=have.etag,
                key="batch-1",
            ),
            Write(
                "update",
                Address(STORE, "listing", "not-there-at-all"),
                {"status": "active"},
                etag="",
                key="batch-2",
            ),
            Write("update", other, {"price": {"currency": "EUR", "value": "6.00"}}, etag="", key="batch-3"),
        ]
        outcomes = marketplace.write(STORE, writes)
        assert [o.address for o in outcomes] == [w.address for w in writes]
        assert [o.status == "observed" for o in outcomes] == [True, False, True], outcomes
        now = self.read(marketplace).resources
        assert now[("listing", other.key)].attributes["price"] == {"currency": "EUR", "value": "6.00"}

    def test_validating_changes_nothing(self, marketplace: Marketplace) -> None:
        """`validate` answers what `write` would, and writes nothing."""
        address, have = self.a_listing(marketplace)
        good = Write(
            "update", address, {"price": {"currency": "EUR", "value": "1.00"}}, etag=have.etag, key="dry-1"
        )
        bad = Write("update", address, {"price": {"currency": "XXX", "value": "1.00"}}, etag="", key="dry-2")
        outcomes = marketplace.validate(STORE, [good, bad])
        assert [o.status for o in outcomes] == ["observed", "rejected"], outcomes
        assert self.read(marketplace).resources[(address.type, address.key)].attributes == have.attributes

    def test_an_unchanged_store_may_say_so_and_a_changed_one_must_not(self, marketplace: Marketplace) -> None:
        """When the caller's version is current, `unchanged` is allowed; after any write it is a lie."""
        address, have = self.a_listing(marketplace)
        version = self.read(marketplace).version
        if not version:
            return  # this marketplace has no versions of whole stores, and reads every time
        assert marketplace.read(Scope(STORE, version)).version == version
        assert (
            self.send(marketplace, "update", address, {"status": "inactive"}, have.etag).status == "observed"
        )
        snapshot = marketplace.read(Scope(STORE, version))
        assert not snapshot.unchanged, "the store was written to, and still claims the old version"
        assert snapshot.resources[(address.type, address.key)].attributes["status"] == "inactive"

    def test_amounts_are_text_with_their_decimals(self, marketplace: Marketplace) -> None:
        """Money is read back as decimal text, never as a number."""
        _, have = self.a_listing(marketplace)
        price = have.attributes["price"]
        assert price == {"currency": "EUR", "value": "49.90"}, (
            f"a price must be decimal text with its currency's decimals, not {price!r}"
        )
