"""What the tracker counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from prismlane.engine.jobs import events as ev
from prismlane.engine.jobs.model import Job

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class TrackerMetrics:
    """The registry of one tracker; a restarted tracker counts from zero, which `rate()` understands."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        of = self._registry
        self._accepted = Counter("prismlane_jobs_accepted_total", "jobs accepted", ["analysis"], registry=of)
        self._ended = Counter(
            "prismlane_jobs_ended_total",
            "jobs that ended, by how",
            ["analysis", "state", "reason"],
            registry=of,
        )
        self._attempts = Counter(
            "prismlane_attempts_started_total", "attempts claimed", ["analysis"], registry=of
        )
        self._retries = Counter(
            "prismlane_attempts_failed_total",
            "attempts that are tried again",
            ["analysis", "reason"],
            registry=of,
        )
        self._waited = Histogram(
            "prismlane_job_queue_seconds", "from accepted to first claimed", buckets=SECONDS, registry=of
        )
        self._took = Histogram(
            "prismlane_job_duration_seconds",
            "from accepted to the end",
            ["analysis"],
            buckets=SECONDS,
            registry=of,
        )
        self._commits = Gauge("prismlane_store_commits", "commits of this tracker", registry=of)
        self._transactions = Gauge(
            "prismlane_store_transactions", "transactions in those commits", registry=of
        )
        self.n_stale = Counter(
            "prismlane_outcomes_refused_total", "late outcomes of stale attempts", registry=of
        )
        self.n_queued = Gauge("prismlane_jobs_queued", "jobs that wait for a worker", registry=of)
        self.n_running = Gauge("prismlane_jobs_running", "jobs that a worker owns", registry=of)
        self.n_workers = Gauge("prismlane_workers", "workers that the tracker hears", registry=of)

    def count_event(self, job: Job, event: ev.JobEvent) -> None:
        """Count what `event` means for `job`, which is the job after it."""
        analysis = job.spec.analysis
        match event:
            case ev.JobAccepted():
                self._accepted.labels(analysis).inc()
            case ev.AttemptClaimed():
                self._attempts.labels(analysis).inc()
                if job.n_attempts == 1:
                    self._waited.observe(max(0.0, event.at - job.created_at))
            case ev.AttemptFailed():
                self._retries.labels(analysis, event.reason).inc()
        if job.is_terminal:
            self._ended.labels(analysis, job.state, job.reason or "").inc()
            self._took.labels(analysis).observe(max(0.0, event.at - job.created_at))

    def count_commits(self, n_commits: int, n_transactions: int) -> None:
        """Note how many transactions shared how many commits."""
        self._commits.set(n_commits)
        self._transactions.set(n_transactions)

    def exposition(self) -> bytes:
        """All values in Prometheus's text format."""
        return generate_latest(self._registry)
