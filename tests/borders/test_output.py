"""What is said changes nothing of what is done: a reader that goes away, a disk that is full, a folder that may not be written, a
terminal that would obey."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acorn_gitops.confine.text import OWN, Output, Redacted, cell, harmless, safe, uncell
from tests.repository import Repository, sku, storefront

ACORN = [sys.executable, "-m", "acorn_gitops"]
MANY = [storefront(), *(sku(f"SKU-{n:04}", "10.00") for n in range(1200))]


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "r", *MANY)


def _gone_reader(made: Repository, *arguments: str, stdout: bool, stderr: bool) -> int:
    """Run with a reader that takes one byte and goes away."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [*ACORN, *arguments],
        cwd=made.path,
        stdout=writing if stdout else subprocess.DEVNULL,
        stderr=writing if stderr else subprocess.DEVNULL,
    )
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    return process.wait(60)


@pytest.mark.parametrize(
    ("stdout", "stderr", "saved"),
    [(False, True, False), (True, True, False), (True, False, False), (False, True, True)],
    ids=["progress", "everything", "the result", "progress of a saved plan"],
)
def test_an_apply_whose_reader_goes_away_is_done(
    stdout: bool, stderr: bool, saved: bool, made: Repository
) -> None:
    """Every write is made, seen and recorded, and the exit code says so."""
    arguments = ["apply", "--auto-approve"]
    if saved:
        assert made.run("plan", "--out", "p.acorn.json").code == 0
        arguments = ["apply", "p.acorn.json"]
    assert _gone_reader(made, *arguments, stdout=stdout, stderr=stderr) == 0
    assert len(made.live()) == 1201
    assert "complete" not in made.run("plan").err
    assert made.plan()["changes"] == []


@pytest.mark.parametrize(
    "arguments", [("plan",), ("plan", "-o", "json"), ("validate",), ("rules",), ("history",)]
)
def test_a_result_whose_reader_has_enough_is_no_error(arguments: tuple[str, ...], made: Repository) -> None:
    """`| head`: the exit code means what it means otherwise."""
    assert _gone_reader(made, *arguments, stdout=True, stderr=False) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk on this system")
@pytest.mark.parametrize("arguments", [("plan",), ("apply", "--auto-approve"), ("validate",)])
def test_a_result_that_a_full_disk_took_is_told(arguments: tuple[str, ...], made: Repository) -> None:
    """What was to be done is done; that its result is lost is an error, in words."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*ACORN, *arguments], cwd=made.path, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert "the output could not be written" in done.stderr
    assert "Traceback" not in done.stderr
    if arguments[0] == "apply":
        assert len(made.live()) == 1201


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk on this system")
def test_progress_that_a_full_disk_took_is_nothing(made: Repository) -> None:
    """Only what was to be seen on the way is lost."""
    with Path("/dev/full").open("w") as full:
        arguments = [*ACORN, "apply", "--auto-approve"]
        done = subprocess.run(arguments, cwd=made.path, stdout=subprocess.DEVNULL, stderr=full, check=False)
    assert done.returncode == 0
    assert len(made.live()) == 1201


# -- terminals -----------------------------------------------------------------------------------------------


def _on_a_terminal(folder: Path, *arguments: str, **environ: str) -> bytes:
    """What a command sends to a real terminal."""
    child, terminal = pty.fork()
    if not child:
        os.chdir(folder)
        os.environ.update({"TERM": "xterm-256color", "FORCE_COLOR": "1", **environ})
        os.environ.pop("NO_COLOR", None)
        os.execv(sys.executable, [*ACORN, *arguments])
    said, until = b"", time.monotonic() + 60
    while time.monotonic() < until:
        if not select.select([terminal], [], [], 0.5)[0]:
            continue
        try:
            part = os.read(terminal, 65_536)
        except OSError:
            break
        if not part:
            break
        said += part
    os.waitpid(child, 0)
    os.close(terminal)
    return said


EVIL = "\x1b[2J\x1b]0;pwned\x07\x9b31m"


@pytest.mark.parametrize(
    "arguments",
    [
        ("history",), ("state", "list"), ("plan", "--env", EVIL), ("plan", "--select", EVIL), (EVIL,), ("show", EVIL),
        ("explain", EVIL), ("plan", "--out", f"{EVIL}/x"), ("price", "--sku", EVIL), ("access", "--who", EVIL),
    ],
    ids=lambda a: a[0] if a[0] != EVIL else "a verb",
)  # fmt: skip
def test_a_terminal_obeys_acorn_alone(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Colours are acorn's; everything foreign (actor, arguments, names) is shown and has no effect."""
    made = Repository(tmp_path / "r", storefront(), sku())
    subprocess.run(
        [*ACORN, "apply", "--auto-approve"],
        cwd=made.path,
        env={**os.environ, "ACORN_ACTOR": f"eve{EVIL}\nroot  apply.end"},
        check=True,
        capture_output=True,
    )
    said = _on_a_terminal(made.path, *arguments)
    assert said
    assert b"\x1b]" not in said
    assert b"\x1b[2J" not in said
    assert b"\x07" not in said
    assert b"\nroot  apply.end" not in said.replace(b"\r\n", b"\n")


