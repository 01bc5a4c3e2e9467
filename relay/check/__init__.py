"""The rules of HLS as code: pure functions from what an origin sent to what is wrong with it.

    text  ── multivariant.check_multivariant ──────────────> V1 ... V12
    text  ── media_playlist.check_media_playlist ──────────> P1 ... P18, L1 ... L15 (parsed, grammar, low_latency)
    two readings of one playlist ── history.check_update ──> P4 P5 P8 P9 P15, L8 L9, what a server may edit
    playlists of one stream ── history.check_renditions ───> P19, P5, L10
    a playlist of this relay ── epoch.check_epoch ─────────> E1 ... E5, our own, stronger promise
    bytes ── media.check_init, check_segment ──────────────> M1 ... M14 (boxes, avc)
    bytes ── transport_stream.check_transport_segment ─────> T0 ... T8, MPEG-TS (transport_packets)
    one HTTP exchange ── http.check_response ──────────────> H1 ... H7

Every rule gives `finding.Finding`s; no finding, no fault. What is written down here is RFC 8216bis ("HTTP Live
Streaming 2nd Edition"), Apple's "HLS Authoring Specification" ("Apple 8.4" in a clause) and what players were seen to
need. Nothing here fetches, waits or decodes.

Not here, since one answer does not show them: P10 and L6 (punctual publication), P16 and P17 (the end of a stream), L3,
L11 to L14 (how long a request may be held) and L16 to L18 are for who asks a running server.
"""
