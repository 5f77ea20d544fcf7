"""A full run on an embedded marketplace, faults included. Comes in: a workspace. Goes out: a record that
proves these specs. Callers: `Workspace.rehearse`, cli `rehearse`.

The specs are copied, every connection becomes an embedded marketplace, and the same functions run that the
commands call. The real marketplaces are not touched, nor is their ledger. What the record proves is its
digests: apply in an environment with `policies.rehearsal: required` asks for them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from acorn_gitops.confine.files import replace, writable
from acorn_gitops.confine.paths import Escape, inside
from acorn_gitops.model.finding import AcornError, InvalidSpecs
from acorn_gitops.plan.verdict import verdict_on
from acorn_gitops.reconcile.applying import ApplyRequest, apply
from acorn_gitops.reconcile.drifting import drift
from acorn_gitops.reconcile.exporting import ExportRequest, export
from acorn_gitops.reconcile.planning import plan
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.rules.rehearsal import content_digest, form_digest, record_file
from acorn_gitops.sandbox.database import Database
from acorn_gitops.sandbox.disturb import at_random
from acorn_gitops.specs.edit import written

_LEFT_OUT: Final = ("ACORN_ENV", "ACORN_LEDGER_BRANCH", "GITLAB_USER_LOGIN", "GITHUB_ACTOR")
"""Variables that mean the real environment: a rehearsal chooses its own, and its ledger goes nowhere."""
DISTURBED: Final = 3
"""Listings that somebody changes outside, in each marketplace."""
SEED: Final = 7


class Step(NamedTuple):
    """One scenario and how it went."""

    name: str
    passed: bool
    words: str
    """What went wrong; empty where it passed."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """How it went."""

    steps: Sequence[Step]
    file: Path
    """Where the record lies."""
    record: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether every scenario went well."""
        return all(step.passed for step in self.steps)


def rehearse(
    workspace: Workspace, folder: Path | None = None, told: Callable[[Step], None] | None = None
) -> Rehearsed:
    """Go through everything once, and write the record to a folder (`evidence` at the root where none is
    named). `told`: each scenario, as it ends; the first that fails is the last. InvalidSpecs where the specs
    are wrong: then there is no record."""
    workspace.refuse_untrusted("rehearse")
    loaded, _ = workspace.checked()
    config = loaded.configuration
    target = (folder or workspace.root / "evidence") / Path(record_file(config.environment)).name
    writable(target, workspace.root, anywhere=True)
    steps: list[Step] = []
    with tempfile.TemporaryDirectory(prefix="acorn-rehearsal-") as name:
        stage = Path(name)
        _copy(workspace.root, stage, loaded.project.raw.data, environment=config.environment)
        rehearsed = _Stage(workspace, stage, frozenset(loaded.files))
        for step in scenarios(rehearsed, sorted(config.connections)):
            steps.append(step)
            if told is not None:
                told(step)
            if not step.passed:
                break
    record = {
        "format_version": "1.0",
        "environment": config.environment,
        "at": workspace.stamp(),
        "by": workspace.actor(),
        "result": "passed" if all(step.passed for step in steps) else "failed",
        "digest": content_digest(config),
        "form": form_digest(config),
        "marketplace": "embedded",
        "scenarios": [{"name": s.name, "passed": s.passed} for s in steps],
    }
    content = orjson.dumps(record, option=orjson.OPT_INDENT_2) + b"\n"
    replace(target, content, root=workspace.root, anywhere=True)
    return Rehearsed(steps, target, record)


def _copy(root: Path, stage: Path, project: dict[str, Any], environment: str) -> None:
    """The repository's own files, with every connection embedded. Access, budgets, signatures and the
    rehearsal itself are no part of it: an empty marketplace is filled at once."""
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
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            # Links are copied as links: what they lead to is no part of the repository, and reading refuses
            # them.
            shutil.copytree(source, target, symlinks=True, ignore=_left_out, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)
    spec["connections"] = {n: {"adapter": "network", "url": f"sandbox:{n}"} for n in spec["connections"]}
    chosen = {
        k: v for k, v in (spec["environments"][environment] or {}).items() if k in ("overlays", "policies")
    }
    asked = {"access", "budgets", "rehearsal", "signedCommits"}
    if chosen.get("policies"):
        chosen["policies"] = {k: v for k, v in chosen["policies"].items() if k not in asked}
    if spec.get("policies"):
        spec["policies"] = {k: v for k, v in spec["policies"].items() if k not in asked}
    spec["waivers"] = [w for w in spec.get("waivers") or () if w["rule"][:4] != "BUD-"] or None
    spec["environments"] = {environment: chosen}
    spec["defaultEnvironment"] = environment
    spec = {k: v for k, v in spec.items() if v is not None}
    (stage / "acorn.yaml").write_text(written([{**project, "spec": spec}]), encoding="utf-8")


