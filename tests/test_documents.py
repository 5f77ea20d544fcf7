"""The documents cannot lie: pages are generated, links lead somewhere, commands in them run."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from acorn_gitops.cli import VERBS, cli
from tests.repository import Repository, sku, storefront

ROOT = Path(__file__).parent.parent
THEN = "2026-11-23T09:00:00Z"
"""The examples' calendar is that of winter 2026; in another year grants have ended and rates are old."""
PAGES = sorted(
    p.relative_to(ROOT).as_posix()
    for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
)
EXAMPLES = sorted(
    p.parent.name
    for p in ROOT.glob("examples/stores/*/acorn.yaml")
    if p.parent.name not in ("amazon", "vendure")
)
"""Those with servers of their own are tried in tests/vendure/ and tests/amazon/."""


def _generated() -> dict[str, str]:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import generate  # type: ignore[import-not-found]
    finally:
        sys.path.pop(0)
    return {page: write() for page, write in generate.PAGES.items()}


@pytest.mark.parametrize(
    "page",
    [
        "amazon.md",
        "commands.md",
        "rules.md",
        "rule-cases.md",
        "kinds.md",
        "reference-data.md",
        "vendure.md",
    ],
)
def test_generated_pages_are_up_to_date(page: str) -> None:
    """What `python docs/generate.py` writes is what is committed."""
    assert (ROOT / "docs" / page).read_text() == _generated()[page], "run `python docs/generate.py`"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Every relative link names a file that is there."""
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}, which is not there"


@pytest.mark.parametrize("page", [*PAGES, "what acorn itself says"])
def test_commands_in_documents_exist(page: str) -> None:
    """Every `acorn VERB` and option in code spans is one that acorn has: in pages, and in its own messages and hints."""
    sources = (ROOT / "acorn_gitops").rglob("*.py") if page not in PAGES else [ROOT / page]
    text = "\n".join(path.read_text() for path in sources)
    for line in re.findall(r"`(?:\$ )?acorn ([a-z][^`\n]*)`", text) + re.findall(
        r"^\$ acorn ([a-z].*)$", text, re.MULTILINE
    ):
        words = line.split()
        if words[0] in ("users", "VERB"):
            continue
        if "{" in words[0]:
            continue
        assert words[0] in VERBS, f"{page}: there is no `acorn {words[0]}`"
        command = cli.get_command(click.Context(cli), words[0])
        if isinstance(command, click.Group) and len(words) > 1 and not words[1].startswith("-"):
            inner = command.get_command(click.Context(command), words[1])
            assert inner is not None, f"{page}: there is no `acorn {' '.join(words[:2])}`"
            command = inner
        elif isinstance(command, click.Group) and getattr(command, "asks", ""):
            command = command.get_command(click.Context(command), command.asks)  # type: ignore[attr-defined]
        assert command is not None
        known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help"}
        for option in re.findall(r"(?<=\s)(--?[a-z][a-z-]*)", f" {line}"):
            assert option in known, f"{page}: `acorn {words[0]}` has no {option}"


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_has_help_and_stands_in_the_documents(verb: str) -> None:
    """Help of the command, of each option, and the short help in the list."""
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    assert command.help
    assert f"## `acorn {verb}`" in (ROOT / "docs" / "commands.md").read_text()
    commands = list(command.commands.values()) if isinstance(command, click.Group) else [command]
    for one in commands:
        assert one.help, f"{verb} {one.name} has no help"
        for option in one.params:
            if isinstance(option, click.Option):
                assert option.help, f"{verb} {one.name}: {option.opts[0]} has no help"


def test_the_readmes_show_the_same_commands_and_the_same_plan() -> None:
    """The Chinese README is true to the English one: the same code blocks, the same links."""
    english, chinese = (ROOT / "README.md").read_text(), (ROOT / "README.zh-CN.md").read_text()
    blocks = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
    assert blocks.findall(english) == blocks.findall(chinese)

    def links(text: str) -> set[str]:
        return {t for t in re.findall(r"\]\(([^)\s]+)\)", text) if not t.startswith("README")}

    assert links(english) == links(chinese)


def test_the_plan_in_the_readme_is_a_plan_as_acorn_prints_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The README's example is real: these specs, this edit, this output."""
    text = (ROOT / "README.md").read_text()
    spec, shown = (
        re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0],
        re.findall(r"```text\n(.*?)```", text, re.DOTALL)[0],
    )
    repository = Repository(tmp_path / "readme")
    repository.text(spec.replace('"44.99"', '"49.99"'), "kettles.yaml")
    repository.apply()
    repository.text(spec, "kettles.yaml")
    assert repository.run("plan").out.split("\n", 1)[1] == shown.split("\n", 1)[1]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs_as_its_readme_says(example: str, tmp_path: Path) -> None:
    """Every `$ ` line of the example's README exits 0, in order, in a copy of the folder, and prints every line that
    is shown below it (`…` stands for others)."""
    folder = tmp_path / example
    shutil.copytree(ROOT / "examples" / "stores" / example, folder)
    text = (folder / "README.md").read_text()
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    steps = [
        step.split("\n") for block in blocks for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    ]
    assert len(steps) == len(re.findall(r"^\$ ", text, re.MULTILINE))
    assert any(step[0].startswith("acorn plan") for step in steps)
    assert any(step[0].startswith("acorn apply") for step in steps)
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environ["ACORN_NOW"] = THEN
    for command, *shown in steps:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        said = [line.rstrip() for line in (done.stdout + "\n" + done.stderr).split("\n")]
        for line in shown:
            assert line.rstrip() in said or line.strip() in ("", "…"), (
                f"$ {command}\n{done.stdout}{done.stderr}"
            )


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_validates_applies_and_plans_empty(example: str, tmp_path: Path) -> None:
    """Validate, plan, apply, plan again: nothing is left."""
    shutil.copytree(ROOT / "examples" / "stores" / example, tmp_path / "e")
    repository = Repository.__new__(Repository)
    repository.path = tmp_path / "e"
    valid = repository.run("validate")
    assert valid.code == 0, valid
    assert repository.run("plan", "--detailed-exitcode").code == 2
    repository.apply()
    assert repository.run("plan", "--detailed-exitcode").code == 0


