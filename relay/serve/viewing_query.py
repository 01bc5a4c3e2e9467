"""What is asked of the viewing data, as the address says it, for the job that answers it. Pure.

Names and times are judged here; whether a number, a table or a format is one, the job says (`relay.analytics`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from relay.serve.query import time_ms, values_by_name

if TYPE_CHECKING:
    from collections.abc import Iterable

WEEK_MS: Final = 7 * 86_400_000
"""What is asked about where the address says no time, as on the command line."""

NAMES: Final[dict[str, tuple[str, ...]]] = {
    "sessions": ("stream", "since", "until", "limit", "before"),
    "audience": ("stream", "since", "until", "step_s"),
    "qoe": ("stream", "since", "until", "by", "k"),
    "report": ("stream", "since", "until", "k", "format"),
    "export": ("stream", "since", "until", "table", "format"),
}
EXPORTS: Final = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "w3c": "text/plain; charset=utf-8",
    "ncsa": "text/plain; charset=utf-8",
}
"""Formats of files, and what they are called in a header."""

_SPANS: Final = frozenset({"audience", "qoe", "report"})
_NUMBERS: Final = frozenset({"limit", "step_s", "k"})
_NUMBER: Final = re.compile(r"\d{1,9}", re.ASCII)


def parameters_of(job: str, pairs: Iterable[tuple[str, str]], now_ms: int) -> dict[str, str | int]:
    """The job's parameters without its data folder. Raises `ValueError` with what is wrong, and what would do."""
    found: dict[str, str | int] = {}
    for name, (text, *_) in values_by_name(pairs, NAMES[job]).items():
        if name in {"since", "until"}:
            found[f"{name}_ms"] = time_ms(name, text)
        elif name in _NUMBERS:
            if not _NUMBER.fullmatch(text):
                raise ValueError(f"{name} is a whole number")
            found[name] = int(text)
        else:
            found[name] = text
    if job in _SPANS:
        found.setdefault("until_ms", now_ms)
        found.setdefault("since_ms", max(0, int(found["until_ms"]) - WEEK_MS))
    if "since_ms" in found and "until_ms" in found and int(found["since_ms"]) >= int(found["until_ms"]):
        raise ValueError("since is to be before until")
    return found
