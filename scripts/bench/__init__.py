"""Measurements against named peers; see README.md beside this file. Results are kept in docs/performance.md."""
