"""One spelling for each language tag. Comes in: a tag as people and shops write it. Goes out: language in
lower case, script with a capital, region in capitals, joined by underscores (BCP 47 section 2.1.1, with the
underscore that marketplaces use). Callers: compile, rules, fmt, adapters.
"""

from __future__ import annotations

import re


def canonical_tag(tag: str) -> str:
    """`de-de` is de_DE, `ZH-hans` zh_Hans, `es_419` itself."""
    language, *rest = re.split(r"[_-]", tag)
    return "_".join([language.lower(), *(part.title() if len(part) == 4 else part.upper() for part in rest)])
