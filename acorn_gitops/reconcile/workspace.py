"""A repository, an environment, and what it takes to work with them: clock, secrets, connections, who acts.
Comes in: a folder and the variables of a process. Goes out: `Workspace`. Callers: every function of this
room, cli `workspace`.

It prints nothing and reads no variable of its own process: whoever calls says what it may know.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from acorn_gitops.confine.database import database
from acorn_gitops.confine.paths import carried_link
from acorn_gitops.confine.sealed import open_cache
from acorn_gitops.confine.text import safe
from acorn_gitops.forge.job import job_of
from acorn_gitops.model.finding import (
    Finding,
    InvalidSpecs,
    Misused,
    PassesLink,
    Refused,
)
from acorn_gitops.model.spans import Spans, untold
from acorn_gitops.provenance.trust import Trust
from acorn_gitops.specs.configuration import Configuration
from acorn_gitops.specs.load import Loaded, load
from acorn_gitops.specs.project import Project, find_root

if TYPE_CHECKING:
    from acorn_gitops.ledger.protocol import Ledger
    from acorn_gitops.plan.document import Plan
    from acorn_gitops.plan.drift import DriftReport
    from acorn_gitops.reconcile.applying import Applied, ApplyRequest, Hooks
    from acorn_gitops.reconcile.blaming import Blamed
    from acorn_gitops.reconcile.connections import Connections
    from acorn_gitops.reconcile.drifting import DriftRequest
    from acorn_gitops.reconcile.exporting import Exported, ExportRequest
    from acorn_gitops.reconcile.importing import ImportRequest, Taken
    from acorn_gitops.reconcile.planning import PlanRequest
    from acorn_gitops.reconcile.rehearsing import Rehearsed


LOOKS: Final = 10.0
"""Seconds after which a run looks whether it still may write."""


def is_untrusted(environ: Mapping[str, str]) -> bool:
    """Whether a stranger's pull request is looked at (ACORN_UNTRUSTED): then all that a reader does not need
    is off."""
    return environ.get("ACORN_UNTRUSTED", "") not in ("", "0")


def refuse_untrusted(environ: Mapping[str, str], verb: str) -> None:
    """Refused where a stranger's pull request is looked at and a verb does more than reading."""
    if is_untrusted(environ):
        raise Refused(
            f"ACORN_UNTRUSTED is set, and `acorn {verb}` does more than reading",
            hint="run it where the change is merged",
        )


def present() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


