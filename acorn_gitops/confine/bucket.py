"""One object of an S3-compatible store, for saved plans. Comes in: an address `s3://BUCKET/KEY`. Goes out:
bytes. Caller: cli.

Region, endpoint and credentials are those of the environment, under the names that every client of such
stores knows (`AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID` …). What comes back is believed as
little as a file is: a plan has a name that its content gives it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

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
    with _asking(place) as store:
        store.put(place.key, content)


def get(place: StoredObject, most: int) -> bytes | None:
    """What is kept there; None where nothing is. AcornError where the store does not answer, or with more
    than `most` bytes."""
    content = bytearray()
    try:
        with _asking(place) as store:
            for part in store.get(place.key).stream(min_chunk_size=1 << 20):
                content += part
                if len(content) > most:
                    raise AcornError(f"{place} is larger than any plan", hint=_HINT)
    except FileNotFoundError:
        return None
    return bytes(content)


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
        raise AcornError(f"{place}: {one_line(str(error), 300)}", hint=_HINT) from None
