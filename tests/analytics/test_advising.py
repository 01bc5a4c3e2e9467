from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.viewed import A_REQUEST, HOUR_MS, START_MS, Audience, keep
from relay.analytics import SessionReader
from relay.analytics.advising import StreamAdvice, lines, make_advice
from relay.sessions.model import PlayerEventRow, RequestRow

if TYPE_CHECKING:
    from pathlib import Path

END_MS = START_MS + 9 * HOUR_MS


def advice_of(data: Path, stream: str | None = None) -> list[StreamAdvice]:
    with SessionReader(data) as reader:
        return list(make_advice(reader, stream, START_MS, END_MS))


def test_each_stream_has_its_own_advice(tmp_path: Path) -> None:
    data = keep(tmp_path, [*Audience(60).rows, *Audience(2, seed=2, stream="yard").rows])
    cam, yard = advice_of(data)
    assert (cam.stream_id, yard.stream_id) == ("cam", "yard")
    assert [advice.topic for advice in cam.advice] == ["ladder", "latency", "cache"]
    assert cam.advice[0].verdict in {"change", "keep"}
    assert {advice.verdict for advice in yard.advice} == {"too little data"}
    assert advice_of(data, "yard") == [yard]
    text = list(lines(cam))
    assert text[0] == "Stream cam"
    assert any("not even the lowest rendition fits" in line and "->" in line for line in text)


def test_nothing_watched_is_no_advice(tmp_path: Path) -> None:
    assert advice_of(keep(tmp_path, [])) == []


@pytest.fixture
def with_requests(tmp_path: Path) -> Path:
    requests = [
        A_REQUEST._replace(at_us=(START_MS + 1000 * number + 3234) * 1000, media_at_ms=START_MS + 1000 * number)
        for number in range(2000)
    ]
    return keep(tmp_path, [*Audience(5).rows, *requests])


def test_a_cache_is_advised_from_the_age_of_what_was_asked_for(with_requests: Path) -> None:
    ((_, (_, _, cache)),) = advice_of(with_requests)
    assert cache.words.startswith("keep the last 2 s of each rendition")


def test_requests_are_read_out_of_their_batches(with_requests: Path) -> None:
    with SessionReader(with_requests) as reader:
        assert len(list(reader.rows(RequestRow))) == 2000
        assert len(list(reader.rows(RequestRow, since_ms=START_MS, until_ms=START_MS + 13_234))) == 10
        assert list(reader.rows(RequestRow, stream="yard")) == []
        assert list(reader.rows(PlayerEventRow)) == []
