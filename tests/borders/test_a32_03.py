"""A store that left the checkout is still one in which another ledger asks for rights."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.borders.test_rights_elsewhere import ENFORCED, PROJECT, owners
from tests.borders.test_ways_around import of_people
from tests.repository import sku, storefront

BOTH = PROJECT.replace("{sandbox: {}}", "{sandbox: {}, other: {}}")
THERE = BOTH.replace("Environment: sandbox", "Environment: other")


@pytest.mark.parametrize("rest", [False, True], ids=["nothing left", "another store left"])
@pytest.mark.parametrize("says", [False, True], ids=["silent", "enforced by itself"])
def test_what_left_a_store_of_which_another_ledger_asks_for_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rest: bool, says: bool
) -> None:
    team = of_people(tmp_path, monkeypatch)
    more = [storefront("amz-fr")] if rest else []
    mine = [storefront(), *more, sku("S-1", "20.00")]
    assert team("mallory", THERE, *mine).code == 0
    # The same marketplace by another environment: access is enforced there, and ada alone has rights.
    done = team("ada", BOTH + ENFORCED, storefront(), owners(), sku("S-2", "20.00"))
    assert done.code == 0, done
    # Whoever edits is refused ...
    project = THERE + (ENFORCED if says else "")
    cheap = team("mallory", project, storefront(), *more, sku("S-1", "1.00"))
    assert (cheap.code, "ACN-024" in cheap.err, team.price()) == (4, True, "20.00"), cheap
    # ... and who takes the store out of the specs must be, too.
    done = team("mallory", project, *(more or [storefront("new-1")]))
    assert (done.code, "amz-de/listing/S-1" in team.made.live()) == (4, True), done
