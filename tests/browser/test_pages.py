"""Pages for whoever sells: they hold what the plan holds, fetch nothing, obey nobody, and everybody can read them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.browser.chromium import evaluated, picture, violations
from tests.repository import Repository, document, promo, sku, storefront

HOSTILE = "</td><script>window.owned=1</script><img src=x onerror=window.owned=1> & 'q' \"q\""


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    """Applied; then prices move, a listing goes, a promotion comes, and a floor is missed."""
    listed = [sku(f"KTL-{n:02}", f"{20 + n}.00", pricePolicy={"min": {"amz-de": "15.00"}}) for n in range(12)]
    found = Repository(
        tmp_path / "r", storefront(), storefront("amz-fr"), *listed, sku("MUG", "9.00", "amz-fr")
    )
    found.apply()
    cheaper = [
        sku(f"KTL-{n:02}", f"{19 + n}.00", pricePolicy={"min": {"amz-de": "15.00"}}) for n in range(12)
    ]
    winter = promo("winter", "10")
    found.write(storefront(), storefront("amz-fr"), *cheaper, winter)
    return found


class Outside(HTMLParser):
    """Everything by which a page reaches outside or runs something."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.found += [
            f"{tag} {name}" for name in ("src", "href", "action", "data", "srcset") if name in named
        ]
        self.found += [f"{tag} {name}" for name in named if name.startswith("on") or name == "style"]
        if tag == "script" and not named.get("nonce"):
            self.found.append("script")


def test_a_page_reaches_nothing_outside_and_runs_nothing_foreign(made: Repository) -> None:
    for arguments in (("plan", "-o", "html"), ("drift", "-o", "html"), ("calendar", "-o", "html")):
        page = made.run(*arguments).out
        reader = Outside()
        reader.feed(page)
        assert reader.found == [], arguments
        assert "default-src 'none'" in page
        assert not re.search(r"url\(|@import", page)


def test_a_plan_page_says_what_the_plan_says(made: Repository, tmp_path: Path) -> None:
    made.run("plan", "--out", "p.acorn.json")
    page = made.run("show", "p.acorn.json", "-o", "html").out
    # A page that is shown later is the same page.
    assert page == made.run("show", "p.acorn.json", "-o", "html").out
    for words in ("KTL-00", "20.00 EUR", "19.00 EUR (-5.0 %)", "amz-fr/listing/MUG", "promotion/winter"):
        assert words in page
    heads = re.findall(r"<summary><strong>([^<]*)</strong>", page)
    assert heads[0] == "To delete: 1 listing"
    assert sum(int(head.split()[2]) for head in heads if head.startswith("To update")) == 12
    assert "Apply may go on" in page


def test_the_same_page_in_chinese(made: Repository) -> None:
    page = made.run("plan", "-o", "html", "--language", "zh").out
    assert '<html lang="zh">' in page
    assert "可以应用" in page and "Apply may go on" not in page
    headings = re.findall(r"<h2[^>]*>([^<]*)</h2>", page)
    assert headings and all(re.search("[\u4e00-\u9fff]", one) for one in headings)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("verb", ["plan", "drift", "calendar"])
def test_everybody_can_read_the_pages(made: Repository, tmp_path: Path, verb: str, dark: bool) -> None:
    if verb == "drift":
        assert made.run("sandbox", "disturb", "amz-de/listing/KTL-01.price=1.00").code == 0
    page = made.run(verb, "-o", "html").out
    assert violations(page, tmp_path, dark=dark) == []


def test_filters_show_what_fits_and_hide_the_rest(made: Repository, tmp_path: Path) -> None:
    page = made.run("plan", "-o", "html").out
    script = """
      const shown = () => [...document.querySelectorAll('[data-store]')].filter(r => !r.hidden).length;
      const set = (id, v) => { const e = document.getElementById(id); e.value = v; e.dispatchEvent(new Event('input')); return shown(); };
      window.found = [shown(), set('search', 'ktl-0'), set('kind', 'promotion'), set('search', ''), set('store', 'amz-fr'), window.owned || 0,
                      document.getElementById('count').textContent];
    """
    every, words, of_promotions, promotions, french, owned, count = evaluated(page, script, tmp_path)
    assert every == 14  # twelve prices, a listing that goes, a promotion
    assert (words, of_promotions, promotions, french) == (11, 1, 1, 0)  # a promotion names its SKUs
    assert owned == 0
    assert count == "0 / 14"


def test_what_foreign_text_says_is_text(tmp_path: Path) -> None:
    store = storefront()
    entry = document("SkuMapping", "x", {"sku": "X-1", "attributes": {"title": HOSTILE}, "listings": [{"store": "amz-de", "price": {"currency": "EUR", "value": "5.00"}, "status": "active"}]})  # fmt: skip
    found = Repository(tmp_path / "r", store, sku("X-1"))
    found.apply()
    found.write(store, entry)
    page = found.run("plan", "-o", "html").out
    assert "&lt;script&gt;" in page
    assert evaluated(page, "window.found = [window.owned || 0, document.images.length]", tmp_path) == [0, 0]


def test_a_page_of_many_changes_is_bounded_and_drawn(tmp_path: Path) -> None:
    found = Repository(tmp_path / "r", storefront(), *(sku(f"S-{n:04}", "9.00") for n in range(1_500)))
    page = found.run("plan", "-o", "html").out
    assert page.count("data-store=") >= 1_500
    shot = picture(page, tmp_path)
    assert shot.stat().st_size > 20_000
