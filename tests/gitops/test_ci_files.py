"""The files for pipelines work as they are written: they fit the forges' schemas, every step runs, and the token that
writes exists only where what was merged is applied."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from acorn_gitops.cli import cli
from acorn_gitops.cli.init import CI_FILES
from tests.borders.clone import cloned, git, published
from tests.gitops.forge import TOKEN, FakeForge
from tests.repository import Repository, sku, storefront

ROOT = Path(__file__).parents[2]
SCAFFOLD = ROOT / "acorn_gitops" / "scaffold"
COMPONENTS = sorted((ROOT / "templates").glob("*.yml"))
READ, WRITE = "read-token-4f1a", "write-token-9d22"


def documents(path: Path) -> list[Any]:
    return [*YAML(typ="safe").load_all(path.read_text())]


def check(schema: str, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint_finds_nothing_in_the_workflow(tmp_path: Path) -> None:
    """It reads expressions, shell lines and permissions as GitHub does."""
    workflows = tmp_path / ".github" / "workflows"
    workflows.mkdir(parents=True)
    shutil.copy(SCAFFOLD / "github.yml", workflows / "acorn.yml")
    git(tmp_path, "init", "-q")
    done = subprocess.run([str(Path(sys.executable).with_name("actionlint")), "-no-color"], cwd=tmp_path, capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_github_takes_the_workflow_and_the_action() -> None:
    check("github-workflows", str(SCAFFOLD / "github.yml"))
    check("github-actions", str(ROOT / "action.yml"))


def test_gitlab_takes_the_pipeline() -> None:
    check("gitlab-ci", "--data-transform", "gitlab-ci", str(SCAFFOLD / "gitlab-ci.yml"))


@pytest.mark.parametrize("path", COMPONENTS, ids=[p.stem for p in COMPONENTS])
def test_gitlab_takes_each_component_with_its_inputs_filled_in(path: Path, tmp_path: Path) -> None:
    """Every input that is used is declared, and described; `spec` comes first."""
    spec, _ = documents(path)
    inputs = spec["spec"]["inputs"]
    body = path.read_text().partition("\n---\n")[2]
    used = set(re.findall(r"\$\[\[ inputs\.([a-z-]+) \]\]", body))
    assert used == set(inputs)
    assert all(one["description"] for one in inputs.values())
    for name, one in inputs.items():
        body = body.replace(f"$[[ inputs.{name} ]]", str(one.get("default", "acorn-gitops")))
    (tmp_path / "ci.yml").write_text(body)
    check("gitlab-ci", "--data-transform", "gitlab-ci", str(tmp_path / "ci.yml"))


def test_an_input_is_never_written_into_a_shell_line() -> None:
    """Whoever names a branch or a folder would run what they like: inputs come as variables."""
    steps = documents(ROOT / "action.yml")[0]["runs"]["steps"]
    assert not any("${{" in step["run"] for step in steps)
    assert all(step["shell"] == "bash" for step in steps)
    for job in documents(SCAFFOLD / "github.yml")[0]["jobs"].values():
        assert not any("${{" in step.get("run", "") for step in job["steps"])


def test_every_call_of_acorn_in_the_files_is_one_that_exists() -> None:
    texts = [
        p.read_text()
        for p in (SCAFFOLD / "gitlab-ci.yml", SCAFFOLD / "github.yml", ROOT / "action.yml", *COMPONENTS)
    ]
    calls = {call for text in texts for call in re.findall(r"acorn (ci [a-z]+)", text)}
    assert calls == {"ci plan", "ci apply", "ci drift"}
    for call in calls:
        words = call.split()
        context = cli.make_context("acorn", words, resilient_parsing=True)
        _, group, rest = cli.resolve_command(context, words)
        assert group is not None
        assert group.get_command(context, rest[0]) is not None, call  # type: ignore[attr-defined]


def test_the_token_that_writes_is_only_where_what_was_merged_is_applied() -> None:
    gitlab = documents(SCAFFOLD / "gitlab-ci.yml")[0]
    jobs = {name: job for name, job in gitlab.items() if name.startswith("acorn:")}
    assert {n: j["variables"]["ACORN_TOKEN"] for n, j in jobs.items()} == {
        "acorn:plan": "$ACORN_READ_TOKEN", "acorn:apply": "$ACORN_WRITE_TOKEN", "acorn:drift": "$ACORN_READ_TOKEN",
    }  # fmt: skip
    assert "environment" in jobs["acorn:apply"]
    assert [rule.get("variables") for rule in jobs["acorn:plan"]["rules"]] == [{"ACORN_UNTRUSTED": "1"}, None]
    assert "merge_request" not in str(jobs["acorn:apply"]["rules"])
    github = documents(SCAFFOLD / "github.yml")[0]
    assert "secrets" not in str(github["env"])
    writing = [name for name, job in github["jobs"].items() if "ACORN_WRITE_TOKEN" in str(job)]
    assert writing == ["apply"]
    assert github["jobs"]["apply"]["environment"] == "production"
    assert github["jobs"]["apply"]["if"] == "github.event_name == 'push'"
    assert github["permissions"] == {"contents": "read"}
    assert [n for n, j in github["jobs"].items() if j["permissions"].get("contents") == "write"] == [
        "apply",
        "drift",
    ]
    assert (
        github["jobs"]["drift"]["if"]
        == "github.event_name == 'schedule' || github.event_name == 'workflow_dispatch'"
    )


@pytest.fixture
def forge() -> Iterator[FakeForge]:
    with FakeForge() as made:
        assert isinstance(made, FakeForge)
        yield made


class Runner:
    """Runs the steps of a job's shell as a runner would: a clean environment, one clone for each job."""

    def __init__(self, tmp_path: Path, host: str, forge: FakeForge) -> None:
        self.path, self.host, self.forge = tmp_path, host, forge
        tools = tmp_path / "tools"
        tools.mkdir()
        # What pip installs is here already; that it is called, and with what, is looked at.
        (tools / "pip").write_text('#!/bin/sh\necho "$@" >> "$PIP_LOG"\n')
        (tools / "acorn").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m acorn_gitops "$@"\n')
        for tool in tools.iterdir():
            tool.chmod(0o755)
        self.base = {
            "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "PIP_LOG": str(tmp_path / "pip.log"),
            "ACORN_PACKAGE": "dist/acorn.whl", "CI": "true", "ACORN_CACHE_DIR": "", "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_AUTHOR_NAME": "r", "GIT_AUTHOR_EMAIL": "r@r", "GIT_COMMITTER_NAME": "r", "GIT_COMMITTER_EMAIL": "r@r",
        }  # fmt: skip

    def job(self, name: str, clone: Path, *, change: bool, head: str) -> subprocess.CompletedProcess[str]:
        lines, environ = (
            self._gitlab(name, change, head) if self.host == "gitlab" else self._github(name, change, head)
        )
        script = "set -e\n" + "\n".join(lines)
        return subprocess.run(["bash", "-c", script], cwd=clone, env={**self.base, **environ, "ACORN_ENV": "sandbox"}, capture_output=True, text=True, check=False)  # fmt: skip

    def _gitlab(self, name: str, change: bool, head: str) -> tuple[list[str], dict[str, str]]:
        pipeline = documents(SCAFFOLD / "gitlab-ci.yml")[0]
        job = pipeline[f"acorn:{name}"]
        environ = {**pipeline["variables"], **job["variables"]}
        if change:
            environ |= job["rules"][0]["variables"]
        secrets = {"$ACORN_READ_TOKEN": READ, "$ACORN_WRITE_TOKEN": WRITE}
        environ = {key: secrets.get(value, value) for key, value in environ.items()}
        environ |= {
            "GITLAB_CI": "true", "CI_API_V4_URL": f"{self.forge.url}/api/v4", "CI_PROJECT_ID": "7", "ACORN_GITLAB_TOKEN": TOKEN,
            "CI_COMMIT_SHA": head, "CI_DEFAULT_BRANCH": "main", "CI_JOB_URL": "https://forge.example/1", "CI_PROJECT_URL": "https://forge.example",
            "CI_PIPELINE_SOURCE": "merge_request_event" if change else "push", **({"CI_MERGE_REQUEST_IID": "12"} if change else {}),
        }  # fmt: skip
        return [*pipeline[".acorn"]["before_script"], *job["script"]], environ

    def _github(self, name: str, change: bool, head: str) -> tuple[list[str], dict[str, str]]:
        workflow = documents(SCAFFOLD / "github.yml")[0]
        job = workflow["jobs"][name]
        environ = {**workflow["env"], **job["env"]}
        filled = {
            "${{ secrets.ACORN_READ_TOKEN }}": READ, "${{ secrets.ACORN_WRITE_TOKEN }}": WRITE, "${{ github.token }}": TOKEN,
            "${{ vars.ACORN_PACKAGE }}": "dist/acorn.whl", "${{ github.event.repository.default_branch }}": "main",
            "${{ github.event_name == 'pull_request' && '1' || '' }}": "1" if change else "",
        }  # fmt: skip
        environ = {key: filled.get(str(value), str(value)) for key, value in environ.items()}
        assert not any("${{" in value for value in environ.values()), environ
        event: dict[str, Any] = {"repository": {"default_branch": "main"}}
        if change:
            event["pull_request"] = {"number": 12, "head": {"sha": head, "repo": {"full_name": "team/shop"}}}
        (self.path / "event.json").write_text(json.dumps(event))
        environ |= {
            "GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(self.path / "event.json"), "GITHUB_REPOSITORY": "team/shop", "GITHUB_SHA": head,
            "GITHUB_API_URL": self.forge.url, "GITHUB_EVENT_NAME": "pull_request" if change else "push",
        }  # fmt: skip
        return [step["run"] for step in job["steps"] if "run" in step], environ


