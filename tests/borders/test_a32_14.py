"""What was protected when it was last applied is not deleted by being renamed, or made anew, in the commit that takes the protection
out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.repository import Repository, sku, storefront


def kettle(protected: bool, code: str = "KTL-17", **listing: Any) -> dict[str, Any]:
    made = sku(code, "49.99")
    made["spec"]["listings"][0] |= {"sellerSku": "K-1", **listing}
    if protected:
        made["lifecycle"] = {"preventDestroy": True}
    return made


@pytest.mark.parametrize("how", ["deleted", "renamed", "made anew"])
def test_what_was_protected_is_not_deleted_with_its_protection(tmp_path: Path, how: str) -> None:
    made = Repository(
        tmp_path, storefront(), kettle(True, condition="new_new", asin="B0EXAMPLE1"), sku("S-2")
    )
    done = made.run("apply", "--auto-approve")
    assert done.code == 0, done
    now = {
        "deleted": [],
        "renamed": [kettle(False, condition="new_new", asin="B0EXAMPLE1", sellerSku="K-2", movedFrom="K-1")],
        "made anew": [kettle(False, "KTL-18", condition="new_new", asin="B0EXAMPLE1")],
    }[how]
    made.write(storefront(), *now, sku("S-2"))
    plan = made.run("plan")
    done = made.run("apply", "--auto-approve")
    print(plan.out)
    assert (done.code, "ACN-020" in done.err) == (4, True), (plan.out, done)
