// Records on their way to the relay: bounded, sent again until they are taken, and given up where nobody wants them. Pure.

const MOST_WAITING = 200;
const MOST_AT_ONCE = 50;
const AGAIN_MS = 2000;
const MOST_AGAIN_MS = 60_000;
const GONE = new Set([404, 405, 410]); // there is no such thing at this relay, or not for this session any more

/** Seconds of a Retry-After (RFC 9110 §10.2.3), or NaN. A date is not understood: our relay sends none. */
export function retryAfter_s(header) {
  return /^\d+$/.test(header?.trim() ?? "") ? Number(header) : NaN;
}

export class Outbox {
  /** How many never left, since more waited than are kept. */
  dropped = 0;
  isClosed = false;
  #waiting = [];
  #sent = 0;
  #failures = 0;
  #notBefore_ms = -Infinity;

  get waiting() {
    return this.#waiting.length;
  }

  /** Take one more; where there are too many, the oldest leaves that is not on its way. */
  add(record) {
    if (this.isClosed) return;
    this.#waiting.push(record);
    if (this.#waiting.length <= MOST_WAITING) return;
    this.#waiting.splice(this.#sent, 1);
    this.dropped++;
  }

  /** What is to be sent now: nothing while an answer is waited for, or the relay wants to be left alone. */
  take(now_ms) {
    if (this.isClosed || this.#sent || now_ms < this.#notBefore_ms) return [];
    const batch = this.#waiting.slice(0, MOST_AT_ONCE);
    this.#sent = batch.length;
    return batch;
  }

  /** The relay's answer to what was taken; 0: there was none. */
  answered(status, wait_s, now_ms) {
    const sent = this.#sent;
    this.#sent = 0;
    if (GONE.has(status)) this.#close();
    else if (status === 429 || status === 0 || status >= 500) this.#wait(wait_s, now_ms);
    else {
      this.#waiting.splice(0, sent); // taken, or refused for what they are: the same again would be refused again
      this.#failures = 0;
    }
  }

  /** All that was not answered yet, what is on its way among it: for the last message of a page. They are not sent again. */
  last() {
    this.#sent = 0;
    return this.#waiting.splice(0);
  }

  #wait(wait_s, now_ms) {
    const backoff_ms = AGAIN_MS * 2 ** Math.min(this.#failures++, 8);
    this.#notBefore_ms = now_ms + Math.min(MOST_AGAIN_MS, Number.isFinite(wait_s) ? wait_s * 1000 : backoff_ms);
  }

  #close() {
    this.isClosed = true;
    this.#waiting = [];
  }
}
