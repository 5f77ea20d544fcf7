"""ROL rules about names of people: what a reviewer cannot tell apart. Caller: `registry`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach

_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks by their class that show nothing."""
_SELECTORS: Final = frozenset((*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
"""Variation selectors: they choose between forms of the letter before them."""
_BESIDE_LATIN: Final = frozenset(
    [
        "ARABIC",
        "BENGALI",
        "BOPOMOFO",
        "CJK",
        "DEVANAGARI",
        "ETHIOPIC",
        "GEORGIAN",
        "GUJARATI",
        "GURMUKHI",
        "HANGUL",
        "HEBREW",
        "HIRAGANA",
        "KANNADA",
        "KATAKANA",
        "KATAKANA-HIRAGANA",
        "KHMER",
        "LAO",
        "LATIN",
        "MALAYALAM",
        "MYANMAR",
        "ORIYA",
        "SINHALA",
        "TAMIL",
        "TELUGU",
        "THAANA",
        "THAI",
        "TIBETAN",
        "IDEOGRAPHIC",
    ]
)
"""Scripts that may stand among Latin letters (Unicode TR39, "moderately restrictive"): none of theirs looks
like a Latin one."""
_PHONETIC: Final = (
    *range(0x250, 0x2B0),
    *range(0x1D00, 0x1DC0),
    *range(0xA720, 0xA800),
    *range(0xAB30, 0xAB70),
)
"""Latin letters of phonetic writing, many of which look like the usual ones."""


@rule(
    "ROL-022",
    "error",
    "A subject's name shows what it is",
    why="аdmin with a Cyrillic а is another person than admin, and no reviewer sees it.",
    mend="Write the name with the keyboard of its own script, without invisible characters.",
    source="Unicode TR39, Unicode Security Mechanisms: identifier profiles and mixed-script detection",
)
def subjects(context: Context) -> Iterator[Said]:
    """No invisible character, no blanks at the ends, no compatibility form, no letters of another script
    among Latin ones that could be taken for them, no letters of phonetic writing."""
    config = context.configuration
    for role in config.roles.values():
        for index, subject in enumerate(role.spec.get("subjects") or ()):
            why = deceptive(subject["id"])
            if why:
                path = ("spec", "subjects", index, "id")
                yield breach(role, path, f"{subject['id']!a} {why}", mend="type it anew")


def deceptive(name: str) -> str:
    """Why a name is not what it looks like; empty where it is."""
    if name != name.strip():
        return "begins or ends with a blank, and is another name without"
    if name.isascii():
        return "" if name.isprintable() else "holds a control character"
    for character in name:
        unseen = (
            unicodedata.category(character) in ("Cf", "Cc", "Co", "Cn", "Zl", "Zp") or character in _BLANK
        )
        if unseen or ord(character) in _SELECTORS or (character.isspace() and character != " "):
            shown = unicodedata.name(character, "without a name")
            return f"holds a character that nobody sees: U+{ord(character):04X} {shown}"
    if not unicodedata.is_normalized("NFC", name):
        return "is written with letters in pieces, and is another name than the one that looks like it"
    if unicodedata.normalize("NFKC", name) != unicodedata.normalize("NFC", name):
        return "holds letters in a form for looks, like full width"
    scripts = {unicodedata.name(c, "").split(" ")[0] for c in name if c.isalpha()}
    if any(ord(character) in _PHONETIC for character in name):
        return "holds a letter of phonetic writing that looks like another"
    alien = sorted(scripts - _BESIDE_LATIN)
    if alien and "LATIN" in scripts:
        return f"mixes Latin letters with {alien[0].capitalize()} ones that look like them"
    return ""


_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@rule(
    "ROL-023",
    "warning",
    "A person is named by an e-mail address",
    why="A name that no marketplace and no forge knows gives a right to nobody, or to somebody else of that name.",
    mend="Write the address with which the person signs in; a group or an application has another kind.",
)
def addresses(context: Context) -> Iterator[Said]:
    """Subjects of kind user are e-mail addresses."""
    config = context.configuration
    for role in config.roles.values():
        for index, subject in enumerate(role.spec.get("subjects") or ()):
            if subject["kind"] == "user" and not _ADDRESS.fullmatch(subject["id"]):
                yield breach(
                    role,
                    ("spec", "subjects", index, "id"),
                    f"{subject['id']} is no e-mail address",
                    mend="write the address with which the person signs in",
                )
