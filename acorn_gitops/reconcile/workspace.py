"""A repository, an environment, and what it takes to work with them: clock, secrets, connections, who acts. Comes in: a folder and the
variables of a process. Goes out: `Workspace`. Callers: every function of this room, cli `workspace`.

It prints nothing and reads no variable of its own process: whoever calls says what it may know.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acorn_gitops.confine.database import database
from acorn_gitops.confine.paths import carried_link
from acorn_gitops.confine.sealed import open_cache
from acorn_gitops.confine.text import safe
from acorn_gitops.marketplaces.protocol import (
    Management,
    Marketplace,
    Outcome,
    Scope,
    Settings,
    Snapshot,
    Write,
)
from acorn_gitops.model.finding import (
    AcornError,
    Finding,
    InvalidSpecs,
    MarketplaceError,
    Misused,
    PassesLink,
)
from acorn_gitops.provenance.trust import Trust, is_loopback, secrets_folder
from acorn_gitops.specs.configuration import Configuration
from acorn_gitops.specs.load import Loaded, load
from acorn_gitops.specs.project import Project, find_root

if TYPE_CHECKING:
    from acorn_gitops.ledger.ledger import Ledger
    from acorn_gitops.plan.document import Plan
    from acorn_gitops.reconcile.applying import Applied, ApplyRequest, Hooks
    from acorn_gitops.reconcile.drifting import DriftReport, DriftRequest
    from acorn_gitops.reconcile.exporting import Exported, ExportRequest
    from acorn_gitops.reconcile.importing import ImportRequest, Taken
    from acorn_gitops.reconcile.planning import PlanRequest
    from acorn_gitops.reconcile.rehearsing import Rehearsed


def is_untrusted(environ: Mapping[str, str]) -> bool:
    """Whether a stranger's pull request is looked at (ACORN_UNTRUSTED): then all that a reader does not need is off."""
    return environ.get("ACORN_UNTRUSTED", "") not in ("", "0")


def present() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


class Workspace:
    """One repository in one environment. `root`: the folder of acorn.yaml, or one below it; `environ`: the variables that name actor, secrets, cache and trust, as a process has them;
    `clock`: the present instant; `pause`: waits for so many seconds."""

    def __init__(
        self,
        root: Path,
        environment: str | None = None,
        *,
        environ: Mapping[str, str],
        clock: Callable[[], datetime] = present,
        pause: Callable[[float], None] | None = None,
    ) -> None:
        link = carried_link(root.absolute())
        if link is not None:
            # A pull request could choose what is looked at.
            raise PassesLink(
                f"{link} is a link in a repository; nothing was read through it",
                hint="name the folder itself",
            )
        self.root = find_root(root.resolve())
        self.environment = environment
        self.environ = environ
        self.cache = open_cache(environ)
        self.trust = Trust(root, environ)
        self.untrusted = is_untrusted(environ)
        self.owner = ""
        """Project and environment, once a project was read."""
        self.clock = clock
        self.pause = pause or time.sleep
        self._opened: dict[str, Marketplace] = {}

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

    def rehearse(self) -> Rehearsed:
        """Go through everything once on embedded marketplaces, and write the record (`rehearsing.rehearse`)."""
        from acorn_gitops.reconcile.rehearsing import rehearse

        return rehearse(self)

    def now(self) -> datetime:
        """The present instant; ACORN_NOW replaces it, to see what will hold then."""
        chosen = self.environ.get("ACORN_NOW")
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

    def load(self) -> Loaded:
        """Load the specs."""
        from acorn_gitops.engines.access import MOST_GRANTS, grants_of

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
        findings = [
            *loaded.findings,
            *check(loaded.configuration, self.now(), after_errors=bool(loaded.findings)),
        ]
        errors = [f for f in findings if f.severity == "error"]
        if errors:
            raise InvalidSpecs(
                "the specs are invalid; nothing was read or written",
                findings=sorted(findings, key=Finding.sort_key),
            )
        return loaded, findings

    def readable(self) -> Configuration:
        """The configuration, where all of it could be read: InvalidSpecs otherwise, as half of it answers wrongly."""
        loaded = self.load()
        if any(f.severity == "error" for f in loaded.findings):
            raise InvalidSpecs(
                "the specs cannot be read as a whole, and part of them would answer wrongly",
                findings=sorted(loaded.findings, key=Finding.sort_key),
            )
        return loaded.configuration

    def ledger_path(self, project: Project) -> Path:
        """The environment's ledger file. PassesLink where a link stands in the way, or where it lies outside the repository and
        the default branch does not keep it there."""
        path = self.root / project.ledger
        try:
            return database(path, self.root)
        except PassesLink:
            outside = self.root not in Path(os.path.normpath(path)).parents
            if outside and self.trust.trusts_ledger(project.environment, project.ledger):
                return path
            raise

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The environment's ledger, to be read: no spec is looked at. Stale where it belongs to another project or environment."""
        from acorn_gitops.ledger.ledger import open_ledger
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
        return database(self.root / ".acorn" / (f"sandbox-{name}.db" if name else "sandbox.db"), self.root)

    def marketplaces(self, connections: Mapping[str, Mapping[str, Any]]) -> dict[str, Marketplace]:
        """Every connection, opened once."""
        for name, settings in connections.items():
            if name not in self._opened:
                self._opened[name] = self._open(name, settings)
        return self._opened

    def _open(self, name: str, settings: Mapping[str, Any]) -> Marketplace:
        from acorn_gitops.marketplaces.registry import open_marketplace

        url = settings.get("url") or "sandbox:"
        adapter = settings["adapter"]
        if adapter == "network" and url.startswith("sandbox:"):
            from acorn_gitops.marketplaces.network.transport import InProcess
            from acorn_gitops.sandbox.app import Sandbox
            from acorn_gitops.sandbox.database import Database

            try:
                database = Database(self.sandbox_path(url))
            except ValueError as error:
                raise AcornError(str(error)) from None
            transport = InProcess(Sandbox(database), database.close)
            return open_marketplace(
                Settings(name, adapter, url, "", {}), transport=transport, pause=self.pause
            )
        why = self._distrust(name, settings)
        if why:
            return Untrusted(name, why)
        token = secret(settings["token"], self.root, self.environ).strip() if settings.get("token") else ""
        parts = {"pause": self.pause} if adapter in ("network", "vendure") else {}
        return open_marketplace(Settings(name, adapter, url, token, settings.get("options") or {}), **parts)

    def _distrust(self, name: str, settings: Mapping[str, Any]) -> str:
        """Why nothing is sent to a connection's address; empty where it may be asked. On this machine an address without a secret
        may be, but where a stranger's pull request is looked at."""
        why = self.trust.refusal(settings)
        if not why or (not settings.get("token") and not self.untrusted and _here(str(settings.get("url")))):
            return ""
        here = f" --env {self.environment}" if self.environment else ""
        return (
            f"the connection {name} ({shown_address(settings)}) is not trusted: {why}; nothing was sent. Merge it first, or trust"
            f" it on this machine: `acorn trust {name}{here}`"
        )

    def close(self) -> None:
        """Close what was opened."""
        for marketplace in self._opened.values():
            marketplace.close()
        self._opened.clear()

    def say(self, text: str) -> None:
        """What happens on the way, for whoever wants to hear it."""

    def warn(self, findings: Iterable[Finding]) -> None:
        """What is told and ends nothing, likewise."""


