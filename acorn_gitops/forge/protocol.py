"""What a forge can do for acorn. Comes in: nothing. Goes out: `Forge`. Callers: cli `ci`, `github`,
`gitlab`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from acorn_gitops.forge.job import Job

Verdict = Literal["pending", "success", "failure"]


class Remark(NamedTuple):
    """A comment, an issue or a request that is there."""

    id: str
    body: str
    link: str = ""


class Approval(NamedTuple):
    """Who approved a request, and for which commit; "" where the forge does not say."""

    by: str
    commit: str
    doubt: str = ""
    """What the forge does not show of whoever approved, in words."""


class Forge(Protocol):
    """One project of a forge. Every method raises AcornError where the forge refuses or does not answer."""

    def comment(self, request: str, marker: str) -> Remark | None:
        """The comment of ours that holds the marker; None where there is none."""
        ...

    def say(self, request: str, body: str, over: Remark | None) -> str:
        """Write a comment, in place of an earlier one; answers its address."""
        ...

    def status(self, commit: str, verdict: Verdict, *, words: str, name: str, link: str) -> None:
        """Set the state of a commit under a name."""
        ...

    def approvals(self, request: str) -> Sequence[Approval]:
        """Who approves a request now."""
        ...

    def open_request(self, branch: str) -> Remark | None:
        """The open request of a branch of ours."""
        ...

    def request(self, branch: str, base: str, *, title: str, body: str, over: Remark | None) -> str:
        """Propose a branch, or write another text to what proposes it; answers its address."""
        ...

    def issue(self, label: str, marker: str) -> Remark | None:
        """The open issue of ours under a label that holds the marker."""
        ...

    def report(self, label: str, *, title: str, body: str, over: Remark | None) -> str:
        """Open an issue, or write another text to one; answers its address."""
        ...

    def settle(self, issue: Remark, words: str) -> None:
        """Close an issue with a word."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


def open_forge(job: Job) -> Forge | None:
    """The forge that a job runs on; None where it is none that we know, or there is no token for it."""
    if not job.host or not job.token or not job.api or not job.project:
        return None
    if job.host == "github":
        from acorn_gitops.forge.github import GitHub

        return GitHub(job)
    from acorn_gitops.forge.gitlab import GitLab

    return GitLab(job)
