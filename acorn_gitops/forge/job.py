"""Where a job runs, as the forge tells it. Comes in: variables of a process. Goes out: `Job`. Caller: cli
`ci`.

Only variables and the event file that the runner writes are read; nothing of the repository is believed.
Sources: GitLab `doc/ci/variables/predefined_variables.md`, GitHub `content/actions/reference/variables.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

import orjson

Host = Literal["github", "gitlab", ""]
_MOST: Final = 4 << 20
"""Bytes of an event that are read."""
_TOKENS: Final = {
    "github": ("ACORN_FORGE_TOKEN", "GITHUB_TOKEN"),
    "gitlab": ("ACORN_FORGE_TOKEN", "ACORN_GITLAB_TOKEN"),
}
"""GitLab's own CI_JOB_TOKEN may not write notes (`doc/ci/jobs/ci_job_token.md`)."""


class Job(NamedTuple):
    """One job; what the forge does not say is empty."""

    host: Host
    """"" where it is another forge, or no forge at all."""
    api: str = ""
    project: str = ""
    """`owner/name` of GitHub; a number of GitLab."""
    request: str = ""
    """The number of the pull or merge request that the job is for."""
    commit: str = ""
    """The newest commit of the change (not: of its trial merge)."""
    default_branch: str = ""
    trigger: str = ""
    """`change`, `push`, `schedule`, or the forge's own word."""
    link: str = ""
    """The job's page."""
    web: str = ""
    """The project's page."""
    token: str = ""
    speaks_as: str = ""
    """Whose the token is (ACORN_FORGE_USER), where it cannot be asked: of an app NAME[bot]."""


def job_of(environ: Mapping[str, str]) -> Job:
    """What the variables say."""
    if environ.get("GITHUB_ACTIONS") == "true":
        return _github(environ)
    if environ.get("GITLAB_CI") == "true":
        return _gitlab(environ)
    return Job("", default_branch=environ.get("ACORN_DEFAULT_BRANCH", ""))


def _token(environ: Mapping[str, str], host: str) -> str:
    return next((environ[name].strip() for name in _TOKENS[host] if environ.get(name)), "")


def _github(environ: Mapping[str, str]) -> Job:
    event = _event(environ.get("GITHUB_EVENT_PATH"))
    change = event.get("pull_request")
    change = change if isinstance(change, Mapping) else {}
    head = _map(change.get("head"))
    repository = environ.get("GITHUB_REPOSITORY", "")
    server = environ.get("GITHUB_SERVER_URL", "https://github.com")
    name = environ.get("GITHUB_EVENT_NAME", "")
    return Job(
        "github",
        api=environ.get("GITHUB_API_URL", "https://api.github.com").rstrip("/"),
        project=repository,
        request=_digits(change.get("number")),
        commit=str(head.get("sha") or environ.get("GITHUB_SHA", "")),
        default_branch=str(_map(event.get("repository")).get("default_branch") or ""),
        trigger={"pull_request": "change", "pull_request_target": "change"}.get(name, name),
        link=f"{server}/{repository}/actions/runs/{environ.get('GITHUB_RUN_ID', '')}",
        web=f"{server}/{repository}",
        token=_token(environ, "github"),
        speaks_as=environ.get("ACORN_FORGE_USER", ""),
    )


def _gitlab(environ: Mapping[str, str]) -> Job:
    source = environ.get("CI_PIPELINE_SOURCE", "")
    return Job(
        "gitlab",
        api=environ.get("CI_API_V4_URL", "").rstrip("/"),
        project=environ.get("CI_PROJECT_ID", ""),
        request=_digits(environ.get("CI_MERGE_REQUEST_IID")),
        # In a pipeline of the trial merge CI_COMMIT_SHA is a commit that nobody pushed.
        commit=environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or environ.get("CI_COMMIT_SHA", ""),
        default_branch=environ.get("CI_DEFAULT_BRANCH", ""),
        trigger={"merge_request_event": "change"}.get(source, source),
        link=environ.get("CI_JOB_URL", ""),
        web=environ.get("CI_PROJECT_URL", ""),
        token=_token(environ, "gitlab"),
    )


def _digits(thing: object) -> str:
    text = str(thing or "")
    return text if text.isdigit() else ""


def _map(thing: object) -> Mapping[str, object]:
    return thing if isinstance(thing, Mapping) else {}


def _event(file: str | None) -> Mapping[str, object]:
    if not file:
        return {}
    try:
        with Path(file).open("rb") as opened:
            return _map(orjson.loads(opened.read(_MOST)))
    except (OSError, orjson.JSONDecodeError):
        return {}
