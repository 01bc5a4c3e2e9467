// What the pages ask of the relay: JSON with a deadline, the relay's clock, and the state of its streams.

const REQUEST_DEADLINE_MS = 4000;

/** The relay's address: pages stand two folders below it (`/live/{stream}/`) or on it, also behind a proxy's prefix. */
export function rootOf(pageUrl) {
  const path = new URL(pageUrl).pathname;
  const live = path.lastIndexOf("/live/");
  return new URL(live < 0 ? path.slice(0, path.lastIndexOf("/") + 1) : path.slice(0, live + 1), pageUrl);
}

/** JSON from the relay. Throws where it does not answer in time, or answers with anything but 200. */
export async function getJson(url) {
  const response = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(REQUEST_DEADLINE_MS) });
  if (!response.ok) throw new Error(`${response.status} from ${new URL(url).pathname}`);
  return response.json();
}

/** All streams of the relay, each with `name`, `generation`, `health`, `format`, `viewers`. */
export async function getStreams(root) {
  return (await getJson(new URL("api/v1/streams", root))).streams;
}

/**
 * The relay's clock as seen from here, so that latency is true whatever this machine's clock says.
 *
 * Of several questions the one with the shortest round trip is believed (as NTP's clock filter, RFC 5905 §10): its error is
 * at most half that round trip.
 */
export class RelayClock {
  static #SAMPLES_KEPT = 16;
  #root;
  #samples = [];

  constructor(root) {
    this.#root = root;
  }

  /** Unix time in milliseconds by the relay's clock; before any answer, by this machine's. */
  now_ms() {
    return RelayClock.#local_ms() + (this.best?.offset_ms ?? 0);
  }

  /** The sample that is believed: `{offset_ms, roundTrip_ms}`, or undefined. */
  get best() {
    return this.#samples.reduce((a, b) => (b.roundTrip_ms < (a?.roundTrip_ms ?? Infinity) ? b : a), undefined);
  }

  /** Ask `count` times. A question that fails is left out: the next round asks again. */
  async sync(count) {
    for (let i = 0; i < count; i++) {
      try {
        const asked_ms = RelayClock.#local_ms();
        const answer = await getJson(new URL("api/v1/time", this.#root));
        const roundTrip_ms = RelayClock.#local_ms() - asked_ms;
        this.#samples.push({ offset_ms: answer.unix_ms - (asked_ms + roundTrip_ms / 2), roundTrip_ms });
        if (this.#samples.length > RelayClock.#SAMPLES_KEPT) this.#samples.shift();
      } catch {
        return;
      }
    }
  }

  // Monotonic, unlike Date.now(): a clock that is set while the page is open must not look like latency.
  static #local_ms() {
    return performance.timeOrigin + performance.now();
  }
}

/** A wait that can be cut short. */
export class Nap {
  #wake = null;

  sleep(duration_ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, duration_ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  wake() {
    this.#wake?.();
  }
}
