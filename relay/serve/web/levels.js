// From which level hls.js loads: its own choice or the viewer's, in low latency changed at seams only (seams.js says why).
//
// hls.js asks its ABR controller at every part which level comes next. The one that is given to it here answers "the same"
// until a segment is whole. A level that is chosen goes the same way: hls.js is in automatic mode until it loads from there.

import { AUTOMATIC, endsSegment, following, isHopeless, levelNow } from "./seams.js";

const ASK_AGAIN_MS = 2000;
const AWAKE_MS = 4000; // a rendition stays awake for longer after any request (LEAST_CLOSE_S, renditions_on_demand)
const RESTS_MS = 10_000; // after hls.js had to leave the level that was chosen

export class Levels {
  #Hls;
  #hls = null;
  #chosen = AUTOMATIC;
  #restsUntil_ms = -Infinity;
  #isDemanded = false;
  #isHeld = false;
  /** The part or segment of pictures that was loaded last, `{level, sn, part}`, and the one that is on its way, or null. */
  #loaded = null;
  #loading = null;
  /** Of each level's playlist: when it was asked for and when it came, last, and the answer that is waited for. */
  #playlists = new Map();

  constructor(Hls) {
    this.#Hls = Hls;
  }

  /** What a new hls.js has to be given; from then on this is about that one. */
  get config() {
    const levels = this;
    class AbrController extends this.#Hls.DefaultConfig.abrController {
      constructor(hls) {
        super(hls);
        levels.#follow(hls);
        const check = this._abandonRulesCheck; // hls.js's own rules for a line that is too slow, every 0.1 s
        this._abandonRulesCheck = (level) => levels.#mayAbandon() && check(level);
      }

      get nextAutoLevel() {
        return levels.#next(super.nextAutoLevel);
      }

      set nextAutoLevel(level) {
        if (levels.#isNews(level)) super.nextAutoLevel = level;
      }
    }
    return { abrController: AbrController };
  }

  /** The level that was chosen, or -1 for automatic. */
  get chosen() {
    return this.#chosen;
  }

