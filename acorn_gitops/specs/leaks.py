"""Secrets in files that everybody reads. Comes in: a file's bytes or a text. Goes out: where something looks
like a token, a client secret or a private key, and the text without it. Callers: `files`, `load`.

Files are looked through as they are, not as what they mean: a secret in a comment or an annotation is in git
just as well.
"""

from __future__ import annotations

import re
from typing import Final

from acorn_gitops.model.finding import Finding, Place

_MARKERS: Final = (
    b"Atzr|",
    b"Atza|",
    b"amzn1.oa2-cs.",
    b"AKIA",
    b"PRIVATE KEY",
    b"gh",
    b"glpat-",
    b"xox",
    b"eyJ",
)
_SECRET: Final = re.compile(
    r"Atz[ra]\|[\w|.~+/=-]*|amzn1\.oa2-cs\.[\w.-]*|\bAKIA[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY[-A-Za-z0-9+/=\s]*"
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}|\bglpat-[\w-]{20,}|\bxox[abprs]-[\w-]{10,}|(?<![\w-])eyJ[\w-]{20,}\.eyJ[\w-]{20,}\.[\w-]{20,}"
)
"""Refresh and access tokens, client secrets, keys (Login with Amazon, AWS, GitHub, GitLab, Slack, JSON Web
Tokens)."""
MASK: Final = "(a secret)"


def leaks(data: bytes, file: str) -> list[Finding]:
    """Every line that holds what looks like a secret; its text is not repeated."""
    if not any(marker in data for marker in _MARKERS):
        return []
    text = data.decode("utf-8", "replace")
    found: dict[int, Finding] = {}
    line, counted = 1, 0
    for match in _SECRET.finditer(text):
        line, counted = line + text.count("\n", counted, match.start()), match.start()
        if line in found:
            continue
        column = match.start() - text.rfind("\n", 0, match.start())
        found[line] = Finding(
            "STO-004",
            "error",
            "this looks like a secret",
            place=Place(file, line, column),
            hint="revoke it now: it is in git's history from here on; then write env:NAME",
        )
    return list(found.values())


def masked(text: str) -> str:
    """A text without what looks like a secret."""
    return _SECRET.sub(MASK, text)
