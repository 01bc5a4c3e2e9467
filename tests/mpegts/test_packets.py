from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.check.transport_packets import read_packets, read_program
from relay.mpegts.packets import (
    AUDIO_PID,
    PAT_PID,
    PMT_PID,
    VIDEO_PID,
    association_table,
    map_table,
    packetize,
    packets_needed,
    without_payload,
)

adaptations = st.sampled_from([b"", b"\x40", b"\x10" + bytes(6)])


@given(
    st.binary(min_size=16, max_size=2000),
    adaptations,
    st.integers(0, 15),
    st.integers(0, 15),
    st.sampled_from([0x21, 0x1FFE]),
)
def test_a_payload_is_in_as_many_packets_as_were_asked_for(
    payload: bytes, adaptation: bytes, more: int, counter: int, pid: int
) -> None:
    needed = packets_needed(len(payload), adaptation)
    count = min(len(payload), needed + more)
    packets = read_packets(b"".join(packetize(pid, payload, count, counter, adaptation)))
    assert b"".join(packet.payload or b"" for packet in packets) == payload
    assert all(packet.payload for packet in packets)
    assert [packet.counter for packet in packets] == [(counter + n) % 16 for n in range(count)]
    assert [packet.starts_unit for packet in packets] == [True] + [False] * (count - 1)
    assert {packet.pid for packet in packets} == {pid}
    assert (packets[0].clock is not None) == (len(adaptation) == 7)
    assert packets[0].is_random_access == (adaptation == b"\x40")


@given(st.integers(1, 5000), adaptations)
def test_no_fewer_packets_would_do(size: int, adaptation: bytes) -> None:
    needed = packets_needed(size, adaptation)
    room = 184 * needed - (1 + len(adaptation) if adaptation else 0)
    assert room - 184 < size <= room or needed == 1


def test_a_packet_without_payload_repeats_the_counter_before() -> None:
    (packet,) = read_packets(without_payload(VIDEO_PID, 0, b"\x10" + bytes(6)))
    assert (packet.pid, packet.counter, packet.payload, packet.clock) == (VIDEO_PID, 15, None, 0)


def test_the_tables_say_where_picture_and_sound_are() -> None:
    for has_audio, streams in ((True, {VIDEO_PID: 0x1B, AUDIO_PID: 0x0F}), (False, {VIDEO_PID: 0x1B})):
        tables = packetize(PAT_PID, association_table(), 1, 0) + packetize(
            PMT_PID, map_table(has_audio=has_audio), 1, 0
        )
        program = read_program(read_packets(b"".join(tables)))
        assert (program.map_pid, program.clock_pid, program.streams) == (PMT_PID, VIDEO_PID, streams)
