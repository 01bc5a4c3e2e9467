"""A link that holds frames: what goes on when, and what becomes of all that it holds where it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures import links
from fixtures.chains import fed, lumas, moment
from fixtures.pictures import four_colours
from relay.errors import TransformError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.pictures import MakeChain, WriteModule
    from relay.links import Emitted
    from relay.transform import Chain


def test_held_frames_go_on_one_by_one_and_in_order(chain_of: Callable[..., Chain]) -> None:
    chain = chain_of("Holds frames=2 luma=100", "Paints touches=nothing", "Holds frames=1 luma=101")
    assert chain.delay_frames == 3
    assert fed(chain, 0, 1, 2, 3, 4) == [[], [], [], [(0, 101)], [(1, 101)]]
    assert lumas(chain.flush()) == [(2, 101), (3, 101), (4, 101)]
    assert chain.flush() == []
    assert fed(chain, 5, 6, 7, 8) == [[], [], [], [(5, 101)]]


def test_behind_a_hole_in_time_what_was_held_comes_first(chain_of: Callable[..., Chain]) -> None:
    chain = chain_of("Holds frames=2", period_s=0.1)
    second = 1_000_000_000
    assert chain.hole_s == 0.5
    assert fed(chain, 0, 1, period_ns=second // 2) == [[], []]
    assert fed(chain, 3, period_ns=second) == [[(0, 200), (1, 200)]]
    assert fed(chain, 2, period_ns=second) == [[(3, 200)]], "nor do frames from before a clock was set back wait"
    chain.period_s = 1.0
    assert chain.hole_s == 4


def test_a_chain_that_holds_nothing_knows_no_holes(chain_of: Callable[..., Chain]) -> None:
    chain = chain_of("Paints", period_s=0.1)
    assert fed(chain, 0, 5000, period_ns=1_000_000_000) == [[(0, 200)], [(5000, 200)]]
    assert chain.hole_s == float("inf")


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("Holds on_failure=freeze", []),
        ("Holds on_failure=skip", [(1, 60), (2, 60), (3, 60)]),
        ("Holds on_failure=blank", [(1, 16), (2, 16), (3, 16)]),
        ("HidesLater", [(1, 16), (2, 16), (3, 16)]),
    ],
)
def test_when_one_fails_that_holds_frames_all_that_it_holds_fare_alike(
    chain_of: Callable[..., Chain], link: str, shown: list[tuple[int, int]]
) -> None:
    chain = chain_of("Paints luma=60", f"{link} frames=2 fails_on=3", "Paints touches=nothing")
    assert fed(chain, 0, 1, 2, 3) == [[], [], [(0, 200)], shown]
    assert fed(chain, 4, 5, 6) == [[], [], [(4, 200)]], "it has forgotten those"


def test_one_that_stops_the_stream_while_it_holds_frames_shows_none_of_them(chain_of: Callable[..., Chain]) -> None:
    chain = chain_of("Holds on_failure=stop frames=2 fails_on=1")
    assert fed(chain, 0) == [[]]
    with pytest.raises(TransformError, match="not slot 1"):
        chain.process(four_colours(slot=1))
    with pytest.raises(TransformError, match="not slot 1"):
        chain.flush()


def test_one_that_says_so_may_leave_frames_out_and_make_new_ones(chain_of: Callable[..., Chain]) -> None:
    chain = chain_of("Paints luma=60", "Remakes luma=100", "Paints touches=nothing")
    assert fed(chain, 1, 2, 3, 4, 8) == [[], [(1, 60)], [(2, 60)], [], [(4, 60), (5, 100), (7, 100)]]
    assert lumas(chain.flush()) == [(8, 60)]
    assert fed(chain, 9) == [[]]
    assert chain.flush() == []
    assert fed(chain, 10, 11) == [[], [(10, 60)]]


@pytest.mark.parametrize(
    ("fault", "words"),
    [("back", "it gave frames out of their order: slots [2, 1]"), ("strange", "it gave something that is no frame")],
)
def test_what_it_makes_goes_up_in_slots_and_is_a_frame(
    chain_of: Callable[..., Chain], told: list[str], fault: str, words: str
) -> None:
    chain = chain_of(f"Remakes fault={fault} on_failure=blank")
    assert fed(chain, 1, 3) == [[], [(1, 16), (3, 16)]]
    assert told == [f"Remakes: {words}"]


@pytest.mark.parametrize(
    ("graph", "slots"),
    [("fps=15", range(0, 28, 2)), ("tmix=frames=3", range(30)), ("yadif=mode=send_field", range(30)),
     ("select='not(mod(n,5))'", range(0, 30, 5))],
)  # fmt: skip
def test_a_filter_graph_may_leave_slots_empty(make_chain: MakeChain, graph: str, slots: range) -> None:
    """`fps` does not know how long the last picture lasts, and leaves it out."""
    chain = make_chain(f'filter graph="{graph}"')
    pictures = [moment(slot, round(slot * 1e9 / 30)) for slot in range(30)]
    shown = [one for picture in pictures for one in chain.process(picture)] + chain.flush()
    assert [one.slot for one in shown] == list(slots)
    (figures,) = chain.figures()
    assert figures.failures == 0


def test_a_filter_graph_may_fill_slots_with_frames_like_the_others(
    make_chain: MakeChain, user_module: WriteModule
) -> None:
    name = user_module("def tell(frame): frame.emit('seen', slot=frame.slot, matrix=frame.matrix)\n")
    noticed: list[Emitted] = []
    chain = make_chain("filter graph=fps=30", f"{name}:tell", on_event=noticed.append, matrix="smpte170m")
    for slot in (0, 3, 6):
        chain.process(moment(slot, round(slot * 1e9 / 30)))
    chain.flush()
    assert [event.data for event in noticed] == [{"slot": slot, "matrix": "smpte170m"} for slot in range(6)]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("twice", "it gave other frames than it was given, or in another order"),
        ("last", "it gave other frames than it was given, or in another order"),
        ("strange", "it gave other frames than it was given, or in another order"),
        ("none", "it gave NoneType (None), not a list of frames"),
    ],
)
def test_one_that_gives_what_it_was_not_given_fails(
    chain_of: Callable[..., Chain], told: list[str], fault: str, words: str
) -> None:
    chain = chain_of(f"HidesLater frames=1 fault={fault}")
    assert fed(chain, 0, 1) == [[], [(0, 16), (1, 16)]]
    assert told == [f"HidesLater: {words}"]


def test_one_that_never_lets_go_does_not_fill_the_memory(chain_of: Callable[..., Chain], told: list[str]) -> None:
    chain = chain_of("HidesLater fault=never")
    shown = [picture for slot in range(66) for picture in chain.process(four_colours(slot=slot))]
    assert lumas(shown) == [(slot, 16) for slot in range(65)]
    assert told == ["HidesLater: it keeps 65 frames back"]


@pytest.mark.parametrize(("fault", "words"), [("flush", "raised ValueError: cannot be flushed"), ("kept", "keeps 2")])
def test_one_that_cannot_be_flushed_fails(
    chain_of: Callable[..., Chain], told: list[str], fault: str, words: str
) -> None:
    chain = chain_of(f"HidesLater frames=2 fault={fault}")
    assert fed(chain, 0, 1) == [[], []]
    assert lumas(chain.flush()) == [(0, 16), (1, 16)]
    assert words in told[0]
    assert chain.flush() == []


def test_one_that_is_late_blanks_what_it_lets_go(chain_of: Callable[..., Chain], told: list[str]) -> None:
    chain = chain_of("HidesLater frames=1 takes_s=0.41", period_s=0.1)
    assert fed(chain, 0, 1) == [[], [(0, 16)]]
    assert told == ["HidesLater: it took 410 ms, and may take 400"] * 2
    links.CLOCK.now_s = 0
    assert lumas(chain.flush()) == [(1, 200)], "that took no time"


def test_a_black_frame_waits_its_turn_where_others_wait(chain_of: Callable[..., Chain]) -> None:
    chain = chain_of("Hides luma=60 fails_on=1", "Holds frames=1 luma=100")
    assert fed(chain, 0, 1, 2) == [[], [(0, 100)], [(1, 16)]]


def test_one_that_holds_frames_never_rests(chain_of: Callable[..., Chain]) -> None:
    chain = chain_of("Holds frames=1 takes_s=0.2", period_s=0.1)
    assert [len(chain.process(four_colours(slot=slot))) for slot in range(60)] == [0, *[1] * 59]
    assert chain.is_over
