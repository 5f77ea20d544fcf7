"""Installs and runs Vendure. Comes in: a folder. Goes out: a `Server`. Callers: fixtures, the example's test.

One installation for all tests (npm ci, from package-lock.json), kept in the user's cache folder under the lock's
digest; one server process for each test that asks for one, on a port of its own, with a copy of a database that was
filled once with the sample catalogue.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

SOURCE = Path(__file__).parent.parent.parent / "examples" / "stores" / "vendure" / "server"
IN_CI = os.environ.get("CI") == "true"
"""Asked at import: single tests hide it."""
PASSWORD = "superadmin"


def why_not() -> str:
    """Why no server can be started here; empty when one can. In CI there is no such reason."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return "node and npm are not installed: Vendure cannot be started"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip(
        "v\n"
    )
    return (
        "" if int(version.split(".")[0]) >= 20 else f"node {version} is too old for Vendure (20, 22 or newer)"
    )


def installed() -> Path:
    """The folder with node_modules; installed when it is not there yet. Where that cannot be, the test is skipped; in CI it fails."""
    folder, reason = _installation()
    if reason and not IN_CI:
        pytest.skip(reason)
    assert not reason, f"in CI nothing is skipped: {reason}"
    return folder


@functools.cache
def _installation() -> tuple[Path, str]:
    """The folder, and why it cannot be used (or nothing): asked once, as npm waits long for a registry that does not answer."""
    digest = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()[:16]
    cache = (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "acorn-tests" / f"vendure-{digest}"
    )
    if reason := why_not():
        return cache, reason
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "install.lock"):
        if not (cache / "installed").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(SOURCE / name, cache)
            # npm 11 runs install scripts of approved packages only; older ones have run them already.
            for step in (["ci"], ["rebuild", "better-sqlite3", "bcrypt"]):
                command = ["npm", *step, "--no-audit", "--no-fund", "--loglevel=error"]
                done = subprocess.run(command, cwd=cache, check=False, capture_output=True, text=True)
                if done.returncode != 0:
                    said = (done.stderr or done.stdout).strip().splitlines()
                    return (
                        cache,
                        f"`npm {step[0]}` could not install Vendure: {' '.join(said[:4])[:300] or 'no reason told'}",
                    )
            (cache / "installed").touch()
        shutil.copy(SOURCE / "server.js", cache)
    return cache, ""


def sample_catalogue() -> Path:
    """A database with the sample catalogue, filled by Vendure's own populate, once for each version of the lock."""
    folder = installed()
    database = folder / "catalogue.sqlite"
    with FileLock(folder / "populate.lock"):
        if not database.exists():
            fresh = folder / "catalogue.sqlite.new"
            fresh.unlink(missing_ok=True)
            server = Server(fresh, populate=True)
            server.stop()
            fresh.rename(database)
    return database


class Server:
    """A running Vendure."""

    def __init__(self, database: Path, *, populate: bool = False, session: str = "1h", port: int = 0) -> None:
        self.database = database
        self.session = session
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}/admin-api"
        self._process: subprocess.Popen[bytes] | None = None
        self._token = ""
        self.start(populate=populate)

    def start(self, *, populate: bool = False) -> None:
        """Start, and wait until it answers."""
        folder = installed()
        self.log = self.database.with_name(f"{self.database.name}.{self.port}.log")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["node", "server.js"],
                cwd=folder,
                env={
                    **os.environ,
                    "PORT": str(self.port),
                    "DATABASE": str(self.database),
                    "SUPERADMIN_PASSWORD": PASSWORD,
                    "SESSION": self.session,
                    "VENDURE_DISABLE_TELEMETRY": "true",
                    "POPULATE": "1" if populate else "",
                },
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + (180 if populate else 90)
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"Vendure ended at once:\n{self.log.read_text()[-3000:]}")
            if b"listening" in self.log.read_bytes()[-2000:] and self._answers():
                return
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"Vendure did not answer in time:\n{self.log.read_text()[-3000:]}")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End this process, by its id."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
        self._process = None
        self._token = ""
        self.log.write_bytes(b"")

    def ask(self, query: str, channel: str = "", **variables: Any) -> Any:
        """The data of a request as superadmin: Vendure's own API, by other means than the adapter's."""
        if not self._token:
            login = 'mutation { login(username: "superadmin", password: "' + PASSWORD + '") { __typename } }'
            self._token = self._post(login, {}, "")[1]
        document, _ = self._post(query, variables, channel)
        if document.get("errors") and "FORBIDDEN" in json.dumps(document["errors"]):
            self._token = ""
            return self.ask(query, channel, **variables)
        assert "errors" not in document, document["errors"]
        return document["data"]

    def _post(self, query: str, variables: dict[str, Any], channel: str) -> tuple[Any, str]:
        headers = {"content-type": "application/json"}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        if channel:
            headers["vendure-token"] = channel
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self.url, body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer), answer.headers.get("vendure-auth-token", "")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def running(folder: Path, *, sample: bool, session: str = "1h") -> Iterator[Server]:
    """A server of one test: empty, or with the sample catalogue."""
    database = folder / "vendure.sqlite"
    if sample:
        shutil.copy(sample_catalogue(), database)
    server = Server(database, session=session)
    try:
        yield server
    finally:
        server.stop()
