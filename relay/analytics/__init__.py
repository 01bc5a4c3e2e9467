"""The stored sessions, read and exported. It opens the database for reading alone, also while a relay writes it."""

from relay.analytics.export import write_csv, write_jsonl
from relay.analytics.reader import SessionReader

__all__ = ["SessionReader", "write_csv", "write_jsonl"]
