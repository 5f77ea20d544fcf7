"""One spelling of an address. Comes in: an adapter's name and what acorn.yaml writes. Goes out: the same text
for all that lead to one server. Callers: `states`, `standing_still`.

A commit chooses how an address is written. What was applied to a marketplace, given and frozen there counts
for it however it is spelled.
"""

from __future__ import annotations

import ipaddress
import posixpath
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from acorn_gitops.specs.merge import merge

if TYPE_CHECKING:
    from acorn_gitops.model.typed import ConnectionData, ProjectData

_HERE: Final = "127.0.0.1"
"""This machine."""
_PORTS: Final = {"http": 80, "https": 443}


def one_spelling(adapter: str, url: str) -> str:
    """A host is the same with its usual port, with a dot at its end, with whoever asks before it, in letters
    of any alphabet, and this machine by any of its names; a path with what leads back in it. Vendure's admin
    API is where its client looks for it."""
    plain = url.rstrip("/").lower()
    try:
        parts = urlsplit(plain)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return plain
    if not host:
        return plain
    host = _one_host(host)
    where = host if port in (None, _PORTS.get(parts.scheme)) else f"{host}:{port}"
    path = posixpath.normpath(unquote(parts.path)).strip("/.") if parts.path else ""
    if adapter == "vendure" and not path.endswith("-api"):
        path = f"{path}/admin-api".lstrip("/")
    return parts._replace(netloc=where, path=path).geturl().rstrip("/")


def environments_leading_to(settings: ProjectData, connections: Mapping[str, ConnectionData]) -> list[str]:
    """The environments of a project file that use any of these connections, however their addresses are
    written, and by whatever token. What is embedded is a file of each clone, and nobody else's. Which account
    an address is asked for counts where the project file says it of the same token."""
    known = {
        (_place(one), one.get("token"), _account(one))
        for name in settings.get("environments") or {}
        for one in _used(settings, name).values()
    }
    wanted = [
        (place, _account(one) if (place, one.get("token"), _account(one)) in known else "")
        for one in connections.values()
        if (place := _place(one)) is not None
    ]

    def leads(one: ConnectionData) -> bool:
        here, mine = _place(one), _account(one)
        return any(place == here and (account in ("", mine) or not mine) for place, account in wanted)

    return [
        name for name in settings.get("environments") or {} if any(map(leads, _used(settings, name).values()))
    ]


def is_as_there(settings: ProjectData, environment: str, connections: Mapping[str, ConnectionData]) -> bool:
    """Whether an environment uses the same connections by the same names as in a project file."""
    if environment not in (settings.get("environments") or {}):
        return False
    there = _used(settings, environment)
    return all(
        name in there and (_place(there[name]), _account(there[name])) == (_place(one), _account(one))
        for name, one in connections.items()
    )


def says_the_same(settings: ProjectData, environment: str, connections: Mapping[str, ConnectionData]) -> bool:
    """Whether an environment uses just these connections in a project file, word for word."""
    return environment in (settings.get("environments") or {}) and _used(settings, environment) == connections


def _used(settings: ProjectData, environment: str) -> Mapping[str, ConnectionData]:
    """The connections of an environment of a project file."""
    chosen = (settings.get("environments") or {}).get(environment) or {}
    used: Mapping[str, ConnectionData] = merge(settings["connections"], chosen.get("connections") or {})
    return used


def _place(connection: ConnectionData) -> tuple[str, str] | None:
    """Adapter and address; None for what is embedded."""
    adapter, url = connection["adapter"], str(connection.get("url") or "sandbox:")
    if url.startswith("sandbox:"):
        return None
    return adapter, min(by_either_scheme(one_spelling(adapter, url)))


def _account(connection: ConnectionData) -> str:
    """Whose account, where one address serves all of them (Amazon's); empty where nobody says so."""
    if connection["adapter"] != "amazon":
        return ""
    return str((connection.get("options") or {}).get("sellerId") or "")


def by_either_scheme(spelled: str) -> tuple[str, ...]:
    """The address itself, and what it is with and without encryption: a server at the one may be the server
    at the other."""
    scheme, mark, rest = spelled.partition("://")
    other = {"http": "https", "https": "http"}.get(scheme)
    return (spelled, f"{other}{mark}{rest}") if other else (spelled,)


def _one_host(host: str) -> str:
    number = _ipv4(host)
    if host == "localhost" or host.endswith(".localhost"):
        return _HERE
    try:
        address = ipaddress.ip_address(number or host)
    except ValueError:
        return _in_ascii(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    # Whoever connects to "any address" reaches this machine.
    if address.is_loopback or address.is_unspecified:
        return _HERE
    return str(address) if address.version == 4 else f"[{address.compressed}]"


def _in_ascii(host: str) -> str:
    """As the HTTP client asks for it (IDNA 2008), so that two hosts stay two and one stays one."""
    if host.isascii():
        return host
    import idna

    try:
        return idna.encode(host).decode("ascii")
    except idna.IDNAError:
        return host


def _ipv4(host: str) -> str:
    """An IPv4 address in four parts; also one that is written in fewer, or in other bases (inet_aton: the
    last part fills what is left). Empty where it is none."""
    try:
        numbers = [
            int(part, 16 if part.startswith("0x") else 8 if part[:1] == "0" else 10)
            for part in host.split(".")
        ]
    except ValueError:
        return ""
    *first, last = numbers
    if (
        len(numbers) > 4
        or any(not 0 <= one < 256 for one in first)
        or not 0 <= last < 256 ** (5 - len(numbers))
    ):
        return ""
    value = sum(one << (24 - 8 * place) for place, one in enumerate(first)) + last
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))
