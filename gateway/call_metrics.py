"""What calls do, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Histogram

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class PrometheusCallMetrics:
    """``CallMetrics`` as counters ``frontdesk_call_…``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._begun_early = Counter(
            "frontdesk_call_answers_begun_early",
            "Answers begun before the customer's turn was over.",
            registry=registry,
        )
        self._anticipated = Counter(
            "frontdesk_call_answers_anticipated",
            "Answers begun early and used, since the turn meant the same.",
            registry=registry,
        )
        self._interrupted = Counter(
            "frontdesk_call_answers_interrupted",
            "Answers that the customer interrupted.",
            registry=registry,
        )
        self._final_seconds = Histogram(
            "frontdesk_call_final_seconds",
            "From the decision that a turn is over to its final words.",
            registry=registry,
            buckets=_SECONDS,
        )

    def answer_begun_early(self) -> None:
        """Count an answer that was begun before the turn was over."""
        self._begun_early.inc()

    def answer_anticipated(self) -> None:
        """Count one of these that was used."""
        self._anticipated.inc()

    def answer_interrupted(self) -> None:
        """Count an answer that the customer interrupted."""
        self._interrupted.inc()

    def final_heard(self, seconds: float) -> None:
        """Note how long after the decision that a turn is over its words were final."""
        self._final_seconds.observe(seconds)
