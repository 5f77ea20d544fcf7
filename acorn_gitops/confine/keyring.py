"""Keys that may sign, laid out for git in a folder of their own. Comes in: lists of SSH signers, OpenPGP
keys. Goes out: a folder, gone when it was used. Caller: `provenance.signature`.

Neither the keyring nor the settings of whoever runs acorn are asked, and no agent is started.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from acorn_gitops.model.finding import AcornError

SECONDS: Final = 30.0
"""How long gpg may take to read the keys."""


class Keyring(NamedTuple):
    """`home`: what gpg takes for its own folder; `signers`: the list of SSH signers."""

    home: Path
    signers: Path


@contextmanager
def keyring(ssh: Sequence[bytes], openpgp: Sequence[bytes]) -> Iterator[Keyring]:
    """Of these keys alone, all of them trusted: whoever named them has said so. AcornError where there are
    OpenPGP keys and no gpg."""
    with tempfile.TemporaryDirectory(prefix="acorn-keys-") as name:
        home = Path(name)
        signers = home / "allowed_signers"
        signers.write_bytes(b"\n".join(ssh) + b"\n")
        if openpgp:
            _take_in(home, openpgp)
        yield Keyring(home, signers)


def _take_in(home: Path, keys: Sequence[bytes]) -> None:
    (home / "gpg.conf").write_text("trust-model always\nno-autostart\nno-auto-key-retrieve\n")
    environ = {"PATH": os.environ.get("PATH", os.defpath), "GNUPGHOME": str(home), "LC_ALL": "C.UTF-8"}
    try:
        subprocess.run(
            ["gpg", "--batch", "--quiet", "--import"],
            input=b"\n".join(keys),
            env=environ,
            capture_output=True,
            timeout=SECONDS,
            check=False,  # a key that gpg cannot read signs nothing
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AcornError(
            f"the keys that may sign cannot be read: {error}", hint="install gpg, or use SSH signatures"
        ) from None
