"""What `acorn ci` tells: the same on GitHub and GitLab, once, in place of what was said before, and never instead of
the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.borders.clone import git, published
from tests.gitops.forge import TOKEN, FakeForge
from tests.repository import Repository, Result, sku, storefront

HOSTS = ("github", "gitlab")
Job = Callable[..., Result]


@pytest.fixture
def forge() -> Iterator[FakeForge]:
    with FakeForge() as made:
        assert isinstance(made, FakeForge)
        yield made


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Applied once, with its ledger on a branch."""
    made = Repository(tmp_path / "r", storefront(), sku(), sku("MUG-RED", "12.90"))
    published(tmp_path, made)
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    made.apply()
    return made


@pytest.fixture
def job(team: Repository, forge: FakeForge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Job:
    """Run `acorn ci ...` as a job of a forge, for request 12 or for the default branch."""

    def run(host: str, *arguments: str, request: str = "12") -> Result:
        head = git(team.path, "rev-parse", "HEAD").strip()
        for name in ("GITHUB_ACTIONS", "GITLAB_CI", "GITHUB_EVENT_PATH", "CI_MERGE_REQUEST_IID"):
            monkeypatch.delenv(name, raising=False)
        if host == "github":
            event: dict[str, Any] = {"repository": {"default_branch": "main"}}
            if request:
                event["pull_request"] = {"number": int(request), "head": {"sha": head, "repo": {"full_name": "team/shop"}}}  # fmt: skip
            (tmp_path / "event.json").write_text(json.dumps(event))
            values = {
                "GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(tmp_path / "event.json"), "GITHUB_REPOSITORY": "team/shop",
                "GITHUB_API_URL": forge.url, "GITHUB_TOKEN": TOKEN, "GITHUB_SHA": head, "GITHUB_RUN_ID": "77",
                "GITHUB_EVENT_NAME": "pull_request" if request else "schedule",
                "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"), "GITHUB_OUTPUT": str(tmp_path / "output"),
            }  # fmt: skip
        else:
            values = {
                "GITLAB_CI": "true", "CI_API_V4_URL": f"{forge.url}/api/v4", "CI_PROJECT_ID": "7", "ACORN_GITLAB_TOKEN": TOKEN,
                "CI_COMMIT_SHA": head, "CI_JOB_URL": "https://forge.example/job/77", "CI_PROJECT_URL": "https://forge.example/team/shop",
                "CI_PIPELINE_SOURCE": "merge_request_event" if request else "schedule", "CI_DEFAULT_BRANCH": "main",
            }  # fmt: skip
            if request:
                values["CI_MERGE_REQUEST_IID"] = request
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        return team.run("ci", *arguments)

    return run


def price(team: Repository, code: str, old: str, new: str) -> None:
    file = team.path / "specs" / "all.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    git(team.path, "commit", "-qam", f"{code} {new}")


@pytest.mark.parametrize("host", HOSTS)
def test_a_change_has_one_comment_which_says_what_is_new_since(
    team: Repository, forge: FakeForge, job: Job, host: str
) -> None:
    price(team, "KTL", "49.99", "47.50")
    forge.approved = ["ada"]
    forge.reviews = [
        {
            "user": {"login": who},
            "state": "APPROVED",
            "commit_id": git(team.path, "rev-parse", "HEAD").strip(),
            "author_association": belongs,
        }
        for who, belongs in (("ada", "MEMBER"), ("stranger", "NONE"), ("once", "CONTRIBUTOR"))
    ]
    first = job(host, "plan")
    assert first.code == 0, first
    assert len(forge.comments) == 1
    body = forge.comments[0]["body"]
    assert "**1 to update**" in body and "49.99 EUR → **47.50 EUR**" in body
    unknown = "(GitHub does not show that they belong to this repository)"
    told = f"Approved by ada, stranger {unknown}, once {unknown}."
    assert (told in body) is (host == "github")
    assert forge.statuses[-1]["state"] == "success"
    assert "1 to update" in forge.statuses[-1]["description"]
    again = job(host, "plan")
    assert again.code == 0
    assert "the same changes" in forge.comments[0]["body"]
    price(team, "MUG", "12.90", "11.90")
    assert job(host, "plan").code == 0
    assert len(forge.comments) == 1
    assert "Changed since the plan before**: new: amz-de/listing/MUG-RED" in forge.comments[0]["body"]
    if host == "github":
        assert (
            "Approved by ada (for an older commit), stranger (for an older commit; GitHub"
            in forge.comments[0]["body"]
        )
    price(team, "KTL", "47.50", "46.00")
    assert job(host, "plan").code == 0
    assert "other than before: amz-de/listing/KTL-17-BLK" in forge.comments[0]["body"]


