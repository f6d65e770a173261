"""Writes figures as Prometheus reads them. The names are part of what administrators build on: none is ever changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from certbot_external_auth.metrics.figures import Figures
from certbot_external_auth.metrics.state import OK
from certbot_external_auth.text import printable

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

PREFIX = "certbot_external_auth_"
LIBRARY, MODULE = "prometheus-client", "prometheus_client"

Value = Callable[[Figures], "float | None"]

FAMILIES: dict[str, tuple[str, Value]] = {
    "certificate_expiry_timestamp_seconds": ("When the certificate ends.", lambda one: one.expiry),
    "last_attempt_timestamp_seconds": (
        "When Certbot last tried to issue or renew the certificate.",
        lambda one: one.entry.attempt,
    ),
    "deployment_pending": (
        "1 if the certificate is saved and was not handed over, else 0.",
        lambda one: one.pending,
    ),
    "rehearsal_timestamp_seconds": (
        "When the renewal of the certificate was last rehearsed.",
        lambda one: one.entry.rehearsal,
    ),
    "rehearsal_success": (
        "1 if the last rehearsal found nothing that would make the renewal fail, else 0.",
        lambda one: one.entry.rehearsed,
    ),
    "visibility_seconds": (
        "How long it took at the last attempt until everything that was published was visible.",
        lambda one: one.entry.visibility,
    ),
    "persist_until_timestamp_seconds": (
        "When the first of the certificate's records of dns-persist-01 ends.",
        lambda one: one.entry.persist_until,
    ),
}
"""Those with one value for each certificate, by their names without the prefix."""
SUCCESS = "last_attempt_success"
_SUCCESS_HELP = (
    "1 if the last attempt succeeded, else 0. The label code says how it ended: ok, or the code of the error."
)
LEFTOVERS = "leftovers"
_LEFTOVERS_HELP = "Challenges that runs have published and not removed."


def text(figures: Sequence[Figures], leftovers: int | None) -> bytes:
    """Return the whole text, in the format of Prometheus that node_exporter reads."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class Families(Collector):
        def collect(self) -> Iterator[Metric]:
            yield from _families(figures, leftovers)

    registry = CollectorRegistry()
    registry.register(Families())
    return generate_latest(registry)


def _families(figures: Sequence[Figures], leftovers: int | None) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    for name, (sentence, value) in FAMILIES.items():
        family = GaugeMetricFamily(PREFIX + name, sentence, labels=["lineage"])
        for one in figures:
            if (found := value(one)) is not None:
                family.add_metric([printable(one.lineage)], float(found))
        yield family
    ends = GaugeMetricFamily(PREFIX + SUCCESS, _SUCCESS_HELP, labels=["lineage", "code"])
    for one in figures:
        if one.entry.attempt is not None:
            ends.add_metric([printable(one.lineage), one.entry.code], float(one.entry.code == OK))
    yield ends
    if leftovers is not None:
        yield GaugeMetricFamily(PREFIX + LEFTOVERS, _LEFTOVERS_HELP, value=leftovers)
