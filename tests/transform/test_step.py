"""A link that fails: what is shown then, of every kind of failure, and that nothing hidden is seen because of it."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fixtures import links
from fixtures.chains import fed, is_black, lumas, moment
from fixtures.pictures import four_colours, only
from relay.config import TransformSettings
from relay.errors import TransformError
from relay.links import TRANSFORM_BUCKETS_S
from relay.model import Picture
from relay.pixels import Pool
from relay.transform import Chain

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.pictures import MakeChain
    from relay.links import Emitted

TOUCHES = ["nothing", "planes", "bgr", "assigned", "cropped", "scaled", "cropped and planes"]
LATER = ["fixtures.links:Paints luma=90", "timestamp timezone=UTC size=8"]
"""Links behind the one that fails: they would paint over, or write into, what it left."""


# Of each policy, what is shown.


@pytest.mark.parametrize("touches", TOUCHES)
@pytest.mark.parametrize("before", [[], ["Paints touches=bgr luma=60"], ["Paints touches=cropped"]])
def test_what_is_skipped_goes_on_as_it_came(
    chain_of: Callable[..., Chain], told: list[str], before: list[str], touches: str
) -> None:
    failing = f"Paints 'touches={touches}' fails_on=7 on_failure=skip"
    expected = only(chain_of(*before).process(four_colours())).i420
    for slot in (7, 7):
        shown = only(chain_of(*before, failing).process(four_colours(slot=slot)))
        np.testing.assert_array_equal(shown.i420, expected)
    assert "Paints raised ValueError: not slot 7 (line " in told[0]


@pytest.mark.parametrize("touches", TOUCHES)
def test_what_may_be_skipped_is_changed_where_it_does_not_fail(chain_of: Callable[..., Chain], touches: str) -> None:
    expected = only(chain_of(f"Paints 'touches={touches}'").process(four_colours()))
    shown = only(chain_of(f"Paints 'touches={touches}' on_failure=skip").process(four_colours()))
    np.testing.assert_array_equal(shown.i420, expected.i420)


@pytest.mark.parametrize("touches", ["nothing", "cropped"])
def test_what_asks_for_no_samples_costs_no_copy_though_it_could_be_put_back(
    chain_of: Callable[..., Chain], picture: Picture, touches: str
) -> None:
    chain = chain_of(f"Paints touches={touches} on_failure=skip fails_on=7")
    assert only(chain.process(picture)).i420 is picture.i420


def test_what_freezes_shows_nothing(chain_of: Callable[..., Chain], told: list[str]) -> None:
    assert fed(chain_of("Paints fails_on=2"), 1, 2, 3) == [[(1, 200)], [], [(3, 200)]]
    assert len(told) == 1


@pytest.mark.parametrize("link", ["Paints on_failure=blank fails_on=7", "Hides fails_on=7"])
@pytest.mark.parametrize("touches", TOUCHES)
def test_what_blanks_is_black_in_the_size_in_which_it_came_and_nothing_is_drawn_on_it(
    chain_of: Callable[..., Chain], told: list[str], link: str, touches: str
) -> None:
    shown = only(chain_of(f"{link} 'touches={touches}'", *LATER).process(four_colours()))
    assert (shown.slot, shown.width, shown.height) == (7, 64, 48)
    assert is_black(shown)
    assert len(told) == 1


def test_a_black_picture_has_the_size_that_the_others_have(chain_of: Callable[..., Chain]) -> None:
    chain = chain_of("Hides fails_on=7", "Fits", "timestamp timezone=UTC size=8")
    black, other = only(chain.process(four_colours())), only(chain.process(four_colours(slot=8)))
    assert is_black(black)
    assert not is_black(other)
    assert (black.width, black.height) == (other.width, other.height) == (32, 24)


def test_what_stops_is_raised_and_nothing_is_shown_ever_after(chain_of: Callable[..., Chain], told: list[str]) -> None:
    chain = chain_of("Paints fails_on=2 on_failure=stop")
    assert fed(chain, 1) == [[(1, 200)]]
    for slot in (2, 3):
        with pytest.raises(TransformError, match=r"^Paints raised ValueError: not slot 2"):
            chain.process(four_colours(slot=slot))
    with pytest.raises(TransformError, match="not slot 2"):
        chain.flush()
    assert told == [], "it is raised, and not told as well"


def test_the_cause_is_kept(chain_of: Callable[..., Chain]) -> None:
    with pytest.raises(TransformError) as caught:
        chain_of("Paints fails_on=7 on_failure=stop").process(four_colours())
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_failure_keeps_no_frame(chain_of: Callable[..., Chain]) -> None:
    """Its traceback knows all that was at work: were it in a ring, frames would live until cycles are collected."""
    chain = chain_of("Paints fails_on=7")
    pool = Pool()
    pooled = [pool.take(*four_colours().i420.shape) for _ in range(2)]
    address = pooled[0].ctypes.data
    np.copyto(pooled[0], four_colours().i420)
    gc.disable()
    try:
        assert chain.process(Picture(7, 7, pooled.pop(0))) == []
        assert pool.take(*four_colours().i420.shape).ctypes.data == address
    finally:
        gc.enable()


# What hides something.


def test_what_hides_something_is_blank_whatever_is_asked_for(make_chain: MakeChain) -> None:
    for policy in ("skip", "freeze", "stop"):
        with pytest.raises(TransformError, match='on_failure is always "blank" in a transform that hides something'):
            make_chain(f"fixtures.links:Hides on_failure={policy}")
    make_chain("fixtures.links:Hides on_failure=blank")


def test_what_hides_something_and_is_late_is_black_and_others_are_shown(
    chain_of: Callable[..., Chain], told: list[str]
) -> None:
    hiding, other = "Hides takes_s=0.41", "Paints takes_s=0.41"
    for link, deadline_frames, black in ((hiding, 4, True), (hiding, 5, False), (other, 4, False)):
        chain = chain_of(link, period_s=0.1, deadline_frames=deadline_frames)
        assert is_black(only(chain.process(four_colours()))) is black
        (figures,) = chain.figures()
        assert (figures.late, figures.failures) == (int(deadline_frames == 4), int(black))
    assert told == ["Hides: it took 410 ms, and may take 400"]


def test_without_hurry_nothing_is_late(chain_of: Callable[..., Chain], told: list[str]) -> None:
    assert fed(chain_of("Hides takes_s=60"), 1) == [[(1, 200)]]
    assert told == []


def test_what_hides_something_never_rests(chain_of: Callable[..., Chain]) -> None:
    chain = chain_of("HidesAndRests takes_s=0.2", "Paints takes_s=0.2", period_s=0.1)
    for slot in range(60):
        assert lumas(chain.process(four_colours(slot=slot))) == [(slot, 200)]
    assert chain.is_over
    assert [figures.rested for figures in chain.figures()] == [0, 0]


# Opening and closing.


@pytest.mark.parametrize("link", ["Hides", "Paints", "Paints on_failure=blank", "Paints on_failure=stop"])
@pytest.mark.parametrize(
    ("opens", "words"),
    [
        ("not", ": there is no model: give model=PATH"),
        ("'not at all'", ": opening it raised OSError: the disk is gone"),
    ],
)
def test_a_chain_without_what_it_needs_shows_nothing_and_says_why(link: str, opens: str, words: str) -> None:
    chain = Chain([TransformSettings.model_validate(f"fixtures.links:{link} opens={opens}")])
    with pytest.raises(TransformError, match=words):
        chain.open()
    with pytest.raises(TransformError, match=words):
        chain.process(four_colours())
    (figures,) = chain.figures()
    assert (figures.is_failing, figures.failures, figures.runs) == (True, 1, 0)
    chain.close()


def test_what_is_skipped_may_be_missing_from_the_start(chain_of: Callable[..., Chain], told: list[str]) -> None:
    chain = chain_of("Paints luma=60", "Paints opens=not on_failure=skip")
    assert fed(chain, 1, 2) == [[(1, 60)], [(2, 60)]]
    assert told == ["Paints: there is no model: give model=PATH"]
    assert [(figures.is_failing, figures.runs) for figures in chain.figures()] == [(False, 2), (True, 0)]


def test_what_cannot_be_closed_is_told_and_the_others_are_closed(
    chain_of: Callable[..., Chain], told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[int] = []
    close = links.Paints.close

    def noting(link: links.Paints) -> None:
        closed.append(link.luma)
        close(link)

    monkeypatch.setattr(links.Paints, "close", noting)
    chain_of("Paints closes=false luma=60", "Paints luma=61").close()
    assert closed == [60, 61]
    assert len(told) == 1
    assert told[0].startswith("Paints: closing it raised OSError: it is stuck (line ")


# What is noticed.


@pytest.fixture
def noticed() -> list[Emitted]:
    return []


def test_what_is_noticed_is_told_with_the_time_of_its_frame(
    chain_of: Callable[..., Chain], noticed: list[Emitted]
) -> None:
    chain = chain_of("Paints emits=first", "Paints emits=second", on_event=noticed.append)
    chain.process(moment(3, 30))
    assert [(event.kind, event.time_ns, event.data) for event in noticed] == [
        ("first", 30, {"slot": 3}),
        ("second", 30, {"slot": 3}),
    ]


@pytest.mark.parametrize("policy", ["skip", "freeze", "blank"])
def test_what_a_transform_noticed_that_failed_is_not_told(
    chain_of: Callable[..., Chain], noticed: list[Emitted], policy: str
) -> None:
    failing = f"Paints emits=second fails_on=3 on_failure={policy}"
    chain = chain_of("Paints emits=first", failing, "Looks emits=third", on_event=noticed.append)
    chain.process(moment(3, 30))
    assert [event.kind for event in noticed] == ["first", *(["third"] if policy == "skip" else [])]


def test_what_is_noticed_in_held_frames_is_told_once(chain_of: Callable[..., Chain], noticed: list[Emitted]) -> None:
    chain = chain_of(
        "Paints emits=before", "Holds frames=1 emits=held", "Paints touches=nothing", on_event=noticed.append
    )
    for slot in range(3):
        chain.process(moment(slot, slot))
    assert [(event.kind, event.time_ns) for event in noticed] == [
        ("before", 0), ("before", 1), ("held", 0), ("before", 2), ("held", 1),
    ]  # fmt: skip


# Figures.


def test_times_are_counted_in_buckets(chain_of: Callable[..., Chain]) -> None:
    for took_s, bucket in ((0.0, 0), (0.0004, 0), (0.004, 3), (0.6, 11), (9.0, 12)):
        chain = chain_of(f"Paints takes_s={took_s}")
        for slot in range(3):
            chain.process(four_colours(slot=slot))
        (figures,) = chain.figures()
        links.CLOCK.now_s = 0

        assert figures.counts == tuple(3 * (n == bucket) for n in range(len(TRANSFORM_BUCKETS_S) + 1))
        assert figures.seconds == pytest.approx(3 * took_s)
        assert figures.mean_ms == pytest.approx(1e3 * took_s)


def test_it_is_failing_until_it_does_not(chain_of: Callable[..., Chain]) -> None:
    chain = chain_of("Paints fails_on=1,2")
    failing = []
    for slot in range(4):
        chain.process(four_colours(slot=slot))
        (figures,) = chain.figures()
        failing.append(figures.is_failing)
    assert failing == [False, True, True, False]
    assert (figures.failures, figures.runs) == (2, 4)


def test_in_a_chain_that_is_too_slow_those_rest_that_may(chain_of: Callable[..., Chain]) -> None:
    chain = chain_of("Paints takes_s=0.04", "Looks takes_s=0.1", "Looks takes_s=0.1", period_s=0.1)
    seen = [only(chain.process(four_colours(slot=slot))).slot for slot in range(120)]
    assert seen == list(range(120)), "whoever rests, pictures go on"
    assert (chain.every, chain.is_over, chain.resting) == (4, False, ["Looks", "Looks"])
    painting, *looking = chain.figures()
    assert (painting.rested, painting.every) == (0, 1)
    for figures in looking:
        assert figures.every == 4
        assert 60 <= figures.rested <= 70
        assert figures.runs + figures.rested == 120


def test_a_link_that_works_says_for_how_long(chain_of: Callable[..., Chain], monkeypatch: pytest.MonkeyPatch) -> None:
    chain = chain_of("Paints takes_s=2")
    seen: list[tuple[str, float] | None] = []

    def look(*_: object) -> None:
        links.CLOCK.now_s += 5
        seen.append(chain.at_work())

    monkeypatch.setattr(links, "_paint", look)
    chain.process(four_colours())
    assert (seen, chain.at_work()) == ([("Paints", 5.0)], None)


def test_what_cannot_be_said_of_a_frame_is_a_failure(chain_of: Callable[..., Chain], told: list[str]) -> None:
    assert fed(chain_of("Paints emits=Loud"), 1) == [[]]
    assert told == ["Paints: frame.emit('Loud'): a kind is 1 to 63 of a-z 0-9 _ . -, a letter first"]
