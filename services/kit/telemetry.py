"""Prometheus metrics of the plumbing. A service that counts its own facts declares them itself."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Histogram, generate_latest

REQUESTS = Counter(
    "leadline_http_requests_total", "Answers sent.", ["service", "method", "route", "status"]
)
REQUEST_SECONDS = Histogram(
    "leadline_http_request_seconds",
    "Time from the first byte of the request to the answer.",
    ["service", "method", "route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
BELL_FAILURES = Counter(
    "leadline_bell_failures_total", "Bells that could not be rung; the sweep does their work."
)


def exposition() -> tuple[bytes, str]:
    """The metrics of this process and their content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