def _left_out(folder: str, names: Sequence[str]) -> set[str]:
    """What is hidden, or neither file nor folder: nothing of that is read as a spec."""
    here = Path(folder)
    return {
        name
        for name in names
        if name.startswith(".")
        or not ((here / name).is_symlink() or (here / name).is_file() or (here / name).is_dir())
    }


class _Stage:
    """A copy of the repository with embedded marketplaces, and what is done there. `files`: those of which
    the specs consist."""

    def __init__(self, workspace: Workspace, root: Path, files: frozenset[str]) -> None:
        self._workspace, self._root, self._files = workspace, root, files

    def workspace(self) -> Workspace:
        """Opened anew for each step, as another process would."""
        given = self._workspace.environ.items()
        environ = {k: v for k, v in given if k not in _LEFT_OUT} | {"ACORN_ACTOR": "rehearsal"}
        return Workspace(
            self._root, environ=environ, clock=self._workspace.clock, pause=self._workspace.pause
        )

    def lose_an_answer(self, connection: str) -> None:
        """The marketplace will do what it is told next, and say nothing."""
        self._database(connection, lambda database: database.add_fault("lost", "POST *", 1, {}))

    def disturb(self, connection: str) -> bool:
        """Somebody changes listings by hand. Whether there were any."""
        return bool(self._database(connection, lambda database: at_random(database, DISTURBED, SEED)))

    def _database(self, connection: str, act: Callable[[Database], object]) -> object:
        database = Database(self.workspace().sandbox_path(f"sandbox:{connection}"))
        try:
            return act(database)
        finally:
            database.close()

    def validated(self) -> str:
        """Why the copied specs are wrong; empty where they are not."""
        try:
            loaded, _ = self.workspace().checked()
        except InvalidSpecs as error:
            return _words(error)
        other = sorted(self._files.symmetric_difference(loaded.files))
        return f"the copy does not hold the same files: {', '.join(other[:5])}" if other else ""

    def applied(self) -> str:
        """Why not everything was applied and seen; empty where it was."""
        try:
            done = apply(self.workspace(), ApplyRequest())
        except AcornError as error:
            return _words(error)
        if done.complete and done.unsent is None:
            return ""
        bad = [(c, o) for c, o in done.outcomes if o.status != "observed"]
        return "; ".join(f"{c.address}: {o.status} {o.message}" for c, o in bad[:5]) or "it was not finished"

    def unchanged(self) -> str:
        """What a plan would change, or why it cannot be carried out; empty where there is nothing to do."""
        try:
            found = plan(self.workspace())
        except AcornError as error:
            return _words(error)
        if verdict_on(found).code:
            return verdict_on(found).words
        return ", ".join(f"{c.action} {c.address}" for c in found.changes[:5])

    def drifted(self) -> str:
        """Why nothing was found; empty where drift was."""
        try:
            report = drift(self.workspace())
        except AcornError as error:
            return _words(error)
        if report.errors:
            return "; ".join(f"{store}: {why}" for store, why in report.errors.items())
        return "nothing was found" if report.clean else ""

    def exported(self) -> str:
        """What was exported wrongly; empty where everything reads back."""
        try:
            done = export(self.workspace(), ExportRequest(self._root / "left", drill=True))
        except AcornError as error:
            return _words(error)
        return "; ".join((done.drill or ())[:5])


def scenarios(stage: _Stage, connections: Sequence[str]) -> Iterator[Step]:
    """One after the other; each is what somebody will do in earnest."""
    yield _step("The specs are valid", stage.validated())
    for connection in connections:
        stage.lose_an_answer(connection)
    if stage.applied():
        again = stage.applied()  # an answer was lost: the next run finds what was done
    else:
        again = ""
    yield _step("Everything is applied, although an answer is lost on the way", again)
    yield _step("Planned again, nothing is left to do", stage.unchanged())
    disturbed = [stage.disturb(connection) for connection in connections]
    if any(disturbed):
        yield _step("What somebody changes outside is found", stage.drifted())
        yield _step("It is put back", stage.applied())
        yield _step("Nothing is changed any more", stage.unchanged())
    yield _step("Leaving is possible: everything is exported, and reads back", stage.exported())


def _step(name: str, wrong: str) -> Step:
    return Step(name, not wrong, wrong[:600])


def _words(error: AcornError) -> str:
    """An error with what it found, for one line."""
    findings = [f"{f.id} {f.message}" for f in error.findings if f.severity == "error"]
    return "; ".join([error.message, *findings[:3]])
