// A live picture that stays: hls.js set up for low latency, steered to the live edge, and brought back whatever happens.
//
//   starting -> playing <-> buffering
//                  |  ^
//                  v  |        recovering: the relay is asked until it answers (for ever), then loading goes on where it
//              recovering      stood, or, failing that, the player is built anew with the same viewer's token.
//
// hls.js 1.7 gives up for good about a second after its origin went away, and so does every other player that was tried.
// While a player is built anew, the last picture stands (a canvas over the video), so that nobody looks into black.

import { backoff_ms, Margin, steer } from "./sync.js";
import { getStreams, Nap } from "./api.js";
import { Choices } from "./choices.js";
import { HLS_CONFIG } from "./hlsconfig.js";
import { loadsOf, Measured, Moving, nativeDate_ms, nativeEdge_s, positionOf, reach_ms, Still } from "./media.js";

const TICK_MS = 250;
const FRESH_MS = 5000;
const STUCK_JUMP_MS = 3000;
const STUCK_RECOVER_MS = 12_000; // a blocked playlist request is answered within 9 s: until then silence may be honest
const RESUME_DEADLINE_MS = 7000;
const MEDIA_ERROR_AGAIN_MS = 10_000;
const LIVE_WITHIN_S = 1.5; // of where the picture is to be: nobody who went back is this near
const NATIVE_TYPE = "application/vnd.apple.mpegurl";

/**
 * Plays one stream in a `<video>` for as long as the page is open.
 *
 * Events: `change` after anything in `state`, `error`, `isBehind` or `choices` changed. All times are seconds.
 */
