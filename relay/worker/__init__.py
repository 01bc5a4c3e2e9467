"""One camera's worker: stages 1 to 5 in a process (or, embedded, in threads) of their own.

    T1 decode      opens the source, decodes, gives every frame a wall-clock time and a slot     camera.py
    T2 transform   the owner's chain; only what leaves it is ever shown                          pictures.py
    T3 video       one picture for every slot (frame, repeat or slate), encoded and packaged     video.py, rungs.py
    T4 audio       one AAC frame for every place on the sample grid (sound or silence)           audio.py
    link           parts and news up to the supervisor, orders down                              link.py

A ladder has a thread more for each rung, to which T3 hands its pictures (rungs.py, lanes.py); one that slept is made
again of what the largest was encoded to (ring.py, replay.py).
Where pictures are copied: T1 takes packets (passthrough.py), T2 is idle, T3 cuts them (copied.py, stills.py).

What leaves T2 is left, too, for streams that show this one (tapping.py).
T1 never waits for T2, T2 never for T3: `handoff.Handoff` lies between them.
"""
