"""ONB rules: how a store goes live, and how it is left. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

from acorn_gitops.engines.access import Access
from acorn_gitops.engines.onboarding import STAGES, duty, is_live, missing, stage_of
from acorn_gitops.engines.sales import stocked_at
from acorn_gitops.engines.tax import country_of
from acorn_gitops.model.finding import Finding, Severity
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import ExitData, StoreData

_EXIT_FIELDS = ("formats", "datasets", "noticeDays", "exportWithinDays", "retentionDays", "destructionProof")
_TIME = timedelta(days=90)


def _reached(context: Context, stage: str) -> Iterator[Spec[StoreData]]:
    """Storefronts that have left this stage behind."""
    for store in context.configuration.stores.values():
        own = stage_of(store) if store.spec.get("storefront") else ""
        kept = (
            store.spec.get("onboarding") is not None
            or context.configuration.policies.get("onboarding") == "required"
        )
        if kept and own in STAGES and STAGES.index(own) > STAGES.index(stage):
            yield store


def _stage(context: Context, id: str, stage: str, hint: str, severity: Severity = "error") -> Iterator[Said]:
    for store in _reached(context, stage):
        for lack in missing(store, stage, context.now.date()):
            if lack.rule == id:
                words = f"{store.name} is {stage_of(store)}, but {lack.words}"
                yield context.configuration.finding(id, severity, store, lack.path, words, hint)


@rule(
    "ONB-001",
    "error",
    "A live store has been let in",
    why="Access is by invitation: a store without it sells nothing, whatever its specs say.",
    mend="Record `onboarding.access` with status granted, reference and date, or set `lifecycle` back.",
)
def admitted(context: Context) -> Iterator[Said]:
    """A live storefront (`lifecycle: live`, or no stage and `environment: production`) has
    `onboarding.access` granted, with its reference and day. Where stores keep no such records, no monitors,
    flows or way out, and `policies.onboarding` does not require them, that is told as a note."""
    config = context.configuration
    blocks = {
        "onboarding": "how it went live",
        "integration": "its systems",
        "monitors": "who watches it",
        "exit": "how it is left",
    }
    bare: dict[str, list[str]] = {}
    for store in config.stores.values():
        lacks = [block for block in blocks if is_live(store) and not duty(config, store, block)]
        if lacks:
            bare.setdefault(", ".join(lacks), []).append(store.name)
    for lacking, names in sorted(bare.items()):
        names.sort()
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield breach(
            config.stores[names[0]],
            ("spec", "storefront", "lifecycle"),
            f"{', '.join(names[:3])}{more}: nothing is recorded of {', '.join(blocks[b] for b in lacking.split(', '))} ({lacking})",
            mend="`acorn onboard` shows what belongs there; `policies.onboarding: required` asks every live store for it",
            severity="info",
        )
    yield from _stage(context, "ONB-001", "integration", hint="record the letter or case that granted it")


@rule(
    "ONB-002",
    "error",
    "A programme is used only where it was granted",
    why="Multi-location inventory and pick-up are programmes of their own; without admission the marketplace ignores them.",
    mend="Apply for the programme and record `entitlements`, or switch the capability off.",
    source="Supply Sources API use-case guide; amazonbopis.com requirements",
)
def entitled(context: Context) -> Iterator[Said]:
    """A live Amazon store whose shops offer pick-up has `entitlements.bopis: granted`, and one in the United
    States whose shops ship its orders `mli: granted`: what was only requested is not used yet."""
    config = context.configuration
    feeds = _feeds(context)
    for store in config.stores.values():
        front = store.spec.get("storefront") or {}
        if not duty(config, store, "onboarding") or front.get("platform") != "amazon":
            continue
        have, lacking = front.get("entitlements") or {}, dict[str, tuple[str, str]]()
        for location in sorted(feeds.get(store.name, ())):
            capabilities = config.stores[location].spec["physical"].get("capabilities") or {}
            american = country_of(front) == "US"
            for capability, programme, does in (
                (capabilities.get("bopis"), "bopis", "offers pick-up"),
                (capabilities.get("shipFromStore"), "mli", "ships orders"),
            ):
                if programme == "mli" and not american:
                    continue  # there is none elsewhere: STO-015
                if (capability or {}).get("enabled") and have.get(programme) != "granted":
                    lacking.setdefault(programme, (location, does))
        for programme, (location, does) in lacking.items():
            yield breach(
                store,
                ("spec", "storefront", "entitlements"),
                f"{location} {does} for {store.name}, whose programme {programme} is {have.get(programme) or 'none'}",
                mend="record the admission, or switch that off in the shop",
            )


def _feeds(context: Context) -> dict[str, set[str]]:
    """By storefront, the physical stores whose stock it sells."""
    found: dict[str, set[str]] | None = context.shared.get("feeds")
    if found is None:
        found = context.shared["feeds"] = {}
        physical = {s.name for s in context.configuration.stores.values() if s.spec.get("physical")}
        for locations, stores in stocked_at(context.configuration):
            sources = physical.intersection(locations)
            for store in stores if sources else ():
                found.setdefault(store, set()).update(sources)
    return found


@rule(
    "ONB-003",
    "warning",
    "Eligibility was thought through first",
    why="Months of integration are lost where the marketplace would not have taken the company at all.",
    mend="Fill `onboarding.eligibility`: turnover, countries, who connects the systems.",
)
def eligible(context: Context) -> Iterator[Said]:
    """`onboarding.eligibility` is complete before a store goes on."""
    yield from _stage(
        context, "ONB-003", "eligibility", hint="write it down before more work starts", severity="warning"
    )


@rule(
    "ONB-004",
    "error",
    "Somebody brought us in",
    why="When something stops, that is whom to call.",
    mend="Record `onboarding.contact` with name and date.",
)
def contacted(context: Context) -> Iterator[Said]:
    """`onboarding.contact` has a name and a day."""
    yield from _stage(context, "ONB-004", "contacted", hint="name the account manager or the case")


@rule(
    "ONB-005",
    "error",
    "Every required paper is there and holds",
    why="One that is missing or has expired stops the assessment, or closes the account later.",
    mend="Add the paper to `onboarding.documents` with its reference, SHA-256 and dates.",
)
def papers(context: Context) -> Iterator[Said]:
    """Licence, brand certificate, list of sites, turnover band and IT description, each with reference,
    digest and day, none expired."""
    yield from _stage(
        context, "ONB-005", "documents", hint="hand it in, and record it with reference, digest and day"
    )


@rule(
    "ONB-006",
    "error",
    "The marketplace has decided",
    why="Before that every promise is ours alone.",
    mend="Record `onboarding.assessment` with decision accepted and its day.",
)
def assessed(context: Context) -> Iterator[Said]:
    """`onboarding.assessment.decision` is accepted, with its day."""
    yield from _stage(context, "ONB-006", "assessment", hint="wait for the decision, and record it")


@rule(
    "ONB-007",
    "error",
    "The agreement is signed, and says how it ends",
    why="A contract without a way out is signed once and regretted for years.",
    mend="Record `onboarding.agreements` with parties, first day and exit clause.",
)
def agreed(context: Context) -> Iterator[Said]:
    """Every entry of `onboarding.agreements` has parties, first day and exit clause, and there is one."""
    yield from _stage(context, "ONB-007", "agreement", hint="record what was signed")


@rule(
    "ONB-008",
    "error",
    "No stage is skipped",
    why="What was left out is found by the first customer.",
    mend="Go one stage at a time: set `lifecycle` to the stage that follows the applied one.",
    phase="plan",
)
def in_order(context: Context) -> Iterator[Said]:
    """Against what is live: `lifecycle` moves on by one stage, or back, or to exiting; from exiting to
    closed."""
    assert context.known is not None
    for change in context.known.changes:
        if change.address.type != "storefront" or change.action != "update":
            continue
        before = (change.before or {}).get("lifecycle")
        after = (change.after or {}).get("lifecycle")
        store = context.configuration.stores.get(change.address.store)
        if store is None or before == after or before is None or after is None:
            continue
        if after == "exiting" or (before, after) == ("exiting", "closed"):
            continue
        steps = STAGES.index(after) - STAGES.index(before) if {before, after} <= set(STAGES) else 99
        if steps > 1:
            following = STAGES[STAGES.index(before) + 1] if before in STAGES[:-1] else "exiting"
            yield breach(
                store,
                ("spec", "storefront", "lifecycle"),
                f"{store.name} would go from {before} to {after} at once",
                mend=f"the next stage is {following}",
            )


@rule(
    "ONB-009",
    "warning",
    "Papers are renewed before they expire",
    why="An expired licence closes an account overnight.",
    mend="Renew it and record the new one.",
)
def expiring(context: Context) -> Iterator[Said]:
    """A document that expires within sixty days is told. When it has expired, ONB-005 is an error."""
    today = context.now.date()
    for store in context.configuration.stores.values():
        for index, paper in enumerate((store.spec.get("onboarding") or {}).get("documents") or ()):
            if not paper.get("expires"):
                continue
            days = (date.fromisoformat(paper["expires"]) - today).days
            if 0 < days <= 60:
                yield breach(
                    store,
                    ("spec", "onboarding", "documents", index, "expires"),
                    (
                        f"the {paper['type'].replace('-', ' ')} of {store.name} expires in {days} day{'s' * (days != 1)}"
                        + (": after that nothing can be applied" if days <= 7 else "")
                    ),
                    mend="renew it now; the marketplace takes days to look at it",
                )


@rule(
    "ONB-010",
    "error",
    "Whoever may write has rehearsed",
    why="The first price that somebody changes in earnest should not be their first at all.",
    mend="Hold the training, and record it in `onboarding.training` with date, attendees, scenarios and result.",
)
def rehearsed(context: Context) -> Iterator[Said]:
    """Every person and group with a write right on a live store took part in a passed training that has been
    held; a group stands in `attendees` by its name once everybody in it was trained."""
    config = context.configuration
    live = [s for s in config.stores.values() if duty(config, s, "onboarding")]
    if not live:
        return
    access = Access(config, context.today)
    for store in live:
        sessions = (store.spec.get("onboarding") or {}).get("training") or ()
        trained = {
            who.lower().removeprefix("group:")
            for t in sessions
            if t["result"] == "passed" and t["date"] <= context.today
            for who in t["attendees"]
        }
        for subject in access.subjects():
            if subject.kind == "app" or subject.id in trained:
                continue
            rights = access.rights([subject], store.name)
            writes = sorted(str(r) for r in rights if r.verb in ("write", "apply", "delete", "grant"))
            if writes:
                yield breach(
                    store,
                    ("spec", "onboarding", "training"),
                    f"{subject.id} may {writes[0]} in {store.name} and stands in no passed training",
                    mend="train them and add them to `attendees`, or take the right away",
                )


@rule(
    "ONB-011",
    "warning",
    "The rehearsal was one",
    why="A training without scenarios was a meeting.",
    mend="Record what was rehearsed, and repeat a failed training.",
)
def rehearsal_of_substance(context: Context) -> Iterator[Said]:
    """Every training lists its scenarios; the last one was passed, and is not older than a year."""
    for store in context.configuration.stores.values():
        sessions = (store.spec.get("onboarding") or {}).get("training") or ()
        for index, one in enumerate(sessions):
            if not one.get("scenarios"):
                yield breach(
                    store,
                    ("spec", "onboarding", "training", index),
                    f"the training of {one['date']} lists no scenarios",
                    mend="write what was rehearsed: a price change, a promotion, drift, a rollback",
                )
        if not sessions:
            continue
        last = max(sessions, key=lambda t: t["date"])
        days = (context.now.date() - date.fromisoformat(last["date"])).days
        if last["result"] != "passed" or days > 365:
            why = "was not passed" if last["result"] != "passed" else f"is {days} days ago"
            yield breach(
                store,
                ("spec", "onboarding", "training"),
                f"the last training for {store.name} ({last['date']}) {why}",
                mend="hold it again",
            )


@rule(
    "ONB-020",
    "error",
    "Production was rehearsed with these specs",
    why="What works in a slide fails in the first apply; a rehearsal of other specs proves nothing.",
    mend="Run `acorn rehearse --env ENVIRONMENT`, and commit the record that it writes.",
    phase="apply",
)
def proven(context: Context) -> Iterator[Said]:
    """Where `policies.rehearsal` is required, or a storefront says `environment: production` and the policy
    says nothing: a passed rehearsal of the same specs, or of specs that differ from them in everyday values
    only (prices, stock reserves, titles, promotions' windows; never floors, rates, rules or rights). `acorn
    apply` asks this last."""
    from acorn_gitops.rules.rehearsal import asked, verdict

    if not asked(context.configuration):
        return
    proof = verdict(context.configuration, context.now)
    if not proof.passed:
        yield Finding(
            "ONB-020",
            "error",
            proof.words,
            place=None,
            hint=f"run `acorn rehearse --env {context.configuration.environment}` and commit {proof.file}",
        )


@rule(
    "ONB-030",
    "error",
    "The way out is agreed before going live",
    why="At the end of a contract nobody agrees to anything.",
    mend="Fill `exit`: formats, datasets, noticeDays, exportWithinDays, retentionDays, destructionProof.",
)
def exit_agreed(context: Context) -> Iterator[Said]:
    """A live storefront, and one that is exiting, has every field of `exit`; any store's `exit` that is begun
    is complete."""
    for store in context.configuration.stores.values():
        block = store.spec.get("exit")
        if block is None and not duty(context.configuration, store, "exit"):
            continue
        lacks = [name for name in _EXIT_FIELDS if (block or {}).get(name) in (None, [])]
        if lacks:
            yield breach(
                store,
                ("spec", "exit"),
                f"the way out of {store.name} lacks {', '.join(lacks)}",
                mend="agree on it with the marketplace, or with whoever runs the system",
            )


@rule(
    "ONB-031",
    "warning",
    "Leaving is practised",
    why="An export that was never tried does not work on the day it is needed.",
    mend="Run `acorn export --drill`, and commit the record that it writes.",
)
def drilled(context: Context) -> Iterator[Said]:
    """Where any live store has `exit`, the last passed export drill is at most ninety days ago."""
    from acorn_gitops.rules.rehearsal import last_drill

    duties = [s for s in context.configuration.stores.values() if is_live(s) and s.spec.get("exit")]
    if not duties:
        return
    last = last_drill(context.configuration)
    if last is not None and last > context.now:
        last = None  # a day to come proves nothing
    if last is not None and context.now - last <= _TIME:
        return
    words = (
        "no export drill is recorded"
        if last is None
        else f"the last export drill is {(context.now - last).days} days ago"
    )
    first = min(duties, key=lambda s: s.name)
    yield breach(first, ("spec", "exit"), words, mend="run `acorn export --drill DIR` and commit its record")


@rule(
    "ONB-032",
    "error",
    "Data is handed over in time",
    why="After the agreed day the other side owes nothing any more.",
    mend="Export now, and record `exit.exportedAt`.",
)
def handed_over(context: Context) -> Iterator[Said]:
    """Of a store with `exit.noticeGiven`: everything was exported after the notice and within
    `exportWithinDays`; told from the day of notice on."""
    today = context.now.date()
    for store in context.configuration.stores.values():
        block: ExitData = store.spec.get("exit") or {}
        if not block.get("noticeGiven") or block.get("exportWithinDays") is None:
            continue
        end = date.fromisoformat(block["noticeGiven"]) + timedelta(days=block["exportWithinDays"])
        exported = block.get("exportedAt")
        if exported is not None and block["noticeGiven"] <= exported <= min(end.isoformat(), context.today):
            continue
        if exported is not None and end.isoformat() < exported <= context.today:
            yield breach(
                store,
                ("spec", "exit", "exportedAt"),
                f"the data of {store.name} was exported on {exported}, and the agreement ends on {end}",
                mend="have the other side confirm in writing that it is complete",
                severity="warning",
            )
            continue
        late = today > end
        days = abs((end - today).days)
        words = f"{days} day{'s' * (days != 1)} {'too late' if late else 'left'}"
        yield breach(
            store,
            ("spec", "exit"),
            f"notice for {store.name} was given on {block['noticeGiven']}; its data is to be exported by {end}: {words}",
            mend="run `acorn export DIR`, and record `exportedAt`",
            severity="error" if late else "warning",
        )


@rule(
    "ONB-033",
    "warning",
    "A closed store's data is gone on the other side",
    why="What they keep, they can lose.",
    mend="Ask for the proof of destruction, and record `exit.destroyedAt`.",
)
def destroyed(context: Context) -> Iterator[Said]:
    """A storefront with `lifecycle: closed` has `exit.destroyedAt`, once `retentionDays` are over."""
    today = context.now.date()
    for store in context.configuration.stores.values():
        if (store.spec.get("storefront") or {}).get("lifecycle") != "closed":
            continue
        block: ExitData = store.spec.get("exit") or {}
        begun = block.get("exportedAt") or block.get("noticeGiven")
        end = date.fromisoformat(begun) + timedelta(days=block.get("retentionDays") or 0) if begun else today
        if not block.get("destroyedAt") and today >= end:
            yield breach(
                store,
                ("spec", "exit"),
                f"{store.name} is closed, and nobody has proved that its data was destroyed",
                mend="ask for it, and record `destroyedAt`",
            )
