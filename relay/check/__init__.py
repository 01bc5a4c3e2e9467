"""The rules of HLS as code: pure functions from what an origin sent to what is wrong with it.

    text  ── multivariant.check_multivariant ──────────────> V1 ... V12 (what it offers: renditions)
    text  ── media_playlist.check_media_playlist ──────────> P1 ... P18, L1 ... L15 (parsed, grammar, low_latency)
    two readings of one playlist ── history.check_update ──> P4 P5 P8 P9 P15, L8 L9, what a server may edit
    playlists of one stream ── history.check_renditions ───> P19, P5, L10
    a playlist of this relay ── epoch.check_epoch ─────────> E1 ... E5, our own, stronger promise
    bytes ── media.check_init, check_segment ──────────────> M0 ... M14 (boxes, avc)
    bytes ── transport_stream.check_transport_segment ─────> T0 ... T8, MPEG-TS (transport_elementary, _packets)
    bytes, one piece after the other ── reading ───────────> M15, V3, V4, P12 (spans, declared, containers), P19
    an I-frame playlist and its ranges ── iframes ─────────> V9
    captions, and their playlist ── webvtt ────────────────> W0 ... W3, P5 P19 H1
    a segment ── decoding.check_first_frame ───────────────> M16, the only one with a decoder
    one HTTP exchange ── http.check_response ──────────────> H1 ... H7 (encoding, ranges)
    what a server did, and when ── behaviour, pace ────────> L6 L7 L9 ... L15, P10 P20 P21
    what is no playlist at all ── bounds.check_bounds ─────> P1, before anything else looks at it

Every rule gives `finding.Finding`s; no finding, no fault. What is written down here is RFC 8216bis ("HTTP Live
Streaming 2nd Edition"), Apple's "HLS Authoring Specification" ("Apple 8.4" in a clause) and what players were seen to
need. Nothing here fetches or waits: `visit` does, and hands in what came. `tally` says each finding once.

P20: what is listed is there. P21: what has left stays as long as it may be wanted. X1: a rule itself failed. Not here:
P16 and P17 (the end of a stream), L3 and L18 (choices).
"""
