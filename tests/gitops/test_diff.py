"""Two revisions are compared by what they want; a plan of a change is the whole plan restricted to what it touches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn_gitops.model.finding import AcornError
from acorn_gitops.provenance import earlier
from tests.borders.clone import git
from tests.repository import Repository, promo, sku, storefront

CODES = ("A-1", "B-2", "C-3", "D-4")
PRICES = ("10.00", "12.00", "15.00")


def committed(made: Repository, *documents: dict[str, Any]) -> str:
    made.write(*documents)
    git(made.path, "add", "-A")
    git(made.path, "commit", "-qm", "x", "--allow-empty")
    return git(made.path, "rev-parse", "HEAD").strip()


def catalogue(prices: dict[str, str], *more: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        storefront(),
        storefront("amz-fr"),
        *(sku(c, p, "amz-de" if c < "C" else "amz-fr") for c, p in prices.items()),
        *more,
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    found = Repository(tmp_path_factory.mktemp("diff") / "r", *catalogue(dict.fromkeys(CODES, "10.00")))
    (found.path / ".gitignore").write_text(".acorn/\n")
    git(found.path, "init", "-q", "-b", "main")
    return found


def test_a_diff_is_of_resources_offline_and_needs_no_checkout(made: Repository) -> None:
    one = committed(made, *catalogue(dict.fromkeys(CODES, "10.00")))
    two = committed(
        made, *catalogue({**dict.fromkeys(CODES, "10.00"), "B-2": "12.00"}, promo("spring", "10"))
    )
    three = committed(made, *catalogue({"A-1": "10.00"}))
    text = made.run("diff", one, two, "-v")
    assert text.code == 0, text
    assert "10.00 → 12.00 EUR" in text.out
    assert f"{one} → {two}\n" in text.out and "read" not in text.out and "in sync" not in text.out
    assert made.run("diff", one, two, "-o", "markdown").out.startswith("### acorn diff · `sandbox` — ")
    found = made.run("diff", one, two, "-o", "json", "--detailed-exitcode")
    assert found.code == 2
    assert {(c["action"], c["address"]) for c in found.json["changes"]} == {
        ("update", "amz-de/listing/B-2"), ("create", "amz-de/promotion/spring"), ("create", "amz-fr/promotion/spring"),
    }  # fmt: skip
    back = {(c["action"], c["address"]) for c in made.run("diff", two, "-o", "json").json["changes"]}
    assert ("delete", "amz-fr/listing/C-3") in back and ("update", "amz-de/listing/B-2") not in back
    alike = made.run("diff", three, three, "--detailed-exitcode")
    assert (alike.code, "No difference." in alike.out) == (0, True)
    assert not (made.path / ".acorn" / "sandbox.db").exists()


@pytest.mark.parametrize("revision", ["nowhere", "--output=x", "HEAD:specs", ""])
def test_a_revision_that_is_none_is_refused_by_name(made: Repository, revision: str) -> None:
    committed(made, *catalogue(dict.fromkeys(CODES, "10.00")))
    done = made.run("diff", revision, "HEAD")
    assert done.code == (0 if revision == "" else 64), done


def test_specs_of_then_that_cannot_be_read_are_told(made: Repository) -> None:
    made.text("kind: Nonsense\n")
    git(made.path, "add", "-A")
    git(made.path, "commit", "-qm", "broken")
    broken = git(made.path, "rev-parse", "HEAD").strip()
    committed(made, *catalogue(dict.fromkeys(CODES, "10.00")))
    done = made.run("diff", broken, "HEAD")
    assert (done.code, "cannot be read" in done.err) == (4, True), done


PRICING = st.fixed_dictionaries({code: st.sampled_from((*PRICES, "")) for code in CODES})


@settings(max_examples=25)
@given(before=PRICING, after=PRICING, live=PRICING)
def test_a_plan_since_is_the_whole_plan_restricted_to_what_the_change_touches(
    tmp_path_factory: pytest.TempPathFactory,
    before: dict[str, str],
    after: dict[str, str],
    live: dict[str, str],
) -> None:
    """Whatever is at the marketplace: the changes of the one are those of the other at these addresses, word for
    word."""
    made = Repository(tmp_path_factory.mktemp("since") / "r")
    (made.path / ".gitignore").write_text(".acorn/\n")
    git(made.path, "init", "-q", "-b", "main")
    there, then, now = ({c: p for c, p in some.items() if p} for some in (live, before, after))
    committed(made, *catalogue(there))
    made.apply()
    base = committed(made, *catalogue(then))
    committed(made, *catalogue(now))
    touched = {c["address"] for c in made.run("diff", base, "-o", "json").json["changes"]}
    assert touched == {
        f"amz-{'de' if c < 'C' else 'fr'}/listing/{c}" for c in CODES if then.get(c) != now.get(c)
    }
    whole = {c["address"]: c for c in made.plan()["changes"]}
    if not touched:
        assert made.plan("--since", base)["changes"] == []
        return
    some = {c["address"]: c for c in made.plan("--since", base)["changes"]}
    assert some == {address: change for address, change in whole.items() if address in touched}


def test_since_and_select_are_not_said_together(made: Repository) -> None:
    assert made.run("plan", "--since", "HEAD", "--select", "amz-de").code == 64


def test_a_diff_of_skus_alone_is_that_of_everything(
    made: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking only at the SKUs that differ changes nothing of the answer; with promotions, rules of prices and sets
    beside them everything is looked at, or the same comes out."""
    from acorn_gitops.reconcile import comparing

    rules = "  priceRules:\n    follow: {fromStore: amz-de}\n"
    project = made.path / "acorn.yaml"
    project.write_text(project.read_text() + rules)
    follower = sku("E-5", "20.00")
    follower["spec"]["listings"].append({"store": "amz-fr", "price": {"rule": "follow"}, "status": "active"})
    pack = sku("P-2", "38.00", composition={"type": "multipack", "of": "E-5", "qty": 2})
    dearer = sku("E-5", "21.00")
    dearer["spec"]["listings"].append({"store": "amz-fr", "price": {"rule": "follow"}, "status": "active"})
    base = catalogue(dict.fromkeys(CODES, "10.00"), promo("spring", "10"))
    for others in ([], [pack]):
        one = committed(made, *base, follower, *others)
        two = committed(made, *base, dearer, *others)
        fast = made.run("diff", one, two, "-o", "json").json["changes"]
        with monkeypatch.context() as patch:
            patch.setattr(comparing, "_leave_out_alike", lambda before, after: None)
            whole = made.run("diff", one, two, "-o", "json").json["changes"]
        assert fast == whole
        assert {"amz-de/listing/E-5", "amz-fr/listing/E-5"} <= {c["address"] for c in fast}
    project.write_text(project.read_text().replace(rules, ""))


@pytest.mark.parametrize("at_once", [1, 10, 8 << 20])
def test_what_a_commit_holds_is_read_byte_for_byte_however_much_is_asked_for_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    made = Repository(tmp_path / "r", storefront())
    git(made.path, "init", "-q")
    written = {
        "a.txt": b"",
        "b.txt": b"\n",
        "c.bin": bytes(range(256)) * 9,
        "d e/\u00e4.txt": b"no end",
        "f.txt": b"",
    }
    for name, content in written.items():
        (made.path / name).parent.mkdir(exist_ok=True)
        (made.path / name).write_bytes(content)
    git(made.path, "add", "-A")
    git(made.path, "commit", "-qm", "files")
    monkeypatch.setattr(earlier, "_AT_ONCE", at_once)
    commit = git(made.path, "rev-parse", "HEAD").strip()
    stored = earlier.files_at(made.path, commit, [*written])
    assert dict(earlier.contents(made.path, stored)) == written
    gone = {name: one._replace(name="0" * 40) for name, one in stored.items()}
    with pytest.raises(AcornError, match="git cannot read"):
        dict(earlier.contents(made.path, gone))
