"""What each command promises: exit codes, streams, formats, and that it does what its name says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from acorn_gitops.specs.edit import written
from acorn_gitops.specs.fmt import MOST_BYTES, formatted
from tests.repository import Repository, changes, document, shop, sku, storefront


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A storefront, a shop and two SKUs, applied."""
    made = Repository(tmp_path / "r", storefront(), shop(), sku(), sku("MUG-RED", "12.90"))
    made.apply()
    return made


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["plan", "--help"], 0),
        (["completion", "bash"], 0),
        (["rules"], 0),
        (["rules", "NO-1"], 64),
        (["nonsense"], 64),
        (["plan", "--nonsense"], 64),
        (["plan", "-o", "xml"], 64),
        (["apply", "a", "b"], 64),
        (["completion", "tcsh"], 64),
        (["plan"], 0),
        (["plan", "--detailed-exitcode"], 0),
        (["drift", "--detailed-exitcode"], 0),
        (["plan", "--env", "nowhere"], 4),
        (["apply", "missing.json"], 6),
        (["show", "missing.json"], 6),
        (["state", "show", "a/listing/b"], 1),
        (["state", "rm", "a/listing/b"], 1),
        (["explain", "amz-de/listing/NOPE"], 1),
        (["explain", "nonsense"], 64),
        (["sandbox", "fault", "nonsense"], 64),
        (["init", "."], 1),
        (["plan", "--select", "amz-de/nonsense/x"], 64),
        (["fmt", "--check"], 0),
        (["sandbox", "disturb"], 64),
        (["history"], 0),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else str(v),
)
def test_exit_codes(arguments: list[str], code: int, repository: Repository) -> None:
    """Each kind of ending has its code, and nothing shows a traceback."""
    result = repository.run(*arguments)
    assert result.code == code, result
    assert "Traceback" not in result.out + result.err
    assert "internal error" not in result.err


def test_detailed_exit_code_is_two_only_when_asked(repository: Repository) -> None:
    """Changes alone are no failure."""
    repository.write(storefront(), shop(), sku(price="44.99"), sku("MUG-RED", "12.90"))
    assert repository.run("plan").code == 0
    assert repository.run("plan", "--detailed-exitcode").code == 2


def test_outside_a_repository_every_command_says_what_to_do(tmp_path: Path) -> None:
    """No acorn.yaml: exit 4 and a hint, not a traceback."""
    made = Repository(tmp_path)
    (tmp_path / "acorn.yaml").unlink()
    result = made.run("plan")
    assert result.code == 4
    assert "acorn init" in result.err


def test_init_makes_a_repository_that_validates_plans_and_applies(tmp_path: Path) -> None:
    """One command, and everything works, in canonical form."""
    made = Repository.__new__(Repository)
    made.path = tmp_path
    assert made.run("init", "shop").code == 0
    made.path = tmp_path / "shop"
    for arguments in (["validate", "--strict"], ["fmt", "--check"], ["plan"], ["apply", "--auto-approve"]):
        assert made.run(*arguments).code == 0, arguments
    assert made.plan()["changes"] == []
    assert (tmp_path / "shop" / ".gitlab-ci.yml").exists()
    assert (tmp_path / "shop" / ".git").is_dir()


def test_init_keeps_what_is_there(tmp_path: Path) -> None:
    """An existing file is never overwritten; a .gitignore learns what must not be committed."""
    made = Repository.__new__(Repository)
    made.path = tmp_path
    (tmp_path / ".gitignore").write_text("mine\n")
    assert made.run("init", ".", "--name", "x", "--ci", "github").code == 0
    assert (tmp_path / ".gitignore").read_text() == "mine\n.acorn/\n*.acorn.json\n"