@pytest.mark.parametrize("host", HOSTS)
def test_nothing_is_said_where_nothing_changes(forge: FakeForge, job: Job, host: str) -> None:
    assert job(host, "plan").code == 0
    assert forge.comments == []
    assert "no changes" in forge.statuses[-1]["description"]


@pytest.mark.parametrize("host", HOSTS)
def test_specs_that_are_wrong_are_told_and_the_exit_code_is_that_of_validate(
    team: Repository, forge: FakeForge, job: Job, host: str, tmp_path: Path
) -> None:
    price(team, "KTL", "49.99", "49.999")
    done = job(host, "plan", "--reports", str(tmp_path / "out"))
    assert done.code == 4
    assert "— **failed**" in forge.comments[0]["body"]
    assert forge.statuses[-1]["state"] in ("failure", "failed")
    assert json.loads((tmp_path / "out" / "gl-acorn.json").read_text()) == {
        "create": 0,
        "update": 0,
        "delete": 0,
    }
    quality = json.loads((tmp_path / "out" / "gl-code-quality-report.json").read_text())
    assert [one["severity"] for one in quality] == ["critical"]
    assert quality[0]["location"]["path"] == "specs/all.yaml"
    suite = ElementTree.parse(tmp_path / "out" / "acorn.xml").getroot()
    assert suite.get("failures") == "1"


@pytest.mark.parametrize("host", HOSTS)
def test_a_comment_of_somebody_else_with_our_marker_stays_theirs(
    team: Repository, forge: FakeForge, job: Job, host: str
) -> None:
    forge.somebody_says("mine <!-- acorn:plan environment=sandbox v=1 -->")
    price(team, "KTL", "49.99", "47.50")
    assert job(host, "plan").code == 0
    assert forge.comments[0]["body"].startswith("mine")
    assert len(forge.comments) == 2


@pytest.mark.parametrize("host", HOSTS)
def test_a_comment_on_the_second_page_is_found_and_one_that_was_deleted_is_written_again(
    team: Repository, forge: FakeForge, job: Job, host: str
) -> None:
    for number in range(130):
        forge.somebody_says(f"talk {number}")
    price(team, "KTL", "49.99", "47.50")
    assert job(host, "plan").code == 0
    assert job(host, "plan").code == 0
    assert len(forge.comments) == 131
    forge.refuse[r"(PATCH|PUT) .*(comments|notes)/\d+"] = (404, {})
    price(team, "MUG", "12.90", "11.90")
    assert job(host, "plan").code == 0
    assert len(forge.comments) == 132


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("status", [401, 403, 422, 500])
def test_a_forge_that_refuses_is_a_warning(
    team: Repository, forge: FakeForge, job: Job, host: str, status: int
) -> None:
    """A fork's token may read and not write."""
    price(team, "KTL", "49.99", "47.50")
    forge.refuse[r"POST .*(comments|notes)$"] = (status, {})
    done = job(host, "plan")
    assert done.code == 0, done
    assert "warning: the forge " in done.err
    assert TOKEN not in done.out + done.err


@pytest.mark.parametrize("host", HOSTS)
def test_what_others_wrote_is_never_written_over(
    team: Repository, forge: FakeForge, job: Job, host: str
) -> None:
    """An issue with our marker, a request of a fork from a branch of our name, a comment of another bot."""
    forge.somebody_reports("mine <!-- acorn:drift environment=sandbox v=1 -->")
    forge.somebody_proposes("acorn/drift/sandbox")
    forge.comments.append({"id": 5, "body": "coverage <!-- acorn:plan environment=sandbox v=1 -->", "system": False,
                           "user": {"login": "coverage[bot]", "type": "Bot", "id": 8}, "author": {"id": 8, "username": "coverage"}})  # fmt: skip
    git(team.path, "push", "-q", "origin", "main")
    team.run("sandbox", "disturb", "amz-de/listing/KTL-17-BLK.price=44.90")
    assert job(host, "drift", "--fix", "adopt", request="").code == 2
    assert forge.issues[0]["body"].startswith("mine") and len(forge.issues) == 2
    assert forge.requests[0]["title"] == "theirs" and len(forge.requests) == 2
    price(team, "MUG", "12.90", "11.90")
    assert job(host, "plan").code == 0
    assert forge.comments[0]["body"].startswith("coverage") and len(forge.comments) == 2


