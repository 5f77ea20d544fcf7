"""What was meant by an amount that is none. Comes in: text as somebody wrote it. Goes out: a hint. Caller:
`gate`.

Amounts come from spreadsheets, input methods and other countries' habits. Nothing is ever converted here: the
hint shows what to write, and where two readings are possible it does not choose.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LONGEST: Final = 60
"""Letters of what may be meant as an amount: looking for it in more takes time, and helps nobody."""
_ANY: Final = 'write the amount as a quoted decimal, e.g. "49.99"'
_EDGES: Final = " \t\u00a0\u3000\"'“”„‘’«»"
_WORDS: Final = re.compile(r"^[A-Za-z\u20a0-\u20bf$£¥元]{1,3}\s*|\s*[A-Za-z\u20a0-\u20bf$£¥元]{1,3}$")
_PLAIN: Final = re.compile(r"(0|[1-9][0-9]{0,12})(\.[0-9]{1,4})?\Z")


def advice(written: str) -> str:
    """How to write the amount, in one sentence."""
    if len(written) > LONGEST:
        return _ANY
    text = unicodedata.normalize("NFKC", written).strip(_EDGES)
    bare = _WORDS.sub("", _WORDS.sub("", text)).strip(_EDGES)
    text = text if bare.endswith(".") else bare
    if re.match(r"[-\u2212\u2013(]", text):
        return "an amount is never negative; what is taken off a price is a Promo"
    meant = _meant(text.replace(" ", "").replace("\u00a0", "").replace("'", ""))
    if meant:
        return f'write "{meant}": digits and a point, no currency, no thousands separators'
    if re.fullmatch(r"[0-9]{1,3}[.,][0-9]{3}", text):
        whole, fraction = re.split("[.,]", text)
        return f'write "{whole}{fraction}" or "{whole}.{fraction}": it can be read both ways'
    return _ANY


def _meant(text: str) -> str:
    if re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+\.[0-9]{1,2}", text):
        text = text.replace(",", "")
    elif re.fullmatch(r"[0-9]{1,3}(\.[0-9]{3})+,[0-9]{1,2}", text):
        text = text.replace(".", "").replace(",", ".")
    elif re.fullmatch(r"[0-9]+,[0-9]{1,2}", text):
        text = text.replace(",", ".")
    text = text.rstrip(".")
    return text if _PLAIN.match(text) else ""
