from __future__ import annotations

from relay.worker.lips import FIRST_PICTURES, GLIDE_PPM, LipSync

MS = 1_000_000
STEP = 40 * MS


def begun() -> LipSync:
    lips = LipSync()
    for _ in range(FIRST_PICTURES):
        lips.see(1030 * MS, 1000 * MS, STEP)
    return lips


def test_the_first_pictures_say_how_it_is() -> None:
    lips = LipSync()
    assert lips.lead_ns == 0
    lips.see(1120 * MS, 1000 * MS, 200 * MS)
    assert lips.lead_ns == 120 * MS
    lips.see(1230 * MS, 1200 * MS, 200 * MS)
    assert lips.lead_ns == 30 * MS


def test_a_snap_is_glided_over() -> None:
    lips = begun()
    leads_ns = []
    for n in range(1, 500):
        lips.see(1030 * MS + n * STEP, 1010 * MS + n * STEP, STEP)
        leads_ns.append(lips.lead_ns)
    assert leads_ns[0] == 30 * MS - STEP * GLIDE_PPM // 1_000_000
    assert leads_ns[-1] == 20 * MS


def test_sound_is_never_further_from_the_pictures_than_half_a_slot() -> None:
    """A camera whose clock drifts: its pictures move to 1.5 slots after the start of theirs, and snap back by one."""
    lips = LipSync()
    furthest_ns = 0
    for n in range(60_000):
        drifted_ns = 20 * MS + n * STEP * 60 // 1_000_000
        slot = n + (drifted_ns - 20 * MS) // STEP
        time_ns = n * STEP + drifted_ns
        lips.see(time_ns, slot * STEP, STEP)
        furthest_ns = max(furthest_ns, abs(lips.lead_ns - (time_ns - slot * STEP)))
    assert slot > n + 2
    assert furthest_ns <= STEP // 2 + MS


def test_pictures_behind_their_slot_keep_the_sound_at_its_start() -> None:
    lips = begun()
    for n in range(1, 2000):
        lips.see(985 * MS + n * STEP, 1000 * MS + n * STEP, STEP)
    assert lips.lead_ns == 0


def test_uneven_steps_come_to_their_middle() -> None:
    """30 frames a second in slots of 40 ms: each lies somewhere in its slot."""
    lips = LipSync()
    for n in range(3000):
        time_ns = n * 100 * MS // 3
        lips.see(time_ns, time_ns // STEP * STEP, STEP)
    assert abs(lips.lead_ns - 20 * MS) < 8 * MS


def test_time_that_goes_back_moves_nothing() -> None:
    lips = begun()
    lips.see(20 * MS, 0, STEP)
    assert lips.lead_ns == 30 * MS


def test_where_the_clock_jumps_it_is_told_anew() -> None:
    """To glide to another place in the slot would take seconds, and the sound jumps here anyway."""
    lips = begun()
    lips.see(1005 * MS + STEP, 1000 * MS + STEP, STEP, clock_jumps=2)
    assert (lips.lead_ns, lips.jumps) == (5 * MS, 1)
    lips.see(1005 * MS + 2 * STEP, 1000 * MS + 2 * STEP, STEP, clock_jumps=2)
    assert (lips.lead_ns, lips.jumps) == (5 * MS, 1)
