"""What every operation of the emulator is given and answers. Comes in: nothing. Goes out: values. Callers:
the files of the APIs, `app`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from acorn_gitops.sandbox.amazon.world import Account, World


Json = dict[str, Any]
"""A JSON object, amounts as Decimal."""


class Refused(Exception):
    """A request that is answered with an error list, as every API of the models has it."""

    def __init__(self, status: int, code: str, message: str, details: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details


class Call(NamedTuple):
    """One request, after it was let in."""

    world: World
    account: Account
    path: Mapping[str, str]
    """Parameters of the path, decoded."""
    query: Mapping[str, str]
    """Parameters of the query, decoded; of one that is given twice, the values joined with commas."""
    base: str
    """The address at which the emulator was asked."""
    body: Any
    """The body as plain values, amounts as Decimal; None where there is none."""
    fault: str = ""
    """What somebody ordered to go wrong with it; empty for nothing."""

    def values(self, name: str, *, most: int = 0, among: Sequence[str] = ()) -> list[str]:
        """A list of the query, separated by commas. Refused where it is too long or a value is none of
        `among`."""
        found = [one for one in self.query.get(name, "").split(",") if one]
        if most and len(found) > most:
            raise invalid(f"'{name}' takes at most {most} values.")
        for one in found:
            if among and one not in among:
                raise invalid(f"Invalid '{name}' provided: {one}")
        return found

    def marketplaces(self, *, most: int = 0) -> list[str]:
        """The marketplaces that are asked about. Refused where there are none, or one is not the
        account's."""
        found = self.values("marketplaceIds", most=most)
        if not found:
            raise invalid("Missing required parameter 'marketplaceIds'.")
        for one in found:
            if one not in self.account.marketplaces:
                raise invalid(f"Invalid 'marketplaceIds' provided: {one}")
        return found

    def block(self, *names: str) -> Mapping[str, Any]:
        """The body, which must be an object with these names."""
        if not isinstance(self.body, dict):
            raise invalid("The request body is missing or is not a JSON object.")
        missing = [name for name in names if self.body.get(name) is None]
        if missing:
            raise invalid(f"Missing required field '{missing[0]}'.")
        return self.body


class Answer(NamedTuple):
    """A status, and a body as plain values; None for none."""

    status: int
    body: object = None


class Operation(NamedTuple):
    """One operation of a model."""

    name: str
    """Its `operationId`."""
    method: str
    path: str
    """As in the model: `/a/{b}`."""
    rate: float
    """Requests a second that an account may go on sending."""
    burst: int
    """Requests that may come at once."""
    handle: Callable[[Call], Answer]
    grantless: bool = False
    """It is asked for by an application for itself (`client_credentials`), not for a seller."""


def invalid(message: str, details: str = "") -> Refused:
    """A request that makes no sense."""
    return Refused(400, "InvalidInput", message, details=details)


def written(value: object) -> bytes:
    """JSON as Amazon writes it: a number that may have decimals has some (400 comes back as 400.0)."""
    return orjson.dumps(value, default=_number)


def _number(value: object) -> orjson.Fragment:
    if not isinstance(value, Decimal):
        raise TypeError(type(value))
    text = format(value.normalize(), "f")
    return orjson.Fragment(text if "." in text else f"{text}.0")
