"""Numbers for Prometheus of those who are told of events. A webhook's label is its place in the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prometheus_client.metrics_core import Metric

    from relay.events.feed import Feed
    from relay.events.webhooks import HookFigures


class EventCollector(Collector):
    """The live feed, and webhooks."""

    def __init__(self, feed: Feed, hooks: Callable[[], Sequence[HookFigures]]) -> None:
        self._feed = feed
        self._hooks = hooks

    def collect(self) -> Iterator[Metric]:
        """All families."""
        yield GaugeMetricFamily("relay_event_listeners", "Who listens to the live feed now.", self._feed.listeners)
        told = CounterMetricFamily(
            "relay_event_messages",
            "Messages of the live feed, those that were left out for a slow listener, and listeners beyond the limit.",
            labels=["outcome"],
        )
        for outcome, count in self._feed.counters.items():
            told.add_metric([outcome], count)
        yield told
        webhooks = CounterMetricFamily(
            "relay_webhook_messages",
            "Messages that a webhook was sent, that failed, or that were dropped before.",
            labels=["webhook", "outcome"],
        )
        for place, figures in enumerate(self._hooks()):
            counted = (("sent", figures.sent), ("failed", figures.failed), ("dropped", figures.dropped))
            for outcome, count in counted:
                webhooks.add_metric([str(place), outcome], count)
        yield webhooks
