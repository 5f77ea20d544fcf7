"""Every GraphQL document that the adapter sends is one that Vendure's schema knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_client_schema, get_introspection_query, parse, validate

from acorn_gitops.marketplaces.vendure import operations
from acorn_gitops.marketplaces.vendure.permissions import BUNDLES, IMPLIED
from tests.vendure.server import running

pytestmark = pytest.mark.xdist_group("vendure")

DOCUMENTS = {
    name: value
    for name, value in vars(operations).items()
    if name[0].isupper() and isinstance(value, str) and "{" in value
}
PARTS = {
    name: value for name, value in vars(operations).items() if name.isupper() and isinstance(value, tuple)
}


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphQLSchema]:
    """As a real server tells it."""
    folder: Path = tmp_path_factory.mktemp("vendure")
    with running(folder, sample=False) as server:
        yield build_client_schema(server.ask(get_introspection_query()))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_operation_is_valid(name: str, schema: GraphQLSchema) -> None:
    """No unknown field, argument or type; every variable is used and has the right type."""
    assert validate(schema, parse(DOCUMENTS[name])) == []


@pytest.mark.parametrize("name", PARTS)
def test_many_in_one_are_valid(name: str, schema: GraphQLSchema) -> None:
    """As many as are joined at run time."""
    for count in (1, 3):
        assert validate(schema, parse(operations.many(*PARTS[name], count))) == []


def test_all_operations_are_tried() -> None:
    """A document that is built another way would not be seen here."""
    assert len(DOCUMENTS) > 35
    assert len(PARTS) == 3


def test_permissions_are_those_that_vendure_has(schema: GraphQLSchema) -> None:
    """Every permission that acorn grants or ignores exists, and none is in two bundles."""
    known = set(schema.type_map["Permission"].values)  # type: ignore[attr-defined]
    ours = [p for bundle in BUNDLES for p in bundle.permissions]
    assert set(ours) | IMPLIED <= known
    assert len(ours) == len(set(ours))
