"""Who is asked when a file changes, as forges read it (CODEOWNERS). Comes in: specs, the text of a file. Goes
out: that text with acorn's lines in it. Caller: cli `codeowners`.

A spec says whose it is by the label `owner`: a user or a team of the forge (acme/pricing), without the @ that
a label cannot hold. Of several rules for a file the last one counts (docs of GitHub and GitLab), so acorn's
lines stand between two marks, and everything around them stays.
"""

from __future__ import annotations

import re
from typing import Final

from acorn_gitops.specs.configuration import Configuration

LABEL: Final = "owner"
BEGIN: Final = "# Written by `acorn codeowners` from the label `owner`; edit that instead."
END: Final = "# End of what acorn writes."
_SIGNS: Final = re.compile(r"([ #!*?\[\]\\])")
"""What a pattern would take for more than itself."""


def owners_of_files(configuration: Configuration) -> dict[str, list[str]]:
    """By file, those whom its specs name, sorted; files in which nobody is named are left out."""
    found: dict[str, set[str]] = {}
    for spec in configuration.specs():
        if owner := spec.labels.get(LABEL):
            found.setdefault(spec.file, set()).add(owner)
    return {file: sorted(found[file]) for file in sorted(found)}


def with_owners(text: str, configuration: Configuration, *, below: str = "") -> str:
    """The text of a CODEOWNERS file with acorn's lines anew: where they stood, or at its end. `below`: the
    folder of the project in the repository."""
    rows = [
        " ".join(["/" + _SIGNS.sub(r"\\\1", below + file), *(f"@{one}" for one in owners)])
        for file, owners in owners_of_files(configuration).items()
    ]
    section = "\n".join([BEGIN, *rows, END]) + "\n"
    lines = text.splitlines(keepends=True)
    begins = None
    for number, line in enumerate(lines):
        if line.rstrip("\n") == BEGIN:
            begins = number
        elif line.rstrip("\n") == END and begins is not None:
            return "".join(lines[:begins]) + section + "".join(lines[number + 1 :])
    before = text if not text or text.endswith("\n") else f"{text}\n"
    return f"{before}\n{section}" if before else section
