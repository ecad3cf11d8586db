"""What the forecast service counts about its own work."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

EVENTS_POSTED = Counter("leadline_events_posted_total", "Events the figures have taken in.")
FAILED_ATTEMPTS = Counter(
    "leadline_event_failures_total", "Attempts at an event that failed; it is tried again."
)
EVENTS_QUARANTINED = Counter(
    "leadline_events_quarantined_total",
    "Events that failed too often: parked with their opportunity, pending until released.",
)
BATCH_SECONDS = Histogram(
    "leadline_batch_seconds",
    "Time of one ledger batch, empty ones included.",
    buckets=(0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 5),
)
JOB_FAILURES = Counter(
    "leadline_job_failures_total", "Jobs of the worker that failed; they are tried again.", ["job"]
)
