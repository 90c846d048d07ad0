"""Metrics of the speech that is kept."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.tts.speech_cache import SpeechCache


class SpeechCacheCollector(Collector):
    """Reads the cache's counts when they are asked for."""

    def __init__(self, cache: SpeechCache) -> None:
        self._cache = cache

    def collect(self) -> Iterator[Metric]:
        """Give the counts."""
        asked = CounterMetricFamily(
            "frontdesk_tts_speech_cache_requests",
            "Sentences and clauses that could be kept, by whether their speech was.",
            labels=["result"],
        )
        asked.add_metric(["hit"], self._cache.hits)
        asked.add_metric(["miss"], self._cache.misses)
        yield asked
        yield GaugeMetricFamily(
            "frontdesk_tts_speech_cache_bytes", "Bytes of speech that are kept.", self._cache.bytes
        )
