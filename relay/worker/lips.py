"""Lips: a picture is shown when its slot begins, which is up to a slot before it was captured or half a one after it.

The sound, which knows no slots, is moved by as much, or it would lag behind by half a slot on average: 20 ms at 25
frames a second, and 100 ms at 5. Pure.
"""

from __future__ import annotations

from typing import Final

FIRST_PICTURES: Final = 3
GLIDE_PPM: Final = 2500
"""Half of what the resampler can follow unheard."""


class LipSync:
    """For one connection. `lead_ns` is how far ahead of their capture its pictures are shown, by now.

    `jumps` counts how often that was told anew, which the sound must follow at once.

    Pictures are up to half a slot beyond either end of their slots before they snap into others, by a whole slot at
    once. The sound goes no further than the ends, so that it is never off by more than half a slot: neither just
    before a snap nor just after it, while it follows.
    """

    def __init__(self) -> None:
        self.lead_ns = 0
        self.jumps = 0
        self._last_ns = 0
        self._seen = 0
        self._clock_jumps = 0

    def see(self, time_ns: int, slot_start_ns: int, slot_ns: int, clock_jumps: int = 0) -> None:
        """A picture captured at `time_ns` is shown at `slot_start_ns`, for `slot_ns`.

        The first few say how it is; after that the lead glides, to the median of pictures that come in uneven steps.
        Where the source's clock has jumped (`clock_jumps` has changed), it begins anew.
        """
        if clock_jumps != self._clock_jumps:
            self._clock_jumps, self._seen = clock_jumps, 0
            self.jumps += 1
        lead_ns = max(0, min(slot_ns, time_ns - slot_start_ns))
        self._seen += 1
        if self._seen <= FIRST_PICTURES:
            self.lead_ns = lead_ns
        else:
            glide_ns = max(0, time_ns - self._last_ns) * GLIDE_PPM // 1_000_000
            self.lead_ns += max(-glide_ns, min(glide_ns, lead_ns - self.lead_ns))
        self._last_ns = time_ns