class Workspace:
    """One repository in one environment. `root`: the folder of acorn.yaml, or one below it; `environ`: the
    variables that name actor, secrets, cache and trust, as a process has them; `clock`: the present instant;
    `pause`: waits for so many seconds; `spans`: is told which part of a run begins and ends."""

    def __init__(
        self,
        root: Path,
        environment: str | None = None,
        *,
        environ: Mapping[str, str],
        clock: Callable[[], datetime] = present,
        pause: Callable[[float], None] | None = None,
        spans: Spans = untold,
    ) -> None:
        link = carried_link(root.absolute())
        if link is not None:
            # A pull request could choose what is looked at.
            raise PassesLink(
                f"{link} is a link in a repository; nothing was read through it",
                hint="name the folder itself",
            )
        self.root = find_root(root.resolve())
        self.home = self.root
        """Where what git does not keep lies: ledgers, embedded marketplaces."""
        self.environment = environment
        # What is asked is not to change while it is asked.
        self.environ: Mapping[str, str] = {**environ}
        self.cache = open_cache(environ)
        self.trust = Trust(root, environ)
        self.untrusted = is_untrusted(environ)
        self.owner = ""
        """Project and environment, once a project was read."""
        self._clock, self._pause, self._own_time = clock, pause or time.sleep, False
        self.refusing: Callable[[], str] | None = None
        """Why nothing may be sent any more, empty where it may. Set by a run that applies, and asked before
        each write, and while a request waits for the next try."""
        self.places: dict[tuple[str, ...], frozenset[tuple[str, tuple[str, str, str, str, str]]] | None] = {}
        """What `called_there` has read."""
        self.stopping: Callable[[], bool] | None = None
        """Whether a run is to end: nothing is waited for any more that goes on without it. Set by a run that
        applies."""
        self.spans = spans
        self._connections: Connections | None = None
        self._verb = ""

    def plan(self, request: PlanRequest | None = None) -> Plan:
        """What an apply would change (`planning.plan`)."""
        from acorn_gitops.reconcile.planning import plan

        return plan(self, request)

    def apply(self, request: ApplyRequest | None = None, hooks: Hooks | None = None) -> Applied:
        """Make every store match the specs: a reviewed plan, or what is planned now (`applying.apply`)."""
        from acorn_gitops.reconcile.applying import ApplyRequest, apply

        return apply(self, request or ApplyRequest(), hooks)

    def drift(self, request: DriftRequest | None = None) -> DriftReport:
        """What was changed outside since the last apply (`drifting.drift`)."""
        from acorn_gitops.reconcile.drifting import drift

        return drift(self, request)

    def take_in(self, request: ImportRequest | None = None) -> Taken:
        """Write live resources, or values that drifted, into the specs (`importing.take_in`)."""
        from acorn_gitops.reconcile.importing import ImportRequest, take_in

        return take_in(self, request or ImportRequest())

    def export(self, request: ExportRequest) -> Exported:
        """Write everything out, in formats that need no acorn (`exporting.export`)."""
        from acorn_gitops.reconcile.exporting import export

        return export(self, request)

    def blame(self, address: str, *, offline: bool = False) -> Blamed:
        """Who made each value of a resource what it is (`blaming.blame`)."""
        from acorn_gitops.reconcile.blaming import blame

        return blame(self, address, offline=offline)

    def rehearse(self) -> Rehearsed:
        """Go through everything once on embedded marketplaces, and write the record
        (`rehearsing.rehearse`)."""
        from acorn_gitops.reconcile.rehearsing import rehearse

        return rehearse(self)

    @property
    def clock(self) -> Callable[[], datetime]:
        """What tells the present instant."""
        return present if self._own_time else self._clock

    @property
    def pause(self) -> Callable[[float], None]:
        """What waits for so many seconds."""
        return time.sleep if self._own_time else self._pause

    @property
    def is_given_time(self) -> bool:
        """Whether a caller chose a clock or a pause."""
        return self._clock is not present or self._pause is not time.sleep

    def go_by_own_time(self) -> None:
        """From now on this machine's clock and its pauses count, whatever is given."""
        self._own_time = True

    def now(self) -> datetime:
        """The present instant; ACORN_NOW replaces it, to see what will hold then."""
        chosen = "" if self._own_time else self.environ.get("ACORN_NOW")
        if not chosen:
            return self.clock()
        try:
            moment = datetime.fromisoformat(chosen)
        except ValueError:
            raise Misused(f"ACORN_NOW={chosen} is no time like 2026-11-27T00:00:00Z") from None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def stamp(self) -> str:
        """The present instant as text."""
        return self.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def actor(self) -> str:
        """Who acts: ACORN_ACTOR, the forge's user, or the login."""
        for name in ("ACORN_ACTOR", "GITLAB_USER_LOGIN", "GITHUB_ACTOR"):
            if self.environ.get(name):
                return safe(self.environ[name])
        import getpass
        import socket

        try:
            return f"{getpass.getuser()}@{socket.gethostname()}"
        except (OSError, KeyError):
            return "unknown"

    def machine(self) -> str:
        """This machine since it was started, as far as it says: its name, and on Linux what names its
        start."""
        import socket

        try:
            started = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            started = ""
        try:
            return f"{socket.gethostname()} {started}".strip()
        except OSError:
            return started

    def job_link(self) -> str:
        """The page of the job that this runs in, where a forge says it."""
        return safe(job_of(self.environ).link)

    def load(self) -> Loaded:
        """Load the specs."""
        from acorn_gitops.engines.access import MOST_GRANTS, grants_of

        with self.spans("load", {}):
            loaded = load(self.root, self.environment, self.cache)
        grants = grants_of(loaded.configuration)
        if grants > MOST_GRANTS:
            raise InvalidSpecs(
                f"the roles make {grants:,} grants (subjects times stores), more than {MOST_GRANTS:,}",
                hint="name groups in place of people, or fewer stores for each role",
            )
        return loaded

    def checked(self, *, quiet: bool = False) -> tuple[Loaded, list[Finding]]:
        """Load and check. InvalidSpecs with every error; otherwise the warnings."""
        from acorn_gitops.rules.registry import check

        loaded = self.load()
        with self.spans("rules", {}):
            found = check(loaded.configuration, self.now(), after_errors=bool(loaded.findings))
        findings = [*loaded.findings, *found]
        errors = [f for f in findings if f.severity == "error"]
        if errors:
            raise InvalidSpecs(
                "the specs are invalid; nothing was read or written",
                findings=sorted(findings, key=Finding.sort_key),
            )
        return loaded, findings

    def readable(self) -> Configuration:
        """The configuration, where all of it could be read: InvalidSpecs otherwise, as half of it answers
        wrongly."""
        loaded = self.load()
        if any(f.severity == "error" for f in loaded.findings):
            raise InvalidSpecs(
                "the specs cannot be read as a whole, and part of them would answer wrongly",
                findings=sorted(loaded.findings, key=Finding.sort_key),
            )
        return loaded.configuration

    def wait(self, seconds: float) -> None:
        """Pause; a run that applies looks meanwhile whether it still may, and keeps its lease."""
        while self.refusing is not None and seconds > LOOKS and not self.refusing():
            self.pause(LOOKS)
            seconds -= LOOKS
        if self.refusing is None or not self.refusing():
            self.pause(seconds)

    def why_not(self) -> str:
        """Why nothing may be sent any more; empty where it may."""
        return self.refusing() if self.refusing is not None else ""

    def is_ending(self) -> bool:
        """Whether a run is to end."""
        return self.stopping is not None and self.stopping()

    def ledger_path(self, project: Project) -> Path:
        """The environment's ledger file. PassesLink where a link stands in the way, or where it lies outside
        the repository and the default branch does not keep it there."""
        path = self.home / project.ledger
        try:
            return database(path, self.home)
        except PassesLink:
            outside = self.home not in Path(os.path.normpath(path)).parents
            if outside and self.trust.trusts_ledger(project.environment, project.ledger):
                return path
            raise

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The environment's ledger, to be read: no spec is looked at. Stale where it belongs to another
        project or environment."""
        from acorn_gitops.ledger.opening import open_ledger
        from acorn_gitops.specs.load import open_reader
        from acorn_gitops.specs.project import read_project

        project = read_project(open_reader(self.root, self.cache), self.environment)
        ledger = open_ledger(self.ledger_path(project))
        self.owner = f"{project.name}/{project.environment}"
        try:
            ledger.check_owner(self.owner)
            yield ledger
        finally:
            ledger.close()

    def sandbox_path(self, url: str) -> Path:
        """The file of an embedded marketplace."""
        name = url.removeprefix("sandbox:").strip("/")
        if not all(c.isalnum() or c in "-_" for c in name):
            raise InvalidSpecs(f"{url} is no sandbox name", hint="letters, digits, - and _ after `sandbox:`")
        return database(self.home / ".acorn" / (f"sandbox-{name}.db" if name else "sandbox.db"), self.home)

    def refuse_untrusted(self, verb: str) -> None:
        """As `refuse_untrusted` of this module, by the variables that were given."""
        refuse_untrusted(self.environ, verb)

    @contextmanager
    def busy(self, verb: str) -> Iterator[None]:
        """One thing at a time: connections are opened for it, and closed when it ends. Misused where a hook
        or another thread asks for more."""
        if self._verb:
            raise Misused(
                f"{verb}: this workspace is in the middle of {self._verb}",
                hint="open another Workspace for it",
            )
        self._verb = verb
        try:
            with self.spans(verb, {}):
                yield
        finally:
            self._verb = ""
            self.close()

    def close(self) -> None:
        """Close what was opened."""
        if self._connections is not None:
            self._connections.close()

    def warn(self, findings: Iterable[Finding]) -> None:
        """What is told and ends nothing, for whoever wants to hear it."""
