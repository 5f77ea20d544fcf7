"""`acorn ci`. Comes in: a job of a forge, and a repository. Goes out: what `plan`, `apply` and `drift` do,
told in every way that the forge can show. A way that fails is a warning, and never changes the exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from acorn_gitops.cli import plan_place
from acorn_gitops.cli.plan_place import Place, place_of
from acorn_gitops.cli.session import Session, select, shared
from acorn_gitops.model.finding import AcornError, Finding

if TYPE_CHECKING:
    from acorn_gitops.forge.protocol import Forge, Remark
    from acorn_gitops.plan.document import Plan
    from acorn_gitops.plan.drift import DriftReport
    from acorn_gitops.report.metrics import Sample

PARTLY: Final = 3
"""The exit code of an apply that left something undone."""
STATUS: Final = "acorn/plan"
LABEL: Final = "acorn-drift"
SUMMARY: Final = 1_000_000
"""Bytes of a step's summary; GitHub takes 1 MiB."""

reports = click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the reports of this command there: JUnit, SARIF, code quality, counts, pages. On GitLab: .acorn/reports.",
)
quiet = click.option("--no-comment", is_flag=True, help="Neither comment nor set a status at the forge.")


@click.group("ci")
def command() -> None:
    """What a pipeline runs: plan a change, apply what was merged, look for drift.

    The forge is known by its variables (GitHub Actions, GitLab CI); elsewhere reports are files. A comment
    needs a token: GITHUB_TOKEN, ACORN_GITLAB_TOKEN, or ACORN_FORGE_TOKEN.
    """