class Untrusted:
    """In place of a marketplace that may not be asked: every question is answered with why."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self._why = why

    def capabilities(self) -> Mapping[str, Management]:
        """Nothing is known of what it manages."""
        return {}

    def stores(self) -> Sequence[str]:
        """MarketplaceError with the reason."""
        raise MarketplaceError(self._why)

    def read(self, scope: Scope) -> Snapshot:
        """MarketplaceError with the reason."""
        raise MarketplaceError(self._why)

    def validate(self, store: str, writes: Sequence[Write]) -> Sequence[Outcome]:
        """MarketplaceError with the reason."""
        raise MarketplaceError(self._why)

    def write(self, store: str, writes: Sequence[Write], at: str = "") -> Sequence[Outcome]:
        """MarketplaceError with the reason."""
        raise MarketplaceError(self._why)

    def close(self) -> None:
        """Nothing was opened."""


def _here(url: str) -> bool:
    """Whether an address can only mean this machine, as the client that would use it reads it."""
    import httpx2

    try:
        return is_loopback(httpx2.URL(url).host)
    except httpx2.InvalidURL:
        return False


def address_of(settings: Mapping[str, Any]) -> str:
    """A connection's address for people: without credentials and query."""
    from urllib.parse import urlsplit

    url = str(settings.get("url") or "sandbox:")
    if url.startswith("sandbox:"):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is none"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def shown_address(settings: Mapping[str, Any]) -> str:
    """The same, and which secret goes with it."""
    shown = address_of(settings)
    return f"{shown} with {settings['token']}" if settings.get("token") else shown


def secret(reference: str, root: Path, environ: Mapping[str, str]) -> str:
    """The secret that a reference names. AcornError when it is not there; its value is never in a message."""
    kind, _, name = reference.partition(":")
    if kind == "env":
        if not environ.get(name):
            raise AcornError(
                f"the environment variable {name} is not set",
                hint=f"set it: the connection's token is {reference}",
            )
        return environ[name]
    if kind == "file":
        folder = secrets_folder(environ, root)
        if name.startswith(("/", "~")) or ".." in Path(name).parts:
            raise AcornError(
                f"{reference} does not name a file of the folder for secrets",
                hint=f"write file:NAME; the folder is {folder} (ACORN_SECRETS_DIR)",
            )
        try:
            if not (folder / name).is_file():
                raise FileNotFoundError(2, "there is no such file")
            with (folder / name).open("rb") as file:
                return file.read(1 << 16).decode().strip()
        except UnicodeDecodeError:
            raise AcornError(f"the secret file {name} holds no text", hint="one secret in UTF-8") from None
        except OSError as error:
            raise AcornError(
                f"the secret file {name} cannot be read: {error.strerror}",
                hint=f"it is looked for in {folder} (ACORN_SECRETS_DIR)",
            ) from None
    if kind == "keyring":
        try:
            import keyring
        except ImportError:
            raise AcornError("keyring is not installed", hint="pip install 'acorn-gitops[keyring]'") from None
        found = keyring.get_password("acorn", name)
        if found is None:
            raise AcornError(
                f"the keyring has no secret {name} of service acorn", hint=f"keyring set acorn {name}"
            )
        return str(found)
    raise AcornError(
        f"secrets of kind {kind}: cannot be read by this version", hint="use env:, file: or keyring:"
    )
