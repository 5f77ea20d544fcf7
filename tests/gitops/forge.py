"""A forge on loopback: the dozen calls of GitHub's and of GitLab's API that acorn makes, over HTTP, with a state that a
test can look at. Paths, fields, limits and refusals are those of the forges' references."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.borders.server import Exchange, Server

TOKEN = "forge-token-8c1f"
PAGE = 30
"""Entries of a page where nobody asks for more."""


class FakeForge(Server):
    """One project of both: `team/shop`, number 7."""

    def __init__(self) -> None:
        super().__init__(self._behave)
        self.comments: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.reviews: list[dict[str, Any]] = []
        self.approved: list[str] = []
        self.refuse: dict[str, tuple[int, Mapping[str, str]]] = {}
        """By a pattern of `METHOD path`, an answer in place of the real one, once."""
        self.next = 100
        self.me = {"id": 1, "login": "github-actions[bot]", "username": "acorn", "type": "Bot"}

    def somebody_says(self, body: str, who: str = "mallory") -> None:
        """A person comments."""
        self._comment(body, {"id": 9, "login": who, "username": who, "type": "User"})

    def somebody_proposes(self, branch: str) -> None:
        """A request from somebody's fork, from a branch of this name; both forges list it."""
        self.next += 1
        theirs = {"id": 9, "login": "mallory", "username": "mallory", "type": "User"}
        self.requests.append({
            "number": self.next, "iid": self.next, "state": "open", "title": "theirs", "body": "theirs", "description": "theirs",
            "source_branch": branch, "source_project_id": 999, "head": {"ref": branch, "repo": {"full_name": "mallory/shop"}},
            "user": theirs, "author": theirs, "html_url": "", "web_url": "",
        })  # fmt: skip

    def somebody_reports(self, body: str) -> None:
        """An issue of somebody else, under the label."""
        self.next += 1
        theirs = {"id": 9, "login": "mallory", "username": "mallory", "type": "User"}
        self.issues.append({"number": self.next, "iid": self.next, "state": "open", "title": "theirs", "body": body, "description": body,
                            "user": theirs, "author": theirs, "html_url": "", "web_url": ""})  # fmt: skip

    def _comment(self, body: str, user: Mapping[str, Any]) -> dict[str, Any]:
        self.next += 1
        made = {"id": self.next, "body": body, "user": user, "author": user, "system": False, "html_url": f"{self.url}/c/{self.next}"}  # fmt: skip
        self.comments.append(made)
        return made

    def _behave(self, exchange: Exchange) -> None:
        asked = exchange.asked
        parts = urlsplit(asked.path)
        path, query = unquote(parts.path), {k: v[0] for k, v in parse_qs(parts.query).items()}
        body = json.loads(asked.body) if asked.body else {}
        token = exchange.handler.headers.get("private-token") or asked.authorization.removeprefix("Bearer ")
        if token != TOKEN:
            return exchange.answer({"message": "Bad credentials"}, 401)
        for pattern, (status, headers) in list(self.refuse.items()):
            if re.search(pattern, f"{asked.method} {path}"):
                del self.refuse[pattern]
                return exchange.answer({"message": "refused by the test"}, status, **dict(headers))
        if path.startswith("/repos/team/shop"):
            return self._github(exchange, asked.method, path.removeprefix("/repos/team/shop"), query, body)
        if path.startswith("/api/v4/projects/7"):
            return self._gitlab(exchange, asked.method, path.removeprefix("/api/v4/projects/7"), query, body)
        if path == "/api/v4/user":
            return exchange.answer({"id": 1, "username": "acorn"})
        exchange.answer({"message": "Not Found"}, 404)

    def _page(self, exchange: Exchange, rows: list[Any], query: Mapping[str, str]) -> None:
        size, number = int(query.get("per_page", PAGE)), int(query.get("page", 1))
        exchange.answer(rows[(number - 1) * size : number * size])

    def _find(self, rows: list[dict[str, Any]], key: str, value: str) -> dict[str, Any] | None:
        return next((row for row in rows if str(row[key]) == value), None)

    def _github(self, exchange: Exchange, method: str, path: str, query: Mapping[str, str], body: dict[str, Any]) -> None:  # fmt: skip
        if "body" in body and len(str(body["body"]).encode()) > 262_144:
            return exchange.answer({"message": "body is too long"}, 422)
        found = re.fullmatch(r"/issues/comments/(\d+)", path)
        if found and method == "PATCH":
            one = self._find(self.comments, "id", found[1])
            if one is None:
                return exchange.answer({"message": "Not Found"}, 404)
            one |= body
            return exchange.answer(one)
        if re.fullmatch(r"/issues/\d+/comments", path):
            if method == "GET":
                return self._page(exchange, self.comments, query)
            return exchange.answer(self._comment(body["body"], self.me), 201)
        if path.startswith("/statuses/") and method == "POST":
            if len(body["description"]) > 140:
                return exchange.answer({"message": "description is too long"}, 422)
            self.statuses.append({"commit": path.rpartition("/")[2], **body})
            return exchange.answer(self.statuses[-1], 201)
        if re.fullmatch(r"/pulls/\d+/reviews", path):
            return self._page(exchange, self.reviews, query)
        if path in ("/pulls", "/issues") and method == "GET":
            rows = self.requests if path == "/pulls" else self.issues
            rows = [row for row in rows if row["state"] == "open"]
            if "head" in query:
                rows = [row for row in rows if f"team:{row['head']['ref']}" == query["head"]]
            return self._page(exchange, rows, query)
        if path in ("/pulls", "/issues") and method == "POST":
            return exchange.answer(self._open(path.strip("/"), body), 201)
        found = re.fullmatch(r"/(pulls|issues)/(\d+)", path)
        if found and method == "PATCH":
            one = self._find(self.requests if found[1] == "pulls" else self.issues, "number", found[2])
            assert one is not None
            one |= body
            return exchange.answer(one)
        exchange.answer({"message": "Not Found"}, 404)

    def _open(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        self.next += 1
        made = {**body, "number": self.next, "iid": self.next, "state": "open", "html_url": f"{self.url}/{kind}/{self.next}", "web_url": f"{self.url}/{kind}/{self.next}"}  # fmt: skip
        made |= {"user": self.me, "author": self.me, "source_project_id": 7}
        if kind == "pulls":
            made["head_ref"], made["head"] = (
                body["head"],
                {"ref": body["head"], "repo": {"full_name": "team/shop"}},
            )
        made.setdefault("body", body.get("description"))
        made.setdefault("description", body.get("body"))
        (self.requests if kind in ("pulls", "merge_requests") else self.issues).append(made)
        return made

    def _gitlab(self, exchange: Exchange, method: str, path: str, query: Mapping[str, str], body: dict[str, Any]) -> None:  # fmt: skip
        found = re.fullmatch(r"/merge_requests/\d+/notes(?:/(\d+))?", path)
        if found and method == "GET":
            return self._page(exchange, self.comments, query)
        if found and method == "POST":
            return exchange.answer(self._comment(body["body"], self.me), 201)
        if found and method == "PUT":
            one = self._find(self.comments, "id", found[1])
            if one is None:
                return exchange.answer({"message": "404 Not found"}, 404)
            one |= body
            return exchange.answer(one)
        if path.startswith("/statuses/") and method == "POST":
            self.statuses.append({"commit": path.rpartition("/")[2], **body})
            return exchange.answer(self.statuses[-1], 201)
        if re.fullmatch(r"/merge_requests/\d+/approvals", path):
            return exchange.answer({"approved_by": [{"user": {"username": who}} for who in self.approved]})
        found = re.fullmatch(r"/(merge_requests|issues)(?:/(\d+))?(/notes)?", path)
        if found is None:
            return exchange.answer({"message": "404 Not found"}, 404)
        rows = self.requests if found[1] == "merge_requests" else self.issues
        if found[3]:
            return exchange.answer({}, 201)
        if found[2]:
            one = self._find(rows, "iid", found[2])
            assert one is not None
            one |= {"state": "closed"} if body.get("state_event") == "close" else body
            one["body"] = one["description"]
            return exchange.answer(one)
        if method == "POST":
            return exchange.answer(self._open(found[1], body), 201)
        rows = [row for row in rows if row["state"] == "open"]
        if "source_branch" in query:
            rows = [row for row in rows if row["source_branch"] == query["source_branch"]]
        self._page(exchange, rows, query)
