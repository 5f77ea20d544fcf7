"""The emulator has the operations of Amazon's models, with what they require; every other test of this folder compares its
answers with them (`conftest`)."""

from __future__ import annotations

import pytest

from acorn_gitops.sandbox.amazon import promotions
from acorn_gitops.sandbox.amazon.app import OPERATIONS
from tests.amazon import models

pytestmark = pytest.mark.skipif(
    not models.are_there(), reason="the official models are not here; ACORN_SP_API_MODELS names their folder"
)


NOT_THERE = promotions.OPERATIONS
"""Their model is not among those at hand; the official client knows where they lie (`test_observed`)."""


@pytest.mark.parametrize("name", [one.name for one in OPERATIONS if one not in NOT_THERE])
def test_an_operation_is_called_and_lies_as_the_model_says(name: str) -> None:
    (operation,) = (one for one in OPERATIONS if one.name == name)
    found = models.operations().get((operation.method, operation.path))
    assert found is not None, f"{operation.method} {operation.path} is in no model"
    assert found.name == operation.name


def test_what_is_another_than_the_model_says_is_seen() -> None:
    """The comparison can fail: by a field too many, one too few, a status, a body."""
    at = "/sellers/v1/marketplaceParticipations"
    kinds = {
        b'{"payload":[]}': 0,
        b'{"payload":[],"more":1}': 1,
        b'{"payload":[{"marketplace":{"id":"A"}}]}': 1,
        b"": 1,
    }
    for body, least in kinds.items():
        assert len([*models.differences("GET", at, 200, {}, body)]) >= least, body
    assert [*models.differences("GET", at, 299, {}, b"{}")]
    assert not [*models.differences("GET", "/of/no/model", 200, {}, b"{}")]
