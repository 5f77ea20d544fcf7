"""What is long, repeated or nested in a pull request costs no more than it is worth, and what is said of it stays short. Work is
counted in what comes out, not in seconds; what would never end is ended by the limits of the process."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from acorn_gitops.compile.sku_list import sku_list
from acorn_gitops.confine import git
from acorn_gitops.confine.text import safe
from acorn_gitops.engines.pricing import standing
from acorn_gitops.engines.pricing.falls import Falls
from acorn_gitops.engines.pricing.lowest import lowest
from acorn_gitops.engines.pricing.price import WHOLE, Offer
from acorn_gitops.engines.pricing.standing import HeldPromotions
from acorn_gitops.engines.standstill import frozen
from acorn_gitops.model.finding import AcornError
from acorn_gitops.model.resource import Address
from acorn_gitops.provenance import earlier
from acorn_gitops.provenance.blame import Authors
from acorn_gitops.rules.families.tax import matrix
from acorn_gitops.specs import tables
from acorn_gitops.specs.comments import lost_comment
from acorn_gitops.specs.leaks import leaks, masked
from acorn_gitops.specs.strict import MAX_ALIASED_TEXT, compose
from acorn_gitops.specs.text import decode
from tests.borders.clone import WHO
from tests.repository import Repository, sku, storefront


def _bounded(made: Repository, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run acorn with 60 seconds of processor and 4 GiB of memory."""

    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))

    return subprocess.run(
        [sys.executable, "-m", "acorn_gitops", *arguments],
        cwd=made.path, capture_output=True, text=True, check=False, preexec_fn=limits,
    )  # fmt: skip


def test_long_texts_are_not_repeated_by_aliases(made: Repository) -> None:
    """Three thousand aliases of a megabyte would be three gigabytes, in memory and in what is said."""
    rows = "\n".join(
        f'  - {{sku: K-{i}, listings: [{{store: amz-de, price: {{currency: EUR, value: "1.00"}}, status: {"*big" if i else made_long}}}]}}'
        for i in range(3000)
        for made_long in ['&big "' + "A" * 1_000_000 + '"']
    )
    head = "apiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: bulk}\nspec:\n  items:\n"
    (made.path / "specs" / "bulk.yaml").write_text(head + rows + "\n")
    done = _bounded(made, "validate")
    assert done.returncode == 4, done.stderr[-500:]
    assert "GEN-004" in done.stdout
    assert len(done.stdout) < 100_000


