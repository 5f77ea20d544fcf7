"""One object of an S3-compatible store, for saved plans. Comes in: an address `s3://BUCKET/KEY`. Goes out:
bytes. Caller: cli.

Region, endpoint and credentials are those of the environment, under the names that every client of such
stores knows (`AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID` …). What comes back is believed as
little as a file is: a plan has a name that its content gives it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from acorn_gitops.confine.bounded import Limits, Step, Unbounded, bounded
from acorn_gitops.confine.text import one_line
from acorn_gitops.model.finding import AcornError

if TYPE_CHECKING:
    from obstore.store import S3Store

SCHEME: Final = "s3://"
_ADDRESS: Final = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([^/\s][^\s]{0,1000})")
_HINT: Final = "write s3://BUCKET/KEY; AWS_REGION, AWS_ENDPOINT_URL and AWS_ACCESS_KEY_ID say where and who"


class StoredObject(NamedTuple):
    """A place in a bucket."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"


def stored_object(written: str) -> StoredObject:
    """The place that an address names. AcornError where it names none."""
    found = _ADDRESS.fullmatch(written)
    if found is None:
        raise AcornError(f"{one_line(written, 100)} is no place in a bucket", hint=_HINT)
    return StoredObject(found[1], found[2])


def put(place: StoredObject, content: bytes) -> None:
    """Keep this, in place of what is there. AcornError where the store does not take it."""

    def ask(_: Step) -> bytes:
        with _asking(place) as store:
            store.put(place.key, content)
        return _THERE

    _apart(place, ask, len(content))


def get(place: StoredObject, most: int) -> bytes | None:
    """What is kept there; None where nothing is. AcornError where the store does not answer, or with more
    than `most` bytes."""

    def ask(_: Step) -> bytes:
        content = bytearray(_THERE)
        with _asking(place) as store:
            for part in store.get(place.key).stream(min_chunk_size=1 << 20):
                content += part
                if len(content) > most + len(_THERE):
                    raise AcornError(f"{place} is larger than any plan", hint=_HINT)
        return bytes(content)

    answer = _apart(place, ask, most)
    return None if answer is None else answer[len(_THERE) :]


_THERE: Final = b"there"
_ABSENT: Final = b"absent"
_FAILED: Final = b"failed"
SECONDS: Final = 180.0
ROOM: Final = 512
"""MiB that the client may take beside three copies of the content."""


def _apart(place: StoredObject, ask: Callable[[Step], bytes], size: int) -> bytes | None:
    """What is answered; None where nothing is there. In a process of its own, with limits: the client reads
    the whole of what a store says of an error, however long that is."""

    def work(step: Step) -> bytes:
        try:
            return ask(step)
        except FileNotFoundError:
            return _ABSENT
        except AcornError as error:
            return _FAILED + orjson.dumps([error.message, error.hint])

    try:
        answer = bounded(work, Limits(step=SECONDS, whole=SECONDS, memory=ROOM + 3 * (size >> 20)))
    except Unbounded as error:
        raise AcornError(f"{place}: no usable answer: {error.why}", hint=_HINT) from None
    if answer.startswith(_FAILED):
        message, hint = orjson.loads(answer[len(_FAILED) :])
        raise AcornError(message, hint=hint)
    return None if answer == _ABSENT else answer


@contextmanager
def _asking(place: StoredObject) -> Iterator[S3Store]:
    """The store of a place. FileNotFoundError where the object or its bucket is not there, AcornError where
    the store fails otherwise."""
    try:
        from obstore.exceptions import BaseError
        from obstore.store import S3Store
    except ImportError:
        raise AcornError(
            "a plan in a bucket takes one package more", hint="pip install 'acorn-gitops[s3]'"
        ) from None
    try:
        yield S3Store(
            place.bucket,
            client_options={"timeout": "60s", "connect_timeout": "10s", "allow_http": True},
            retry_config={"max_retries": 3},
        )
    except FileNotFoundError:
        raise
    except (BaseError, OSError, ValueError) as error:
        words = str(error).partition("\n\nDebug source")[0]
        raise AcornError(f"{place}: {one_line(words, 300)}", hint=_HINT) from None
