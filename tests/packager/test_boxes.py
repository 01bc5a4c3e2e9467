"""Golden bytes: what stands here was read beside ISO/IEC 14496-12, and changes only on purpose."""

from __future__ import annotations

from relay.packager.boxes import Sample, fragment

IDR = Sample(b"IDR!", is_sync=True)
NON_IDR = Sample(b"P", is_sync=False)


def golden(text: str) -> bytes:
    return bytes.fromhex("".join(line.partition("#")[0] for line in text.splitlines()))


def test_a_part_that_begins_with_an_idr_picture_has_flags_of_each_sample() -> None:
    assert fragment(7, 107_400_000_000_000, 2000, [IDR, NON_IDR]) == golden("""
        0000006c 6d6f6f66                               # moof
          00000010 6d666864 00000000 00000007           # mfhd: sequence number 7
          00000054 74726166                             # traf
            00000014 74666864 00020008                  # tfhd: default-base-is-moof, default-sample-duration
              00000001 000007d0                         #   track 1, 2000 ticks
            00000014 74666474 01000000                  # tfdt, version 1
              000061ae02d95000                          #   107400000000000
            00000024 7472756e 01000601                  # trun, version 1: data offset, sizes, flags
              00000002 00000074                         #   2 samples, 116 bytes after moof began
              00000004 02000000                         #   4 bytes, depends on nothing
              00000001 01010000                         #   1 byte, depends on others, not sync
        0000000d 6d646174 4944522150                    # mdat
    """)


def test_samples_that_are_all_alike_share_their_flags() -> None:
    assert fragment(0xFFFF_FFFF, 0, 1024, [NON_IDR, NON_IDR]) == golden("""
        00000068 6d6f6f66
          00000010 6d666864 00000000 ffffffff
          00000050 74726166
            00000018 74666864 00020028                  # tfhd: also default-sample-flags
              00000001 00000400 01010000
            00000014 74666474 01000000 0000000000000000
            0000001c 7472756e 01000201                  # trun: data offset, sizes
              00000002 00000070 00000001 00000001
        0000000a 6d646174 5050
    """)


def test_composition_offsets_are_signed() -> None:
    reordered = [Sample(b"I", is_sync=True, composition_offset_ticks=-1), Sample(b"B", is_sync=False)]
    assert golden("7472756e 01000e01 00000002 0000007c00000001 02000000 ffffffff00000001 01010000 00000000") in (
        fragment(1, 1, 1, reordered)
    )


def test_samples_of_their_own_durations_say_them() -> None:
    uneven = [Sample(b"I", is_sync=True, duration_ticks=7), Sample(b"P", is_sync=False)]
    assert golden("7472756e 01000701 00000002 0000007c 00000007 00000001 02000000 00000005 00000001 01010000") in (
        fragment(1, 1, 5, uneven)
    )
    even = [Sample(b"I", is_sync=True, duration_ticks=5), Sample(b"P", is_sync=False)]
    assert fragment(1, 1, 5, even) == fragment(1, 1, 5, [Sample(b"I", is_sync=True), Sample(b"P", is_sync=False)])