@pytest.mark.parametrize("host", HOSTS)
def test_a_push_that_cannot_be_planned_forgets_nothing(
    team: Repository, forge: FakeForge, job: Job, host: str
) -> None:
    price(team, "KTL", "49.99", "47.50")
    assert job(host, "plan").code == 0
    price(team, "KTL", "47.50", "47.5011")
    assert job(host, "plan").code == 4
    assert "acorn:changes" in forge.comments[0]["body"]
    price(team, "KTL", "47.5011", "40.00")
    assert job(host, "plan").code == 0
    assert "other than before: amz-de/listing/KTL-17-BLK" in forge.comments[0]["body"]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("id", [None, True, "1/../../../../user/repos?x=", 1.5, []])
def test_a_forge_that_answers_in_another_shape_is_a_warning_and_is_asked_nothing_strange(
    team: Repository, forge: FakeForge, job: Job, host: str, id: Any
) -> None:
    price(team, "KTL", "49.99", "47.50")
    forge.comments.append({"id": id, "body": "<!-- acorn:plan environment=sandbox v=1 -->", "system": False, "user": forge.me, "author": forge.me})  # fmt: skip
    done = job(host, "plan")
    assert done.code == 0, done
    assert "warning" in done.err
    assert not any("user/repos" in one.path for one in forge.asked)
    assert forge.statuses


def test_an_approval_of_which_no_commit_is_known_says_so(
    team: Repository, forge: FakeForge, job: Job
) -> None:
    forge.approved = ["ada"]
    price(team, "KTL", "49.99", "47.50")
    assert job("gitlab", "plan").code == 0
    assert "Approved by ada (the forge does not say for which commit)." in forge.comments[0]["body"]


def test_drift_is_proposed_from_the_default_branch_alone(team: Repository, job: Job, tmp_path: Path) -> None:
    git(team.path, "push", "-q", "origin", "main")
    git(team.path, "checkout", "-qb", "side")
    price(team, "MUG", "12.90", "11.90")
    team.run("sandbox", "disturb", "amz-de/listing/KTL-17-BLK.price=44.90")
    done = job("github", "drift", "--fix", "adopt", request="")
    assert (done.code, "nothing was proposed" in done.err) == (1, True), done
    assert "acorn/drift" not in git(tmp_path / "team.git", "branch", "--list")


def test_a_forge_that_is_busy_is_asked_again(team: Repository, forge: FakeForge, job: Job) -> None:
    price(team, "KTL", "49.99", "47.50")
    forge.refuse[r"POST .*comments$"] = (429, {"Retry_After": "0"})
    assert job("github", "plan").code == 0
    assert len(forge.comments) == 1


def test_without_a_token_the_log_and_the_reports_are_all_there_is(
    team: Repository, forge: FakeForge, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    price(team, "KTL", "49.99", "47.50")
    job("github", "plan")
    monkeypatch.setenv("GITHUB_TOKEN", "")
    asked = len(forge.asked)
    done = team.run("ci", "plan")
    assert done.code == 0
    assert "no token for github" in done.err
    assert len(forge.asked) == asked


def test_github_gets_a_summary_outputs_and_annotations(team: Repository, job: Job, tmp_path: Path) -> None:
    price(team, "KTL", "49.99", "47.50")
    done = job("github", "plan")
    assert done.code == 0, done
    assert "### acorn plan" in (tmp_path / "summary.md").read_text()
    output = dict(line.split("=", 1) for line in (tmp_path / "output").read_text().splitlines())
    assert output["has-changes"] == "true"
    commands = [line for line in done.out.splitlines() if line.startswith("::")]
    assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in commands)


def test_text_of_specs_is_never_a_command_of_the_runner(team: Repository, job: Job) -> None:
    file = team.path / "specs" / "all.yaml"
    file.write_text(file.read_text().replace("status: active", 'status: "%0A::add-mask::x"', 1))
    git(team.path, "commit", "-qam", "hostile")
    done = job("github", "plan")
    assert done.code == 4
    lines = [line for line in done.out.splitlines() if line.startswith("::")]
    assert lines and all(line.startswith(("::error ", "::warning ", "::notice ")) for line in lines)
    assert not any("\n::add-mask" in line or "%0A" in line for line in lines)


def test_gitlab_reports_lie_where_git_does_not_look(team: Repository, job: Job) -> None:
    price(team, "KTL", "49.99", "47.50")
    assert job("gitlab", "plan").code == 0
    assert json.loads((team.path / ".acorn" / "reports" / "gl-acorn.json").read_text()) == {
        "create": 0,
        "update": 1,
        "delete": 0,
    }
    links = json.loads((team.path / ".acorn" / "reports" / "gl-annotations.json").read_text())
    assert links["acorn"][0]["external_link"]["url"] == "https://forge.example/job/77"
    assert (team.path / "plan.acorn.json").exists()