def test_there_are_at_least_four_examples() -> None:
    """EU seller, US chain, a group of accounts, moving from spreadsheets."""
    assert len(EXAMPLES) >= 4


def test_the_organisation_in_specs_is_valid_everywhere(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's specs pass in every environment, without warnings, and are in canonical form."""
    monkeypatch.setenv("ACORN_NOW", THEN)
    repository = Repository.__new__(Repository)
    repository.path = root
    for environment in ("sandbox", "production"):
        result = repository.run("validate", "--env", environment, "-o", "json")
        assert result.json["valid"], result.out
    result = repository.run("fmt", "--check")
    assert result.code == 0, result


def test_the_demo_runs_to_its_end(root: Path) -> None:
    """`make demo`'s script validates, plans, applies, plans empty, is disturbed, finds and repairs it."""
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environ["ACORN_NOW"] = THEN
    done = subprocess.run(
        ["bash", "examples/demo.sh"],
        cwd=root,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.rstrip().splitlines()[-1].startswith("# Done")


def test_nothing_committed_names_a_machine() -> None:
    """No path or registry host of one machine stands in a tracked file."""
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    pattern = re.compile(r"(?<![\w.])/(?:work|root|farm)/|index-url|files\.pythonhosted|registry\.npmjs")
    for file in files:
        if file.endswith((".png", ".db")) or file == "tests/test_documents.py":
            continue
        assert not pattern.search((ROOT / file).read_text(errors="replace")), (
            f"{file} names a machine or a registry"
        )


def _blocks(page: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


@pytest.mark.parametrize("page", ["docs/policies.md", "docs/vendure.md"])
def test_pieces_of_the_project_file_are_valid(page: str) -> None:
    """Every YAML block that is no whole document is a piece of acorn.yaml that acorn accepts."""
    from ruamel.yaml import YAML

    from acorn_gitops.specs import gate

    for block in _blocks(page):
        said = YAML(typ="safe").load(block)
        if "kind" in said:
            continue
        spec = {
            "specs": ["specs"],
            "connections": {"main": {"adapter": "network"}},
            "environments": {"production": {}},
            "defaultEnvironment": "production",
            **said.get("spec", said),
        }
        document = {"apiVersion": "acorn/v1", "kind": "Project", "metadata": {"name": "x"}, "spec": spec}
        assert gate.problems("Project", document) == []


def test_rules_of_your_own_in_the_documents_work(tmp_path: Path) -> None:
    """The page's Policy passes its own tests, and does what it says to a spec."""
    (policy,) = [block for block in _blocks("docs/policies.md") if "kind: Policy" in block]
    repository = Repository(tmp_path / "r", storefront(), sku(price="2.99"))
    (repository.path / "policies").mkdir()
    (repository.path / "policies" / "house.yaml").write_text(policy)
    assert "2 rules, 4 cases, 0 failed" in repository.run("policy", "test").out
    result = repository.run("validate")
    assert result.code == 4
    assert "OUR-001: ktl-17-blk is listed below 3.00" in result.out + result.err


def test_the_pack_in_the_documents_can_be_included(tmp_path: Path) -> None:
    """The page's TaxRule loads, and stands for the pack's rules."""
    (block,) = [b for b in _blocks("docs/reference-data.md") if "pack:" in b]
    front = storefront(country="DE")
    front["metadata"]["labels"] = {"region": "eu"}
    repository = Repository(tmp_path / "r", front)
    repository.text(block, "eu.yaml")
    result = repository.run("validate")
    assert result.code == 0, result
    assert "5 tax rules" in result.out


ROWS = re.findall(r"^\| ([AB][0-9]+) \|(.*)$", (ROOT / "docs/pains.md").read_text(), re.MULTILINE)


def test_every_pain_of_the_brief_has_a_row() -> None:
    """Ten problems and sixteen pitfalls, none left out."""
    assert [row for row, _ in ROWS] == [*(f"A{n}" for n in range(1, 11)), *(f"B{n}" for n in range(1, 17))]


@pytest.mark.parametrize(("row", "text"), ROWS)
def test_a_pain_ends_in_something_to_run_and_rules_that_are_there(row: str, text: str) -> None:
    """Each row names a command (that it exists is tested above) and only rules that are built."""
    from acorn_gitops.rules.registry import all_rules

    assert re.search(r"`acorn [a-z]", text), f"{row} has nothing to run"
    built = {r.id for r in all_rules()} | {f"BUD-00{n}" for n in range(1, 5)} | {"ACN-024"}
    assert set(re.findall(r"[A-Z]{3}-[0-9]{3}", text)) <= built


def _terms() -> list[tuple[str, str]]:
    rows = re.findall(
        r"^\| ([a-z ]+) \| .* \| `([\w.]+)` \|$", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE
    )
    assert len(rows) > 30
    return rows


@pytest.mark.parametrize(("term", "name"), _terms(), ids=lambda value: value)
def test_a_term_of_the_glossary_is_in_the_code(term: str, name: str) -> None:
    """Under the name that the page says: a module, or something in it."""
    assert len([one for one, _ in _terms() if one == term]) == 1
    try:
        importlib.import_module(f"acorn_gitops.{name}")
    except ModuleNotFoundError:
        module, _, inside = name.rpartition(".")
        assert hasattr(importlib.import_module(f"acorn_gitops.{module}"), inside)
