"""Roles and who has them. Comes in: jobs. Goes out: rows. Caller: adapter.

A role of acorn holds in one store, so that it is a role of Vendure for one channel, with the code
`role@store`. A role of another name that holds in one channel is read by its code; one that holds in several
says so, and is not changed from here: that would change the others.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from typing import Final

from acorn_gitops.marketplaces.by_looking import Job, Raw, RemoteStore, Row, Rows, Trouble, live, one_by_one
from acorn_gitops.marketplaces.vendure import operations as op
from acorn_gitops.marketplaces.vendure.client import Client
from acorn_gitops.marketplaces.vendure.permissions import permissions_of, rights_of
from acorn_gitops.model.finding import MarketplaceError
from acorn_gitops.model.resource import Attributes

EVERYTHING: Final = "__super_admin_role__"
SYSTEM: Final = frozenset({EVERYTHING, "__customer_role__"})


class Roles:
    """`role`: permissions in one channel."""

    type = "role"
    shared = False

    def __init__(self, client: Client) -> None:
        self._client = client

    def rows(self, channel: RemoteStore, keys: Collection[str] | None) -> Rows:
        """Roles that hold in this channel."""
        found: list[tuple[str, Row]] = []
        for raw in self._client.every(op.ROLES, "roles"):
            names = {c["id"] for c in raw["channels"]}
            if channel.id not in names or raw["code"] in SYSTEM:
                continue
            key = raw["code"].removesuffix(f"@{channel.store}")
            if keys is None or key in keys:
                found.append((key, Row(live(self._said(raw), raw, raw["id"]), raw)))
        return Rows("roles", found)

    def _said(self, raw: Raw) -> Attributes:
        rules, extra = rights_of(raw["permissions"])
        foreign = []
        if extra:
            foreign.append(f"permissions that no rule can say: {', '.join(extra)}")
        if len(raw["channels"]) > 1:
            foreign.append(f"it holds in {', '.join(sorted(c['code'] for c in raw['channels']))}")
        return {"rules": rules or None, "foreign": "; ".join(foreign) or None}

    def create(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Exactly these permissions, in this channel only."""

        def do(job: Job) -> None:
            fields = {
                "code": f"{job.key}@{channel.store}",
                "description": f"{job.key} in {channel.store}",
                "permissions": permissions_of(job.merged.get("rules") or ()),
                "channelIds": [channel.id],
            }
            self._client.write(op.CREATE_ROLE, {"input": fields})

        return one_by_one(jobs, do)

    def update(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Whatever somebody added by hand goes."""

        def do(job: Job) -> None:
            raw = _alone(job)
            fields = {"id": raw["id"], "permissions": permissions_of(job.merged.get("rules") or ())}
            self._client.write(op.UPDATE_ROLE, {"input": fields})

        return one_by_one(jobs, do)

    def delete(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Who had it has it no more."""
        return one_by_one(
            jobs, lambda job: self._client.write(op.DELETE_ROLE, {"id": _alone(job)["id"]}) and None
        )


def _alone(job: Job) -> dict[str, object]:
    assert job.row is not None
    raw: Raw = job.row.raw
    if len(raw["channels"]) > 1:
        raise MarketplaceError(
            f"the role {raw['code']} holds in {len(raw['channels'])} channels: changing it here would change it there"
        )
    return raw


class Grants:
    """`grant`: a role of an administrator."""

    type = "grant"
    shared = False

    def __init__(self, client: Client, roles: Roles, password: Callable[[], str] | None = None) -> None:
        self._client = client
        self._roles = roles
        self._password = password or (lambda: secrets.token_urlsafe(32))

    def rows(self, channel: RemoteStore, keys: Collection[str] | None) -> Rows:
        """Who has a role that holds in this channel."""
        roles = {row.raw["id"]: key for key, row in self._roles.rows(channel, None).items()}
        found: list[tuple[str, Row]] = []
        for raw in self._client.every(op.ADMINISTRATORS, "administrators"):
            mail = raw["emailAddress"]
            for role in raw["user"]["roles"]:
                if role["id"] in roles:
                    key = f"{roles[role['id']]}:user:{mail}"
                    attributes: Attributes = {
                        "role": roles[role["id"]],
                        "subject": {"id": mail, "kind": "user"},
                    }
                elif role["code"] == EVERYTHING and raw["user"]["id"] != self._client.user_id:
                    # Vendure's own role holds in every channel; nobody can declare it, and everybody must see
                    # who has it.
                    key = f"{EVERYTHING}:user:{mail}"
                    attributes = {
                        "role": EVERYTHING,
                        "subject": {"id": mail, "kind": "user"},
                        "foreign": "it may do everything, and no role of acorn's can",
                    }
                else:
                    continue
                if keys is None or key in keys:
                    # Not by the administrator's age: their name is not what is granted.
                    found.append((key, Row(live(attributes, {}, f"{raw['id']}:{role['id']}"), raw)))
        return Rows("administrators", found)

    def create(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """The role is added to those that the person has. Somebody unknown gets an account with a password
        that nobody knows: whoever invites them sets it."""

        def do(job: Job) -> None:
            role = self._role(channel, job.merged["role"])
            mail = job.merged["subject"]["id"]
            person = self._person(mail)
            if person is None:
                fields = {
                    "firstName": mail.partition("@")[0],
                    "lastName": "",
                    "emailAddress": mail,
                    "password": self._password(),
                    "roleIds": [role],
                }
                self._client.write(op.CREATE_ADMINISTRATOR, {"input": fields})
                return
            ids = [r["id"] for r in person["user"]["roles"]]
            self._client.write(
                op.UPDATE_ADMINISTRATOR, {"input": {"id": person["id"], "roleIds": [*ids, role]}}
            )

        return one_by_one(jobs, do)

    def update(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """A grant is fixed: role and person are its key."""
        return ["a grant is fixed at creation" for _ in jobs]

    def delete(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """The account stays, with its other roles."""

        def do(job: Job) -> None:
            assert job.row is not None
            role = self._role(channel, job.row.live.attributes["role"])
            # Read again: an earlier row of this batch may have changed the same person.
            person = self._person(job.row.raw["emailAddress"])
            if person is not None:
                ids = [r["id"] for r in person["user"]["roles"] if r["id"] != role]
                self._client.write(op.UPDATE_ADMINISTRATOR, {"input": {"id": person["id"], "roleIds": ids}})

        return one_by_one(jobs, do)

    def _role(self, channel: RemoteStore, key: str) -> str:
        row = self._roles.rows(channel, [key]).get(key)
        if row is None:
            raise MarketplaceError(f"{channel.store} has no role {key}")
        return row.live.remote_id

    def _person(self, mail: str) -> Raw | None:
        options = {"filter": {"emailAddress": {"eq": mail}}}
        found = self._client.every(op.ADMINISTRATORS, "administrators", {"options": options})
        if len(found) > 1:
            raise MarketplaceError(
                f"there are {len(found)} administrators {mail}: which one is meant cannot be known"
            )
        return found[0] if found else None