@command.command("plan")
@shared
@select
@click.option(
    "--out",
    callback=place_of,
    default="plan.acorn.json",
    show_default=True,
    metavar="FILE",
    help="Save the plan, for `acorn ci apply FILE`. Also s3://BUCKET/KEY.",
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are changes.")
@reports
@quiet
def plan_command(
    environment: str | None,
    root: Path | None,
    no_color: bool,
    selected: tuple[str, ...],
    out: Place,
    detailed_exitcode: bool,
    reports: Path | None,
    no_comment: bool,
) -> int:
    """Check the specs, bring the ledger, plan, and tell it beside the change: log, summary, annotations,
    reports, one comment, a status."""
    from acorn_gitops.cli.plan import exit_code, rendered
    from acorn_gitops.reconcile.planning import PlanRequest
    from acorn_gitops.reconcile.planning import plan as planned

    session = Session(root, environment, no_color)
    told = _Told(session, reports, silent=no_comment)
    try:
        plan_place.check(out, session.root)
        _bring_ledger(session)
        plan = planned(session, PlanRequest(selected))
        plan_place.save(plan, out, session.root)
    except AcornError as error:
        told.no_plan(error, session.environment or "")
        raise
    click.echo(rendered(plan, "text", session, verbose=True), nl=False)
    session.say(f"saved: {out} ({plan.id[:12]})")
    told.plan(plan)
    return exit_code(plan, detailed_exitcode)


@command.command("apply")
@click.argument("plan_file", required=False, callback=place_of)
@shared
@reports
@quiet
@click.pass_context
def apply_command(
    context: click.Context,
    plan_file: Place | None,
    environment: str | None,
    root: Path | None,
    no_color: bool,
    reports: Path | None,
    no_comment: bool,
) -> int:
    """Apply what was merged: the saved plan PLAN_FILE exactly, or what is planned now. Refused elsewhere than
    on the newest commit of the default branch, or with files that are not committed."""
    from acorn_gitops.cli.apply import command as apply
    from acorn_gitops.reconcile.upstream import refuse_unmerged

    session = Session(root, environment, no_color)
    told = _Told(session, reports, silent=no_comment)
    refuse_unmerged(session)
    code = 1
    try:
        given: dict[str, object] = {
            "environment": environment, "root": root, "no_color": no_color, "plan_file": plan_file,
            "auto_approve": True, "lock_timeout": 300.0, "committed": True,
        }  # fmt: skip
        code = int(context.invoke(apply, **given))
        if code == PARTLY:
            told.ended_rollout()
    except AcornError as error:
        code = error.exit_code
        raise
    finally:
        told.applied(code)
    return code


@command.command("drift")
@shared
@select
@click.option(
    "--fix",
    type=click.Choice(["adopt"]),
    help="Propose the live values as specs, in one request that is kept up to date.",
)
@reports
@quiet
def drift_command(
    environment: str | None,
    root: Path | None,
    no_color: bool,
    selected: tuple[str, ...],
    fix: str | None,
    reports: Path | None,
    no_comment: bool,
) -> int:
    """Look for what was changed outside, and tell it: log, summary, JUnit, one issue that is kept up to date
    and closed when the drift is gone; with --fix adopt a request with the specs as the stores are. Exit 2 for
    drift."""
    from acorn_gitops.reconcile.drifting import DriftRequest, drift
    from acorn_gitops.report.drift import drift_text
    from acorn_gitops.report.text import findings_text

    session = Session(root, environment, no_color)
    told = _Told(session, reports, silent=no_comment)
    _bring_ledger(session)
    found = drift(session, DriftRequest(selected))
    click.echo(drift_text(found, session.pen), nl=False)
    if found.findings:
        click.echo("\n" + findings_text(found.findings, session.pen), nl=False)
    told.drift(found)
    told.alerts(found)
    if fix and found.drifted and not found.unknown:
        told.adopt(found)
    return _code_of(found)


def _code_of(found: DriftReport) -> int:
    """1 where it cannot be known, 2 for drift."""
    if found.errors or found.unknown:
        return 1
    return 0 if found.clean else 2


def _bring_ledger(session: Session) -> None:
    """Where ledgers are kept on a branch, the newest one is here before anything is compared."""
    from acorn_gitops.reconcile.ledger_branch import bring_kept

    if kept := bring_kept(session):
        branch, brought = kept
        there = f"serial {brought.serial}" if brought.there else "none yet"
        session.say(f"ledger of {branch}: {there}")


class _Told:
    """Everything that a job says besides its log. What cannot be said is told as a warning."""

    def __init__(self, session: Session, reports: Path | None, *, silent: bool) -> None:
        from acorn_gitops.confine.git import find
        from acorn_gitops.forge.job import job_of

        self._session = session
        self._job = job_of(session.environ)
        self._reports = reports or (
            session.root / ".acorn" / "reports" if self._job.host == "gitlab" else None
        )
        self._silent = silent
        repository = find(session.root)
        top = repository.top if repository is not None else session.root
        folder = session.root.relative_to(top).as_posix() if session.root.is_relative_to(top) else ""
        self._folder = "" if folder == "." else folder

    def plan(self, plan: Plan) -> None:
        """A plan, with all that was found about it."""
        from acorn_gitops.cli.plan import page
        from acorn_gitops.plan.verdict import verdict_on
        from acorn_gitops.report import metrics
        from acorn_gitops.report.annotations import terraform_counts
        from acorn_gitops.report.comment import comment, summary
        from acorn_gitops.report.markdown import plan_markdown

        self._findings(plan.findings, "acorn.plan")
        self._file("gl-acorn.json", terraform_counts(plan))
        self._file("plan.md", plan_markdown(plan, verbose=True))
        self._file("plan.html", page(plan, self._session.environ.get("ACORN_LANGUAGE", "en")))
        self._summary(plan_markdown(plan))
        self._links(f"Plan: {summary(plan)}")
        code = verdict_on(plan).code
        self._outputs(
            {
                "plan-id": plan.id,
                "has-changes": str(bool(plan.changes)).lower(),
                "verdict": str(code),
                "summary": summary(plan),
            }
        )

        def write(forge: Forge, before: Remark | None) -> str:
            approvals = [
                (one.by, "; ".join(filter(None, (self._when(one.commit), one.doubt))))
                for one in forge.approvals(self._job.request)
            ]
            return comment(
                plan, before=before.body if before else "", approvals=approvals, link=self._job.link
            )

        self._metrics("plan", plan.environment, code, metrics.of_plan(plan))
        self._comment(plan.environment, write, needed=bool(plan.changes or code))
        self._status("failure" if code else "success", summary(plan))

    def _when(self, commit: str) -> str:
        """For which other commit than this one somebody approved, in words."""
        if not commit:
            return "the forge does not say for which commit"
        return "" if commit == self._job.commit else "for an older commit"

    def no_plan(self, error: AcornError, environment: str) -> None:
        """That there is no plan, and why."""
        from acorn_gitops.report.annotations import terraform_counts
        from acorn_gitops.report.comment import failed

        name = environment or _default_environment(self._session)
        findings = [*error.findings] or [Finding(error.id, "error", error.message, hint=error.hint or "")]
        self._findings(findings, "acorn.plan")
        self._file("gl-acorn.json", terraform_counts(None))
        link = self._job.link
        self._summary(failed(name, words=error.message, findings=findings, link=link))

        def write(forge: Forge, before: Remark | None) -> str:
            said = before.body if before else ""
            return failed(name, words=error.message, findings=findings, before=said, link=link)

        self._comment(name, write, needed=True)
        self._status("failure", error.message)

    def applied(self, code: int) -> None:
        """How an apply ended."""
        words = {0: "applied", 3: "partly applied", 130: "interrupted"}.get(
            code, f"not applied (exit code {code})"
        )
        self._outputs({"exit-code": str(code)})
        self._metrics("apply", self._session.environment or _default_environment(self._session), code, [])
        self._summary(f"### acorn apply — **{words}**\n")

    def ended_rollout(self) -> None:
        """Where a rollout ended before all stores were written: a request to go back to what was applied as a
        whole. Nothing is decided by it: the same plan can go on once its cause is mended."""
        from acorn_gitops.reconcile.rolling_back import RollbackRequest, propose_rollback

        session = self._session
        with session.ledger() as ledger:
            phases, last = ledger.unsoaked(), ledger.last_whole()
        if not phases or not last:
            return
        reason = f"a rollout ended after {', '.join(sorted(phases))}"
        try:
            made = propose_rollback(session, RollbackRequest(last, reason, session.actor()))
        except AcornError as error:
            self._warn(f"no way back was proposed: {error.message}")
            return
        session.say(f"{made.branch}: the specs of {last[:10]}, and a hold on {made.bad[:10]}")

        from acorn_gitops.report.rollout import rollback_markdown

        body = rollback_markdown(reason, made.bad, last, link=self._job.link)
        self._at_forge(lambda forge: self._ask(forge, made.branch, f"acorn: go back to {last[:10]}", body))

    def _ask(self, forge: Forge, branch: str, title: str, body: str) -> None:
        """One request for a branch, written over where it says something else."""
        over = forge.open_request(branch)
        if over is not None and over.body.rstrip() == body.rstrip():
            return
        base = self._job.default_branch or "main"
        self._session.say(f"request: {forge.request(branch, base, title=title, body=body, over=over)}")

    def drift(self, found: DriftReport) -> None:
        """Drift, in reports and in one issue."""
        from acorn_gitops import __version__
        from acorn_gitops.report import metrics
        from acorn_gitops.report.drift import drift_junit, drift_markdown
        from acorn_gitops.report.html import drift_html

        self._file("acorn-drift.xml", drift_junit(found))
        self._file("drift.md", drift_markdown(found))
        made_at = self._session.stamp()
        self._file("drift.html", drift_html(found, version=__version__, made_at=made_at))
        self._metrics("drift", found.environment, _code_of(found), metrics.of_drift(found))
        self._summary(drift_markdown(found))
        self._outputs({"drifted": str(found.drifted)})
        self._at_forge(lambda forge: self._issue(forge, found))

    def _issue(self, forge: Forge, found: DriftReport) -> None:
        from acorn_gitops.report.drift import drift_markdown, drift_marker

        marker = drift_marker(found.environment)
        issue = forge.issue(LABEL, marker)
        body = drift_markdown(found)
        if found.errors or found.unknown:
            return  # what cannot be known opens nothing and closes nothing
        if not found.drifted:
            if issue is not None:
                forge.settle(issue, f"Everything is as it was applied ({self._session.stamp()}).")
                self._session.say(f"the drift is gone: {issue.link or 'the issue'} is closed")
            return
        if issue is not None and issue.body.rstrip() == body.rstrip():
            return
        title = f"acorn: drift in {found.environment}"
        self._session.say(f"drift: {forge.report(LABEL, title=title, body=body, over=issue)}")

    def alerts(self, found: DriftReport) -> None:
        """What monitors see, to the routes that they name."""
        from acorn_gitops.cli.drift import send_alerts

        try:
            send_alerts(self._session, found, self._job.link)
        except AcornError as error:
            self._warn(f"alerts: {error.message}")

    def adopt(self, found: DriftReport) -> None:
        """The live values as specs, on a branch of its own, and a request for it."""
        from acorn_gitops.reconcile.proposing import propose_drift

        proposal = propose_drift(self._session)
        for note in proposal.notes:
            self._session.say(self._session.err(f"· {note}", "yellow"))
        if not proposal.files:
            self._session.say("no value could be written into the specs")
            return
        news = "" if proposal.commit else " (as it was proposed before)"
        self._session.say(f"{proposal.branch}: {', '.join(proposal.files)}{news}")

        from acorn_gitops.report.drift import adoption_markdown

        title = f"acorn: take drift of {found.environment} into the specs"
        body = adoption_markdown(found, proposal.notes)
        self._at_forge(lambda forge: self._ask(forge, proposal.branch, title, body))

    def _findings(self, findings: Sequence[Finding], suite: str) -> None:
        from acorn_gitops import __version__
        from acorn_gitops.report.annotations import workflow_commands
        from acorn_gitops.report.code_quality import code_quality
        from acorn_gitops.report.junit import junit, of_findings
        from acorn_gitops.report.sarif import sarif

        self._file("acorn.xml", junit("acorn", of_findings(suite, findings)))
        self._file("gl-code-quality-report.json", code_quality(findings, self._folder))
        self._file("acorn.sarif", sarif(findings, _rules(findings), version=__version__, folder=self._folder))
        if self._job.host == "github":
            from acorn_gitops.confine.text import COMMAND

            for line in workflow_commands(findings, self._folder):
                click.echo(f"{COMMAND}{line.removeprefix('::')}")

    def _metrics(self, command: str, environment: str, code: int, samples: Sequence[Sample]) -> None:
        """For a collector that reads text files."""
        from acorn_gitops.report.metrics import of_run, text

        ended = self._session.now().timestamp()
        run = of_run(command, environment, code=code, ended=round(ended))
        self._file(f"acorn-{command}.prom", text([*samples, *run]))

    def _links(self, label: str) -> None:
        from acorn_gitops.report.annotations import links

        self._file("gl-annotations.json", links([(label, self._job.link)]))

    def _file(self, name: str, content: str | dict[str, Any] | list[Any]) -> None:
        if self._reports is None:
            return
        from acorn_gitops.confine.files import replace

        if isinstance(content, str):
            data = content.encode("utf-8", "replace")
        else:
            import orjson

            data = orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n"
        try:
            replace(self._reports / name, data, root=self._session.root, anywhere=True, lasting=False)
        except (AcornError, OSError) as error:
            self._warn(f"{name} could not be written: {error}")

    def _summary(self, markdown: str) -> None:
        """On GitHub the page of the job; elsewhere nothing."""
        data = markdown.encode("utf-8", "replace")
        self._append("GITHUB_STEP_SUMMARY", data if len(data) <= SUMMARY else data[: SUMMARY // 2])

    def _outputs(self, values: dict[str, str]) -> None:
        """For later steps of a GitHub job. A value is one line."""
        lines = "".join(f"{name}={' '.join(value.split())}\n" for name, value in values.items())
        self._append("GITHUB_OUTPUT", lines.encode())

    def _append(self, variable: str, data: bytes) -> None:
        path = self._session.environ.get(variable)
        if self._job.host != "github" or not path:
            return
        try:
            with Path(path).open("ab") as file:
                file.write(data)
        except OSError as error:
            self._warn(f"{variable} could not be written: {error.strerror}")

    def _comment(
        self, environment: str, write: Callable[[Forge, Remark | None], str], *, needed: bool
    ) -> None:
        """One comment, in place of the one before. Where nothing is to be said none is begun."""
        from acorn_gitops.report.comment import marker_of

        if not self._job.request:
            return

        def say(forge: Forge) -> None:
            before = forge.comment(self._job.request, marker_of(environment))
            if before is None and not needed:
                return
            body = write(forge, before)
            if before is not None and before.body.rstrip() == body.rstrip():
                return
            self._session.say(f"comment: {forge.say(self._job.request, body, before)}")

        self._at_forge(say)

    def _status(self, verdict: Any, words: str) -> None:
        if self._job.commit and self._job.trigger == "change":
            name = f"{STATUS} ({self._session.environment})" if self._session.environment else STATUS
            self._at_forge(
                lambda forge: forge.status(
                    self._job.commit, verdict, words=words, name=name, link=self._job.link
                )
            )

    def _at_forge(self, do: Callable[[Forge], None]) -> None:
        """Ask the forge for something; that it does not do it is a warning."""
        if self._silent or not self._job.host:
            return
        from acorn_gitops.forge.protocol import open_forge

        forge = open_forge(self._job)
        if forge is None:
            self._warn(f"no token for {self._job.host}: nothing is said there (see `acorn ci --help`)")
            self._silent = True
            return
        try:
            do(forge)
        except AcornError as error:
            self._warn(error.message)
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            # What a forge answers has another shape than its reference says.
            self._warn(f"{self._job.host} answers in another shape than expected: {type(error).__name__}")
        finally:
            forge.close()

    def _warn(self, words: str) -> None:
        self._session.say(self._session.err(f"warning: {words}", "yellow"))


def _default_environment(session: Session) -> str:
    """Which environment was meant where none was named; `default` where acorn.yaml does not say."""
    from acorn_gitops.specs.load import open_reader
    from acorn_gitops.specs.project import read_project

    try:
        return read_project(open_reader(session.root, session.cache), None).environment
    except AcornError:
        return "default"


def _rules(findings: Sequence[Finding]) -> dict[str, dict[str, str]]:
    """Of the rules that spoke: title, why, what to do."""
    from acorn_gitops.rules.registry import all_rules

    wanted = {finding.id for finding in findings}
    return {
        rule.id: {"title": rule.title, "why": rule.why, "mend": rule.mend}
        for rule in all_rules()
        if rule.id in wanted
    }