@pytest.mark.parametrize("host", sorted(CI_FILES))
def test_every_step_of_the_files_runs_from_the_change_to_the_drift(
    tmp_path: Path, host: str, forge: FakeForge
) -> None:
    """A change is planned in a clone of its own, merged, planned again and applied from the saved plan; the scheduled
    job finds nothing, then finds what a hand changed."""
    team = Repository(tmp_path / "team", storefront(), sku())
    bare = published(tmp_path, team)
    runner = Runner(tmp_path, host, forge)
    market = tmp_path / "sandbox"

    def clone(name: str, branch: str) -> Path:
        made = cloned(bare, tmp_path / name, "--branch", branch).path
        if market.exists():
            shutil.copytree(market, made / ".acorn")
        return made

    def keep(made: Path) -> None:
        shutil.rmtree(market, ignore_errors=True)
        market.mkdir()
        for file in (made / ".acorn").glob("sandbox.db*"):
            shutil.copy(file, market / file.name)

    head = git(team.path, "rev-parse", "HEAD").strip()
    first = clone("first", "main")
    for name in ("plan", "apply"):
        done = runner.job(name, first, change=False, head=head)
        assert done.returncode == 0, done.stdout + done.stderr
    keep(first)
    git(team.path, "checkout", "-qb", "cheaper")
    file = team.path / "specs" / "all.yaml"
    file.write_text(file.read_text().replace("49.99", "47.50"))
    git(team.path, "commit", "-qam", "cheaper")
    git(team.path, "push", "-q", "origin", "cheaper")
    head = git(team.path, "rev-parse", "HEAD").strip()
    change = runner.job("plan", clone("change", "cheaper"), change=True, head=head)
    assert change.returncode == 0, change.stdout + change.stderr
    assert "49.99 EUR → **47.50 EUR**" in forge.comments[0]["body"]
    assert WRITE not in change.stdout + change.stderr
    git(team.path, "push", "-q", "origin", "cheaper:main")
    merged = clone("merged", "main")
    for name in ("plan", "apply"):
        done = runner.job(name, merged, change=False, head=head)
        assert done.returncode == 0, done.stdout + done.stderr
    keep(merged)
    quiet = runner.job("drift", clone("quiet", "main"), change=False, head=head)
    assert quiet.returncode == 0, quiet.stdout + quiet.stderr
    hand = Repository(merged)
    assert hand.run("sandbox", "disturb", "amz-de/listing/KTL-17-BLK.price=44.90").code == 0
    keep(merged)
    found = runner.job("drift", clone("found", "main"), change=False, head=head)
    assert found.returncode == 2, found.stdout + found.stderr
    assert "44.90 EUR" in forge.issues[0]["body"]
    assert (tmp_path / "pip.log").read_text().splitlines()[0] == "install --quiet dist/acorn.whl"


