"""Requests to Amazon: how often, what is sent again, what an answer means, and that no secret is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acorn_gitops.confine import http
from acorn_gitops.marketplaces.amazon import operations as op
from acorn_gitops.marketplaces.amazon.client import MOST_PAUSE, PATIENCE, Client, Missing, Refusal, written
from acorn_gitops.marketplaces.amazon.limits import Limits, TooSlow
from acorn_gitops.marketplaces.amazon.login import Credentials
from acorn_gitops.model.finding import MarketplaceError, Unreachable
from tests.amazon.emulated import DE, SECRETS, SELLER, Emulated

CREDENTIALS = Credentials("client", "secret-of-client", "refresh-of-europe")
TOKEN = http.Answer(200, {}, b'{"access_token": "Atza|1", "expires_in": 3600}')
ITEM = {"sellerId": SELLER, "sku": "S"}


class Script:
    """Answers in an order that was written down; tokens at once."""

    def __init__(self, *answers: http.Answer | Exception) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, str, Mapping[str, str]]] = []
        self.hidden: list[str] = []

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> http.Answer:
        """The next one."""
        if url.endswith("/token"):
            return TOKEN
        self.sent.append((method, url, headers))
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def hide(self, secret: str) -> None:
        """Remember it."""
        self.hidden.append(secret)

    def close(self) -> None:
        """Nothing is open."""


def client(*answers: http.Answer | Exception, pause: Callable[[float], None] = lambda _: None) -> Client:
    """A client that is answered so."""
    return Client(
        "amazon-eu",
        "http://amazon.test",
        credentials=CREDENTIALS,
        login="http://amazon.test/token",
        pause=pause,
        clock=lambda: 0.0,
        sends=Script(*answers),
    )


def said(status: int, code: str = "", **headers: str) -> http.Answer:
    """An error list, or a page where there is no code."""
    body = json.dumps({"errors": [{"code": code, "message": "words"}]}) if code else "<html>words</html>"
    return http.Answer(status, {"x-amzn-requestid": "r-1", **headers}, body.encode())


OK = http.Answer(200, {}, b'\n{"a": 1.10}')


class TestAnswers:
    """What an answer means."""

    def test_a_body_may_begin_with_a_newline_and_amounts_are_decimal(self) -> None:
        """1.10 is not a float."""
        assert str(client(OK).call(op.GET_LISTING, ITEM)["a"]) == "1.10"

    @pytest.mark.parametrize("status", [429, 500, 503, 408])
    def test_a_read_is_sent_again(self, status: int) -> None:
        """Until it is answered."""
        assert client(said(status), said(status), OK).call(op.GET_LISTING, ITEM)

    @pytest.mark.parametrize("answer", [said(500, "InternalFailure"), http.NoAnswer("reset")])
    def test_what_may_have_been_done_and_is_not_repeatable_is_unknown(
        self, answer: http.Answer | Exception
    ) -> None:
        """A supply source is not created a second time."""
        one = client(answer)
        with pytest.raises(Unreachable):
            one.call(op.CREATE_SOURCE, body={})
        assert len(one._sends.sent) == 1  # type: ignore[attr-defined]

    @pytest.mark.parametrize("answer", [said(429, "QuotaExceeded"), http.NotSent("refused")])
    def test_what_was_not_done_is_sent_again_whatever_it_is(self, answer: http.Answer | Exception) -> None:
        """A refusal for haste, a server that is not there."""
        assert client(answer, OK).call(op.CREATE_SOURCE, body={})

    def test_words_and_the_id_of_the_request_are_kept(self) -> None:
        """So that Amazon's support can find it."""
        with pytest.raises(Refusal, match=r"InvalidInput: words \(request r-1\)"):
            client(said(400, "InvalidInput")).call(op.GET_LISTING, ITEM)

    def test_not_found_is_missing(self) -> None:
        """404."""
        with pytest.raises(Missing):
            client(said(404, "NOT_FOUND")).call(op.GET_LISTING, ITEM)

    def test_a_page_of_html_is_told_as_such(self) -> None:
        """And what it says is not repeated."""
        with pytest.raises(Refusal, match=r"answered 400 with text/html"):
            client(said(400, **{"content-type": "text/html"})).call(op.GET_LISTING, ITEM)

    @pytest.mark.parametrize("body", [b'{"a": ', b'{"a": NaN}', b"[" * 100_000])
    def test_a_body_that_is_no_json_is_asked_for_again(self, body: bytes) -> None:
        """It was cut off on its way."""
        assert client(http.Answer(200, {}, body), OK).call(op.GET_LISTING, ITEM)

    def test_a_token_that_ended_early_is_renewed_once(self) -> None:
        """A second refusal is told, with what to look at."""
        assert client(said(403, "Unauthorized"), OK).call(op.GET_LISTING, ITEM)
        with pytest.raises(Refusal, match="Unauthorized") as caught:
            client(said(403, "Unauthorized"), said(403, "Unauthorized")).call(op.GET_LISTING, ITEM)
        assert "roles" in (caught.value.hint or "")

    @pytest.mark.parametrize("sku", ["A B/1", "a+b", "x%2Fy", "ü,?#1"])
    def test_a_sku_is_one_part_of_the_path(self, sku: str) -> None:
        """Percent-encoded, the slash too."""
        one = client(OK)
        one.call(op.GET_LISTING, {"sellerId": SELLER, "sku": sku})
        url = one._sends.sent[0][1]  # type: ignore[attr-defined]
        assert url.rsplit("/", 1)[1].isascii() and url.count("/") == 7


