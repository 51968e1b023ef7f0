"""Measure batchsite against the best SQL that we can write by hand; see docs/explanation/performance.md."""
