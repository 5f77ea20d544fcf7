"""A page for a browser: a plan, drift or the calendar for whoever sells. Comes in: values. Goes out: one
self-contained page without network, in English or Chinese. Callers: cli `plan`, `show`, `drift`, `calendar`,
`ci`.

Every value is escaped by the template engine; the page forbids itself everything but its own style and
script.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, Literal

from acorn_gitops.confine.text import cut, safe
from acorn_gitops.model.finding import Finding
from acorn_gitops.plan.change import Change
from acorn_gitops.plan.document import Plan, signature
from acorn_gitops.plan.drift import DriftReport
from acorn_gitops.plan.risk import totals
from acorn_gitops.plan.verdict import verdict_on
from acorn_gitops.report.facts import phrases, rights_apart
from acorn_gitops.report.markdown import headline
from acorn_gitops.report.order import gravest_first, worst_first
from acorn_gitops.report.words import in_words, plural, share_words, value

Language = Literal["en", "zh"]
ROWS: Final = 20_000
"""Rows of one page: a browser that shows more is of no help to anybody."""
NEEDS: Final = 100
ACTIONS: Final = ("create", "update", "replace", "delete", "adopt", "manual")
BARS: Final = 200
LONG: Final = 4_000
"""Letters of one cell."""
_WIDTH: Final = 760.0
_LEFT: Final = 230.0
_WORDS: Final[dict[str, tuple[str, str]]] = {
    "needs": ("What needs you", "需要你处理"),
    "more": ("and {} more", "还有 {} 项"),
    "money": ("Prices", "价格"),
    "store": ("Store", "店铺"),
    "stores": ("Stores", "各店铺"),
    "down": ("Down", "下调"),
    "up": ("Up", "上调"),
    "before": ("Before", "之前"),
    "after": ("After", "之后"),
    "effect": ("For the stock that is there", "对现有库存的影响"),
    "state": ("State", "状态"),
    "create": ("To create", "新建"),
    "update": ("To update", "更新"),
    "replace": ("To replace", "替换"),
    "delete": ("To delete", "删除"),
    "adopt": ("To adopt", "接管"),
    "manual": ("By hand", "手动"),
    "changes": ("Changes", "变更"),
    "search": ("Search", "搜索"),
    "kind": ("Type", "类型"),
    "all": ("All", "全部"),
    "resource": ("Resource", "资源"),
    "field": ("Field", "字段"),
    "means": ("What it means", "含义"),
    "calendar": ("Promotions", "促销日历"),
    "promotion": ("Promotion", "促销"),
    "from": ("From", "开始"),
    "until": ("Until", "结束"),
    "in sync": ("{} in sync", "{} 项一致"),
    "plan": ("Plan", "计划"),
    "drift": ("Drift", "漂移"),
    "may": ("Apply may go on", "可以应用"),
    "will refuse": ("Apply will refuse: {}", "应用会被拒绝：{}"),
    "nothing": ("Nothing changes.", "没有变更。"),
    "no promotion": ("No promotion holds or is planned.", "没有进行中或计划中的促销。"),
    "clean": ("Everything is as it was applied.", "一切与上次应用一致。"),
    "changed": ("{} changed outside", "{} 项被外部改动"),
    "deleted": ("deleted outside", "被外部删除"),
    "as applied": ("As applied", "应用时"),
    "made": ("Made by acorn {} for {}", "由 acorn {} 为 {} 生成"),
    "cut": ("Only the first {} rows are shown; JSON has them all.", "只显示前 {} 行；JSON 中有全部。"),
    "leaves": ("leaves {} %", "毛利 {} %"),
    "pieces": ("{} for {} in stock", "{}（库存 {} 件）"),
    "takes": ("takes up to {} % off", "最多优惠 {} %"),
}


def _sayer(language: Language) -> Callable[..., str]:
    at = 1 if language == "zh" else 0

    def say(name: str, *values: object) -> str:
        return _WORDS[name][at].format(*values)

    return say


@cache
def _template() -> Any:
    from importlib.resources import files

    import jinja2

    text = (files("acorn_gitops.report.pages") / "page.html").read_text(encoding="utf-8")
    engine = jinja2.Environment(autoescape=True, undefined=jinja2.ChainableUndefined, trim_blocks=True)
    return engine.from_string(text)


def _page(language: Language, title: str, **parts: object) -> str:
    # The script is ours and one of a kind: its nonce need not be secret, as nothing foreign is ever markup.
    nonce = hashlib.sha256(title.encode()).hexdigest()[:16]
    made: str = _template().render(language=language, title=title, nonce=nonce, say=_sayer(language), **parts)
    return made


def plan_html(plan: Plan, *, version: str, language: Language = "en") -> str:
    """A plan: what needs somebody, money, stores, changes that are alike together, promotions."""
    say = _sayer(language)
    verdict = verdict_on(plan)
    words = say("will refuse", verdict.words) if verdict.code else f"{say('may')}: {headline(plan)}"
    shown, cut_off = _groups(plan, say)
    # A budget that was waived is a note, and still the first thing to look at.
    needs = [_need(f) for f in plan.findings if f.severity != "info" or f.id.startswith("BUD-")]
    needs += [
        {"id": "ACN-010", "style": "bad", "message": safe(f"{s.store}: {s.error}")}
        for s in plan.stores
        if s.error
    ]
    counts = {s.store: dict.fromkeys(ACTIONS, 0) for s in plan.stores}
    for change in plan.changes:
        if change.action in ACTIONS and change.address.store in counts:
            counts[change.address.store][change.action] += 1
    revision = f"{plan.commit[:10]}{' +' if plan.dirty else ''}" if plan.commit else "no commit"
    bars = [_bar_of(c) for c in plan.changes if c.address.type == "promotion" and c.after]
    return _page(
        language,
        f"{say('plan')} · {plan.project} · {plan.environment}",
        subtitle=f"{revision} · {plan.created_at} · {plan.id[:12]}",
        verdict={"style": "bad" if verdict.code else "good", "words": words},
        needs=needs[:NEEDS],
        more_needs=max(len(needs) - NEEDS, 0),
        money=[_total(one) for one in totals(plan.changes, plan.risks)],
        stores=[
            {
                "store": s.store,
                "counts": counts[s.store],
                "error": safe(s.error),
                "state": say("in sync", s.in_sync),
            }
            for s in plan.stores
        ],
        actions=ACTIONS,
        groups=shown,
        store_names=sorted({c.address.store for c in plan.changes}),
        kinds=sorted({c.address.type for c in plan.changes}),
        notes=[say("cut", f"{ROWS:,}")] if cut_off else [],
        nothing="" if plan.changes else say("nothing"),
        foot=say("made", version, plan.environment),
        **_calendar([bar for bar in bars if bar is not None]),
    )


def drift_html(found: DriftReport, *, version: str, made_at: str, language: Language = "en") -> str:
    """What was changed outside."""
    say = _sayer(language)
    rows = [
        {
            "address": safe(str(row.address)), "store": row.address.store, "kind": row.address.type, "field": path,
            "before": "" if row.deleted else value(last), "after": say("deleted") if row.deleted else value(live), "means": "", "style": "",
        }
        for store in found.stores
        for row in store.drifted
        for path, last, live in row.fields or (("", None, None),)
    ]  # fmt: skip
    state = found.unknown or (say("changed", found.drifted) if found.drifted else say("clean"))
    bad = bool(found.unknown or found.drifted or found.errors)
    needs = [
        {"id": "ACN-010", "style": "bad", "message": safe(f"{s}: {why}")} for s, why in found.errors.items()
    ]
    needs += [_need(f) for f in found.findings if f.severity != "info"]
    head = say("changed", found.drifted)
    return _page(
        language,
        f"{say('drift')} · {found.environment}",
        subtitle=made_at,
        verdict={"style": "bad" if bad else "good", "words": safe(state)},
        needs=needs[:NEEDS],
        more_needs=max(len(needs) - NEEDS, 0),
        groups=[{"head": head, "what": "", "open": True, **_table(rows[:ROWS])}] if rows else [],
        store_names=sorted({row["store"] for row in rows}),
        kinds=sorted({row["kind"] for row in rows}),
        notes=[say("cut", f"{ROWS:,}")] if len(rows) > ROWS else [],
        foot=say("made", version, found.environment),
    )


def calendar_html(
    spans: Sequence[Mapping[str, Any]],
    *,
    environment: str,
    version: str,
    made_at: str,
    language: Language = "en",
) -> str:
    """The rows of `report.calendar.row`: when what holds, how deep, at which price."""
    say = _sayer(language)
    bars = [
        {
            "store": row["store"],
            "name": safe(cut(f"{row['store']} {' + '.join(row['promos'])}", 34)),
            "promotion": safe(" + ".join(row["promos"])),
            "start": datetime.fromisoformat(row["start"]),
            "end": datetime.fromisoformat(row["end"]),
            "means": safe(f"-{row['deepest_percent'].lstrip('-')} %: {row['deepest']['sku']} {row['deepest']['pays']} {row['deepest']['currency']}"),
            "style": "bad" if row["below_floor"] else "",
        }
        for row in spans
    ]  # fmt: skip
    return _page(
        language,
        f"{say('calendar')} · {environment}",
        subtitle=made_at,
        nothing="" if bars else say("no promotion"),
        notes=[],
        foot=say("made", version, environment),
        **_calendar(bars),
    )


def _need(finding: Finding) -> dict[str, str]:
    return {
        "id": finding.id,
        "style": "bad" if finding.severity == "error" else "warn",
        "message": safe(cut(finding.message, 600)),
        "hint": safe(cut(finding.hint, 400)),
        "place": safe(str(finding.place)) if finding.place else "",
    }


def _total(one: Any) -> dict[str, object]:
    effect = one.effect if not one.effect or one.effect.startswith("-") else f"+{one.effect}"
    return {name: getattr(one, name) for name in ("store", "currency", "up", "down", "before", "after")} | {
        "effect": effect
    }


def _groups(plan: Plan, say: Callable[..., str]) -> tuple[list[dict[str, object]], bool]:
    """Changes that are alike together, the worst of each first; whether some are left out."""
    shown: list[dict[str, object]] = []
    left = ROWS
    for members in gravest_first(plan):
        first = members[0]
        head = f"{say(first.action) if first.action in _WORDS else first.action}: {plural(first.address.type, len(members))}"
        rows = [row for change in worst_first(members, plan) for row in _rows(change, plan, say)][:left]
        left -= len(rows)
        what = safe(cut(in_words(signature(members)), 200))
        shown.append({"head": head, "what": what, "open": len(members) <= 20, **_table(rows)})
    return shown, left <= 0


def _table(rows: Sequence[dict[str, str]]) -> dict[str, object]:
    """Rows, and which of their columns say anything."""
    named = [name for name in ("field", "before", "after", "means") if any(row[name] for row in rows)]
    return {"rows": rows, "columns": named}


def _rows(change: Change, plan: Plan, say: Callable[..., str]) -> Iterator[dict[str, str]]:
    base = {"address": safe(str(change.address)), "store": change.address.store, "kind": change.address.type}
    risk, parts, style = plan.risks.get(change.address), [], ""
    if change.address in plan.taken:
        parts.append(say("takes", plan.taken[change.address]))
    if risk is not None and risk.margin is not None:
        parts.append(say("leaves", risk.margin))
    if risk is not None and risk.effect is not None:
        style = "bad" if risk.effect.startswith("-") else "good"
        parts.append(say("pieces", risk.effect, risk.stock))
    means = {"means": ", ".join(parts), "style": style}
    if not change.fields:
        content = "; ".join(phrases(change.address.type, change.after or change.before or {}))
        price = (change.after or {}).get("price")
        told = "; ".join([*([value(price)] if price is not None else []), *([content] if content else [])])
        shown = safe(cut(told, LONG))
        before, after = (shown, "") if change.action == "delete" else ("", shown)
        yield {**base, **means, "field": "", "before": before, "after": after}
        return
    said, fields = rights_apart(change)
    if said:
        yield {**base, **means, "field": "rules", "before": "", "after": safe(cut(", ".join(said), LONG))}
    for number, field in enumerate(fields):
        percent = share_words(field.before, field.after)
        first = means if number == 0 and not said else {"means": "", "style": ""}
        yield {**base, **first, "field": safe(field.path), "before": safe(cut(value(field.before), 300)), "after": safe(cut(value(field.after), 300)) + percent}  # fmt: skip


def _bar_of(change: Change) -> dict[str, object] | None:
    after = change.after or {}
    try:
        start, end = (datetime.fromisoformat(str(after[edge])) for edge in ("start", "end"))
    except (KeyError, ValueError):
        return None
    told = "; ".join(phrases("promotion", {n: v for n, v in after.items() if n not in ("start", "end")}))
    return {
        "store": change.address.store, "name": safe(cut(f"{change.address.store} {change.address.key}", 34)),
        "promotion": safe(change.address.key), "start": start, "end": end, "means": safe(cut(told, 300)), "style": "",
    }  # fmt: skip


def _calendar(bars: Sequence[dict[str, Any]]) -> dict[str, object]:
    """Where bars and days stand on a line from the first beginning to the last end."""
    some = sorted(bars, key=lambda bar: (bar["start"], bar["store"], bar["promotion"]))[:BARS]
    if not some:
        return {"bars": [], "ticks": []}
    first, last = min(bar["start"] for bar in some), max(bar["end"] for bar in some)
    whole = max((last - first).total_seconds(), 1.0)

    def at(moment: datetime) -> float:
        along: float = (moment - first).total_seconds() / whole
        return round(_LEFT + _WIDTH * along, 1)

    days = max(int(whole // 86_400), 1)
    step = next((one for one in (1, 2, 7, 14, 30, 91, 182, 365) if days / one <= 9), 730)
    begin = first.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    marks = [begin + timedelta(days=number) for number in range(0, days, step)]
    return {
        "ticks": [{"x": at(mark), "words": f"{mark:%m-%d}"} for mark in marks if mark <= last],
        "bars": [
            {
                **bar,
                "x": at(bar["start"]),
                "width": max(round(at(bar["end"]) - at(bar["start"]), 1), 2),
                "start": f"{bar['start']:%Y-%m-%d %H:%M}Z",
                "end": f"{bar['end']:%Y-%m-%d %H:%M}Z",
                "words": f"{bar['promotion']}: {bar['means']}",
            }
            for bar in some
        ],
    }
