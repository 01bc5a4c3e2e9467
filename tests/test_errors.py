"""Credentials never reach an error's text, however they are written."""

from __future__ import annotations

import pytest

from relay import errors
from relay.errors import FetchError, RelayError, SourceAuthError, is_secret, redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://admin:hunter2@camera/1", "rtsp://***@camera/1"),
        ("RTSP://admin:hunt@er2@camera:554/1?x=1", "RTSP://***@camera:554/1?x=1"),
        ("rtsp://admin:hunter2/a?b#c@camera/1", "rtsp://***@camera/1"),
        ("open 'http://hunter2@camera/' failed", "open 'http://***@camera/' failed"),
        ("http://camera/snap?user=hunter2&pwd=hunter2&size=1", "http://camera/snap?user=***&pwd=***&size=1"),
        ("http://camera/?access_token=hunter2#x", "http://camera/?access_token=***#x"),
        ("two: rtsp://a:hunter2@b/ and rtsp://c:hunter2@d/", "two: rtsp://***@b/ and rtsp://***@d/"),
        ("nothing secret: rtsp://camera/1, mail me@home", "nothing secret: rtsp://camera/1, mail me@home"),
        ("a group: udp://@239.1.2.3:5004", "a group: udp://@239.1.2.3:5004"),
    ],
)
def test_redaction(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert str(SourceAuthError(text)) == shown


def test_every_error_is_in_the_tree_that_the_docstring_draws() -> None:
    leaves = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, RelayError)]
    assert len(leaves) > 10
    for leaf in leaves:
        line = next(line for line in (errors.__doc__ or "").splitlines() if leaf.__name__ in line.split())
        if line.rstrip().endswith(("retried", "retried slowly")) and "never" not in line:
            assert leaf.retryable
        if line.rstrip().endswith("never retried"):
            assert not leaf.retryable


def test_what_cannot_be_fetched_says_of_which_kind_it_is() -> None:
    error = FetchError("timeout", "nothing from http://me:hunter2@origin/")
    assert (error.kind, str(error)) == ("timeout", "nothing from http://***@origin/")


@pytest.mark.parametrize(
    ("parameter", "is_it"),
    [("password", True), ("apiKey", True), ("user", True), ("access_token", True), ("width", False), ("name", False)],
)
def test_a_parameter_may_be_a_secret_by_its_name(parameter: str, is_it: bool) -> None:
    assert is_secret(parameter) is is_it
