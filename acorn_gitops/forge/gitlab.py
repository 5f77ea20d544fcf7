"""GitLab's REST API, version 4. Comes in: a job. Goes out: a `Forge`. Caller: `protocol.open_forge`.

Sources: `doc/api/notes.md`, `commits.md`, `merge_request_approvals.md`, `merge_requests.md`, `issues.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import quote

from acorn_gitops.forge.client import Client, NotThere, address, number
from acorn_gitops.forge.job import Job
from acorn_gitops.forge.protocol import Approval, Remark, Verdict
from acorn_gitops.model.finding import AcornError


class GitLab:
    """One project of GitLab."""

    def __init__(self, job: Job) -> None:
        self._client = Client(job.api, {"private-token": job.token}, job.token)
        self._project = f"/projects/{quote(job.project, safe='')}"
        self._number, self._web = job.project, job.web

    @cached_property
    def _me(self) -> str:
        user = self._client.ask("GET", "/user")
        return str(user.get("id")) if isinstance(user, Mapping) else ""

    def _is_mine(self, row: Mapping[str, object]) -> bool:
        author = row.get("author")
        return isinstance(author, Mapping) and bool(self._me) and str(author.get("id")) == self._me

    def comment(self, request: str, marker: str) -> Remark | None:
        """As `Forge.comment`: of the notes that the token's own user wrote."""
        for row in self._client.pages(f"{self._project}/merge_requests/{request}/notes?sort=asc"):
            if row.get("system") or marker not in str(row.get("body") or ""):
                continue
            if self._is_mine(row):
                return Remark(number(row.get("id")), str(row.get("body") or ""))
        return None

    def say(self, request: str, body: str, over: Remark | None) -> str:
        """As `Forge.say`."""
        path = f"{self._project}/merge_requests/{request}/notes"
        link = f"{self._web}/-/merge_requests/{request}"
        if over is not None:
            try:
                self._client.ask("PUT", f"{path}/{over.id}", {"body": body})
                return f"{link}#note_{over.id}"
            except NotThere:
                pass  # somebody deleted it meanwhile
        return f"{link}#note_{number(_field(self._client.ask('POST', path, {'body': body}), 'id'))}"

    def status(self, commit: str, verdict: Verdict, *, words: str, name: str, link: str) -> None:
        """As `Forge.status`; a description has at most 255 characters."""
        state = {"pending": "pending", "success": "success", "failure": "failed"}[verdict]
        content = {"state": state, "description": words[:255], "name": name}
        path = f"{self._project}/statuses/{commit}"
        self._client.ask("POST", path, content | ({"target_url": link} if link else {}))

    def approvals(self, request: str) -> Sequence[Approval]:
        """As `Forge.approvals`. GitLab says who, and for a project that drops approvals on a push that is for
        the newest commit."""
        found = self._client.ask("GET", f"{self._project}/merge_requests/{request}/approvals")
        rows = found.get("approved_by") if isinstance(found, Mapping) else None
        users = (
            [row.get("user") for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
        )
        return [Approval(str(u.get("username") or ""), "") for u in users if isinstance(u, Mapping)]

    def open_request(self, branch: str) -> Remark | None:
        """As `Forge.open_request`."""
        path = f"{self._project}/merge_requests?state=opened&source_branch={quote(branch, safe='')}"
        # Forks have branches of the same name, and their requests are listed as well.
        ours = (
            row
            for row in self._client.pages(path)
            if str(row.get("source_project_id")) == self._number and row.get("source_branch") == branch
        )
        return next((_remark(row) for row in ours), None)

    def request(self, branch: str, base: str, *, title: str, body: str, over: Remark | None) -> str:
        """As `Forge.request`."""
        path = f"{self._project}/merge_requests"
        if over is not None:
            content = {"title": title, "description": body}
            return address(_field(self._client.ask("PUT", f"{path}/{over.id}", content), "web_url"))
        content = {"source_branch": branch, "target_branch": base, "title": title, "description": body}
        answer = self._client.ask("POST", path, {**content, "remove_source_branch": True})
        return address(_field(answer, "web_url"))

    def issue(self, label: str, marker: str) -> Remark | None:
        """As `Forge.issue`."""
        path = f"{self._project}/issues?state=opened&labels={quote(label, safe='')}"
        rows = self._client.pages(path)
        ours = (row for row in rows if marker in str(row.get("description") or "") and self._is_mine(row))
        return next((_remark(row) for row in ours), None)

    def report(self, label: str, *, title: str, body: str, over: Remark | None) -> str:
        """As `Forge.report`."""
        path = f"{self._project}/issues"
        content = {"title": title, "description": body}
        if over is not None:
            return address(_field(self._client.ask("PUT", f"{path}/{over.id}", content), "web_url"))
        return address(_field(self._client.ask("POST", path, {**content, "labels": label}), "web_url"))

    def settle(self, issue: Remark, words: str) -> None:
        """As `Forge.settle`."""
        path = f"{self._project}/issues/{issue.id}"
        self._client.ask("POST", f"{path}/notes", {"body": words})
        self._client.ask("PUT", path, {"state_event": "close"})

    def close(self) -> None:
        """As `Forge.close`."""
        self._client.close()


def _remark(row: Mapping[str, Any]) -> Remark:
    return Remark(number(row.get("iid")), str(row.get("description") or ""), address(row.get("web_url")))


def _field(answer: object, name: str) -> object:
    if not isinstance(answer, Mapping):
        raise AcornError("the forge answers with nothing where it should show what was written")
    return answer.get(name) or ""
