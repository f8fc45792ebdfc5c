"""The weather service's HTTP surface under /nws."""
