"""Login with Amazon: grants become access tokens. Comes in: a form. Goes out: a token or an error, in the
words of the real one. Caller: `app`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from acorn_gitops.sandbox.amazon.call import Json
from acorn_gitops.sandbox.amazon.world import Account, World

PATH: Final = "/auth/o2/token"
LIFE: Final = timedelta(hours=1)
GRANTLESS: Final = "client_credentials"


class Tokens:
    """Access tokens that were given out, and to whom. `anybody`: whoever asks is given one."""

    def __init__(self, world: World, *, anybody: bool = False) -> None:
        self._world = world
        self._anybody = anybody
        self._given: dict[str, tuple[str, datetime]] = {}

    def answer(self, form: Mapping[str, str]) -> tuple[int, Json]:
        """Status and body for a request for a token."""
        if self._anybody:
            return 200, {**self._give(""), "refresh_token": form.get("refresh_token", "")}
        client = form.get("client_id", "")
        known = self._world.clients
        if not client or not form.get("client_secret"):
            return self._refused(400, "invalid_request", "The request is missing a required parameter")
        if known and known.get(client) != form["client_secret"]:
            return self._refused(401, "invalid_client", "Client authentication failed")
        grant = form.get("grant_type", "")
        if grant == GRANTLESS:
            if not form.get("scope"):
                return self._refused(400, "invalid_scope", "The request has an invalid scope parameter")
            return 200, {**self._give(""), "scope": form["scope"]}
        if grant == "authorization_code":
            return self._refused(400, "invalid_request", "The request has an invalid parameter : code")
        if grant != "refresh_token":
            words = "The authorization grant type is not supported by the authorization server"
            return self._refused(400, "unsupported_grant_type", words)
        refresh = form.get("refresh_token", "")
        whose = next((a for a in self._world.accounts.values() if a.refresh_token == refresh), None)
        if whose is None:
            words = "The request has an invalid grant parameter : refresh_token"
            return self._refused(400, "invalid_grant", words)
        return 200, {**self._give(whose.seller_id), "refresh_token": refresh}

    def account(self, token: str) -> Account | None:
        """Whose a token is; None where it is nobody's, or its hour is over."""
        seller, until = self._given.get(token, ("", self._world.now()))
        return self._world.accounts.get(seller) if until > self._world.now() else None

    def is_an_applications(self, token: str) -> bool:
        """Whether a token is for an application itself, and its hour is not over."""
        seller, until = self._given.get(token, (None, self._world.now()))
        return seller == "" and until > self._world.now()

    def expire(self) -> None:
        """All tokens are over at once."""
        self._given.clear()

    def _give(self, seller: str) -> Json:
        token = f"Atza|{self._world.id()}"
        self._given[token] = (seller, self._world.now() + LIFE)
        return {"access_token": token, "token_type": "bearer", "expires_in": int(LIFE.total_seconds())}

    def _refused(self, status: int, error: str, description: str) -> tuple[int, Json]:
        body = {
            "error_description": description,
            "error": error,
            "error_index": self._world.id(),
            "request_id": self._world.id(),
        }
        return status, body