def test_aliases_of_ordinary_length_are_expanded() -> None:
    """Below the limit nothing is refused, at the limit nothing more."""
    half = "x" * (MAX_ALIASED_TEXT // 2)
    assert not compose(f"a: &t {half}\nb: *t\nc: *t\n", "f.yaml").findings
    assert [f.id for f in compose(f"a: &t {half}\nb: *t\nc: *t\nd: *t\n", "f.yaml").findings] == ["GEN-004"]
    assert [f.id for f in compose(f"a: &t [{{k: {half}}}]\nb: *t\nc: *t\nd: *t\n", "f.yaml").findings] == [
        "GEN-004"
    ]


def test_a_long_value_is_told_in_short(made: Repository) -> None:
    """Whatever is wrong with it."""
    text = (made.path / "specs" / "all.yaml").read_text()
    for old, new in (
        ("status: active", f"status: {'B' * 200_000}"),
        ("status: active", f"{'C' * 200_000}: active"),
    ):
        if old not in text:
            text = text.replace('"49.99"', '"49.99"')
        (made.path / "specs" / "more.yaml").write_text(
            "apiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: more}\nspec:\n  sku: MORE-1\n"
            f'  listings:\n    - store: amz-de\n      price: {{currency: EUR, value: "1.00"}}\n      {new}\n'
        )
        done = made.run("validate")
        assert done.code == 4
        assert len(done.out) < 5_000, new[:20]


@pytest.mark.parametrize("tail", ["", ".eyJ"])
def test_what_only_begins_like_a_token_is_looked_at_once(made: Repository, tail: str) -> None:
    """A pattern that begins anew at every hyphen would take a minute for these."""
    (made.path / "specs" / "a.yaml").write_text("# " + "eyJ-" * 300_000 + tail + "\n")
    done = _bounded(made, "validate")
    assert done.returncode == 0, done.stdout[-300:] + done.stderr[-300:]


def test_many_secrets_are_told_with_their_lines() -> None:
    """Each with its line and column, counted once."""
    data = ("a\n  # AKIAABCDEFGHIJKLMNOP AKIAABCDEFGHIJKLMNOP\n" * 50_000).encode()
    found = leaks(data, "f")
    assert [(f.place.line, f.place.column) for f in found if f.place] == [
        (2 * n, 5) for n in range(1, 50_001)
    ]


@pytest.mark.parametrize(
    "token",
    [
        "eyJhbGciOiJIUzI1NiJ9aaaaaaa.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
        "eyJ-bGciOiJIUzI1NiJ9aaaaaaa-.eyJzdWIiOiIxMjM0NTY3ODkwIn0-.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    ],
)
@pytest.mark.parametrize("before", ["", " ", '"', "=", "Bearer ", ":", "\n", "/"])
def test_a_token_is_found_wherever_it_stands(token: str, before: str) -> None:
    """And masked as a whole."""
    assert len(leaks(f"{before}{token}\n".encode(), "f")) == 1
    assert masked(f"{before}{token}") == f"{before}(a secret)"


RULE = """apiVersion: acorn/v1
kind: Policy
metadata: {name: own}
spec:
  rules:
    - {id: OUR-001, severity: warning, title: t, why: w, mend: m, target: SkuMapping, check: "false", message: MESSAGE}
"""


def _with_message(made: Repository, expression: str) -> None:
    folder = made.path / "policies"
    folder.mkdir()
    (folder / "own.yaml").write_text(RULE.replace("MESSAGE", f'"{expression}"'))


def test_a_rule_of_your_own_says_little(made: Repository) -> None:
    """A message is cut, however long the expression makes it."""
    _with_message(made, "'" + "long " * 150 + "'")
    done = made.run("validate")
    assert done.code == 0
    assert len(done.out) < 3_000
    assert "…" in done.out


def test_nothing_foreign_begins_a_line(made: Repository) -> None:
    """Runners of jobs obey lines that begin in a certain way; acorn's own last line cannot be feigned."""
    _with_message(made, "'x\\\\n::error file=app.js::pwn\\\\nValid: production, 1 store.\\\\n' + name")
    for verb in ("validate", "plan"):
        lines = made.run(verb).out.split("\n")
        assert any("pwn" in line for line in lines)
        assert not [line for line in lines if line.startswith(("::", "Valid: production", "##["))]


@pytest.mark.parametrize("name", ["facts/stock.csv", "specs/t.csv", "types/lamp.json", "p.acorn.json"])
def test_a_file_that_is_too_large_is_told(name: str, made: Repository) -> None:
    """A gigabyte of nothing takes a few bytes in git: it is not read into memory."""
    path = made.path / name
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        file.truncate(6 << 30)
    if name == "specs/t.csv":
        (made.path / "specs" / "t.yaml").write_text(
            "apiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: t}\nspec: {table: {file: t.csv}}\n"
        )
    if name == "types/lamp.json":
        text = (made.path / "acorn.yaml").read_text()
        (made.path / "acorn.yaml").write_text(text + f"  productTypes: {{LAMP: {name}}}\n")
    done = _bounded(made, *(("show", name) if name == "p.acorn.json" else ("validate",)))
    assert done.returncode not in (0, 1, 2), done.stdout + done.stderr
    assert "larger than" in done.stdout + done.stderr


def test_a_plan_that_is_a_device_is_none(made: Repository) -> None:
    """It would never end."""
    (made.path / "p.acorn.json").symlink_to("/dev/zero")
    done = _bounded(made, "show", "p.acorn.json")
    assert (done.returncode, "is no file" in done.stderr) == (6, True)


# -- small specs that mean much ------------------------------------------------------------------------------


def test_templates_of_templates_are_looked_at_once(made: Repository) -> None:
    """Four layers of sixty templates, each of which inherits all of the next: 13 million ways, 240 templates."""
    names = [[f"t{layer}-{number}" for number in range(60)] for layer in range(4)]
    head = "---\napiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {{name: {name}, abstract: true}}\nspec: {{{inherits}}}\n"
    below: list[str] = []
    text = ""
    for layer in reversed(names):
        inherits = f"inherits: [{', '.join(below)}]" if below else "attributes: {title: x}"
        text += "".join(head.format(name=name, inherits=inherits) for name in layer)
        below = layer
    text += f'---\napiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {{name: heir}}\nspec:\n  inherits: [{", ".join(below)}]\n  sku: HEIR\n  listings: [{{store: amz-de, price: {{currency: EUR, value: "1.00"}}, status: active}}]\n'
    (made.path / "specs" / "templates.yaml").write_text(text)
    done = _bounded(made, "validate")
    assert done.returncode == 0, done.stdout[-500:]


def test_unknown_headings_of_a_table_are_told_in_short(made: Repository) -> None:
    """Twenty thousand columns that nobody knows."""
    headings = ",".join(f"c{number}" for number in range(20_000))
    (made.path / "specs" / "wide.csv").write_text(f"sku,store,{headings}\n")
    (made.path / "specs" / "wide.yaml").write_text(
        "apiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: wide}\nspec: {table: {file: wide.csv}}\n"
    )
    done = _bounded(made, "validate")
    assert done.returncode == 4
    assert "and 19,980 more unknown columns" in done.stdout
    assert done.stdout.count("\n") < 100


def test_promotions_that_all_meet_are_told_in_short(made: Repository) -> None:
    """Three hundred on one SKU are 44,850 pairs."""
    promo = (
        "---\napiVersion: acorn/v1\nkind: Promo\nmetadata: {{name: p{n}}}\nspec: {{type: lightningDeal, stores: {{names: [amz-de]}},"
        ' skus: {{all: true}}, discount: {{percent: "1"}}, window: {{start: {{local: "2027-03-01T00:00", tz: store}},'
        ' end: {{local: "2027-03-09T00:00", tz: store}}}}}}\n'
    )
    (made.path / "specs" / "promos.yaml").write_text("".join(promo.format(n=n) for n in range(300)))
    done = _bounded(made, "validate")
    assert done.stdout.count("PRO-020") < 300 * 5
    assert "more promotions meet p0" in done.stdout


def test_roles_that_multiply_are_refused(made: Repository) -> None:
    """A few kilobytes of subjects, heirs and stores make a million grants."""
    subjects = ", ".join(f"{{kind: user, id: u{n}@x.example}}" for n in range(100))
    role = "---\napiVersion: acorn/v1\nkind: RolePermission\nmetadata: {{name: {name}{more}}}\nspec: {{{spec}}}\n"
    rules = "rules: [{resources: [price], verbs: [read]}], stores: {all: true}"
    text = role.format(name="all", more=", abstract: true", spec=f"subjects: [{subjects}], {rules}")
    text += "".join(role.format(name=f"r{n}", more="", spec="inherits: [all]") for n in range(100))
    text += "".join(
        f"---\napiVersion: acorn/v1\nkind: Store\nmetadata: {{name: s{n}}}\nspec: {{type: storefront, storefront: {{platform: network,"
        f" currency: EUR, timezone: Europe/Berlin}}}}\n"
        for n in range(60)
    )
    (made.path / "specs" / "many.yaml").write_text(text)
    done = _bounded(made, "plan")
    assert done.returncode == 4
    assert "the roles make 610,000 grants" in done.stderr


def test_suggestions_cost_little(made: Repository) -> None:
    """A thousand unknown names beside two thousand known ones, all alike."""
    stores = "".join(
        f"---\napiVersion: acorn/v1\nkind: Store\nmetadata: {{name: abcdefghij-abcdefghij-{n}}}\nspec: {{type: storefront,"
        f" storefront: {{platform: network, currency: EUR, timezone: Europe/Berlin}}}}\n"
        for n in range(2000)
    )
    items = "".join(
        f'    - {{sku: K-{n}, listings: [{{store: abcdefghij-abcdefghij-{n}x, price: {{currency: EUR, value: "1.00"}}}}]}}\n'
        for n in range(1000)
    )
    head = "---\napiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: bulk}\nspec:\n  items:\n"
    (made.path / "specs" / "bulk.yaml").write_text(stores + head + items)
    done = _bounded(made, "validate")
    assert done.returncode == 4
    assert "did you mean abcdefghij-abcdefghij-7?" in done.stdout


def test_folders_are_followed_to_a_depth(made: Repository) -> None:
    """Deeper than anybody keeps specs, and shallower than a stack."""
    deep = made.path / "specs"
    for _ in range(60):
        deep = deep / "a"
    deep.mkdir(parents=True)
    done = _bounded(made, "plan")
    assert (done.returncode, "nested more than 40 deep" in done.stderr) == (4, True), done.stderr


@pytest.mark.parametrize("text", ["2026-99-99", "2026-02-30", "2001-12-14t21:59:43.10-05:00"])
def test_a_text_that_looks_like_a_date_is_text(text: str, made: Repository) -> None:
    """Also where it is none; it is neither a fault nor changed."""
    specs = made.path / "specs" / "all.yaml"
    specs.write_text(
        specs.read_text().replace("sku: KTL-17-BLK", f"sku: KTL-17-BLK\n  attributes: {{title: {text}}}")
    )
    done = _bounded(made, "fmt")
    assert (done.returncode, "internal" in done.stderr) == (0, False), done.stderr
    assert f"title: {text}" in specs.read_text()


def test_git_gets_so_much_time_in_all(
    made: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many questions that are slow one by one end together; and no question takes the machine's memory."""
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nsleep 0.3\nulimit -d\n")
    program.chmod(0o755)
    subprocess.run(["git", "init", "-q"], cwd=made.path, check=True)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setattr(git, "WHOLE", 0.8)
    found = git.find(made.path)
    assert found is not None
    questions = git.Questions(found)
    assert questions.ask(made.path, "status").strip() == str(git.MEMORY // 1024).encode()
    questions.ask(made.path, "status")
    with pytest.raises(git.NoAnswer, match="more than"):
        for _ in range(3):
            questions.ask(made.path, "status")


def test_whoever_proposes_a_change_renames_nobody(made: Repository) -> None:
    """`.mailmap` of the checkout would give everybody's lines to somebody else."""
    plain = {**WHO, "PATH": os.environ["PATH"], "HOME": str(made.path)}
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "mine"]):
        subprocess.run(["git", *command], cwd=made.path, check=True, env=plain)
    (made.path / ".mailmap").write_text("The Boss <boss@example.com> <ada@example.com>\n")
    wrote = Authors(made.path).line("specs/all.yaml", 1)
    assert wrote is not None
    assert (wrote.author, wrote.mail) == ("Ada", "ada@example.com")


def test_many_faults_of_one_entry_are_placed_in_one_reading(made: Repository) -> None:
    """Two thousand unknown fields of one item of a list."""
    fields = "".join(f"      nonsense{number}: x\n" for number in range(2000))
    head = "apiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: bulk}\nspec:\n  items:\n    - sku: K-1\n"
    (made.path / "specs" / "bulk.yaml").write_text(head + fields)
    done = _bounded(made, "validate")
    assert done.returncode == 4, done.stderr[-300:]
    assert "nonsense1999" in done.stdout


def test_a_folder_that_is_named_often_is_read_once(made: Repository) -> None:
    """Two thousand times the same folder of a thousand files."""
    for number in range(1000):
        (made.path / "specs" / f"empty-{number}.yaml").write_text("")
    project = (made.path / "acorn.yaml").read_text()
    names = ", ".join(["specs"] * 2000)
    (made.path / "acorn.yaml").write_text(project.replace("specs: [specs]", f"specs: [{names}]"))
    done = _bounded(made, "validate")
    assert done.returncode == 0, done.stdout[-300:]


def test_sets_of_sets_are_looked_into_once(made: Repository) -> None:
    """Thirty sets, each with the one below it twice: a thousand million pieces."""
    items = "    - {sku: S-0, listings: []}\n" + "".join(
        f"    - {{sku: S-{n}, composition: {{type: bundle, components: [{{sku: S-{n - 1}, qty: 1}}, {{sku: S-{n - 1}, qty: 1}}]}},"
        ' listings: [{store: amz-de, price: {currency: EUR, value: "1.00"}, status: active}]}\n'
        for n in range(1, 31)
    )
    head = "apiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: sets}\nspec:\n  items:\n"
    (made.path / "specs" / "sets.yaml").write_text(head + items)
    (made.path / "facts").mkdir()
    (made.path / "facts" / "stock.csv").write_text("location,sku,onHand,reserved,asOf\n")
    done = _bounded(made, "view", "inventory")
    assert done.returncode in (0, 4), done.stderr[-300:]


def test_sales_without_number_are_not_asked_for(made: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred tax rules with a threshold and a day each, over many countries."""
    lands = "[AT, BE, BG, CY, CZ, DE, DK, EE, ES, FI, FR, GR, HR, HU, IE, IT, LT, LU, LV, MT, NL, PL, PT, RO, SE, SI, SK]"
    rule = (
        '---\napiVersion: acorn/v1\nkind: TaxRule\nmetadata: {{name: t{n}}}\nspec:\n  validity: {{from: "2026-{month:02}-{day:02}"}}\n'
        '  match: {{supply: {{shipFrom: {lands}, shipTo: {lands}}}, value: {{max: "{n}.00", currency: EUR}}}}\n'
        '  result: {{liableParty: seller, treatment: standard, rate: {{percent: "19"}}, scheme: local}}\n'
    )
    made.write(storefront(country="DE"), sku())
    text = "".join(rule.format(n=n, month=1 + n % 12, day=1 + n % 28, lands=lands) for n in range(1, 101))
    (made.path / "specs" / "tax.yaml").write_text(text)
    monkeypatch.setattr(matrix, "MOST", matrix.MOST // 20)
    asked: list[object] = []
    judged = matrix.cell
    monkeypatch.setattr(matrix, "cell", lambda *given: asked.append(given) or judged(*given))
    done = made.run("validate")
    assert (done.code, "more sales than can be asked for" in done.out) == (4, True), done.out[-500:]
    assert len(asked) <= matrix.MOST // 100


def test_connections_that_nobody_uses_are_not_opened(made: Repository) -> None:
    """Nor are databases made for them."""
    more = ", ".join(f'c{n}: {{adapter: network, url: "sandbox:c{n}"}}' for n in range(500))
    project = (made.path / "acorn.yaml").read_text().replace("connections: {", f"connections: {{{more}, ")
    (made.path / "acorn.yaml").write_text(project)
    text = (made.path / "specs" / "all.yaml").read_text()
    (made.path / "specs" / "all.yaml").write_text(
        text.replace("  type: storefront\n", "  type: storefront\n  connection: main\n", 1)
    )
    done = _bounded(made, "plan")
    assert done.returncode == 0, done.stderr[-300:]
    assert len([*(made.path / ".acorn").glob("*.db")]) <= 1


@pytest.mark.parametrize(
    "letter", ["\ufe0f", "\ufe0e", "\u034f", "\u115f", "\u3164", "\u180b", "\u2800", "\U000e0101", "\u00ad"]
)
def test_letters_that_nobody_sees_are_refused(letter: str, made: Repository) -> None:
    """In specs and in names of files: with them two words look like one."""
    specs = made.path / "specs" / "all.yaml"
    text = specs.read_text()
    specs.write_text(text.replace("KTL-17-BLK", f"KTL-17-BLK{letter}", 1))
    assert "GEN-009" in made.run("validate").out
    specs.write_text(text)
    project = (made.path / "acorn.yaml").read_text()
    (made.path / "acorn.yaml").write_text(project.replace("specs: [specs]", f"specs: [specs{letter}]"))
    assert made.run("validate").code == 4
    assert safe(f"a{letter}b") != f"a{letter}b"


def test_an_emoji_is_an_emoji(made: Repository) -> None:
    """What makes a symbol one is no trick."""
    assert safe("sun \u2600\ufe0f") == "sun \u2600\ufe0f"
    made.write(storefront(), sku(attributes={"title": "sun \u2600\ufe0f"}))
    assert made.run("validate").code == 0


def test_what_falls_most_is_shown_of_many(made: Repository) -> None:
    """Eleven floors rise by ten cents, and one falls to a cent: it is named, with its value."""
    floors = {f"K-{n:02}": "9.00" for n in range(12)}
    made.write(
        storefront(), *(sku(k, "10.00", pricePolicy={"min": {"amz-de": v}}) for k, v in floors.items())
    )
    made.apply()
    floors = dict.fromkeys(floors, "9.10") | {"K-07": "0.01"}
    made.write(
        storefront(), *(sku(k, "10.00", pricePolicy={"min": {"amz-de": v}}) for k, v in floors.items())
    )
    said = made.run("plan").out
    assert "-99.9 % to +1.1 %" in said
    assert "9.00" in said and "0.01" in said and "K-07" in said


def test_a_hundred_tiers_and_baskets_are_a_bound() -> None:
    """Each promotion with pieces and a basket of its own: not every pair is a buyer to be tried."""
    offers = [Offer(f"p{n}", "percent", WHOLE // 100, quantity=2 + n, basket=100 * n) for n in range(200)]
    found = lowest(offers)
    assert not found.exact
    assert found.pays(10_000) == 0


def test_rules_and_shops_in_pairs_are_told_in_short(made: Repository) -> None:
    """Ninety rules for one sale, and three hundred shops at one place: 50,000 pairs."""
    rule = (
        '---\napiVersion: acorn/v1\nkind: TaxRule\nmetadata: {{name: t{n}}}\nspec: {{validity: {{from: "2026-01-01"}},'
        ' match: {{supply: {{shipTo: [DE]}}}}, result: {{liableParty: seller, treatment: standard, rate: {{percent: "{n}"}}, scheme: local}}}}\n'
    )
    shop = (
        "---\napiVersion: acorn/v1\nkind: Store\nmetadata: {{name: shop-{n}}}\nspec: {{type: physical, physical: {{code: S{n}, address:"
        ' {{countryCode: DE, lines: [a], locality: b, postalCode: "10117"}}, geo: {{lat: "52.52", lon: "13.40"}}}}}}\n'
    )
    text = "".join(rule.format(n=n) for n in range(90))
    text += "".join(shop.format(n=n) for n in range(300))
    (made.path / "specs" / "pairs.yaml").write_text(text)
    said = _bounded(made, "validate").stdout
    assert "more begin" in said
    assert "more STO-013 alike" in said
    assert said.count("STO-013") < 10
    assert said.count("TAX-004") < 91 * 5


@pytest.mark.parametrize("format_", ["sha1", "sha256"])
def test_line_ends_do_not_make_an_author_disappear(format_: str, made: Repository) -> None:
    """With `*.yaml text` and line ends of Windows in the commit, git takes every line of the working tree for a new one."""
    plain = {**WHO, "PATH": os.environ["PATH"], "HOME": str(made.path)}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=made.path, check=True, env=plain, capture_output=True, text=True
        )
        return done.stdout.strip()

    specs = made.path / "specs" / "all.yaml"
    specs.write_bytes(specs.read_bytes().replace(b"\n", b"\r\n"))
    (made.path / ".gitattributes").write_text("*.yaml text\n")
    run("init", "-q", f"--object-format={format_}")
    blob = run("hash-object", "-w", "--no-filters", "specs/all.yaml")
    run("update-index", "--add", "--cacheinfo", f"100644,{blob},specs/all.yaml")
    run("add", ".gitattributes")
    run("commit", "-qm", "mine")
    assert Authors(made.path).of("specs/all.yaml", 1) is not None
    assert (Authors(made.path).of("specs/all.yaml", 1) or ("", ""))[0] == "ada@example.com"


def test_a_price_is_told_by_the_tightest_of_many_budgets(made: Repository) -> None:
    """One finding for each price, however many budgets it is beyond; and there are no more than a hundred of them."""
    from acorn_gitops.plan.budgets import over_budget
    from acorn_gitops.plan.change import Change, FieldChange

    def euros(value: str) -> dict[str, str]:
        return {"currency": "EUR", "value": value}

    changes = [
        Change("update", Address("s", "listing", f"K{n}"), "edited", {"price": euros("10.00")}, {"price": euros("11.00")},
               (FieldChange("price", euros("10.00"), euros("11.00"), "edited"),), None, "")
        for n in range(300)
    ]  # fmt: skip
    budgets = {f"b{n:02}": {"priceRise": str(n), "priceDrop": "5"} for n in range(3, 90)}
    found = [f for f in over_budget("s", changes, {"listing": 300}, budgets) if f.id == "BUD-002"]
    assert len(found) == 300
    assert all("the budget b03 allows 3 %" in f.message for f in found)
    project = made.path / "acorn.yaml"
    many = ", ".join(f"b{n}: {{creates: {{count: 1}}}}" for n in range(101))
    project.write_text(project.read_text() + f"  policies: {{budgets: {{{many}}}}}\n")
    assert "GEN-007" in _bounded(made, "validate").stderr + _bounded(made, "validate").stdout


def test_roles_that_give_everything_to_many_are_judged_once_for_each_sort(made: Repository) -> None:
    """A hundred stores, forty roles, twenty persons: nothing lacks, so that everything is looked at."""
    from acorn_gitops.engines.access import RESOURCES, VERBS

    stores = "".join(
        f"---\napiVersion: acorn/v1\nkind: Store\nmetadata: {{name: s{n}}}\n"
        "spec: {type: storefront, storefront: {platform: other, currency: EUR, timezone: Europe/Berlin}}\n"
        for n in range(100)
    )
    people = ", ".join(f"{{kind: user, id: u{n}@x.de}}" for n in range(20))
    roles = "".join(
        f"---\napiVersion: acorn/v1\nkind: RolePermission\nmetadata: {{name: r{n}}}\nspec:\n  stores: {{all: true}}\n"
        f"  rules: [{{resources: [{', '.join(RESOURCES)}], verbs: [{', '.join(VERBS)}]}}]\n  subjects: [{people}]\n"
        for n in range(40)
    )
    (made.path / "specs" / "many.yaml").write_text(stores + roles)
    done = _bounded(made, "validate")
    assert "ROL-020" in done.stdout + done.stderr or done.returncode in (0, 4)


def test_many_waivers_are_matched_once_for_each_subject(made: Repository) -> None:
    """Sixty thousand findings about two hundred roles, and a thousand waivers with patterns."""
    people = ", ".join(f"{{kind: user, id: u{n}}}" for n in range(300))
    roles = (
        "apiVersion: acorn/v1\nkind: RolePermission\nmetadata: {name: t, abstract: true}\nspec:\n  stores: {all: true}\n"
        f"  rules: [{{resources: [order], verbs: [read]}}]\n  subjects: [{people}]\n"
    )
    roles += "".join(
        f"---\napiVersion: acorn/v1\nkind: RolePermission\nmetadata: {{name: r{n}}}\nspec: {{inherits: [t]}}\n"
        for n in range(200)
    )
    (made.path / "specs" / "many.yaml").write_text(roles)
    project = made.path / "acorn.yaml"
    waivers = "".join(
        f'    - {{rule: ROL-023, scope: "a*{n}", reason: r, owner: o, until: "2026-12-31"}}\n'
        for n in range(1000)
    )
    project.write_text(project.read_text() + "  waivers:\n" + waivers)
    assert _bounded(made, "validate").returncode in (0, 4)


def test_promotions_that_all_meet_are_looked_at_once_for_each_time(made: Repository) -> None:
    """Three hundred on two SKUs: the prices of thirty days before, and what is paid beside each other."""
    promos = "".join(
        f"---\napiVersion: acorn/v1\nkind: Promo\nmetadata: {{name: p{n}}}\nspec:\n  type: percentOff\n  stores: {{all: true}}\n"
        "  skus: {all: true}\n  window:\n"
        f'    start: {{local: "2097-{1 + n % 12:02}-{1 + n % 25:02}T{n % 24:02}:{n % 60:02}", tz: store}}\n'
        f'    end: {{local: "2098-{1 + n % 12:02}-{1 + n % 25:02}T{n % 24:02}:{n % 60:02}", tz: store}}\n'
        '  discount: {percent: "0.1"}\n'
        for n in range(300)
    )
    (made.path / "specs" / "promos.yaml").write_text(promos)
    stores = made.path / "specs" / "all.yaml"
    stores.write_text(stores.read_text().replace("platform: network", "platform: other, country: DE"))
    assert _bounded(made, "plan").returncode in (0, 2, 4)


def test_a_sweep_that_costs_too_much_goes_on_with_bounds() -> None:
    """The bound never says more than the least that any buyer pays."""
    from acorn_gitops.engines.pricing.lowest import lowest
    from acorn_gitops.engines.pricing.price import WHOLE, Offer

    offers = [
        Offer(
            f"p{n}",
            "percent",
            (30 + n) * WHOLE // 1000,
            condition=f"code {n}",
            choice=f"c{n}",
            group=f"g{n % 3}",
        )
        for n in range(9)
    ]
    least = lowest(offers)
    assert len(least.states) > 1
    for listed in (999, 5_000, 123_456):
        pays, looks = least.looked(listed)
        assert pays == least.pays(listed)
        assert looks > 0
        assert least.bounded().pays(listed) <= pays


# -- what grew with the square of its length, or was kept in full (the eighteenth attack) ------------------------------


def test_marks_of_a_conflict_without_an_end_are_none() -> None:
    """A hundred thousand beginnings: the end is looked for once."""
    assert not any(f.id == "GEN-002" for f in decode(b"<<<<<<< \n" * 100_000, "f.yaml")[1])
    both = b"<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n"
    assert [f.place.line for f in decode(b"z\n" + both, "f.yaml")[1] if f.place] == [2]


@pytest.mark.parametrize("letter", ["\x01", "e\u0301\n"], ids=["control", "half a letter"])
def test_of_millions_of_wrong_letters_some_are_told(letter: str) -> None:
    """Twenty, and each with no more of its line than somebody reads."""
    findings = decode((letter * 1_000_000).encode(), "f.yaml")[1]
    assert len(findings) == 20
    assert all(len(finding.source) <= 2_000 for finding in findings)


def test_of_many_secrets_in_a_line_the_first_is_told() -> None:
    """And the line is not gone through again for each."""
    assert len(leaks(b"# " + b"Atza| " * 500_000, "f.yaml")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "sku,store" + ",sku,store" * 50_000 + "\n",
        "sku,store\n" + "a\n" * 100_000,
        "sku,store,price\n" + "a,b,1.23457E+12\n" * 100_000,
    ],
    ids=["headings", "short rows", "spoilt cells"],
)
def test_of_many_faults_of_a_table_some_are_told_and_the_rest_counted(text: str) -> None:
    """Two hundred, and how many more there are."""
    findings = tables.read(text, "t.csv", {}).findings
    assert len(findings) <= 201
    assert len(findings) < 201 or "more faults in this table" in findings[-1].message


def test_of_many_keys_that_stand_twice_some_are_told() -> None:
    """A thousand of one file."""
    assert len(compose("a: 1\n" * 20_000, "f.yaml").findings) == 1_000


def test_of_what_no_schema_fits_some_is_told(made: Repository) -> None:
    """Twenty of one SKU, however many the schema could say."""
    file = made.path / "acorn.yaml"
    file.write_text(file.read_text() + "  productTypes: {BOMB: bomb.json}\n")
    (made.path / "bomb.json").write_text(json.dumps({"required": [f"p{n}" for n in range(3_000)]}))
    one = sku("A-17")
    one["spec"]["attributes"] = {"productType": "BOMB", "extra": {"a": "b"}}
    made.write(storefront(), one)
    said = made.run("validate", "-o", "json").json
    assert sum(f["id"] == "SKU-017" for f in said["findings"]) == 20


def test_many_codes_of_one_short_name_have_names_of_their_own() -> None:
    """`A 1`, `A-1`, `A_1` … are all a-1: nobody counts from the beginning again."""
    rows = [("s", f"A{' ' * (n % 30 + 1)}{chr(33 + n // 30 % 14)}1", {}) for n in range(400)]
    items = sku_list([(store, key, {"sku": key}) for store, key, _ in rows], [])
    names = [item.get("name") or item["sku"].lower() for item in items]
    assert len({*names}) == len(names)


def test_a_comment_that_is_lost_is_found_among_many() -> None:
    """All others are there, in whatever order."""
    lines = [f"# c{n}" for n in range(30_000)]
    assert lost_comment("\n".join(lines), "\n".join(reversed(lines))) is None
    lost = lost_comment("\n".join(lines), "\n".join(lines[:-1]))
    assert lost is not None and lost.words == "# c29999"


def test_a_tree_that_names_itself_is_not_laid_out(made: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few objects of git make as many files as somebody wants."""
    monkeypatch.setattr(earlier, "FILES", 50)
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=made.path, check=True, env={**os.environ, **WHO})

    def asked(*arguments: str, given: str = "") -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=made.path, check=True, env={**os.environ, **WHO}, input=given,
            capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout.strip()

    tree = asked("write-tree")
    for _ in range(3):
        tree = asked("mktree", given="".join(f"040000 tree {tree}\td{n}\n" for n in range(10)))
    commit = asked("commit-tree", tree, "-m", "bomb")
    with pytest.raises(AcornError, match="holds too much to be laid out"):
        earlier.files_at(made.path, commit, ())


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_copy_ends_with_its_original(made: Repository, end: signal.Signals) -> None:
    """However that one is ended: nobody goes on computing a stranger's pattern."""
    file = made.path / "acorn.yaml"
    file.write_text(file.read_text() + "  productTypes: {BOMB: bomb.json}\n")
    (made.path / "bomb.json").write_text(json.dumps({"properties": {"l": {"pattern": "(a+)+$"}}}))
    one = sku("A-17")
    one["spec"]["attributes"] = {"productType": "BOMB", "extra": {"l": "a" * 60 + "b"}}
    made.write(storefront(), one)
    running = subprocess.Popen(
        [sys.executable, "-m", "acorn_gitops", "validate"],
        cwd=made.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    copy = ""
    while not copy and running.poll() is None:
        copy = children.read_text().strip()
        time.sleep(0.02)
    running.send_signal(end)
    running.wait()
    assert copy
    for _ in range(500):
        if not Path(f"/proc/{copy}").exists() or " Z " in Path(f"/proc/{copy}/stat").read_text():
            return
        time.sleep(0.02)
    os.kill(int(copy), signal.SIGKILL)
    pytest.fail("the copy goes on")


def test_many_values_of_one_file_are_taken_in_at_once(made: Repository) -> None:
    """Three hundred prices that a hand changed; comments stay, and what no spec may say stays as it was."""
    made.write(storefront(), *(sku(f"K-{n}", "10.00") for n in range(300)))
    file = made.path / "specs" / "all.yaml"
    file.write_text("# the catalogue\n" + file.read_text())
    made.apply()
    changes = [f"amz-de/listing/K-{n}.price={n % 50 + 1}.00" for n in range(300)]
    assert made.run("sandbox", "disturb", *changes).code == 0
    done = made.run("import", "--drifted")
    assert done.code == 0, done
    text = file.read_text()
    assert text.startswith("# the catalogue\n")
    assert made.run("plan", "--detailed-exitcode").code == 0


def test_a_pattern_for_stores_is_made_once_for_all() -> None:
    """Thousands of patterns of a freeze, and names among them."""
    patterns = [f"s{n}-*" for n in range(1_000)] + ["amz-de"]
    freeze = {"name": "p", "reason": "x", "owner": "a", "until": "2027-01-01T00:00:00Z", "stores": patterns}
    now = datetime(2026, 11, 23, tzinfo=UTC)
    stores = ["amz-de", "amz-fr", "s7-x", "s7", *(f"t{n}" for n in range(500))]
    (stop,) = frozen({"freezes": [freeze]}, "sandbox", stores, now)
    assert stop.stores == ("amz-de", "s7-x")


def test_codes_that_overlap_are_told_apart_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three hundred of them, each for other days: what who has one code pays is computed once."""
    now = datetime(2026, 11, 23, tzinfo=UTC)

    def code(number: int) -> dict[str, object]:
        return {
            "type": "percentOff", "skus": ["A"], "code": f"C{number}", "discount": {"percent": f"{number % 60 + 1}"},
            "start": f"2026-{number % 11 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:00:00Z",
            "end": f"2027-{number % 11 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:00:00Z",
        }  # fmt: skip

    held = HeldPromotions(now, ((f"c{number}", code(number)) for number in range(300)))
    looked: list[int] = []
    searched = standing.lowest
    monkeypatch.setattr(standing, "lowest", lambda offers: looked.append(len(offers)) or searched(offers))
    money = {"currency": "EUR", "value": "20.00"}
    was, then = Falls(held, held).deepest("A", money, money)
    assert was == then
    assert sum(looked) < 200_000
