"""Metrics for tests: a text in Prometheus' format, by `name{label="value"}`."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families


def samples(text: str) -> dict[str, float]:
    """Every sample of the text; labels in alphabetical order."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def names(text: str) -> set[str]:
    """The names of the text's samples."""
    return {sample.partition("{")[0] for sample in samples(text)}