def test_fmt_keeps_comments_and_meaning_and_is_stable(tmp_path: Path) -> None:
    """Comments stay, odd indentation goes, a second run changes nothing."""
    made = Repository(tmp_path)
    made.text(
        "# top\napiVersion: acorn/v1\nkind:   Store   # which\nmetadata:    {name: amz-de}\nspec:\n      # why\n      type: storefront\n"
        "      storefront:\n          platform: network\n          currency: EUR\n          languages:\n          - de_DE\n"
    )
    assert made.run("fmt", "--check").code == 1
    assert made.run("fmt", "--diff").code == 1
    assert made.run("fmt").code == 0
    text = (tmp_path / "specs" / "all.yaml").read_text()
    for comment in ("# top", "# which", "# why"):
        assert comment in text
    assert made.run("fmt", "--check").code == 0
    assert made.run("validate").code == 0


def test_fmt_leaves_a_broken_file_alone(tmp_path: Path) -> None:
    """A file that is not YAML is reported and not touched."""
    made = Repository(tmp_path)
    made.text("a: [1,\n")
    assert made.run("fmt").code == 4
    assert (tmp_path / "specs" / "all.yaml").read_text() == "a: [1,\n"


def test_import_takes_what_nobody_declared(tmp_path: Path) -> None:
    """A live marketplace becomes YAML; then nothing is planned, and everything is managed."""
    made = Repository(
        tmp_path / "a",
        storefront(),
        shop(),
        sku(),
        sku("MUG-RED", "12.90", attributes={"title": "00123 'quoted'"}),
    )
    made.apply()
    other = Repository(tmp_path / "b")
    (tmp_path / "b" / ".acorn").mkdir()
    (tmp_path / "a" / ".acorn" / "sandbox.db").rename(tmp_path / "b" / ".acorn" / "sandbox.db")
    dry = other.run("import", "--dry-run")
    assert dry.code == 0, dry
    assert not list((tmp_path / "b" / "specs").iterdir())
    result = other.run("import")
    assert result.code == 0, result
    plan = other.plan()
    assert not plan["changes"]
    assert not any(s["to_record"] or s["unmanaged"] for s in plan["stores"])
    assert other.run("fmt", "--check").code == 0


def test_import_adds_a_listing_to_the_sku_that_is_mapped_already(tmp_path: Path) -> None:
    """A listing made by hand of a known SKU goes beside its other listings, comments kept."""
    made = Repository(tmp_path, storefront(), storefront("amz-us", "USD", "America/Los_Angeles"))
    made.text(
        "# our kettle\n"
        + "apiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: ktl}\nspec:\n  sku: KTL\n  listings:\n"
        '    - {store: amz-de, price: {currency: EUR, value: "49.99"}} # home\n',
        "ktl.yaml",
    )
    made.apply()
    seed = tmp_path / "seed.jsonl"
    seed.write_bytes(
        orjson.dumps(
            {
                "address": "amz-us/listing/KTL",
                "attributes": {"sku": "KTL", "price": {"currency": "USD", "value": "59.00"}},
            }
        )
    )
    assert made.run("sandbox", "seed", str(seed)).code == 0
    assert made.run("import").code == 0
    text = (tmp_path / "specs" / "ktl.yaml").read_text()
    assert "# our kettle" in text
    assert "# home" in text
    assert "amz-us" in text
    assert made.plan()["changes"] == []


def test_import_drifted_changes_only_the_value(repository: Repository) -> None:
    """A drifted price is written where the spec says it; every other byte stays."""
    file = repository.path / "specs" / "all.yaml"
    before = file.read_text()
    repository.run("sandbox", "disturb", "amz-de/listing/MUG-RED.price=10.5")
    assert repository.run("import", "--drifted").code == 0
    assert file.read_text() == before.replace('"12.90"', '"10.50"')
    assert repository.plan()["changes"] == []
    assert repository.run("drift", "--detailed-exitcode").code == 0


def test_export_refuses_a_folder_that_is_not_empty(repository: Repository) -> None:
    """Nothing is mixed or overwritten."""
    assert repository.run("export", "specs").code == 1


