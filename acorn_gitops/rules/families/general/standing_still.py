"""GEN rules about freezes, change windows and holds: that they can do what they say. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from acorn_gitops.engines.standstill import instant
from acorn_gitops.model.finding import FieldPath, Severity
from acorn_gitops.model.window import NoSuchZone, zone
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said

if TYPE_CHECKING:
    from acorn_gitops.model.typed import ChangeWindowData, FreezeData


@rule(
    "GEN-024",
    "error",
    "A freeze or a change window can hold",
    why="Everybody believes that nothing is changed, and it is.",
    mend="Correct its stores, times or zone; take out what is over.",
)
def standing_still(context: Context) -> Iterator[Said]:
    """Names of freezes are there once; what they and change windows say of stores and environments meets
    some; a freeze ends after it begins, and a window closes at another time than it opens, in a zone that
    there is. One that is over is told (a warning)."""
    settings = context.configuration.settings
    names: set[str] = set()
    for number, freeze in enumerate(settings.get("freezes") or ()):
        at = ("freezes", number)
        name = str(freeze["name"])
        if name in names:
            yield _said(context, (*at, "name"), f"there are two freezes {name}", "give each its own name")
        names.add(name)
        begin, end = instant(freeze.get("from")), instant(freeze.get("until"))
        for edge, written, moment in (
            ("from", freeze.get("from"), begin),
            ("until", freeze.get("until"), end),
        ):
            if moment is None and written is not None:
                words = f"there is no moment {written}"
                yield _said(context, (*at, edge), words, "e.g. 2026-12-01T00:00:00Z")
        if begin is not None and end is not None and end <= begin:
            yield _said(
                context,
                (*at, "until"),
                f"the freeze {name} ends before it begins",
                "correct `from` or `until`",
            )
        elif end is not None and end <= context.now:
            words = f"the freeze {name} is over since {freeze['until']}"
            yield _said(context, (*at, "until"), words, f"`acorn thaw {name}`", severity="warning")
        yield from _reach(context, at, freeze, f"the freeze {name}")
    for number, window in enumerate(settings.get("changeWindows") or ()):
        at = ("changeWindows", number)
        try:
            zone(window["tz"])
        except NoSuchZone:
            yield _said(context, (*at, "tz"), f"there is no time zone {window['tz']}", "e.g. Europe/Berlin")
        if window["from"] == "24:00":
            words = "a change window opens at 24:00, which is the end of a day"
            yield _said(context, (*at, "from"), words, 'write "00:00", and the next day')
        if window["from"] == window["until"]:
            words = f"a change window opens and closes at {window['from']}"
            yield _said(
                context,
                (*at, "until"),
                words,
                'write the moment at which it closes; all day is "00:00" to "24:00"',
            )
        yield from _reach(context, at, window, "a change window")


def _reach(context: Context, at: FieldPath, said: FreezeData | ChangeWindowData, what: str) -> Iterator[Said]:
    """Stores and environments that are named and are not there."""
    config = context.configuration
    for index, pattern in enumerate(said.get("stores") or ()):
        if not any(fnmatchcase(store, pattern) for store in config.stores):
            known = ", ".join(sorted(config.stores)[:8])
            yield _said(
                context,
                (*at, "stores", index),
                f"{what} names {pattern}, and no store is called so",
                f"known: {known}",
            )
    known_environments = config.settings.get("environments") or {}
    for index, name in enumerate(said.get("environments") or ()):
        if name not in known_environments:
            known = ", ".join(sorted(known_environments))
            yield _said(
                context,
                (*at, "environments", index),
                f"{what} names the environment {name}, which there is not",
                f"known: {known}",
            )


def _said(context: Context, path: FieldPath, words: str, hint: str, severity: Severity = "error") -> Said:
    return context.configuration.setting("GEN-024", severity, path, words, hint)