def test_counts_for_a_collector_lie_among_the_reports(team: Repository, job: Job) -> None:
    """Each line is a name, labels and a number; each name is explained once."""
    price(team, "KTL", "49.99", "47.50")
    assert job("gitlab", "plan").code == 0
    git(team.path, "push", "-q", "origin", "main")
    assert job("gitlab", "apply", request="").code == 0
    team.run("sandbox", "disturb", "amz-de/listing/MUG-RED.price=10.00")
    assert job("gitlab", "drift", request="").code == 2
    folder = team.path / ".acorn" / "reports"
    lines = [
        line
        for name in ("plan", "apply", "drift")
        for line in (folder / f"acorn-{name}.prom").read_text().splitlines()
    ]
    samples = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert samples['acorn_plan_changes{environment="sandbox",action="update"}'] == "1"
    assert samples['acorn_drift_resources{environment="sandbox",store="amz-de"}'] == "1"
    assert samples['acorn_last_run_exit_code{environment="sandbox",command="apply"}'] == "0"
    assert samples['acorn_last_run_exit_code{environment="sandbox",command="drift"}'] == "2"
    names = {name.partition("{")[0] for name in samples}
    assert names == {line.split()[2] for line in lines if line.startswith("# HELP")}


@pytest.mark.parametrize("host", HOSTS)
def test_only_the_newest_commit_of_the_default_branch_is_applied(
    team: Repository, job: Job, host: str, tmp_path: Path
) -> None:
    price(team, "KTL", "49.99", "47.50")
    early = job(host, "apply", request="")
    assert early.code == 6, early  # nobody has merged it
    git(team.path, "push", "-q", "origin", "main")
    (team.path / "specs" / "new.yaml").write_text("# not committed\n")
    dirty = job(host, "apply", request="")
    assert (dirty.code, "what a commit says" in dirty.err) == (4, True), dirty
    (team.path / "specs" / "new.yaml").unlink()
    assert job(host, "apply", request="").code == 0
    assert team.live()["amz-de/listing/KTL-17-BLK"]["price"]["value"] == "47.50"
    old = git(team.path, "rev-parse", "HEAD").strip()
    price(team, "KTL", "47.50", "46.00")
    git(team.path, "push", "-q", "origin", "main")
    git(team.path, "checkout", "-q", old)
    retried = job(host, "apply", request="")
    assert retried.code == 6, retried
    assert "acorn rollback" in retried.err


