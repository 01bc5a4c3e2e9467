"""One place that redacts, and one format: people's lines on a terminal, JSON everywhere else."""

from __future__ import annotations

import io
import json
import logging
import sys
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from relay import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Configure = Callable[..., io.StringIO]

URL = "rtsp://admin:hunter2@cam/live?token=hunter2"


class Stream(io.StringIO):
    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """`logs.configure`; gives what is written to standard error from then on. Afterwards logging is as before."""
    root, access = logging.getLogger(), logging.getLogger("aiohttp.access")
    handlers, levels = list(root.handlers), (root.level, access.level)

    def configure(level: str = "info", *, is_terminal: bool = False) -> io.StringIO:
        stream = Stream(is_terminal=is_terminal)
        monkeypatch.setattr(sys, "stderr", stream)
        logs.configure(level)
        return stream

    yield configure
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    access.setLevel(levels[1])
    structlog.reset_defaults()


def written(stderr: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stderr.getvalue().splitlines()]


def test_json_where_nobody_reads_along(configure: Configure) -> None:
    stderr = configure()
    structlog.get_logger().info("source opened", stream="door", width=1280)
    logging.getLogger("somebody").warning("%s is late", "it")
    ours, theirs = written(stderr)
    assert (ours["event"], ours["level"], ours["stream"], ours["width"]) == ("source opened", "info", "door", 1280)
    assert ours["timestamp"].endswith("Z")
    assert (theirs["event"], theirs["level"]) == ("it is late", "warning")


def test_lines_on_a_terminal(configure: Configure) -> None:
    stderr = configure(is_terminal=True)
    structlog.get_logger().info("source opened", url=URL)
    (line,) = stderr.getvalue().splitlines()
    assert "source opened" in line
    assert "rtsp://***@cam/live?token=***" in line


def test_what_is_below_the_level_is_left_out(configure: Configure) -> None:
    stderr = configure("warning")
    structlog.get_logger().info("x")
    logging.getLogger("somebody").info("x")
    logging.getLogger("aiohttp.access").info("GET /")
    assert stderr.getvalue() == ""


@pytest.mark.parametrize(
    "value",
    [
        URL,
        OSError(f"{URL} refused"),
        [URL],
        (URL, 1),
        {URL[-1:]: {"url": URL}},
        frozenset([URL]),
        PurePosixPath("/live?password=hunter2"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_password_in_any_value(configure: Configure, value: object) -> None:
    stderr = configure()
    structlog.get_logger().info("opened", value=value)
    assert "hunter2" not in stderr.getvalue()
    assert "***" in json.dumps(written(stderr)[0]["value"])


def test_no_password_in_messages_and_tracebacks_whoever_wrote_them(configure: Configure) -> None:
    stderr = configure()
    try:
        int(URL)
    except ValueError as error:
        structlog.get_logger().error("a thread failed", exc_info=error)
        logging.getLogger("somebody").exception("cannot open %s", URL)
    assert len(written(stderr)) == 2
    assert all("***@cam/live" in line["exception"] for line in written(stderr))
    assert "hunter2" not in stderr.getvalue()


def test_what_is_no_text_stays_what_it_is() -> None:
    event: dict[str, Any] = {"n": 1, "ratio": 0.5, "fatal": True, "nothing": None, "_record": object()}
    assert logs.redact_event(None, "info", dict(event)) == event


def test_what_happens_all_day_long_is_a_line_now_and_then_that_says_how_often() -> None:
    throttle = logs.Throttle(2.0)
    assert [throttle.count(now_s) for now_s in (7.0, 7.5, 8.9, 9.0, 10.9, 99.0)] == [1, 0, 0, 3, 0, 2]
