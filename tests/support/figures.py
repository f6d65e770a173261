"""Reads the text for Prometheus as Prometheus's own library does."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families


def parsed(content: bytes) -> dict[str, dict[tuple[str, ...], float]]:
    """Values by family, and by the labels: the lineage comes first."""
    return {
        family.name: {
            tuple(sample.labels[one] for one in sorted(sample.labels, reverse=True)): sample.value
            for sample in family.samples
        }
        for family in text_string_to_metric_families(content.decode())
    }
