"""What happens in front of a camera, and to it, as timed events: found out, told by rule, kept, passed on.

    Emitted ──episodes──> TimedEvent ──rules──> told or held back ──desk──> store, playlists, listeners

`model`, `episodes`, `schedule` and `rules` are pure; `store` has a file and a thread; `desk` joins them on the event
loop. Nothing is imported here: every process reads `settings`, and a camera's needs none of the rest.
"""