  /** The next segment is to come from there; the last of several choices counts. Whole segments need no care. */
  choose(level) {
    this.#chosen = level;
    this.#restsUntil_ms = -Infinity;
    if (!this.#hls?.levels.length) return;
    const { config, latestLevelDetails: details } = this.#hls;
    if (config.lowLatencyMode && details?.partList) this.#settle();
    else void this.#chooseNext(this.#hls, level);
  }

  /** Loading begins again after it was stopped. What was chosen holds, and nothing is there to be gone on from. */
  again() {
    this.#restsUntil_ms = -Infinity;
    this.#loaded = this.#loading = null;
    this.#playlists.clear();
  }

  /** That hls.js was destroyed. What was chosen holds for the next one. */
  leave() {
    this.#hls = null;
  }

  async #chooseNext(hls, level) {
    if (level !== AUTOMATIC) await this.#wake(level);
    if (hls === this.#hls && level === this.#chosen) hls.nextLevel = level;
  }

  #follow(hls) {
    const { Events } = this.#Hls;
    this.#hls = hls;
    this.again();
    hls.on(Events.MANIFEST_PARSED, () => this.#begin());
    hls.on(Events.FRAG_LOADING, (_, data) => this.#onLoading(data));
    hls.on(Events.FRAG_LOADED, (_, data) => this.#onLoaded(data));
    hls.on(Events.LEVEL_SWITCHING, () => this.#onSwitching());
  }

  /** A player that was built anew begins with what was chosen, if the stream still has as many. */
  #begin() {
    if (this.#chosen >= this.#hls.levels.length) this.#chosen = AUTOMATIC;
    if (this.#chosen !== AUTOMATIC) this.#hls.startLevel = this.#chosen;
    this.#goOnBehindSeams();
  }

  /** hls.js has no setting for where a new level begins. */
  #goOnBehindSeams() {
    const { streamController } = this.#hls;
    const own = Object.getPrototypeOf(streamController).getNextFragment;
    streamController.getNextFragment = (position_s, details) => {
      const isChange = this.#loaded && details.fragments[0]?.level !== this.#loaded.level;
      const found = isChange && this.#isSeam ? following(details, this.#loaded.sn, position_s) : undefined;
      return found === undefined ? own.call(streamController, position_s, details) : found;
    };
  }

  #onLoading({ frag, part }) {
    if (frag.type === "main" && frag.sn !== "initSegment") this.#loading = { frag, part: part ?? null };
  }

  #onLoaded({ frag, part }) {
    if (frag.type !== "main" || frag.sn === "initSegment") return;
    this.#loaded = { level: frag.level, sn: frag.sn, part: part?.index ?? null };
    this.#isDemanded = false;
  }

  #onSwitching() {
    this.#isDemanded = false;
    this.#settle();
  }

  /** Where it loads from what was chosen, hls.js stays there by itself; else it has to ask. */
  #settle() {
    const manual = this.#hls.loadLevel === this.#chosen ? this.#chosen : AUTOMATIC;
    if (this.#hls.manualLevel !== manual) this.#hls.loadLevel = manual;
  }

  get #isSeam() {
    if (!this.#loaded) return true;
    const details = this.#hls.levels[this.#loaded.level]?.details;
    return !details || endsSegment(this.#loaded, details);
  }

  #next(own) {
    const isResting = this.#isDemanded || performance.now() < this.#restsUntil_ms;
    const wanted = this.#chosen === AUTOMATIC || isResting ? own : this.#chosen;
    const current = this.#hls.loadLevel;
    const isAwake = wanted === current || current === AUTOMATIC || this.#isAwake(wanted);
    const level = levelNow({ current, wanted, isDemanded: this.#isDemanded, isSeam: this.#isSeam, isAwake });
    this.#isHeld = level !== wanted;
    return level;
  }

  /**
   * hls.js tells its ABR controller from which level it loads, which is news unless it was told so here; or else it demands
   * another, at once, for errors or for a line that is too slow.
   */
  #isNews(level) {
    if (level === this.#hls.loadLevel) return !this.#isHeld;
    this.#isDemanded = true;
    this.#restsUntil_ms = performance.now() + RESTS_MS;
    return true;
  }

  /**
   * hls.js loads nothing while it waits for a playlist: one that sleeps (renditions_on_demand) is woken first, and one that
   * cannot be had is not changed to.
   */
  #isAwake(level) {
    const now_ms = performance.now();
    const { asked_ms, came_ms } = this.#playlist(level);
    if (now_ms - asked_ms > ASK_AGAIN_MS) void this.#wake(level);
    return now_ms - came_ms < AWAKE_MS;
  }

  #wake(level) {
    const playlist = this.#playlist(level);
    const url = this.#hls.levels[level]?.url[0];
    if (url) playlist.answer ??= this.#ask(playlist, url);
    return playlist.answer;
  }

  async #ask(playlist, url) {
    playlist.asked_ms = performance.now();
    try {
      const answer = await fetch(url);
      await answer.text();
      if (answer.ok) playlist.came_ms = performance.now();
    } catch {
      // The relay is away: that is seen where it is played from.
    } finally {
      playlist.answer = null;
    }
  }

  #playlist(level) {
    const fresh = { asked_ms: -Infinity, came_ms: -Infinity, answer: null };
    if (!this.#playlists.has(level)) this.#playlists.set(level, fresh);
    return this.#playlists.get(level);
  }

  #mayAbandon() {
    if (!this.#loading?.part) return true;
    const { frag, part } = this.#loading;
    const { loading, loaded, total } = part.stats;
    const segment_s = this.#hls.levels[frag.level]?.details?.fragments.at(-1)?.duration ?? frag.duration;
    return isHopeless({
      rest_s: Math.max(part.duration, frag.start + segment_s - part.start),
      part_s: part.duration,
      share: total ? loaded / total : 0,
      elapsed_s: (performance.now() - loading.start) / 1000,
      buffer_s: this.#hls.mainForwardBufferInfo?.len ?? 0,
    });
  }
}
