"""Connections to marketplaces, opened where their addresses are trusted, with the secrets that go with them.
Comes in: a workspace, settings by name. Goes out: `Marketplace` by name. Callers: the functions of this room.

What is opened here can write. It is no part of the public API: whoever wants to write calls
`Workspace.apply`, which asks first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from acorn_gitops.marketplaces.protocol import (
    Management,
    Marketplace,
    Outcome,
    Scope,
    Settings,
    Snapshot,
    Write,
)
from acorn_gitops.model.finding import AcornError, MarketplaceError
from acorn_gitops.provenance.trust import is_loopback, secrets_folder

if TYPE_CHECKING:
    from acorn_gitops.model.typed import ConnectionData
    from acorn_gitops.reconcile.workspace import Workspace


def marketplaces(workspace: Workspace, connections: Mapping[str, ConnectionData]) -> dict[str, Marketplace]:
    """Every connection, opened once for a workspace, until that is closed."""
    if workspace._connections is None:
        workspace._connections = Connections(workspace)
    return workspace._connections.all(connections)


class Connections:
    """What a workspace has opened."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._opened: dict[str, Marketplace] = {}

    def all(self, connections: Mapping[str, ConnectionData]) -> dict[str, Marketplace]:
        """Every connection, opened once."""
        for name, settings in connections.items():
            if name not in self._opened:
                self._opened[name] = self._open(name, settings)
        return self._opened

    def _open(self, name: str, settings: ConnectionData) -> Marketplace:
        from acorn_gitops.marketplaces.registry import open_marketplace

        url = settings.get("url") or "sandbox:"
        adapter = settings["adapter"]
        if adapter == "network" and url.startswith("sandbox:"):
            from acorn_gitops.marketplaces.network.transport import InProcess
            from acorn_gitops.sandbox.app import Sandbox
            from acorn_gitops.sandbox.database import Database

            try:
                database = Database(self._workspace.sandbox_path(url))
            except ValueError as error:
                raise AcornError(str(error)) from None
            transport = InProcess(Sandbox(database), database.close)
            return open_marketplace(
                Settings(name, adapter, url, token="", options={}),
                transport=transport,
                pause=self._workspace.pause,
            )
        why = self._distrust(name, settings)
        if why:
            return Untrusted(name, why)
        token = (
            secret(settings["token"], self._workspace.home, self._workspace.environ).strip()
            if settings.get("token")
            else ""
        )
        parts: dict[str, object] = {}
        if adapter in ("amazon", "network", "vendure"):
            parts["pause"] = self._workspace.wait
        if adapter in ("amazon", "vendure"):  # the others know by the generation of a store who came first
            parts["why_not"] = self._workspace.why_not
        if adapter == "amazon":
            parts["ending"] = self._workspace.is_ending
        return open_marketplace(
            Settings(name, adapter, url, token=token, options=settings.get("options") or {}), **parts
        )

    def _distrust(self, name: str, settings: Mapping[str, object]) -> str:
        """Why nothing is sent to a connection's address; empty where it may be asked. On this machine an
        address without a secret may be, but where a stranger's pull request is looked at."""
        why = self._workspace.trust.refusal(settings)
        if not why or (
            not settings.get("token") and not self._workspace.untrusted and _here(str(settings.get("url")))
        ):
            return ""
        here = f" --env {self._workspace.environment}" if self._workspace.environment else ""
        return (
            f"the connection {name} ({shown_address(settings)}) is not trusted: {why}; nothing was sent. Merge it first, or trust"
            f" it on this machine: `acorn trust {name}{here}`"
        )

    def close(self) -> None:
        """Close what was opened."""
        for marketplace in self._opened.values():
            marketplace.close()
        self._opened.clear()


class Untrusted:
    """In place of a marketplace that may not be asked: every question is answered with why."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why = why

    def capabilities(self) -> Mapping[str, Management]:
        """Nothing is known of what it manages."""
        return {}

    def stores(self) -> Sequence[str]:
        """MarketplaceError with the reason."""
        raise MarketplaceError(self.why)

    def read(self, scope: Scope) -> Snapshot:
        """MarketplaceError with the reason."""
        raise MarketplaceError(self.why)

    def validate(self, store: str, writes: Sequence[Write]) -> Sequence[Outcome]:
        """MarketplaceError with the reason."""
        raise MarketplaceError(self.why)

    def write(self, store: str, writes: Sequence[Write], at: str = "") -> Sequence[Outcome]:
        """MarketplaceError with the reason."""
        raise MarketplaceError(self.why)

    def close(self) -> None:
        """Nothing was opened."""


def _here(url: str) -> bool:
    """Whether an address can only mean this machine, as the client that would use it reads it."""
    import httpx2

    try:
        return is_loopback(httpx2.URL(url).host)
    except httpx2.InvalidURL:
        return False


def address_of(settings: Mapping[str, object]) -> str:
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


def shown_address(settings: Mapping[str, object]) -> str:
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
