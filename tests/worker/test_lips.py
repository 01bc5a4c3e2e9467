from __future__ import annotations

from relay.worker.lips import FIRST_PICTURES, GLIDE_PPM, LipSync

MS = 1_000_000
STEP = 40 * MS


def begun() -> LipSync:
    lips = LipSync()
    for _ in range(FIRST_PICTURES):
        lips.see(1030 * MS, 1000 * MS)
    return lips


def test_the_first_pictures_say_how_it_is() -> None:
    lips = LipSync()
    assert lips.lead_ns == 0
    lips.see(1200 * MS, 1000 * MS)
    assert lips.lead_ns == 200 * MS
    lips.see(1030 * MS, 1000 * MS)
    assert lips.lead_ns == 30 * MS


def test_a_camera_that_drifts_is_followed_and_a_snap_glided_over() -> None:
    lips = begun()
    leads_ns = []
    for n in range(1, 500):
        lips.see(1030 * MS + n * STEP, 1040 * MS + n * STEP)
        leads_ns.append(lips.lead_ns)
    assert leads_ns[0] == 30 * MS - STEP * GLIDE_PPM // 1_000_000
    assert leads_ns[-1] == -10 * MS


def test_uneven_steps_come_to_their_middle() -> None:
    """30 frames a second in slots of 40 ms: each lies somewhere in its slot."""
    lips = LipSync()
    for n in range(3000):
        time_ns = n * 100 * MS // 3
        lips.see(time_ns, time_ns // STEP * STEP)
    assert abs(lips.lead_ns - 20 * MS) < 8 * MS


def test_time_that_goes_back_moves_nothing() -> None:
    lips = begun()
    lips.see(20 * MS, 0)
    assert lips.lead_ns == 30 * MS
