"""Runs are told as OpenTelemetry spans to whoever asks for them: a collector on loopback, the real exporter."""

from __future__ import annotations

import contextlib
import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.repository import Repository, sku, storefront


class Collector:
    """Takes what it is sent."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.resources: dict[str, str] = {}
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                sent = ExportTraceServiceRequest.FromString(body)
                for part in sent.resource_spans:
                    for one in part.resource.attributes:
                        collector.resources[one.key] = one.value.string_value
                    for scope in part.scope_spans:
                        collector.spans += scope.spans
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def names(self) -> list[str]:
        return sorted({span.name for span in self.spans})

    def one(self, name: str) -> Span:
        return next(span for span in self.spans if span.name == name)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    found = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{found.server.server_port}")
    yield found
    found.server.shutdown()
    found.server.server_close()


def told(span: Span) -> dict[str, str | int]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_an_apply_is_a_span_with_its_parts(tmp_path: Path, collector: Collector) -> None:
    made = Repository(tmp_path / "r", storefront(), sku())
    made.apply()
    parts = ["acorn load", "acorn look", "acorn read", "acorn rules", "acorn write"]
    assert collector.names() == ["acorn apply", *parts]
    run = collector.one("acorn apply")
    for name in parts[1:3]:
        assert collector.one(name).parent_span_id == run.span_id, name
    assert {span.trace_id for span in collector.spans if span.parent_span_id} == {run.trace_id}
    writes = [told(span) for span in collector.spans if span.name == "acorn write"]
    assert {"acorn.store": "amz-de", "acorn.type": "listing", "acorn.changes": 1} in writes
    assert told(collector.one("acorn read")) == {"acorn.store": "amz-de", "acorn.connection": "main"}
    assert collector.resources["service.name"] == "acorn"


def test_a_run_is_part_of_the_pipeline_that_it_runs_in(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    Repository(tmp_path / "r", storefront(), sku()).run("plan")
    assert {span.trace_id.hex() for span in collector.spans} == {"0af7651916cd43dd8448eb211c80319c"}
    assert collector.one("acorn plan").parent_span_id.hex() == "b7ad6b7169203331"


def test_a_refusal_is_told_by_its_id(tmp_path: Path, collector: Collector) -> None:
    made = Repository(tmp_path / "r", storefront(), sku())
    made.run("plan", "--out", str(tmp_path / "plan.acorn.json"))
    made.apply()
    made.run("apply", str(tmp_path / "plan.acorn.json"))
    last = [span for span in collector.spans if span.name == "acorn apply"][-1]
    assert (last.status.code, last.status.message[:4]) == (Status.STATUS_CODE_ERROR, "ACN-"), last.status


def test_a_collector_that_is_away_changes_nothing(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    made = Repository(tmp_path / "r", storefront(), sku())
    done = made.run("plan")
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT")
    again = made.run("plan")
    assert (done.code, done.err) == (again.code, again.err), done
    assert done.out == again.out


@pytest.mark.parametrize(
    ("name", "value"),
    [("ACORN_UNTRUSTED", "1"), ("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")],
)
def test_nothing_is_told_where_nobody_wants_it_or_a_stranger_is_looked_at(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    Repository(tmp_path / "r", storefront(), sku()).run("plan")
    assert collector.spans == []


def test_no_value_and_no_secret_is_told(tmp_path: Path, collector: Collector) -> None:
    made = Repository(tmp_path / "r", storefront(), sku(price="77.77"))
    made.apply()
    everything = b"".join(span.SerializeToString() for span in collector.spans)
    assert b"acorn.store" in everything
    assert b"77.77" not in everything


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_BSP_MAX_QUEUE_SIZE", "1"), ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "x")]
)
def test_variables_that_make_no_sense_change_nothing(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    done = Repository(tmp_path / "r", storefront(), sku()).run("plan")
    assert (done.code, "spans cannot be sent" in done.err) == (0, True), done


def test_what_a_collector_answers_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It could unpack to anything, or have no end."""
    sent = []

    class Endless(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(b"x" * (1 << 20))
                    sent.append(1)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    try:
        assert Repository(tmp_path / "r", storefront(), sku()).run("plan").code == 0
    finally:
        server.shutdown()
        server.server_close()
    assert len(sent) < 50, "megabytes"
