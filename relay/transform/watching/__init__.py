"""Transforms that look: they tell what happens in the picture, and leave the picture as it is.

motion        something moves, by zones                              background (the model), zones
scene-change  a cut to another picture                               cuts
frozen        the picture repeats while frames go on to come         still
black         nothing is to be seen                                  dark
covered       the lens is covered or out of focus: no detail         covered
moved         the camera looks elsewhere                             moved
watch-objects, watch-faces
              who comes and goes, by a detector       sightings (tracks)

    Frame ──small──> a picture of 80 to 320 ──what one looks for──> seen or not ──Episode──> begin, end ──emit──> event

Each works on times, not on counts of frames: it may be left out of every second frame without a difference but one of
fineness. `watcher` says what is the same in all events.
"""
