// How far behind live to play, and how to get there: pure, values in and values out.

const RATE_TOLERANCE_S = 0.08; // below this nobody gains anything from another playback rate
const RATE_FULL_AT_S = 0.5;
const MAX_RATE = 1.1; // faster is heard: voices rise and music runs
const JUMP_BEYOND_S = 2; // at 1.1 it would take 20 s to make up; a jump costs one visible skip
const SKIP_BEYOND_S = 0.3;
const RESERVE_S = 0.4;
const RESERVE_PARTS = 2;
const RESERVE_WHOLE_S = 2;
const MARGIN_PER_STALL_S = 0.3;
const MAX_MARGIN_S = 2;
const MARGIN_HALVES_AFTER_MS = 60_000;

/**
 * What to do now: `{rate, skip_s}`.
 *
 * `latency_s` is the distance to the live edge, `target_s` where we want to be, `buffer_s` what lies ahead of the playhead,
 * `part_s` the duration of a part (0 without low latency). The rate is raised only while the buffer can spare what it eats:
 * less than two parts ahead is no reserve, and until the next one comes there will be a part less than now. Where parts come
 * late, as on a busy machine, the picture stays further behind for it. Someone who has just come (`isFresh`) is put where they
 * should be at once: live moved on while the first pictures were fetched, and nothing is lost of what was not seen.
 */
export function steer({ latency_s, target_s, buffer_s, part_s, isFresh }) {
  const excess_s = latency_s - target_s;
  const reserve_s = part_s ? Math.max(RESERVE_S, RESERVE_PARTS * part_s) + part_s : RESERVE_WHOLE_S;
  const spare_s = buffer_s - reserve_s;
  if (excess_s > JUMP_BEYOND_S && spare_s > 0) return { rate: 1, skip_s: excess_s };
  if (isFresh && Math.min(excess_s, spare_s) > SKIP_BEYOND_S) return { rate: 1, skip_s: Math.min(excess_s, spare_s) };
  if (excess_s < RATE_TOLERANCE_S || spare_s < 0) return { rate: 1, skip_s: 0 };
  const push = Math.min(1, excess_s / RATE_FULL_AT_S);
  return { rate: Math.min(MAX_RATE, 1 + Math.max(0.02, Math.round(push * 10) / 100)), skip_s: 0 };
}

/** The extra distance that a viewer's own network asks for: more with each stall, forgotten by and by. */
export class Margin {
  #margin_s = 0;
  #since_ms = 0;

  value_s(now_ms) {
    return this.#margin_s * 0.5 ** ((now_ms - this.#since_ms) / MARGIN_HALVES_AFTER_MS);
  }

  stalled(now_ms) {
    this.#margin_s = Math.min(MAX_MARGIN_S, this.value_s(now_ms) + MARGIN_PER_STALL_S);
    this.#since_ms = now_ms;
  }
}

/** Milliseconds to wait before attempt `n` (from 0): doubling to 5 s, with jitter so that a crowd does not come at once. */
export function backoff_ms(attempt, random = Math.random()) {
  return Math.min(5000, 400 * 2 ** Math.min(attempt, 8)) * (0.75 + random / 2);
}
