"""The emulator as a program of its own, and as a fixture for others' tests."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner

from acorn_gitops.cli.sp_api import command, main
from acorn_gitops.sandbox.amazon.serving import Emulated, credentials, seller
from tests.amazon.web import WEB


def test_it_prints_a_secret_with_which_somebody_is_let_in() -> None:
    """One seller for each region; Ctrl-C ends it."""
    script = "from acorn_gitops.cli.sp_api import main; main()"
    running = subprocess.Popen(
        [sys.executable, "-c", script, "--port", "8791"], stderr=subprocess.PIPE, text=True
    )
    assert running.stderr is not None
    try:
        said = [running.stderr.readline() for _ in range(4)]
        url = re.search(r"http://\S+", said[0])
        secret = json.loads(said[2].partition("secret ")[2])
        assert url is not None and "eu: seller" in said[2]
        form = {
            "grant_type": "refresh_token",
            "refresh_token": secret["refreshToken"],
            "client_id": secret["clientId"],
            "client_secret": secret["clientSecret"],
        }
        for _ in range(100):
            try:
                answer = WEB.post(f"{url.group()}/auth/o2/token", data=form)
                break
            except httpx2.ConnectError:
                time.sleep(0.05)
        headers = {"x-amz-access-token": answer.json()["access_token"]}
        found = WEB.get(f"{url.group()}/sellers/v1/marketplaceParticipations", headers=headers)
        assert len(found.json()["payload"]) > 10
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(20)


@pytest.mark.parametrize("content", ["{", "[]x", '[{"region": "eu"}]', '[{"sellerId": "A", "region": "eu", "refreshToken": "r", "marketplaces": ["ATVPDKIKX0DER"]}]', "[1]"])  # fmt: skip
def test_accounts_that_make_no_sense_are_refused(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By name, and nothing is served."""
    file = tmp_path / "accounts.json"
    file.write_text(content)
    with pytest.raises(SystemExit) as ended:
        main(["--accounts", str(file)])
    assert ended.value.code == 1
    assert "accounts.json" in capsys.readouterr().err


def test_an_option_that_is_none_ends_with_64() -> None:
    """As everywhere."""
    with pytest.raises(SystemExit) as ended:
        main(["--port", "nowhere"])
    assert ended.value.code == 64


def test_help_says_what_it_speaks() -> None:
    """In one screen."""
    shown = CliRunner().invoke(command, ["--help"]).output
    assert "Supply Sources" in shown and "--virtual-clock" in shown


def test_the_fixture_is_for_everybody(sp_api: Emulated) -> None:
    """An emulator without accounts, until a test enrols one."""
    account = sp_api.world.enroll(seller("fe"))
    form = credentials({"refreshToken": account.refresh_token})
    answer = WEB.post(
        sp_api.login,
        data={
            "grant_type": "refresh_token",
            "refresh_token": form["refreshToken"],
            "client_id": form["clientId"],
            "client_secret": form["clientSecret"],
        },
    )
    assert answer.status_code == 200
    sp_api.hand(
        sku="A",
        marketplaceId="A1VC38T7YXB528",
        all={"condition_type": [{"value": "new_new"}]},
    )
    assert ("A", "A1VC38T7YXB528") in account.listings