class TestLogin:
    """Login with Amazon."""

    @pytest.mark.parametrize("secret", ["", "token", "[]", '{"clientId": "a"}', '{"clientId": 1}', "null"])
    def test_a_secret_of_another_shape_is_refused_and_not_repeated(self, secret: str) -> None:
        """With the shape that is wanted."""
        with pytest.raises(MarketplaceError) as caught:
            Credentials.parsed("amazon-eu", secret)
        assert "refreshToken" in (caught.value.hint or "")
        assert not secret or secret not in caught.value.message

    def test_a_revoked_authorisation_is_told_with_what_to_do(self, amazon: Emulated) -> None:
        """invalid_grant."""
        amazon.account.refresh_token = "another"
        with pytest.raises(MarketplaceError, match="invalid_grant") as caught:
            amazon.adapter().stores()
        assert "authorise the application again" in (caught.value.hint or "")

    def test_one_token_serves_until_it_ends(self, amazon: Emulated) -> None:
        """And is renewed before."""
        adapter = amazon.adapter()
        adapter.client.call(op.LIST_SOURCES)
        first = adapter.client._login.token()
        amazon.wait(3000)
        adapter.client.call(op.LIST_SOURCES)
        assert adapter.client._login.token() == first
        amazon.wait(560)
        adapter.client.call(op.LIST_SOURCES)
        assert adapter.client._login.token() != first

    def test_no_secret_is_in_a_message(self, amazon: Emulated) -> None:
        """Neither of the three, nor the token."""
        adapter = amazon.adapter()
        with pytest.raises(MarketplaceError) as caught:
            adapter.client.call(op.GET_LISTING, {"sellerId": "A2", "sku": "S"}, {"marketplaceIds": DE})
        shown = str(caught.value) + repr(caught.value)
        assert not any(one in shown for one in (*SECRETS.values(), adapter.client._login.token()))


