"""A visit to an origin: asks it what players ask, and some more, and judges what comes by the rules of `relay.check`.

    check_url ── the entry: a multivariant playlist or a media playlist                            (checker)
      Follower ── one media playlist, version after version, until the time is up or it has ended  (follower)
        MediaQueue ── its init segments, segments and parts, each once, in order                   (media_queue)
        probe_... ── once: what no player asks and every server has to answer                      (probes)
    Fetcher ── the only one that speaks HTTP: deadlines and limits for everything                  (fetcher)

Nothing that an origin sends may end a visit but its time: what cannot be read is a finding.
"""
