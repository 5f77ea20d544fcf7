"""A saved plan may lie in an S3-compatible store: a real server on loopback, the real client."""

from __future__ import annotations

import contextlib
import resource
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.repository import Repository, sku, storefront

PLACE = "s3://plans/team/plan.acorn.json"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """An empty bucket, and the variables that lead to it."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "a secret of the store",
        "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": endpoint,
    }.items():
        monkeypatch.setenv(name, value)
    made = boto3.resource("s3", region_name="eu-central-1", endpoint_url=endpoint).Bucket("plans")
    made.create(CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    yield made
    made.objects.all().delete()
    made.delete()


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "r", storefront(), sku())


@pytest.mark.parametrize("verb", ["plan", "ci plan"])
def test_a_plan_is_saved_shown_and_applied_once(made: Repository, bucket: object, verb: str) -> None:
    done = made.run(*verb.split(), "--out", PLACE)
    assert (done.code, f"saved: {PLACE}" in done.err) == (0, True), done
    assert "listing KTL-17-BLK" in made.run("show", PLACE).out
    assert made.run("plan", "--out", PLACE).code == 0  # a plan replaces a plan
    assert made.run("apply", PLACE).code == 0
    assert "amz-de/listing/KTL-17-BLK" in made.live()
    again = made.run("apply", PLACE)
    assert (again.code, "applied" in again.err) == (6, True), again


def test_nothing_but_a_plan_is_replaced(made: Repository, bucket: object) -> None:
    bucket.put_object(Key="team/plan.acorn.json", Body=b"holidays")  # type: ignore[attr-defined]
    done = made.run("plan", "--out", PLACE)
    assert (done.code, f"{PLACE} exists and is not a plan" in done.err) == (1, True), done


def test_an_edited_plan_is_refused(made: Repository, bucket: object) -> None:
    made.run("plan", "--out", PLACE)
    held = bucket.Object("team/plan.acorn.json")  # type: ignore[attr-defined]
    held.put(Body=held.get()["Body"].read().replace(b"49.99", b"4.99"))
    done = made.run("apply", PLACE)
    assert (done.code, "was changed after it was made" in done.err, made.live()) == (6, True, {}), done


@pytest.mark.parametrize(
    ("place", "code", "words"),
    [
        ("s3://plans/team/none.json", 6, "there is no plan at s3://plans/team/none.json"),
        ("s3://plans", 1, "is no place in a bucket"),
        ("s3://PLANS/a", 1, "is no place in a bucket"),
        ("s3://elsewhere/plan.json", 6, "there is no plan at s3://elsewhere/plan.json"),
    ],
)
def test_what_is_not_there_is_told(
    made: Repository, bucket: object, place: str, code: int, words: str
) -> None:
    done = made.run("apply", place)
    assert (done.code, words in done.err, "a secret of the store" in done.err) == (code, True, False), done


def test_a_store_that_is_away_ends_nothing_half_way(
    made: Repository, bucket: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    done = made.run("plan", "--out", PLACE)
    assert (done.code, done.out, PLACE in done.err) == (1, "", True), done


def test_what_is_larger_than_any_plan_is_not_taken_in(
    made: Repository, bucket: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.run("plan", "--out", PLACE)
    monkeypatch.setattr("acorn_gitops.plan.document.MOST", 10)
    for verb in ("show", "apply"):
        done = made.run(verb, PLACE)
        assert (done.code, f"{PLACE} is larger than any plan" in done.err) == (1, True), done


def test_what_a_store_says_of_an_error_has_an_end(
    made: Repository, bucket: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client reads all of it: in a process of its own, which has no more memory than a plan takes."""

    class Endless(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(400)
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(b"x" * (1 << 20))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr("acorn_gitops.confine.bucket.ROOM", 200)
    try:
        done = made.run("show", PLACE)
    finally:
        server.shutdown()
        server.server_close()
    assert (done.code, "no usable answer" in done.err) == (1, True), done
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 2_000_000