class TestLimits:
    """How often."""

    def test_no_more_is_sent_than_is_let_in(self, amazon: Emulated) -> None:
        """Thirty searches, none refused, in the time that five a second take."""
        adapter = amazon.adapter()
        for _ in range(30):
            adapter.client.call(op.SEARCH_LISTINGS, {"sellerId": SELLER}, {"marketplaceIds": DE})
        assert amazon.world.throttled == {}
        assert 4.9 <= amazon.spent <= 5.2

    def test_a_slower_account_is_found_out_without_a_storm(self, amazon: Emulated) -> None:
        """Where half of the rate is let in, few requests are refused."""
        amazon.world.habits.scale = 0.5
        adapter = amazon.adapter()
        for _ in range(100):
            adapter.client.call(op.SEARCH_LISTINGS, {"sellerId": SELLER}, {"marketplaceIds": DE})
        refused = amazon.world.throttled.get("searchListingsItems", 0)
        assert refused <= 20

    def test_what_a_success_says_of_the_rate_is_believed_within_reason(self) -> None:
        """And nothing else is."""
        limits = Limits(lambda: 0.0)
        for text, rate in (
            ("20", 20.0),
            ("0", 20.0),
            ("nan", 20.0),
            ("1e9", 20.0),
            ("0.5", 20.0),
            ("1", 1.0),
        ):
            limits.succeeded(op.PUT_LISTING, {"x-amzn-ratelimit-limit": text})
            assert limits.seconds_for(op.PUT_LISTING, 10 + int(rate * 10)) == pytest.approx(10, rel=0.2)

    @given(st.lists(st.floats(0, 3), min_size=1, max_size=60))
    def test_never_more_than_burst_and_rate(self, gaps: list[float]) -> None:
        """Whatever the caller's pace: in any span no more than burst + rate × span."""
        now, sent = [0.0], list[float]()
        limits = Limits(lambda: now[0])
        for gap in gaps:
            now[0] += gap
            now[0] += limits.wait(op.PATCH_LISTING)
            sent.append(now[0])
        for i, first in enumerate(sent):
            for j in range(i, len(sent)):
                assert j - i + 1 <= 5 + 5 * (sent[j] - first) + 1e-6


@pytest.mark.parametrize(
    "refuses", [lambda _: True, lambda n: n % 2 == 0, lambda n: n % 6 != 0], ids=["always", "half", "most"]
)
@pytest.mark.parametrize("operation", [op.PARTICIPATIONS, op.SEARCH_LISTINGS], ids=lambda one: one.name)
def test_who_refuses_without_end_holds_nobody_for_hours(
    operation: op.Operation, refuses: Callable[[int], bool]
) -> None:
    now, patience = [0.0], PATIENCE
    limits = Limits(lambda: now[0])
    with pytest.raises(TooSlow):
        for number in range(20_000):
            now[0] += limits.wait(operation)
            if refuses(number):
                pause = min(limits.refused(operation), MOST_PAUSE, patience)
                now[0] += pause
                patience -= pause
            else:
                limits.succeeded(operation, {"x-amzn-ratelimit-limit": str(operation.rate / 8)})
    assert now[0] < 3 * 3600


@pytest.mark.parametrize("part", [2, 4, 7])
def test_an_account_with_a_lower_rate_is_slow_and_reads_everything(part: int) -> None:
    now = [0.0]
    limits = Limits(lambda: now[0])
    for _ in range(50_000):
        now[0] += limits.wait(op.SEARCH_LISTINGS)
        limits.succeeded(op.SEARCH_LISTINGS, {"x-amzn-ratelimit-limit": str(5 / part)})
    assert now[0] == pytest.approx(10_000 * part, rel=0.01)


def test_amounts_are_written_with_all_their_digits() -> None:
    """As numbers, which a float could not hold."""
    from decimal import Decimal

    text = written({"a": Decimal("0.1"), "b": Decimal("12345678901234567.89"), "c": Decimal("5.00")})
    assert text == b'{"a":0.1,"b":12345678901234567.89,"c":5.00}'


def test_anything_else_is_no_json() -> None:
    """A set is refused."""
    value: Any = {1}
    with pytest.raises(TypeError):
        written(value)


class TestLease:
    """Whoever lost the lease sends nothing more."""

    def test_between_the_tries_of_a_write_it_is_asked_again(self) -> None:
        """A server that lets it wait does not carry it past the end of its lease; reading goes on."""
        why: list[str] = []
        account = client(
            said(429, "QuotaExceeded", **{"retry-after": "40"}), OK, OK, pause=lambda _: why.append("lost")
        )
        account._why_not = lambda: why[0] if why else ""
        with pytest.raises(MarketplaceError, match="lost"):
            account.call(op.PATCH_LISTING, ITEM, {"marketplaceIds": DE}, {"patches": []})
        assert [method for method, _, _ in account._sends.sent] == ["PATCH"]  # type: ignore[attr-defined]
        account.call(op.GET_LISTING, ITEM, {"marketplaceIds": DE})
        assert [method for method, _, _ in account._sends.sent] == ["PATCH", "GET"]  # type: ignore[attr-defined]