def test_select_narrows_what_is_read_planned_and_applied(tmp_path: Path) -> None:
    """By store, address and label; the rest is not even looked at."""
    made = Repository(
        tmp_path,
        storefront(),
        storefront("amz-us", "USD", "America/Los_Angeles"),
        sku(),
        sku("MUG-RED", "12.90"),
        document("SkuMapping", "us", {"sku": "US-1", "listings": [{"store": "amz-us"}]}),
    )
    everything = {a for _, a, _ in changes(made.plan())}
    assert {a for _, a, _ in changes(made.plan("--select", "amz-us"))} == {
        a for a in everything if a.startswith("amz-us/")
    }
    assert {a for _, a, _ in changes(made.plan("--select", "*/listing/MUG*"))} == {"amz-de/listing/MUG-RED"}
    assert made.run("plan", "--select", "region=mars").code == 64
    assert made.run("apply", "--auto-approve", "--select", "amz-us").code == 0
    assert all(a.startswith("amz-us/") for a in made.live())


def test_a_saved_plan_is_shown_and_applied_in_any_format(repository: Repository) -> None:
    """Plan, show as text, JSON and Markdown, apply; the file is the plan."""
    repository.write(storefront(), shop(), sku(price="44.99"), sku("MUG-RED", "12.90"))
    assert repository.run("plan", "--out", "p.json").code == 0
    shown = repository.run("show", "p.json", "-o", "json").json
    assert changes(shown) == [("update", "amz-de/listing/KTL-17-BLK", "edited")]
    assert shown["changes"][0]["money"] == {
        "currency": "EUR",
        "old": "49.99",
        "new": "44.99",
        "percent": "-10.0",
    }
    assert "price" in repository.run("show", "p.json").out
    assert repository.run("show", "p.json", "-o", "markdown").out.startswith("### acorn plan")
    result = repository.run("apply", "p.json", "-o", "json")
    assert result.json["counts"] == {"observed": 1}
    assert repository.live()["amz-de/listing/KTL-17-BLK"]["price"]["value"] == "44.99"


def test_apply_without_anybody_to_ask_writes_nothing(repository: Repository) -> None:
    """No terminal and no --auto-approve: exit 1, and the store as it was."""
    repository.write(storefront(), shop(), sku(price="44.99"), sku("MUG-RED", "12.90"))
    before = repository.live()
    result = repository.run("apply")
    assert result.code == 1
    assert "--auto-approve" in result.err
    assert repository.live() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate"],
        ["plan"],
        ["drift"],
        ["history"],
        ["state", "list"],
        ["rules"],
        ["explain", "amz-de/listing/MUG-RED"],
    ],
    ids=" ".join,
)
def test_json_output_is_only_json(arguments: list[str], repository: Repository) -> None:
    """Standard output parses as JSON even when there is something to say."""
    repository.write(
        storefront(), shop(), sku(price="44.99"), sku("mug blue", "12.90"), sku("MUG-RED", "12.90")
    )
    result = repository.run(*arguments, "-o", "json")
    assert orjson.loads(result.out) is not None


