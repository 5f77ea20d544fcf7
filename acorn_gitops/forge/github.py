"""GitHub's REST API, version 2022-11-28. Comes in: a job. Goes out: a `Forge`. Caller: `protocol.open_forge`.

Sources: `content/rest` of github/docs: issue comments, statuses, reviews, pulls, issues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote

from acorn_gitops.forge.client import Client, NotThere, address, number
from acorn_gitops.forge.job import Job
from acorn_gitops.forge.protocol import Approval, Remark, Verdict
from acorn_gitops.model.finding import AcornError

JOBS = "github-actions[bot]"
"""Whose a job's own token is."""


class GitHub:
    """One repository of GitHub."""

    def __init__(self, job: Job) -> None:
        headers = {
            "authorization": f"Bearer {job.token}",
            "accept": "application/vnd.github+json",
            "x-github-api-version": "2022-11-28",
        }
        self._client = Client(f"{job.api}/repos/{quote(job.project)}", headers, job.token)
        self._speaks_as = job.speaks_as
        self._project = job.project
        self._account = Client(job.api, headers, job.token)
        self._owner = job.project.partition("/")[0]

    def comment(self, request: str, marker: str) -> Remark | None:
        """As `Forge.comment`: of those that the token's own user wrote."""
        for row in self._client.pages(f"/issues/{request}/comments"):
            user = _map(row.get("user"))
            if user.get("login") == self._me and marker in str(row.get("body") or ""):
                return _remark(row, "id")
        return None

    @cached_property
    def _me(self) -> str:
        if self._speaks_as:
            return self._speaks_as
        try:
            return str(_map(self._account.ask("GET", "/user")).get("login") or JOBS)
        except AcornError:
            return JOBS  # a job's own token may not ask

    def say(self, request: str, body: str, over: Remark | None) -> str:
        """As `Forge.say`."""
        if over is not None:
            try:
                return _link(self._client.ask("PATCH", f"/issues/comments/{over.id}", {"body": body}))
            except NotThere:
                pass  # somebody deleted it meanwhile
        return _link(self._client.ask("POST", f"/issues/{request}/comments", {"body": body}))

    def status(self, commit: str, verdict: Verdict, *, words: str, name: str, link: str) -> None:
        """As `Forge.status`; a description has at most 140 characters."""
        content = {"state": verdict, "description": words[:140], "context": name}
        self._client.ask("POST", f"/statuses/{commit}", content | ({"target_url": link} if link else {}))

    def approvals(self, request: str) -> Sequence[Approval]:
        """As `Forge.approvals`: the newest review of each person counts. Anybody may review what is public,
        and GitHub does not show to a job's token everybody who belongs to a repository: that is told."""
        newest: dict[str, Approval | None] = {}
        for review in self._client.pages(f"/pulls/{request}/reviews"):
            who = str(_map(review.get("user")).get("login") or "")
            state = review.get("state")
            if state == "APPROVED":
                doubt = "" if review.get("author_association") in _OURS else _NOT_SHOWN
                newest[who] = Approval(who, str(review.get("commit_id") or ""), doubt)
            elif state in ("CHANGES_REQUESTED", "DISMISSED"):
                newest[who] = None
        return [one for one in newest.values() if one is not None]

    def open_request(self, branch: str) -> Remark | None:
        """As `Forge.open_request`."""
        rows = self._client.pages(f"/pulls?state=open&head={quote(f'{self._owner}:{branch}')}")
        # A fork that the same owner keeps has branches of the same name.
        ours = (
            row
            for row in rows
            if _map(_map(row.get("head")).get("repo")).get("full_name") in (self._project, None)
        )
        return next((_remark(row, "number") for row in ours), None)

    def request(self, branch: str, base: str, *, title: str, body: str, over: Remark | None) -> str:
        """As `Forge.request`."""
        if over is not None:
            return _link(self._client.ask("PATCH", f"/pulls/{over.id}", {"title": title, "body": body}))
        content = {"head": branch, "base": base, "title": title, "body": body}
        return _link(self._client.ask("POST", "/pulls", content))

    def issue(self, label: str, marker: str) -> Remark | None:
        """As `Forge.issue`."""
        rows = self._client.pages(f"/issues?state=open&labels={quote(label)}")
        ours = (
            row
            for row in rows
            if "pull_request" not in row
            and marker in str(row.get("body") or "")
            and _map(row.get("user")).get("login") == self._me
        )
        return next((_remark(row, "number") for row in ours), None)

    def report(self, label: str, *, title: str, body: str, over: Remark | None) -> str:
        """As `Forge.report`."""
        if over is not None:
            return _link(self._client.ask("PATCH", f"/issues/{over.id}", {"title": title, "body": body}))
        return _link(self._client.ask("POST", "/issues", {"title": title, "body": body, "labels": [label]}))

    def settle(self, issue: Remark, words: str) -> None:
        """As `Forge.settle`."""
        self._client.ask("POST", f"/issues/{issue.id}/comments", {"body": words})
        self._client.ask("PATCH", f"/issues/{issue.id}", {"state": "closed"})

    def close(self) -> None:
        """As `Forge.close`."""
        self._client.close()
        self._account.close()


_OURS: Final = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
"""GitHub's words for who belongs to a repository (REST, `author_association`)."""
_NOT_SHOWN: Final = "GitHub does not show that they belong to this repository"


def _map(thing: object) -> Mapping[str, object]:
    return thing if isinstance(thing, Mapping) else {}


def _remark(row: Mapping[str, Any], key: str) -> Remark:
    return Remark(number(row.get(key)), str(row.get("body") or ""), address(row.get("html_url")))


def _link(answer: object) -> str:
    if not isinstance(answer, Mapping):
        raise AcornError("the forge answers with nothing where it should show what was written")
    return address(answer.get("html_url"))
