"""Of several ledgers that know one store the narrowest limit holds, not the first one's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.borders.test_rights_elsewhere import ASKED, ENFORCED, PROJECT, owners
from tests.borders.test_ways_around import of_people
from tests.repository import promo, sku, storefront
from tests.test_access import permission

BOTH = PROJECT.replace("{sandbox: {}}", "{sandbox: {}, other: {}}") + ENFORCED
THERE = BOTH.replace("Environment: sandbox", "Environment: other")


def promoters(most: str) -> dict[str, Any]:
    made = permission("promoters", ["promo"], ["read", "apply"], "mallory@example.com", approvals=ASKED)
    made["spec"]["rules"][0]["constraints"] = {"maxDiscountPercent": most}
    return made


@pytest.mark.parametrize(
    "second",
    ["2026-11-24T09:00:00Z", "2026-11-23T09:00:00Z", "2027-11-23T09:00:00Z"],
    ids=["later", "same second", "clock ahead"],
)
def test_a_narrower_limit_elsewhere_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: str
) -> None:
    team = of_people(tmp_path, monkeypatch)
    wide = [storefront(), owners(), promoters("50"), sku("S-1", "20.00")]
    narrow = [storefront(), owners(), promoters("10"), sku("S-1", "20.00")]
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")
    assert team("ada", BOTH, *wide).code == 0
    # The same marketplace by another environment: ada takes the limit down to 10 %.
    monkeypatch.setenv("ACORN_NOW", second)
    done = team("ada", THERE, *narrow, words=("--adopt",))
    assert done.code == 0, done
    # An old checkout of the first one, with the wide limit, by mallory: 40 % off.
    monkeypatch.setenv("ACORN_NOW", "2026-11-25T09:00:00Z")
    mine = [*wide, promo("deal", "40")]
    done = team("mallory", BOTH, *mine, words=("--select", "amz-de/promotion/*"))
    sold = [one for one in team.made.live() if "/promotion/" in one]
    assert (done.code, sold) == (4, []), done