def test_colours_still_reach_a_terminal(tmp_path: Path) -> None:
    """The guard does not take them away."""
    made = Repository(tmp_path / "r", storefront(), sku())
    assert b"\x1b[32m" in _on_a_terminal(made.path, "plan")


def test_foreign_text_cannot_imitate_acorns_own_sequences() -> None:
    """What begins a sequence is a secret of the process, made anew in each."""
    assert harmless(f"{OWN}31mred{OWN}0m") == "\x1b[31mred\x1b[0m"
    assert "\x1b" not in harmless("\x1b[31mred\x1b[0m \x1b" + "0" * 16 + "[31m")
    code = "from acorn_gitops.confine.text import OWN; print(OWN.encode().hex())"
    made = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(2)
    }
    assert len(made) == 2


@pytest.mark.parametrize("text", ["a\nb", "a\x1b[2J", "a\u202eb", "a\x9bb", "a\u2028b", "a\u200bb", "\ud800"])
def test_safe_text_is_one_visible_line(text: str) -> None:
    """For names and values inside a line."""
    shown = safe(text)
    assert shown.isprintable()
    assert "\n" not in shown


def test_secrets_are_taken_out_however_they_are_spelt() -> None:
    """As they are, and with JSON's escapes; short ones are left, as they are in any text by chance."""
    redacted = Redacted(["s3cret-token", "x"])
    for body in (
        b'{"a": "Bearer s3cret-token"}',
        b'{"a": "\\u0073\\u0033cret\\u002dtoken", "s3cret-token": [1, "s3cret-token"]}',
    ):
        assert b"s3cret" not in redacted.content(body)
    assert redacted.content(b"x marks") == b"x marks"
    assert redacted.text("Bearer s3cret-token") == "Bearer (secret)"


def test_secrets_are_taken_out_of_addresses_and_html() -> None:
    """Servers repeat addresses and put what they say into pages."""
    redacted = Redacted(["a/b+c==&<x>"])
    for body in (b"/x?t=a%2Fb%2Bc%3D%3D%26%3Cx%3E", b"t=a%2fb%2bc%3d%3d%26%3cx%3e", b"a/b+c==&amp;&lt;x&gt;"):
        assert redacted.content(body).endswith(b"(secret)")
        assert redacted.text(body.decode()).endswith("(secret)")


def test_a_lost_stream_is_dropped_once() -> None:
    """After the first failure nothing more is tried, and nothing raises."""

    class Broken:
        tries = 0

        def write(self, text: str) -> int:
            self.tries += 1
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

    stream = Broken()
    output = Output(stream)  # type: ignore[arg-type]
    output.writelines(["a", "b", "c"])
    output.flush()
    assert stream.tries == 1
    assert isinstance(output.lost, BrokenPipeError)


OBEYED = [
    "::error file=x::hello",
    "  ::stop-commands::x",
    "##[error]x",
    "a ##[group]b",
    "##vso[task.x]",
    "##teamcity[x]",
]


@pytest.mark.parametrize("line", OBEYED)
def test_a_ci_runner_obeys_nobody_but_its_workflow(line: str) -> None:
    """GitHub Actions, Azure Pipelines and TeamCity take commands out of a log: what is said in a spec is none."""
    shown = harmless(f"before\n{line}\nafter")
    assert not re.search(r"^\s*::|##[a-z]*\[", shown, re.MULTILINE)
    assert harmless("amz-de::x, ## heading, a [b]") == "amz-de::x, ## heading, a [b]"


CELLS = [
    "=1+1",
    "+cmd",
    "-x",
    "@SUM(1)",
    "\t=1",
    "'=1",
    "''@x",
    "-5",
    "+1,50",
    "12 %",
    "plain",
    "'tis",
    "",
    "x;=1+1",
    "x;;'@SUM(1);-2",
    "'=1;=2",
    ";+1",
]


@pytest.mark.parametrize("text", CELLS)
def test_cells_come_back_as_they_were(text: str) -> None:
    """Whatever a spreadsheet would run is text for it, and comes back unchanged; numbers stay numbers."""
    assert uncell(cell(text)) == text
    assert not re.match(r"[=@\t]|[+-](?![0-9])", cell(text))
    assert not re.search(r";[=@\t+-]", cell(text)), "commas are decimal there, and semicolons end cells"


@given(st.text(alphabet="';=+-@a1\t,", max_size=12))
def test_any_cell_comes_back_as_it_was(text: str) -> None:
    assert uncell(cell(text)) == text
