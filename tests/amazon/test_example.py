"""The Amazon example runs as its README says, on the emulator that its first line starts."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "stores" / "amazon"


def _free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def test_the_example_runs_as_its_readme_says(tmp_path: Path) -> None:
    """Every `$ ` line in order, and every line that is shown below it; the emulator has a port of its own."""
    folder = tmp_path / "amazon"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".acorn", "evidence", "emulator.*"))
    port = _free_port()
    project = folder / "acorn.yaml"
    project.write_text(project.read_text().replace(":8766", f":{port}"))
    text = (folder / "README.md").read_text()
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    steps = [s.split("\n") for block in blocks for s in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    environ = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "ACORN_NOW": "2026-11-23T09:00:00Z",
        "EMULATOR": f"http://127.0.0.1:{port}",
    }
    try:
        for command, *shown in steps:
            if command.startswith("export "):
                name, _, value = command.removeprefix("export ").partition("=")
                environ[name] = value
                continue
            command = command.replace("acorn-sp-api ", f"acorn-sp-api --port {port} ")
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
            for line in shown:
                assert not line.strip() or line == "…" or line in said, f"$ {command}\n{line}\n---\n{said}"
    finally:
        with suppress(FileNotFoundError, ValueError, ProcessLookupError):
            os.kill(int((folder / "emulator.pid").read_text()), signal.SIGTERM)
