// What the page tells the relay of its viewing: looks at the player and its <video>, and sends what the reporter makes of it.
//
// hls.js says with its requests what is loaded; this says what was seen, in the same words (CTA-5004-B, event mode). Nothing
// here may disturb the picture: what fails is sent again for a while, and then forgotten.

import { recordOf } from "./cmcd.js";
import { Outbox, retryAfter_s } from "./outbox.js";
import { Reporter } from "./reporter.js";

const SEND_EVERY_MS = 1000;
const LOOK_EVERY_MS = 250;
const ANSWER_WITHIN_MS = 8000;
const CONTENT_TYPE = "application/cmcd";
const MEDIA_ERRORS = ["", "MEDIA_ERR_ABORTED", "MEDIA_ERR_NETWORK", "MEDIA_ERR_DECODE", "MEDIA_ERR_SRC_NOT_SUPPORTED"];

export class Beacon {
  #player;
  #video;
  #clock;
  #url;
  #same;
  #outbox = new Outbox();
  #reporter;
  #isSending = false;
  #lastTime = 0;

  /** Tells of what `player` does in `video`, as the session `sid` of the content `cid`, from now on. */
  constructor({ player, video, clock, root, sid, cid }) {
    this.#player = player;
    this.#video = video;
    this.#clock = clock;
    this.#url = new URL("cmcd", root).href;
    this.#same = { cid, sf: "h", sid, v: 2 };
    this.#reporter = new Reporter({ records: (record) => this.#outbox.add(record), figures: () => this.#figures() });
    this.#reporter.begin(performance.now());
    this.#listen();
    if (video.requestVideoFrameCallback) this.#awaitFrame();
    setInterval(() => this.#look(), LOOK_EVERY_MS);
    setInterval(() => void this.#send(), SEND_EVERY_MS);
  }

  #listen() {
    const [video, reporter] = [this.#video, this.#reporter];
    const on = (name, act) => video.addEventListener(name, () => act(performance.now()));
    on("waiting", (now) => (video.seeking ? reporter.seeking(now) : reporter.waiting(now)));
    on("emptied", (now) => reporter.waiting(now)); // a player that is built anew: its last picture stands
    on("seeking", (now) => reporter.seeking(now));
    on("play", (now) => reporter.play(now));
    on("pause", (now) => !video.ended && reporter.pause(now));
    on("ended", (now) => reporter.ended(now));
    on("playing", (now) => !this.#seesFrames && reporter.frame(now));
    on("error", (now) => !this.#player.isLowLatency && reporter.error(MEDIA_ERRORS[video.error?.code] || "MEDIA_ERR", now));
    this.#player.addEventListener("fatal", ({ detail }) => reporter.error(detail, performance.now()));
    document.addEventListener("visibilitychange", () => reporter.background(document.hidden, performance.now()));
    addEventListener("pagehide", () => this.#leave());
    addEventListener("pageshow", (event) => event.persisted && reporter.back(performance.now()));
  }

  /** Whether the browser tells of each frame: it tells of none while the page is hidden, although sound goes on. */
  get #seesFrames() {
    return Boolean(this.#video.requestVideoFrameCallback) && !document.hidden;
  }

  #awaitFrame() {
    this.#video.requestVideoFrameCallback((now, { presentationTime }) => {
      this.#onFrame(Math.min(now, presentationTime ?? now));
      this.#awaitFrame();
    });
  }

  #onFrame(at_ms) {
    if (this.#video.paused) this.#reporter.pause(at_ms); // also where a browser did not let it begin
    this.#reporter.frame(at_ms);
  }

  #look() {
    const { currentTime, seeking } = this.#video;
    const hasMoved = currentTime !== this.#lastTime && !seeking;
    this.#lastTime = currentTime;
    if (hasMoved && !this.#seesFrames) this.#onFrame(performance.now());
    if (this.#player.state === "failed" && this.#reporter.state !== "f")
      this.#reporter.error(this.#player.error?.name ?? "failed", performance.now(), true);
    this.#reporter.tick(performance.now());
  }

  /** What is true now. Latency and what is shown are known only where there is a picture. */
  #figures() {
    const { latency_s, buffer_s, frames, loads, viewer } = this.#player;
    const latency_ms = latency_s === null ? null : latency_s * 1000;
    return {
      ...loads,
      bg: document.hidden || null,
      bl: [Math.round(buffer_s * 1000)],
      dropped: frames.dropped,
      ltc: latency_ms === null ? null : Math.max(0, latency_ms),
      pt: latency_ms === null ? null : this.#clock.now_ms() - latency_ms,
      "relay-viewer": viewer,
    };
  }

  /** Its line: what is the same in all, and Unix time, by the relay's clock as it is known by now. */
  #line({ at_ms, ...told }) {
    const ts = this.#clock.now_ms() - performance.now() + at_ms;
    // A session's first records are older than the token.
    return recordOf({ ...this.#same, ...told, "relay-viewer": told["relay-viewer"] ?? this.#player.viewer, ts });
  }

  #bodyOf(records) {
    return records.map((record) => `${this.#line(record)}\n`).join("");
  }

  async #send() {
    if (this.#isSending) return;
    const batch = this.#outbox.take(performance.now());
    if (!batch.length) return;
    this.#isSending = true;
    let [status, wait_s] = [0, NaN];
    try {
      const answer = await fetch(this.#url, {
        method: "POST",
        headers: { "Content-Type": CONTENT_TYPE },
        body: this.#bodyOf(batch),
        cache: "no-store",
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      [status, wait_s] = [answer.status, retryAfter_s(answer.headers.get("Retry-After"))];
    } catch {
      // The relay is away: it is asked again later.
    }
    this.#isSending = false;
    this.#outbox.answered(status, wait_s, performance.now());
  }

  #leave() {
    this.#reporter.quit(performance.now());
    if (this.#outbox.isClosed) return;
    navigator.sendBeacon(this.#url, new Blob([this.#bodyOf(this.#outbox.last())], { type: CONTENT_TYPE }));
  }
}