def test_without_a_package_the_job_says_what_to_set(tmp_path: Path, forge: FakeForge) -> None:
    team = Repository(tmp_path / "team", storefront())
    bare = published(tmp_path, team)
    for host in CI_FILES:
        (tmp_path / host).mkdir()
        runner = Runner(tmp_path / host, host, forge)
        runner.base["ACORN_PACKAGE"] = ""
        lines, environ = (
            runner._github("plan", False, "x") if host == "github" else runner._gitlab("plan", False, "x")
        )
        clone = cloned(bare, tmp_path / host / "clone").path
        done = subprocess.run(
            ["bash", "-c", "set -e\n" + "\n".join(lines)], cwd=clone,
            env={**runner.base, **environ, "ACORN_PACKAGE": ""}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert "ACORN_PACKAGE" in done.stdout + done.stderr
        assert not (tmp_path / host / "pip.log").exists()


def test_the_hooks_call_what_exists() -> None:
    for hook in documents(ROOT / ".pre-commit-hooks.yaml")[0]:
        assert hook["language"] == "python"
        words = hook["entry"].split()[1:]
        context = cli.make_context("acorn", words, resilient_parsing=True)
        assert cli.resolve_command(context, words)[1] is not None


def test_the_container_file_has_a_shell_git_no_entry_point_and_no_root() -> None:
    """GitLab feeds its script to the image's shell; what runs there needs no rights."""
    lines = [line for line in (ROOT / "Containerfile").read_text().splitlines() if not line.startswith("#")]
    text = "\n".join(lines)
    assert "ENTRYPOINT" not in text
    assert " git " in text
    assert text.index("USER acorn") > text.index("pip install")
    assert [line.split()[0] for line in lines if line and not line.startswith(" ")] == [
        "FROM", "RUN", "COPY", "RUN", "USER", "WORKDIR", "ENV", "CMD",
    ]  # fmt: skip