export class LivePlayer extends Measured {
  state = "starting";
  /** What is in the way, as `{name, detail}`, or null: `unreachable no-stream not-ready ended decode unsupported blocked`. */
  error = null;
  generation = null;
  viewer = null;
  resumes = 0;
  rebuilds = 0;
  jumps = 0;
  lastProblem = "";
  /** Which quality, and whether captions; `change` tells of these too. */
  choices = new Choices(() => this.#changed());

  #video;
  #still;
  #root;
  #stream;
  #clock;
  #hls = null;
  #margin = new Margin();
  #recovery = null;
  #nap = new Nap();
  #lastTime = 0;
  #lastProgress_ms = 0;
  #lastMediaError_ms = -Infinity;
  #lastJump_ms = -Infinity;
  #started_ms = 0;
  #moving = null;
  #hasEnded = false;
  #wantsPlay = true;
  #isBack = false;
  #cmcd;

  /** `cmcd`: what hls.js says of the viewing with its requests; nothing where it is left out. */
  constructor({ video, still, root, stream, clock, cmcd }) {
    super(video);
    this.#video = video;
    this.#still = new Still(still, video);
    this.#root = root;
    this.#stream = stream;
    this.#clock = clock;
    this.#cmcd = cmcd;
    for (const name of ["playing", "waiting", "pause", "ended", "timeupdate", "error"])
      video.addEventListener(name, () => this[`_${name}`]());
    addEventListener("online", () => this.tryNow());
    setInterval(() => this.#tick(), TICK_MS);
  }

  /** Whether hls.js plays (low latency), and not the browser's own player. */
  get isLowLatency() {
    return Boolean(globalThis.Hls?.isSupported());
  }

  /** What is loaded, in CMCD's units, as far as hls.js knows. */
  get loads() {
    return loadsOf(this.#hls);
  }

  /** The address of the stream for other players. */
  get address() {
    return new URL(`live/${this.#stream}/index.m3u8`, this.#root).href;
  }

  /** Seconds between the capture of the picture on the screen and now by the relay's clock, or null. */
  get latency_s() {
    return this.#shown_ms === null ? null : (this.#clock.now_ms() - this.#shown_ms) / 1000;
  }

  /** From when to when the viewer can go back or forth: Unix times of capture in milliseconds, `[from, to]`, or null. */
  get reach_ms() {
    return reach_ms(this.#video, this.#shown_ms);
  }

  /** The distance from the live edge that is aimed at: PART-HOLD-BACK is the least, a part more is for busy machines. */
  get target_s() {
    const details = this.#hls?.latestLevelDetails;
    if (!details) return 0;
    const held_s = details.partHoldBack ? details.partHoldBack + details.partTarget : details.holdBack;
    return (held_s || 3 * details.targetduration) + this.#margin.value_s(performance.now());
  }

  /** Whether the viewer is noticeably behind live. */
  get isBehind() {
    const isMoving = this.state === "playing" || this.state === "buffering";
    if (!isMoving || !this.#hls?.latestLevelDetails?.live) return false;
    return this.#video.paused || this.#hls.latency - this.target_s > LIVE_WITHIN_S;
  }

  start() {
    if (!this.isLowLatency && !this.#video.canPlayType(NATIVE_TYPE)) {
      this.state = "failed";
      this.error = { name: globalThis.Hls ? "unsupported" : "no-player", detail: "" };
      this.#changed();
      return;
    }
    this.#recover("start");
  }

  play() {
    this.#wantsPlay = true;
    this.#play();
    this.goLive();
  }

  pause() {
    this.#wantsPlay = false;
    this.#video.pause();
    this.#changed();
  }

  /** Show what was captured at `date_ms`, and go on from there, until live is asked for. Whether it is within reach. */
  goTo(date_ms) {
    const position_s = positionOf(date_ms, this.#video, this.#shown_ms);
    if (position_s === null) return false;
    this.#isBack = this.#wantsPlay = true;
    this.#video.currentTime = position_s;
    if (this.#video.paused) this.#play();
    this.#changed();
    return true;
  }

  /** Jump to the live edge. */
  goLive() {
    this.#isBack = false;
    const position = this.#hls ? this.#hls.liveSyncPosition : nativeEdge_s(this.#video);
    if (position !== null && position !== undefined && position > this.#video.currentTime) {
      this.#video.currentTime = position;
      this.jumps++;
    }
    if (this.#video.paused) {
      this.#wantsPlay = true;
      this.#play();
    }
    this.#changed();
  }

  /** Do not wait for the next attempt. */
  tryNow() {
    this.#nap.wake();
  }

  /** Build the player anew at once. */
  restart() {
    this.#tearDown();
    this.#recover("restart");
  }

  // ---- what the video element says ----

  _playing() {
    this._stalls.end(performance.now());
    if (this.state !== "recovering" && this.state !== "starting") this.#set("playing", null);
  }

  _waiting() {
    const isOurs = this.#video.seeking || this.#video.paused || this.state !== "playing";
    if (isOurs || this.#hasEnded) return;
    this._stalls.begin(performance.now(), this.buffer_s);
    this.#margin.stalled(performance.now());
    this.#set("buffering", this.error);
  }

  _pause() {
    this._stalls.end(performance.now());
    this.#changed();
  }

  _ended() {
    this.#recover("ended");
  }

  _timeupdate() {
    if (this.#video.currentTime === this.#lastTime) return;
    this.#lastTime = this.#video.currentTime;
    this.#lastProgress_ms = performance.now();
    if (this.state === "buffering") this._playing();
  }

  _error() {
    if (!this.#hls && this.state !== "recovering") this.#recover("media");
  }

  // ---- steering ----

  #tick() {
    if (this.state === "playing" || this.state === "buffering") {
      if (this.#video.paused) this.#lastProgress_ms = performance.now();
      else this.#steer();
      this.#watchProgress();
    }
    this.dispatchEvent(new Event("tick"));
  }

  #steer() {
    const details = this.#hls?.latestLevelDetails;
    if (!details?.live || !this.#video.readyState) return;
    if (this.#isBack && (this.#video.seeking || this.#hls.latency - this.target_s > LIVE_WITHIN_S)) {
      this.#video.playbackRate = 1; // who went back is let be
      return;
    }
    this.#isBack = false;
    this.#hls.targetLatency = this.target_s;
    const now_ms = performance.now();
    const { rate, skip_s } = steer({
      latency_s: this.#hls.latency,
      target_s: this.target_s,
      buffer_s: this.buffer_s,
      part_s: details.partTarget ?? 0,
      isFresh: now_ms - this.#started_ms < FRESH_MS,
    });
    if (skip_s && now_ms - this.#lastJump_ms > STUCK_JUMP_MS) {
      this.#lastJump_ms = now_ms;
      this.#video.currentTime += skip_s;
      this.jumps++;
    }
    if (this.#video.playbackRate !== rate) this.#video.playbackRate = rate;
  }

  /** A picture that stands although it should move: first a jump (a hole in the buffer), then recovery. */
  #watchProgress() {
    const stuck_ms = performance.now() - this.#lastProgress_ms;
    if (stuck_ms > STUCK_RECOVER_MS) this.#recover("stuck");
    else if (stuck_ms > STUCK_JUMP_MS && performance.now() - this.#lastJump_ms > STUCK_JUMP_MS) {
      this.#lastJump_ms = performance.now();
      if (this.#hls?.liveSyncPosition > this.#video.currentTime) this.goLive();
    }
  }

  // ---- recovery ----

  /** One loop at a time: ask the relay until it answers, then go on. Never gives up. */
  #recover(why) {
    if (this.#recovery) return;
    this.#isBack = false;
    this.lastProblem = why;
    this._stalls.end(performance.now());
    this.#set(why === "start" ? "starting" : "recovering", this.error);
    this.#recovery = this.#recoverLoop(why).finally(() => (this.#recovery = null));
  }

  async #recoverLoop(why) {
    this.#hls?.stopLoad();
    let canResume = this.#hls !== null && why !== "media" && why !== "ended";
    for (let attempt = 0; ; attempt++) {
      if (attempt > 0) await this.#nap.sleep(backoff_ms(attempt - 1));
      const stream = await this.#ask();
      if (!stream) continue;
      const isSame = stream.generation === this.generation;
      const isBack = canResume && isSame ? await this.#resume() : await this.#rebuild();
      canResume = false;
      if (isBack) this.#started_ms = performance.now();
      if (isBack) return this.#set("playing", this.error?.name === "blocked" ? this.error : null);
    }
  }

  /** The stream as the relay tells it, or null with `error` set. */
  async #ask() {
    try {
      const stream = (await getStreams(this.#root)).find((one) => one.name === this.#stream);
      if (!stream) this.#set(this.state, { name: "no-stream", detail: "" });
      return stream ?? null;
    } catch (problem) {
      this.#set(this.state, { name: this.#hasEnded ? "ended" : "unreachable", detail: String(problem.message) });
      return null;
    }
  }

  async #resume() {
    this.resumes++;
    this.choices.again();
    this.#hls.startLoad(-1);
    return this.#moves();
  }

  async #rebuild() {
    if (this.generation !== null) this.rebuilds++;
    this.#tearDown();
    const path = this.viewer ? `live/${this.#stream}/v/${this.viewer}/index.m3u8` : `live/${this.#stream}/index.m3u8`;
    const url = new URL(path, this.#root).href;
    if (this.isLowLatency) this.#load(url);
    else this.#video.src = url;
    if (this.#wantsPlay) this.#play();
    return this.#moves();
  }

  /** Whether the picture moves again before the deadline; a fatal error meanwhile answers at once. */
  async #moves() {
    this.#moving = new Moving(this.#video, RESUME_DEADLINE_MS);
    const isMoving = await this.#moving.found;
    this.#moving = null;
    if (isMoving) this.#still.hide();
    return isMoving;
  }

  #load(url) {
    const { Events } = globalThis.Hls;
    const hls = new globalThis.Hls({ ...HLS_CONFIG, ...this.choices.config, cmcd: this.#cmcd });
    this.#hls = hls;
    this.choices.follow(hls);
    this.#hasEnded = false;
    hls.on(Events.MANIFEST_PARSED, (_, data) => this.#learn(data.levels[0].url[0]));
    hls.on(Events.LEVEL_UPDATED, (_, { details }) => (this.#hasEnded = !details.live));
    hls.on(Events.FRAG_BUFFERED, (_, data) => this._traffic.add(data));
    hls.on(Events.ERROR, (_, data) => this.#onHlsError(data));
    hls.attachMedia(this.#video);
    hls.loadSource(url);
  }

  /** The viewer's token and the generation stand in the path of every media playlist. */
  #learn(levelUrl) {
    const path = new URL(levelUrl, this.#root).pathname;
    this.viewer = /\/v\/([^/]+)\//.exec(path)?.[1] ?? this.viewer;
    this.generation = Number(/-(\d+)\/index\.m3u8$/.exec(path)?.[1] ?? NaN);
    this.#changed();
  }

  #onHlsError(data) {
    if (!data.fatal) return;
    const { MEDIA_ERROR } = globalThis.Hls.ErrorTypes;
    this.lastProblem = data.details;
    this.dispatchEvent(new CustomEvent("fatal", { detail: data.details }));
    if (data.type === MEDIA_ERROR && performance.now() - this.#lastMediaError_ms > MEDIA_ERROR_AGAIN_MS) {
      this.#lastMediaError_ms = performance.now();
      this.#hls.recoverMediaError();
      return;
    }
    const isManifest = data.details.startsWith("manifest");
    const name = data.type === MEDIA_ERROR ? "decode" : isManifest && data.response?.code ? "not-ready" : "unreachable";
    this.#set(this.state, { name, detail: data.details });
    if (this.#moving) this.#moving.giveUp();
    else this.#recover(data.type === MEDIA_ERROR ? "media" : data.details);
  }

  #tearDown() {
    this.#still.show();
    this.#hls?.destroy();
    this.#hls = null;
    this.choices.follow(null);
  }

  async #play() {
    try {
      await this.#video.play();
      if (this.error?.name === "blocked") this.#set(this.state, null);
    } catch (problem) {
      if (problem.name !== "NotAllowedError") return; // a load in between: it plays when that is done
      if (!this.#video.muted) {
        this.#video.muted = true;
        await this.#play();
      } else this.#set(this.state, { name: "blocked", detail: "" });
    }
  }

  /** The capture of the picture on the screen, in Unix milliseconds, or null. */
  get #shown_ms() {
    return this.#hls ? (this.#hls.playingDate?.getTime() ?? null) : nativeDate_ms(this.#video);
  }

  #set(state, error) {
    this.state = state;
    this.error = error;
    if (state === "playing") this.#lastProgress_ms = performance.now();
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
