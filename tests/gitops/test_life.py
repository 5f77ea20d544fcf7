"""The life of one price, as one flow: real git, a bare remote, a clone of depth one for each job, a forge that speaks
its API, a webhook that hears. What everybody sees is the page `docs/life-of-a-price.md`, and this test writes it."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.borders.clone import git
from tests.borders.server import Server
from tests.gitops.forge import TOKEN, FakeForge
from tests.repository import PROJECT, Repository, sku, storefront

PAGE = Path(__file__).parents[2] / "docs" / "life-of-a-price.md"
PEOPLE = {"mia": "Mia", "otto": "Otto", "zoe": "Zoe"}
PRICE = "amz-de/listing/KTL-17-BLK.price"


class Page:
    """What was typed, and what came back; ids and folders of this run under names that stay."""

    def __init__(self, folder: Path) -> None:
        self.parts: list[str] = []
        self._folder = folder
        self._names: dict[str, str] = {}

    def tell(self, text: str) -> None:
        self.parts.append(text.strip() + "\n")

    def show(self, command: str, output: str) -> None:
        self.parts.append(f"```console\n$ {command}\n{self._plain(output).rstrip()}\n```\n")

    def quote(self, markdown: str) -> None:
        shown = self._plain(markdown).replace("```", "~~~").strip()
        self.parts.append(f"````markdown\n{shown}\n````\n")

    def _plain(self, text: str) -> str:
        text = text.replace(str(self._folder), "…")
        text = re.sub(r"http://127\.0\.0\.1:\d+", "https://forge.example", text)
        text = (
            re.sub(
                r"[0-9a-f]{12},?(?=[0-9a-f]{12}[, ])|<!-- acorn:changes .*?-->",
                "<!-- acorn:changes … -->",
                text,
            )
            if "acorn:changes" in text
            else text
        )
        # An id that was cut to ten or twelve letters may hold no letter at all.
        mixed = r"(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{10,64}"
        return re.sub(rf"\b(?:{mixed}|[0-9]{{10}}|[0-9]{{12}})\b", self._name, text)

    def _name(self, found: re.Match[str]) -> str:
        key = found[0][:10]
        return self._names.setdefault(key, f"c0ffee{len(self._names):04x}")


@pytest.fixture
def forge() -> Iterator[FakeForge]:
    with FakeForge() as made:
        assert isinstance(made, FakeForge)
        yield made


@pytest.fixture
def pager() -> Iterator[Server]:
    with Server(lambda exchange: exchange.answer(b"ok", kind="text/plain")) as made:
        yield made


class Life:
    """The team, its remote and its one marketplace."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, forge: FakeForge, host: str = "github"
    ) -> None:
        self.folder, self.patch, self.forge, self.host = folder, monkeypatch, forge, host
        self.bare = folder / "team.git"
        self.market = folder / "market"
        self.market.mkdir()
        self.number = 0
        git(folder, "init", "-q", "--bare", "-b", "main", str(self.bare))
        git(self.bare, "config", "uploadpack.allowReachableSHA1InWant", "true")

    def person(self, who: str) -> None:
        for role in ("AUTHOR", "COMMITTER"):
            self.patch.setitem(WHO, f"GIT_{role}_NAME", PEOPLE[who])
            self.patch.setitem(WHO, f"GIT_{role}_EMAIL", f"{who}@example.com")
            self.patch.setenv(f"GIT_{role}_NAME", PEOPLE[who])
            self.patch.setenv(f"GIT_{role}_EMAIL", f"{who}@example.com")
        self.patch.setenv("ACORN_ACTOR", f"{who}@example.com")

    def clone(self, name: str, *options: str, branch: str = "main") -> Repository:
        """With the marketplace as everybody sees it."""
        path = self.folder / name
        git(self.folder, "clone", "-q", *options, "--branch", branch, f"file://{self.bare}", str(path))
        shutil.copytree(self.market, path / ".acorn", dirs_exist_ok=True)
        made = Repository.__new__(Repository)
        made.path = path
        return made

    def keep(self, made: Repository) -> None:
        """What somebody did to the marketplace is there for all."""
        for file in self.market.iterdir():
            file.unlink()
        for file in (made.path / ".acorn").glob("sandbox.db*"):
            shutil.copy(file, self.market / file.name)

    def job(
        self, command: str, *, request: str = "", branch: str = "main", depth: bool = False
    ) -> tuple[Any, Repository]:
        """A job of the forge: a fresh clone, its variables, one command."""
        self.number += 1
        made = self.clone(
            f"job-{self.number}", *(["--depth=1", "--no-single-branch"] if depth else []), branch=branch
        )
        head = git(made.path, "rev-parse", "HEAD").strip()
        values = self._github(head, request) if self.host == "github" else self._gitlab(head, request)
        values |= {
            "ACORN_LEDGER_BRANCH": "acorn-ledger", "ACORN_ACTOR": "ci@example.com", "ACORN_UNTRUSTED": "1" if request else "",
        }  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            for name, value in values.items():
                patch.setenv(name, value)
            result = made.run(*command.split())
        self.keep(made)
        return result, made

    def _github(self, head: str, request: str) -> dict[str, str]:
        """The variables and the event of a job there."""
        event: dict[str, Any] = {"repository": {"default_branch": "main"}}
        if request:
            event["pull_request"] = {
                "number": int(request),
                "head": {"sha": head, "repo": {"full_name": "team/shop"}},
            }
        (self.folder / "event.json").write_text(json.dumps(event))
        return {
            "GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(self.folder / "event.json"), "GITHUB_REPOSITORY": "team/shop",
            "GITHUB_API_URL": self.forge.url, "GITHUB_TOKEN": TOKEN, "GITHUB_SHA": head, "GITHUB_RUN_ID": "77",
            "GITHUB_EVENT_NAME": "pull_request" if request else "push",
        }  # fmt: skip

    def _gitlab(self, head: str, request: str) -> dict[str, str]:
        """The variables of a job there."""
        return {
            "GITLAB_CI": "true", "CI_API_V4_URL": f"{self.forge.url}/api/v4", "CI_PROJECT_ID": "7",
            "ACORN_GITLAB_TOKEN": TOKEN, "CI_COMMIT_SHA": head, "CI_DEFAULT_BRANCH": "main",
            "CI_JOB_URL": "https://forge.example/job/77", "CI_PROJECT_URL": "https://forge.example/team/shop",
            "CI_PIPELINE_SOURCE": "merge_request_event" if request else "push",
            **({"CI_MERGE_REQUEST_IID": request} if request else {}),
        }  # fmt: skip


