"""Who signed a commit. Comes in: a commit, keys that somebody trusts. Goes out: the signer, or why there is
none. Caller: `reconcile.signed`.

Git checks a signature with `ssh-keygen` (SSH) or `gpg` (OpenPGP), as `git verify-commit` does. Which keys
count is said outside the repository, so that a commit cannot bring its own: neither the configuration of the
clone nor the keyring of whoever runs acorn is asked. Certificates (S/MIME) are not looked at: gpgsm asks the
addresses that stand in them.

Git judges an SSH key by the day that the commit names, and whoever signs chooses it. A key must hold now as
well.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from acorn_gitops.confine.git import NoAnswer, Questions, find
from acorn_gitops.confine.keyring import keyring
from acorn_gitops.confine.text import one_line
from acorn_gitops.model.finding import AcornError

VARIABLE: Final = "ACORN_SIGNERS"
MOST: Final = 1 << 20
"""Bytes of all keys together."""
_OPENPGP: Final = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
_WHY: Final[Mapping[str, str]] = {
    "N": "is not signed",
    "B": "has a signature that is not of this commit",
    "U": f"is signed with a key that {VARIABLE} does not hold",
    "E": f"is signed with a key that {VARIABLE} does not hold, or that cannot be read",
    "X": "has a signature that has expired",
    "Y": "is signed with a key that has expired",
    "R": "is signed with a key that was revoked",
}
"""By git's letter for a signature (`%G?` in the manual of git-log)."""


class Signature(NamedTuple):
    """`by`: the signer, as the keys name them; "" where no trusted key has signed, and `why` says the rest of
    "this commit …"."""

    by: str
    why: str = ""


def signature_of(root: Path, commit: str, environ: Mapping[str, str], now: datetime) -> Signature:
    """Whose key of `ACORN_SIGNERS` has signed a commit, and holds `now`. AcornError where the variable names
    no keys, or keys that lie in the repository."""
    repository = find(root)
    ssh, openpgp = _keys(root if repository is None else repository.top, environ)
    if repository is None:
        return Signature("", "lies in no repository")
    with keyring([_still(one, now) for one in ssh], openpgp) as keys:
        questions = Questions(repository, {**environ, "GNUPGHOME": str(keys.home)})
        settings = (
            f"gpg.ssh.allowedSignersFile={keys.signers}", "gpg.ssh.program=ssh-keygen", "gpg.program=gpg",
            f"gpg.x509.program={os.devnull}", "gpg.ssh.revocationFile=", "gpg.minTrustLevel=fully",
        )  # fmt: skip
        chosen = [part for one in settings for part in ("-c", one)]
        try:
            said = questions.ask(root, *chosen, "log", "-1", "--no-mailmap", "--format=%G?%n%GS", commit)
        except NoAnswer:
            return Signature("", "has a signature that git cannot check")
    letter, _, signer = said.decode("utf-8", "replace").strip().partition("\n")
    if letter != "G" or not signer.strip():
        return Signature("", _WHY.get(letter, _WHY["E"]))
    return Signature(one_line(signer.strip(), 100))


_TIMES: Final = re.compile(rb"valid-(after|before)", re.I)
_TIME: Final = re.compile(rb'valid-(after|before)="?(\d{8}|\d{12}|\d{14})(Z?)"?(?![\dZ])', re.I)
"""As `man ssh-keygen` writes them: YYYYMMDD[HHMM[SS]][Z], in local time without a Z."""


def _still(signers: bytes, now: datetime) -> bytes:
    """Of a list of SSH signers, the lines that hold now."""
    return b"\n".join(line for line in signers.splitlines() if _holds(line, now))


def _holds(line: bytes, now: datetime) -> bool:
    said = [*_TIME.finditer(line)]
    if len(said) != len(_TIMES.findall(line)):
        return False  # a time that nobody can read holds no key
    try:
        return all((_instant(one) <= now) == (one[1].lower() == b"after") for one in said)
    except (ValueError, OverflowError):
        return False


def _instant(said: re.Match[bytes]) -> datetime:
    """ValueError or OverflowError for a day that there is not."""
    moment = datetime.strptime(said[2].decode().ljust(14, "0"), "%Y%m%d%H%M%S")  # noqa: DTZ007 - just below
    return moment.replace(tzinfo=UTC) if said[3] else moment.astimezone()


def _keys(root: Path, environ: Mapping[str, str]) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """Lists of SSH signers, and OpenPGP keys, of the file or the folder that the variable names."""
    chosen = environ.get(VARIABLE, "")
    hint = (
        f"let {VARIABLE} name a file, or a folder of files, outside the repository: lists of SSH signers"
        " (`man ssh-keygen`, ALLOWED SIGNERS) or armoured OpenPGP keys"
    )
    if not chosen:
        raise AcornError(f"{VARIABLE} names no keys", hint=hint)
    place = Path(chosen).resolve()
    if place == root or root in place.parents:
        raise AcornError(f"keys of signers cannot lie in the repository ({chosen})", hint=hint)
    try:
        files = [p for p in sorted(place.iterdir()) if p.is_file()] if place.is_dir() else [place]
        if sum(path.stat().st_size for path in files) > MOST:
            raise AcornError(f"{VARIABLE} holds more than {MOST >> 20} MiB of keys", hint=hint)
        held = [path.read_bytes() for path in files]
    except OSError as error:
        raise AcornError(f"{VARIABLE} cannot be read: {chosen}: {error.strerror}", hint=hint) from None
    openpgp = [one for one in held if one.lstrip().startswith(_OPENPGP)]
    ssh = [one for one in held if one not in openpgp]
    if not any(one.strip() for one in held):
        raise AcornError(f"{VARIABLE} names no keys", hint=hint)
    return ssh, openpgp
