"""Runs as OpenTelemetry spans. Comes in: a process's environment. Goes out: what a workspace calls when a
part of a run begins (`model.spans`), and one call that sends what was gathered. Callers: `Session`, the
command's end.

OpenTelemetry's own variables say whether and where: `OTEL_EXPORTER_OTLP_ENDPOINT` and its neighbours. A
`TRACEPARENT` makes a run part of the pipeline that it runs in. A collector that is away costs some seconds at
the end, and changes nothing of what is done.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from acorn_gitops import __version__
from acorn_gitops.confine.collector import deaf_session
from acorn_gitops.confine.text import one_line
from acorn_gitops.model.finding import AcornError
from acorn_gitops.model.spans import Spans, untold
from acorn_gitops.reconcile.workspace import is_untrusted

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SECONDS: Final = 5.0
"""How long the collector may take for what is sent."""
_ends: list[Callable[[], object]] = []


def are_wanted(environ: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's variables name a collector, and nobody's pull request is looked at."""
    off = (
        environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
        or environ.get("OTEL_TRACES_EXPORTER") == "none"
    )
    return any(environ.get(name) for name in ENDPOINTS) and not off and not is_untrusted(environ)


def spans(environ: Mapping[str, str], warn: Callable[[str], None]) -> Spans:
    """Begins spans of this process. `warn` is told where the packages for it are not installed."""
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ImportError:
        warn(
            "spans are asked for (OTEL_EXPORTER_OTLP_ENDPOINT), which takes `pip install 'acorn-gitops[otel]'`"
        )
        return untold
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # its words would be among ours
    known = {} if environ.get("OTEL_SERVICE_NAME") else {"service.name": "acorn"}
    try:
        resource = Resource.create({**known, "service.version": __version__})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(timeout=SECONDS, session=deaf_session())
        provider.add_span_processor(BatchSpanProcessor(exporter))
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        warn(f"spans cannot be sent, by what the variables OTEL_… say: {one_line(str(error), 200)}")
        return untold
    tracer = provider.get_tracer("acorn", __version__)
    carrier = {name.lower(): environ[name] for name in ("TRACEPARENT", "TRACESTATE") if environ.get(name)}
    pipeline = TraceContextTextMapPropagator().extract(carrier)
    _ends.append(provider.shutdown)

    @contextlib.contextmanager
    def begin(name: str, about: Mapping[str, str | int]) -> Iterator[None]:
        inside = trace.get_current_span().get_span_context().is_valid
        told = {f"acorn.{key}": value for key, value in about.items()}
        with tracer.start_as_current_span(
            f"acorn {name}",
            context=None if inside else pipeline,
            attributes=told,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            # Only what acorn says itself is fit to be told: it holds no secret.
            words = "it was ended"
            try:
                yield
                words = ""
            except AcornError as error:
                words = one_line(f"{error.id}: {error.message}", 300)
                raise
            finally:
                if words:
                    span.set_status(trace.StatusCode.ERROR, words)

    return begin


def end() -> None:
    """Send what is not sent yet, and end; what a collector does not take in time is lost."""
    while _ends:
        sending = threading.Thread(target=_ends.pop(), daemon=True)
        sending.start()
        sending.join(SECONDS)
