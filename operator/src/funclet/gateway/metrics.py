"""What a gateway counts, for Prometheus."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from funclet.gateway.ports import InvokeResult
from funclet.lambda_api.errors import AwsError

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)
#: name, help and label names of a gauge, and its samples: label values and value
Gauge = tuple[str, str, tuple[str, ...], list[tuple[tuple[str, ...], float]]]


class Metrics:
    """Counters that calls write; gauges are read from `gauges` when somebody asks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        #: set by the gateway once its parts stand
        self.gauges: Callable[[], Iterable[Gauge]] = list
        self._invocations = Counter(
            "funclet_invocations",
            "Calls, by how they ended.",
            ["function", "outcome"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "funclet_invocation_seconds",
            "From the whole request until its answer.",
            ["function"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._cold = Counter(
            "funclet_cold_starts", "Calls that waited for init.", ["function"], registry=self.registry
        )
        self.registry.register(_Gauges(self))
        self._children: dict[tuple[str, str], Counter] = {}
        self._timers: dict[str, Histogram] = {}

    def observe(
        self, function: str, outcome: InvokeResult | AwsError, seconds: float, name: str | None = None
    ) -> None:
        """Count one call; `name` stands for outcomes that nobody was told."""
        key = (function, name or outcome_name(outcome))
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._invocations.labels(*key)
        child.inc()
        if isinstance(outcome, InvokeResult):
            timer = self._timers.get(function)
            if timer is None:
                timer = self._timers[function] = self._seconds.labels(function)
                self._cold.labels(function)
            timer.observe(seconds)
            if outcome.cold:
                self._cold.labels(function).inc()

    def keep(self, functions: set[str]) -> None:
        """Drop what was counted of all functions but these."""
        for key in [key for key in self._children if key[0] not in functions]:
            del self._children[key]
            self._invocations.remove(*key)
        for name in [name for name in self._timers if name not in functions]:
            del self._timers[name]
            self._seconds.remove(name)
            self._cold.remove(name)


class _Gauges(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    @override
    def collect(self) -> Iterable[Metric]:
        for name, help_text, labels, samples in self._metrics.gauges():
            family = GaugeMetricFamily(name, help_text, labels=labels)
            for values, value in samples:
                family.add_metric(values, value)
            yield family


def outcome_name(outcome: InvokeResult | AwsError) -> str:
    """Return the outcome's label: ok, error, throttled, or the kind of refusal."""
    if isinstance(outcome, InvokeResult):
        return "ok" if outcome.function_error is None else "error"
    return "throttled" if outcome.code == "TooManyRequestsException" else outcome.code
