"""A store that left the checkout's specs is deleted from by the name of the checkout: what was said of it by its own holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.amazon.emulated import SELLER
from tests.amazon.test_flow import STORES, Seller
from tests.amazon.test_other_names import FREEZE, WINDOW, calls_an_environment, shared, stops  # noqa: F401
from tests.borders.clone import cloned


@pytest.mark.parametrize("said", [FREEZE % ', stores: ["amz-*"]', WINDOW], ids=["freeze", "window"])
def test_what_left_the_specs_under_another_name_is_still_stopped(
    shared: Seller, tmp_path: Path, said: str
) -> None:
    stale = cloned(tmp_path / "team.git", tmp_path / "stale")
    calls_an_environment(stale, f"{{sellerId: {SELLER}}}")
    for path in (stale.path / "specs").glob("*.yaml"):
        path.write_text(path.read_text().replace("amz-de", "shop-de"))
    # Before anybody said stop, an environment of somebody's own took it over under a name of its own.
    assert stale.run("trust", "main", "--env", "mine").code == 0
    done = stale.run("apply", "--env", "mine", "--auto-approve", "--adopt")
    assert done.code == 0, done
    stops(shared, said)
    there = {*shared.amazon.account.listings}
    # Edited it is refused ...
    before = {path: path.read_text() for path in (stale.path / "specs").glob("*.yaml")}
    for path, text in before.items():
        path.write_text(text.replace('"49.99"', '"39.99"'))
    assert stale.run("apply", "--env", "mine", "--auto-approve").code == 4
    # ... and taken out of the specs it must be, too.
    place = STORES[STORES.index("---\n") + 4 :]
    (stale.path / "specs" / "all.yaml").write_text(place)
    done = stale.run("apply", "--env", "mine", "--auto-approve")
    assert (done.code, {*shared.amazon.account.listings}) == (4, there), done