WHO: dict[str, str] = {}
MERGED = {
    "github": "Merge pull request #12 from team/cheaper-kettles\n\nCheaper kettles\n\nApproved-by: Otto <otto@example.com>",
    "gitlab": "Merge branch 'cheaper-kettles' into 'main'\n\nCheaper kettles\n\nSee merge request team/shop!12\nApproved-by: Otto <otto@example.com>",
}


@pytest.mark.parametrize("host", MERGED)
def test_the_life_of_one_price(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forge: FakeForge, pager: Server, host: str
) -> None:
    """On both forges; the page is the one of GitHub."""
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "GITHUB_EVENT_PATH", "CI_MERGE_REQUEST_IID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("tests.borders.clone.WHO", WHO)
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    monkeypatch.setenv("PAGER", pager.url)
    monkeypatch.setenv("COLUMNS", "100")
    life, page = Life(tmp_path, monkeypatch, forge, host), Page(tmp_path)
    page.tell(
        "<!-- Written by tests/gitops/test_life.py: ACORN_UPDATE_GOLDEN=1 writes it anew. -->\n"
        "# The life of a price\n\nOne price from the first edit to the rollback, with what everybody sees on the way. "
        "A team of three: Mia edits, Otto reviews, Zoe merges; jobs of the forge plan and apply, each in a clone of its own. "
        "The same with GitLab reads alike (`acorn init --ci gitlab`)."
    )
    life.person("zoe")
    start = Repository(tmp_path / "start")
    store = storefront()
    store["spec"]["monitors"] = [
        {
            "signal": "price-drift",
            "route": "ops",
            "runbook": "docs/prices.md",
            "severity": "page",
            "failAt": 1,
        }
    ]
    start.write(store, sku(), sku("MUG-RED", "12.90"))
    (start.path / "acorn.yaml").write_text(
        PROJECT + '  routes: {ops: {kind: webhook, target: "env:PAGER"}}\n'
    )
    (start.path / ".gitignore").write_text(".acorn/\n*.acorn.json\n")
    git(start.path, "init", "-q", "-b", "main")
    git(start.path, "add", "-A")
    git(start.path, "commit", "-qm", "Our stores")
    git(start.path, "remote", "add", "origin", f"file://{life.bare}")
    git(start.path, "push", "-q", "origin", "main")
    first, _ = life.job("ci apply")
    assert first.code == 0, first

    page.tell("## 1. An edit, and its pull request")
    life.person("mia")
    mia = life.clone("mia")
    edit(mia, "49.99", "45.99")
    git(mia.path, "checkout", "-qb", "cheaper-kettles")
    git(mia.path, "commit", "-qam", "Cheaper kettles")
    git(mia.path, "push", "-q", "origin", "cheaper-kettles")
    planned, _ = life.job("ci plan", request="12", branch="cheaper-kettles")
    assert planned.code == 0, planned
    page.tell(
        "Mia changes one line on a branch and opens a request. The job `plan` sees it without any token that writes:"
    )
    page.show("acorn ci plan", planned.out + planned.err)
    page.tell("and says it beside the change:")
    page.quote(forge.comments[0]["body"])
    assert forge.statuses[-1]["state"] == "success"

    page.tell("## 2. A review, and a change after it")
    head = git(mia.path, "rev-parse", "HEAD").strip()
    forge.reviews.append(
        {"user": {"login": "otto"}, "state": "APPROVED", "commit_id": head, "author_association": "MEMBER"}
    )
    forge.approved.append("otto")
    edit(mia, "45.99", "46.50")
    git(mia.path, "commit", "-qam", "A little less cheap")
    git(mia.path, "push", "-q", "origin", "cheaper-kettles")
    replanned, _ = life.job("ci plan", request="12", branch="cheaper-kettles")
    assert replanned.code == 0
    told = forge.comments[0]["body"]
    assert len(forge.comments) == 1
    assert (
        "otto (for an older commit)" if host == "github" else "otto"
    ) in told and "other than before" in told
    page.tell("Otto approves, then Mia pushes again. The one comment now says so:")
    page.quote("\n".join(line for line in told.splitlines() if "before" in line or "Approved" in line))

    page.tell("## 3. Merged and applied")
    life.person("zoe")
    zoe = life.clone("zoe")
    git(zoe.path, "fetch", "-q", "origin", "cheaper-kettles")
    git(zoe.path, "merge", "-q", "--no-ff", "-m", MERGED[host], "FETCH_HEAD")
    git(zoe.path, "push", "-q", "origin", "main")
    applied, job = life.job("ci apply")
    assert applied.code == 0, applied
    page.show("acorn ci apply", applied.out + applied.err)
    assert job.live()["amz-de/listing/KTL-17-BLK"]["price"]["value"] == "46.50"
    page.tell(
        "Where it came from is known from then on, line by line; whoever merged is not taken for whoever wrote:"
    )
    git(mia.path, "checkout", "-q", "main")
    git(mia.path, "pull", "-q", "origin", "main")
    shutil.copytree(life.market, mia.path / ".acorn", dirs_exist_ok=True)
    assert mia.run("state", "pull").code == 0
    blame = mia.run("history", "amz-de/listing/KTL-17-BLK", "--limit", "1")
    assert "Mia <mia@example.com>" in blame.out and ("#12" if host == "github" else "!12") in blame.out
    assert "by Zoe" not in blame.out
    page.show("acorn history amz-de/listing/KTL-17-BLK --limit 1", blame.out)

    page.tell("## 4. A pipeline that is run again")
    old = git(zoe.path, "rev-parse", "HEAD^1").strip()
    late = life.clone("late")
    git(late.path, "checkout", "-q", old)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
        retried = late.run("ci", "apply")
    assert retried.code == 6, retried
    page.tell(
        "Somebody presses *retry* on yesterday's pipeline. Its commit is not the newest any more, and nothing happens:"
    )
    page.show("acorn ci apply", retried.out + retried.err)

    page.tell("## 5. A hand in the console")
    hand = life.clone("hand")
    assert hand.run("sandbox", "disturb", f"{PRICE}=39.00").code == 0
    life.keep(hand)
    found, _ = life.job("ci drift --fix adopt", depth=False)
    assert found.code == 2, found
    page.tell(
        "Somebody lowers the price at the marketplace itself. The scheduled job finds it, opens an issue, tells the route, and proposes the specs as the store is:"
    )
    page.show("acorn ci drift --fix adopt", found.out + found.err)
    assert len(forge.issues) == 1 and len(forge.requests) == 1 and len(pager.asked) == 1
    page.tell("What the route received:")
    page.parts.append(f"```json\n{json.dumps(json.loads(pager.asked[0].body), indent=2)}\n```\n")
    again, _ = life.job("ci drift --fix adopt")
    assert again.code == 2
    assert (len(forge.issues), len(forge.requests), len(pager.asked)) == (1, 1, 1)
    page.tell("An hour later it is still so, and nobody is told again.")

    page.tell("## 6. Left for a while")
    life.person("otto")
    otto = life.clone("otto")
    project = otto.path / "acorn.yaml"
    waiver = '  waivers: [{rule: MON-007, scope: amz-de/listing/KTL-17-BLK, reason: weekend match, owner: otto@example.com, until: "2026-11-25"}]\n'
    project.write_text(project.read_text() + waiver)
    git(otto.path, "commit", "-qam", "The kettle's weekend price stays until Wednesday")
    git(otto.path, "push", "-q", "origin", "main")
    quiet, _ = life.job("ci drift")
    assert quiet.code == 0, quiet
    page.tell("Otto answers for it in git, until Wednesday: drift is quiet about it, and apply leaves it.")
    page.parts.append(f"```yaml\n{waiver.strip()}\n```\n")
    page.show("acorn ci drift", quiet.out + quiet.err)
    left, job = life.job("ci apply")
    assert left.code == 0
    assert job.live()["amz-de/listing/KTL-17-BLK"]["price"]["value"] == "39.00"
    assert forge.issues[0]["state"] == "closed"

    page.tell("## 7. Taken into the specs")
    git(otto.path, "fetch", "-q", "origin", "acorn/drift/sandbox")
    git(otto.path, "cherry-pick", "FETCH_HEAD")
    project.write_text(project.read_text().replace(waiver, ""))
    git(otto.path, "commit", "-qam", "The weekend price stays for good")
    git(otto.path, "push", "-q", "origin", "main")
    adopted, _ = life.job("ci apply")
    assert adopted.code == 0, adopted
    page.tell(
        "On Wednesday the price stays for good: the proposed request is merged, and the waiver goes. Nothing has to be written, the ledger learns it:"
    )
    page.show("acorn ci apply", adopted.out + adopted.err)
    assert git(life.bare, "show", "main:specs/all.yaml").count("39.00") == 1

    page.tell("## 8. Back")
    shutil.copytree(life.market, otto.path / ".acorn", dirs_exist_ok=True)
    assert otto.run("state", "pull").code == 0
    done = otto.run(
        "rollback",
        "--to",
        git(zoe.path, "rev-parse", "HEAD").strip(),
        "--reason",
        "39.00 loses money on every kettle",
        "--owner",
        "otto@example.com",
    )
    assert done.code == 0, done
    page.tell(
        "It was a mistake. Going back is a change like any other: a branch, its plan, and a hold on the commit that is left."
    )
    page.show(
        'acorn rollback --to <the merge of #12> --reason "39.00 loses money on every kettle" --owner otto@example.com',
        done.out + done.err,
    )
    bad = git(otto.path, "rev-parse", "HEAD^").strip()
    git(otto.path, "push", "-q", "origin", "HEAD:main")
    back, job = life.job("ci apply")
    assert back.code == 0, back
    assert job.live()["amz-de/listing/KTL-17-BLK"]["price"]["value"] == "46.50"
    wrong = life.clone("wrong")
    git(wrong.path, "checkout", "-q", bad)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
        held = wrong.run("apply", "--auto-approve", "--older")
    assert held.code == 4, held
    page.tell("Merged, it is applied; and nobody applies the other one again, whatever they say:")
    page.show("git checkout <the commit before> && acorn apply --auto-approve --older", held.err)
    sound = life.clone("auditor")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACORN_LEDGER_BRANCH", "")
        assert sound.run("state", "pull").code == 0
    log = sound.run("log", "--limit", "1")
    assert log.code == 0
    page.tell("All of it is in one chain, which every clone can verify: `acorn log`.")

    text = "\n".join(page.parts)
    assert TOKEN not in text
    if host != "github":
        return
    if os.environ.get("ACORN_UPDATE_GOLDEN"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, "ACORN_UPDATE_GOLDEN=1 writes docs/life-of-a-price.md"


def edit(made: Repository, old: str, new: str) -> None:
    file = made.path / "specs" / "all.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
