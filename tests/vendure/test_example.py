"""The Vendure example runs as its README says, on a server that its own script starts."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.vendure.server import free_port, installed

pytestmark = pytest.mark.xdist_group("vendure")
EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "stores" / "vendure"


def test_the_example_runs_as_its_readme_says(tmp_path: Path) -> None:
    """Every `$ ` line in order, and every line that is shown below it. Only the installation is that of the other tests:
    from the same lock file, by the same commands, and the server has a port of its own."""
    folder = tmp_path / "vendure"
    left = shutil.ignore_patterns("node_modules", "*.sqlite*", "vendure.*", ".acorn")
    shutil.copytree(EXAMPLE, folder, ignore=left)
    (folder / "server" / "node_modules").symlink_to(installed() / "node_modules")
    port = str(free_port())
    project = folder / "acorn.yaml"
    project.write_text(project.read_text().replace(":3000/", f":{port}/"))
    text = (folder / "README.md").read_text()
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    steps = [s.split("\n") for block in blocks for s in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    assert steps[0][0].startswith("(cd server && npm ci")
    environ = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "ACORN_NOW": "2026-11-23T09:00:00Z",
        "PORT": port,
    }
    try:
        for command, *shown in steps[1:]:
            if command.startswith("export "):
                name, _, value = command.removeprefix("export ").partition("=")
                environ[name] = value
                continue
            with (tmp_path / "out").open("wb") as out:
                done = subprocess.run(
                    ["bash", "-c", command],
                    cwd=folder,
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    timeout=180,
                    check=False,
                )
            said = (tmp_path / "out").read_text()
            assert done.returncode == 0, f"$ {command}\n{said}"
            lines = [line.rstrip() for line in said.split("\n")]
            for line in shown:
                assert line.rstrip() in lines or line.strip() in ("", "…"), f"$ {command}\n{said}"
    finally:
        pid = folder / "server" / "vendure.pid"
        if pid.exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid.read_text()), signal.SIGTERM)