def test_a_strangers_change_is_never_applied(
    team: Repository, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACORN_UNTRUSTED", "1")
    assert job("github", "apply", request="").code == 4
    assert job("github", "drift", "--fix", "adopt", request="").code in (0, 2, 4)


@pytest.mark.parametrize("host", HOSTS)
def test_drift_is_one_issue_that_grows_and_is_closed_when_it_is_gone(
    team: Repository, forge: FakeForge, job: Job, host: str
) -> None:
    assert job(host, "drift", request="").code == 0
    assert forge.issues == []
    team.run("sandbox", "disturb", "amz-de/listing/KTL-17-BLK.price=44.90")
    assert job(host, "drift", request="").code == 2
    assert len(forge.issues) == 1
    assert "44.90 EUR" in forge.issues[0]["body"]
    writes = [one for one in forge.asked if one.method != "GET"]
    assert job(host, "drift", request="").code == 2
    assert [one for one in forge.asked if one.method != "GET"] == writes  # nothing is new
    team.run("sandbox", "disturb", "amz-de/listing/MUG-RED.price=10.00")
    assert job(host, "drift", request="").code == 2
    assert "10.00 EUR" in forge.issues[0]["body"]
    assert len(forge.issues) == 1
    team.apply()
    assert job(host, "drift", request="").code == 0
    assert forge.issues[0]["state"] == "closed"


@pytest.mark.parametrize("host", HOSTS)
def test_drift_becomes_one_request_with_the_specs_as_the_store_is(
    team: Repository, forge: FakeForge, job: Job, host: str, tmp_path: Path
) -> None:
    file = team.path / "specs" / "all.yaml"
    file.write_text("# the kettle is our bread and butter\n" + file.read_text())
    git(team.path, "commit", "-qam", "a note")
    git(team.path, "push", "-q", "origin", "main")
    team.apply()
    team.run("sandbox", "disturb", "amz-de/listing/KTL-17-BLK.price=44.90")
    first = job(host, "drift", "--fix", "adopt", request="")
    assert first.code == 2, first
    assert [one["title"] for one in forge.requests] == ["acorn: take drift of sandbox into the specs"]
    bare = tmp_path / "team.git"
    proposed = git(bare, "show", "acorn/drift/sandbox:specs/all.yaml")
    assert "44.90" in proposed and "bread and butter" in proposed
    assert git(bare, "rev-parse", "acorn/drift/sandbox^") == git(bare, "rev-parse", "main")
    assert git(team.path, "status", "--porcelain", "specs") == ""
    newest = git(bare, "rev-parse", "acorn/drift/sandbox")
    assert job(host, "drift", "--fix", "adopt", request="").code == 2
    assert git(bare, "rev-parse", "acorn/drift/sandbox") == newest
    team.run("sandbox", "disturb", "amz-de/listing/MUG-RED.price=10.00")
    assert job(host, "drift", "--fix", "adopt", request="").code == 2
    assert len(forge.requests) == 1
    assert git(bare, "rev-parse", "acorn/drift/sandbox") != newest
    # Whoever merges it has specs that say what the store holds.
    git(team.path, "fetch", "-q", "origin", "acorn/drift/sandbox")
    git(team.path, "merge", "-q", "--ff-only", "FETCH_HEAD")
    git(team.path, "push", "-q", "origin", "main")
    assert job(host, "drift", request="").code == 0
    assert team.plan()["changes"] == []


def slipped(team: Repository) -> str:
    """Two stores with a canary, applied; then a slip that the canary refuses. The commit from before it."""
    team.write(storefront(), storefront("amz-fr"), sku(), sku("MUG-RED", "12.90", "amz-fr"))
    project = team.path / "acorn.yaml"
    phases = "[{name: canary, stores: {names: [amz-de]}}]"
    project.write_text(f"{project.read_text()}  policies: {{rollout: {phases}}}\n")
    git(team.path, "commit", "-qam", "two stores")
    git(team.path, "push", "-q", "origin", "main")
    team.apply()
    good = git(team.path, "rev-parse", "HEAD").strip()
    team.write(storefront(), storefront("amz-fr"), sku(price="9.90"), sku("MUG-RED", "11.90", "amz-fr"))
    git(team.path, "commit", "-qam", "a slip")
    git(team.path, "push", "-q", "origin", "main")
    assert team.run("sandbox", "fault", "reject", "amz-de/listing/*", "--times", "100").code == 0
    return good


@pytest.mark.parametrize("host", HOSTS)
def test_a_rollout_that_ends_asks_for_the_way_back(
    team: Repository, forge: FakeForge, job: Job, host: str, tmp_path: Path
) -> None:
    """One request, with what was applied last as a whole and a hold; whoever mends the cause goes on instead."""
    good = slipped(team)
    bad = git(team.path, "rev-parse", "HEAD").strip()
    for _ in range(2):
        assert job(host, "apply", request="").code == 3
        assert [one["title"] for one in forge.requests] == [f"acorn: go back to {good[:10]}"]
    bare, branch = tmp_path / "team.git", f"acorn/rollback/{good[:10]}"
    specs = git(bare, "show", f"{branch}:specs/all.yaml")
    assert specs == git(bare, "show", f"{good}:specs/all.yaml")
    assert bad in git(bare, "show", f"{branch}:acorn.yaml")
    assert git(bare, "rev-parse", f"{branch}^").strip() == bad
    assert git(team.path, "status", "--porcelain", "specs", "acorn.yaml") == ""
    assert git(team.path, "rev-parse", "HEAD").strip() == bad
    assert team.run("sandbox", "fault", "none").code == 0
    assert job(host, "apply", request="").code == 0, "mended, it goes on"


@pytest.mark.parametrize("where", ["acorn/rollback", "acorn/rollback/{}/x", "acorn/rollback/{}"])
def test_a_branch_in_the_way_keeps_no_way_back(
    team: Repository, forge: FakeForge, job: Job, tmp_path: Path, where: str
) -> None:
    """One above or below the name, and one of that name without a parent."""
    good = slipped(team)
    bare = tmp_path / "team.git"
    root = git(bare, "commit-tree", "main^{tree}", "-m", "x").strip()
    git(bare, "update-ref", f"refs/heads/{where.format(good[:10])}", root)
    assert job("github", "apply", request="").code == 3
    assert [one["title"] for one in forge.requests] == [f"acorn: go back to {good[:10]}"]
