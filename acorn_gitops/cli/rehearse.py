"""`acorn rehearse`. Comes in: the specs of an environment. Goes out: a record of a full run on the embedded marketplace, faults
included. The real marketplaces are not touched, nor is their ledger.

The specs are copied, every connection becomes an embedded marketplace, and the same commands run that CI runs. What the
record proves is its digests: apply in an environment with `policies.rehearsal: required` asks for them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from acorn_gitops.cli.session import Session, output, shared

_QUIET: Final = ("ACORN_ENV", "ACORN_ROOT", "ACORN_OUTPUT", "ACORN_SELECT", "ACORN_DEBUG", "FORCE_COLOR")


class Step(NamedTuple):
    """One scenario and how it went."""

    name: str
    passed: bool
    words: str


@click.command("rehearse")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the record is written. Default: evidence, at the root.",
)
@shared
@output("text", "json")
def command(
    folder: Path | None, environment: str | None, root: Path | None, no_color: bool, output: str
) -> int:
    """Go through everything once, on an embedded marketplace: apply with a lost answer, plan again, drift, repair, leave. Writes
    a record that proves these specs. Exit 1 when a scenario fails."""
    import orjson

    from acorn_gitops.confine.files import replace, writable
    from acorn_gitops.rules.rehearsal import content_digest, form_digest, record_file

    session = Session(root, environment, no_color)
    loaded, _ = session.checked()
    config = loaded.configuration
    target = (folder or session.root / "evidence") / Path(record_file(config.environment)).name
    writable(target, session.root, anywhere=True)
    steps: list[Step] = []
    with tempfile.TemporaryDirectory(prefix="acorn-rehearsal-") as name:
        stage = Path(name)
        _copy(session.root, stage, loaded.project.raw.data, config.environment)
        for step in _scenarios(stage, sorted(config.connections)):
            steps.append(step)
            if output == "text":
                mark = session.pen("✓", "green") if step.passed else session.pen("failed", "red")
                click.echo(f"{mark} {step.name}" + (f": {step.words}" if step.words else ""))
            if not step.passed:
                break
    passed = all(step.passed for step in steps)
    record = {
        "format_version": "1.0",
        "environment": config.environment,
        "at": session.stamp(),
        "by": session.actor(),
        "result": "passed" if passed else "failed",
        "digest": content_digest(config),
        "form": form_digest(config),
        "marketplace": "embedded",
        "scenarios": [{"name": s.name, "passed": s.passed} for s in steps],
    }
    replace(
        target, orjson.dumps(record, option=orjson.OPT_INDENT_2) + b"\n", root=session.root, anywhere=True
    )
    if output == "json":
        click.echo(orjson.dumps(record, option=orjson.OPT_INDENT_2).decode())
    else:
        verdict = session.pen("Passed", "green") if passed else session.pen("Failed", "red")
        click.echo(
            f"{verdict}: {len(steps)} scenarios; the record is {_shown(target, session.root)}. Commit it."
        )
    return 0 if passed else 1


def _shown(path: Path, root: Path) -> str:
    try:
        return path.resolve().relative_to(root).as_posix()
    except ValueError:
        return str(path)


def _copy(root: Path, stage: Path, project: dict[str, Any], environment: str) -> None:
    """The repository's own files, with every connection embedded. Access, budgets and the rehearsal itself are no part of it:
    an empty marketplace is filled at once."""
    from acorn_gitops.confine.paths import Escape, inside
    from acorn_gitops.specs.edit import written

    spec = dict(project["spec"])
    wanted = [
        *spec["specs"],
        *(o for e in spec["environments"].values() for o in (e or {}).get("overlays") or ()),
    ]
    wanted += [
        spec.get("facts") or "facts",
        *(spec.get("customRules") or ["policies"]),
        *(spec.get("productTypes") or {}).values(),
    ]
    for name in dict.fromkeys(wanted):
        target = stage / name
        try:
            source = inside(root, name, folder=True)
        except (Escape, FileNotFoundError):
            continue
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            # Links are copied as links: what they lead to is no part of the repository, and reading refuses them.
            shutil.copytree(
                source, target, symlinks=True, ignore=shutil.ignore_patterns(".*", "node_modules"),
                dirs_exist_ok=True,
            )  # fmt: skip
        else:
            shutil.copy2(source, target)
    spec["connections"] = {n: {"adapter": "network", "url": f"sandbox:{n}"} for n in spec["connections"]}
    chosen = {
        k: v for k, v in (spec["environments"][environment] or {}).items() if k in ("overlays", "policies")
    }
    asked = {"access", "budgets", "rehearsal"}
    if chosen.get("policies"):
        chosen["policies"] = {k: v for k, v in chosen["policies"].items() if k not in asked}
    if spec.get("policies"):
        spec["policies"] = {k: v for k, v in spec["policies"].items() if k not in asked}
    spec["waivers"] = [w for w in spec.get("waivers") or () if w["rule"][:4] != "BUD-"] or None
    spec["environments"] = {environment: chosen}
    spec["defaultEnvironment"] = environment
    spec = {k: v for k, v in spec.items() if v is not None}
    (stage / "acorn.yaml").write_text(written([{**project, "spec": spec}]), encoding="utf-8")


def _scenarios(stage: Path, connections: list[str]) -> Iterator[Step]:
    """One after the other; each is what somebody will do in earnest."""
    environ = {k: v for k, v in os.environ.items() if k not in _QUIET} | {
        "ACORN_ACTOR": "rehearsal",
        "NO_COLOR": "1",
    }

    def acorn(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "acorn_gitops", *arguments],
            cwd=stage,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, (done.stderr or done.stdout).strip()

    def expect(name: str, code: int, *arguments: str) -> Step:
        got, said = acorn(*arguments)
        words = (
            ""
            if got == code
            else f"`acorn {' '.join(arguments)}` ended with {got}, not {code}: {said[-600:]}"
        )
        return Step(name, got == code, words)

    yield expect("The specs are valid", 0, "validate")
    for name in connections:
        acorn("sandbox", "fault", "--name", name, "lost", "POST *", "--times", "1")
    first, said = acorn("apply", "--auto-approve")
    interrupted = first != 0
    again, more = acorn("apply", "--auto-approve") if interrupted else (0, "")
    yield Step(
        "Everything is applied, although an answer is lost on the way",
        again == 0 and first in (0, 1, 3),
        ""
        if again == 0 and first in (0, 1, 3)
        else f"apply ended with {first}, then {again}: {(more or said)[-600:]}",
    )
    yield expect("Planned again, nothing is left to do", 0, "plan", "--detailed-exitcode")
    disturbed = False
    for name in connections:
        disturbed = (
            acorn("sandbox", "disturb", "--name", name, "--random", "3", "--seed", "7")[0] == 0 or disturbed
        )
    if disturbed:
        yield expect("What somebody changes outside is found", 2, "drift", "--detailed-exitcode")
        yield expect("It is put back", 0, "apply", "--auto-approve")
        yield expect("Nothing is changed any more", 0, "plan", "--detailed-exitcode")
    yield expect(
        "Leaving is possible: everything is exported, and reads back", 0, "export", "left", "--drill"
    )
