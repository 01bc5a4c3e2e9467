// What a <video> and its loads tell, and the picture that stands in for it.

const LOADS_COUNTED = 60;

/** Seconds of media ahead of the playhead. */
export function bufferAhead_s({ buffered, currentTime }) {
  for (let i = 0; i < buffered.length; i++)
    if (buffered.start(i) <= currentTime + 0.1 && currentTime < buffered.end(i)) return buffered.end(i) - currentTime;
  return 0;
}

/** PROGRAM-DATE-TIME of the playhead in a browser that plays HLS itself, or null. */
export function nativeDate_ms(video) {
  const start_ms = video.getStartDate?.().getTime();
  return Number.isFinite(start_ms) ? start_ms + video.currentTime * 1000 : null;
}

/** The live edge of a browser that plays HLS itself, or null. */
export function nativeEdge_s({ seekable }) {
  return seekable.length ? seekable.end(seekable.length - 1) : null;
}

/**
 * Unix times in milliseconds of the oldest and the newest picture that can be gone to, `[from, to]`, or null where nobody knows.
 *
 * `shown_ms` is that of the picture on the screen: media time is the wall clock, so from one all others follow.
 */
export function reach_ms({ seekable, currentTime }, shown_ms) {
  if (shown_ms === null || !seekable.length) return null;
  const dateOf = (position_s) => shown_ms + (position_s - currentTime) * 1000;
  return [dateOf(seekable.start(0)), dateOf(seekable.end(seekable.length - 1))];
}

/** Where in a <video> is what was captured at `date_ms`; null where that cannot be gone to. */
export function positionOf(date_ms, video, shown_ms) {
  const reach = reach_ms(video, shown_ms);
  if (reach === null || date_ms < reach[0] || date_ms > reach[1]) return null;
  return video.currentTime + (date_ms - shown_ms) / 1000;
}

/** The last picture, on a canvas over the video, for as long as there is no other. */
export class Still {
  #canvas;
  #video;

  constructor(canvas, video) {
    this.#canvas = canvas;
    this.#video = video;
  }

  show() {
    const { videoWidth, videoHeight, readyState } = this.#video;
    if (readyState < 2 || !videoWidth) return;
    this.#canvas.width = videoWidth;
    this.#canvas.height = videoHeight;
    this.#canvas.getContext("2d").drawImage(this.#video, 0, 0);
    this.#canvas.hidden = false;
  }

  hide() {
    this.#canvas.hidden = true;
  }
}

/** How often, and for how long in all, a picture stood although it should move. */
export class Stalls {
  count = 0;
  total_s = 0;
  /**
   * The last one: when it began on the page's clock, how long it was (null: it lasts), and what lay ahead of the playhead then.
   * Where that was nothing, nothing had come in time; where it was much, the viewer's machine was too busy to show it.
   */
  last = null;
  #began_ms = null;

  begin(now_ms, buffer_s) {
    this.count++;
    this.#began_ms = now_ms;
    this.last = { at_s: now_ms / 1000, lasted_s: null, buffer_s };
  }

  end(now_ms) {
    if (this.#began_ms === null) return;
    this.last.lasted_s = (now_ms - this.#began_ms) / 1000;
    this.total_s += this.last.lasted_s;
    this.#began_ms = null;
  }
}

/** A look whether a `<video>` moves: `found` becomes true when it does, false at the deadline or by `giveUp`. */
export class Moving {
  static #LOOK_EVERY_MS = 50;
  found;
  giveUp;

  constructor(video, deadline_ms) {
    const from = video.currentTime;
    this.found = new Promise((resolve) => {
      const finish = (isMoving) => {
        clearInterval(looking);
        clearTimeout(deadline);
        resolve(isMoving);
      };
      const looking = setInterval(() => {
        const hasPicture = video.readyState >= 3 && !video.seeking;
        if (hasPicture && (video.paused || video.currentTime !== from)) finish(true);
      }, Moving.#LOOK_EVERY_MS);
      const deadline = setTimeout(() => finish(false), deadline_ms);
      this.giveUp = () => finish(false);
    });
  }
}

/** What was fetched of late, against the media time that it holds. */
export class Traffic {
  #loads = [];

  /** `data` of hls.js's FRAG_BUFFERED: a fragment, or a part of one. Sound adds bytes, only pictures add time. */
  add({ stats, frag, part }) {
    const duration_s = frag.type === "main" ? (part ?? frag).duration : 0;
    this.#loads.push({ bytes: stats.total, duration_s });
    if (this.#loads.length > LOADS_COUNTED) this.#loads.shift();
  }

  get bitrate_bps() {
    const duration_s = this.#loads.reduce((sum, load) => sum + load.duration_s, 0);
    return duration_s ? (8 * this.#loads.reduce((sum, load) => sum + load.bytes, 0)) / duration_s : 0;
  }
}

/**
 * What hls.js loads and shows, under CMCD's names (CTA-5004-B): kbit/s of the level that is loaded, is shown, and is the best
 * there is, what it measured of the line, and whether it plays in low latency.
 */
export function loadsOf(hls) {
  if (!hls?.levels.length) return { st: "l" };
  const kbps = (bitrate) => (bitrate ? [Math.round(bitrate / 1000)] : null);
  return {
    br: kbps(hls.levels[hls.loadLevel]?.bitrate),
    pb: kbps(hls.levels[hls.currentLevel]?.bitrate),
    tb: kbps(Math.max(...hls.levels.map(({ bitrate }) => bitrate))),
    mtp: [Math.round(hls.bandwidthEstimate / 100_000) * 100],
    st: hls.latestLevelDetails?.partList ? "ll" : "l",
  };
}

/** What a player's <video> and its loads tell of how it plays: the figures of the pages. */
export class Measured extends EventTarget {
  _stalls = new Stalls();
  _traffic = new Traffic();
  #video;

  constructor(video) {
    super();
    this.#video = video;
  }

  /** How often, and for how long in all, the picture stood because nothing was there to show. */
  get stalls() {
    return this._stalls.count;
  }

  get stalled_s() {
    return this._stalls.total_s;
  }

  get lastStall() {
    return this._stalls.last;
  }

  /** Seconds of media ahead of the playhead. */
  get buffer_s() {
    return bufferAhead_s(this.#video);
  }

  /** Bits a second that came over the last seconds, sound included, or 0. */
  get bitrate_bps() {
    return this._traffic.bitrate_bps;
  }

  get frames() {
    const { totalVideoFrames: total, droppedVideoFrames: dropped } = this.#video.getVideoPlaybackQuality();
    return { shown: total - dropped, dropped };
  }
}