def test_explain_names_layer_place_and_author(tmp_path: Path) -> None:
    """Defaults of acorn.yaml, template, own fields and overlay: each value with its source; git knows who wrote it."""
    made = Repository(tmp_path)
    (tmp_path / "acorn.yaml").write_text(
        (tmp_path / "acorn.yaml")
        .read_text()
        .replace("environments: {sandbox: {}}", "environments: {sandbox: {overlays: [overlays]}}")
    )
    made.write(
        document(
            "Store", "eu", {"storefront": {"platform": "network", "timezone": "Europe/Paris"}}, abstract=True
        ),
        document(
            "Store",
            "amz-de",
            {
                "type": "storefront",
                "inherits": ["eu"],
                "storefront": {"currency": "EUR", "timezone": "Europe/Berlin"},
            },
        ),
    )
    (tmp_path / "overlays").mkdir()
    (tmp_path / "overlays" / "o.yaml").write_text(
        "apiVersion: acorn/v1\nkind: Store\nmetadata: {name: amz-de}\nspec: {storefront: {sellerId: S1}}\n"
    )
    rows = {r["field"]: r for r in made.run("explain", "Store/amz-de", "-o", "json").json["fields"]}
    assert rows["storefront.platform"]["layer"] == "template eu"
    assert rows["storefront.timezone"]["layer"] == "spec"
    assert rows["storefront.timezone"]["value"] == "Europe/Berlin"
    assert rows["storefront.sellerId"]["layer"] == "overlay overlays/o.yaml"
    assert rows["storefront.sellerId"]["place"].startswith("overlays/o.yaml:4:")
    git = ["git", "-c", "user.name=Li Wei", "-c", "user.email=li@example.com"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Our stores"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    row = made.run("explain", "amz-de/storefront/amz-de", "sellerId", "-o", "json").json["fields"][0]
    assert row["author"].startswith("Li Wei in ")


def test_price_rules_compute_and_say_where_from(tmp_path: Path) -> None:
    """A price by rule: source price, rate, factor and ending."""
    made = Repository(
        tmp_path,
        storefront(),
        storefront("amz-us", "USD", "America/Los_Angeles"),
        document(
            "SkuMapping",
            "k",
            {
                "sku": "K",
                "listings": [
                    {"store": "amz-de", "price": {"currency": "EUR", "value": "49.99"}},
                    {"store": "amz-us", "price": {"rule": "eur-usd"}},
                ],
            },
        ),
    )
    project = (tmp_path / "acorn.yaml").read_text()
    (tmp_path / "acorn.yaml").write_text(
        project
        + '  priceRules:\n    eur-usd: {fromStore: amz-de, fx: {rate: "1.08", asOf: 2026-11-20, source: ECB}, ending: ".95"}\n'
    )
    made.apply()
    assert made.live()["amz-us/listing/K"]["price"] == {"currency": "USD", "value": "53.95"}


def test_a_pipe_that_closes_early_is_no_error(tmp_path: Path) -> None:
    """`acorn rules | head -1` ends quietly."""
    done = subprocess.run(
        f"{sys.executable} -m acorn_gitops rules | head -1",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("GEN-001")


def test_the_sandbox_serves_over_http_and_stops_on_a_signal(tmp_path: Path) -> None:
    """A connection by url and token: plan and apply over real HTTP give what the embedded one gives."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Repository(tmp_path / "server")
    process = subprocess.Popen(
        [sys.executable, "-m", "acorn_gitops", "sandbox", "serve", "--port", str(port), "--token", "t0ken"],
        cwd=server.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        made = Repository(tmp_path / "client", storefront(), sku())
        project = (made.path / "acorn.yaml").read_text()
        (made.path / "acorn.yaml").write_text(
            project.replace('url: "sandbox:"', f'url: "http://127.0.0.1:{port}", token: env:TEST_TOKEN')
        )
        os.environ["TEST_TOKEN"] = "t0ken"
        made.trust()
        made.apply()
        assert made.plan()["changes"] == []
        assert set(server.live()) == {"amz-de/storefront/amz-de", "amz-de/listing/KTL-17-BLK"}
        os.environ["TEST_TOKEN"] = "wrong-s3cret"
        refused = made.run("plan")
        assert refused.code == 1
        assert "wrong-s3cret" not in refused.out + refused.err
    finally:
        os.environ.pop("TEST_TOKEN", None)
        process.send_signal(signal.SIGINT)
        process.wait(10)


def test_fmt_takes_no_longer_for_nothing(tmp_path: Path) -> None:
    """A hundred thousand empty documents are one; what takes too long, or is too large, is left as it is."""
    text = "---\n" * 100_000
    assert formatted(text.encode(), "a.yaml")[1] == []
    spec = written([sku("A-1"), sku("A-2")]).encode()
    assert formatted(spec, "a.yaml")[1] == []
    (late,) = formatted(spec, "a.yaml", lambda: True)[1]
    assert (late.id, "takes too long" in late.message) == ("GEN-018", True)
    (large,) = formatted(b"#" * (MOST_BYTES + 1), "a.yaml")[1]
    assert (large.id, "larger than 8 MiB" in large.message) == ("GEN-018", True)
