// What happened, on a line of time: pure, values in and values out. Events are those of the API; times are Unix milliseconds.

import { describeAge } from "./words.js";

/** How much of the past the line shows. */
export const SPAN_MS = 3_600_000;

const MOST_EVENTS = 500; // as many buttons; of what is more the oldest leave
const MOST_LANES = 6;
const SHORTEST_S = 1; // below it nobody asks how long something took
const MINUTE_MS = 60_000;
const TONES = 6;
const REST = "others";
const WHOLE = "picture"; // the zone of who was given none
// Kinds that stand beside each other look different; all others take the tone that their letters make.
const KNOWN_TONES = { motion: 0, object: 1, person: 1, face: 2, faces: 2, covered: 3, moved: 4, frozen: 5, black: 3 };

/** The events that are known, the newest state of each. */
export class Happenings {
  #events = new Map();

  get size() {
    return this.#events.size;
  }

  get(id) {
    return this.#events.get(id);
  }

  /** Take an event, or a later state of one: what is over does not begin again, whichever answer comes first. */
  put(event) {
    const known = this.#events.get(event.id);
    if (known && known.end_ms !== null && event.end_ms === null) return;
    this.#events.set(event.id, event);
    if (this.#events.size > MOST_EVENTS) this.#events.delete(this.inOrder()[0].id);
  }

  /** Let go of what was over before `from_ms`. */
  forget(from_ms) {
    for (const [id, { end_ms }] of this.#events) if (end_ms !== null && end_ms < from_ms) this.#events.delete(id);
  }

  /** All of them, the oldest first. */
  inOrder() {
    return [...this.#events.values()].sort((a, b) => a.start_ms - b.start_ms || (a.id < b.id ? -1 : 1));
  }
}

/**
 * A lane for each kind, by name, the camera's own outages last: `{kind, label, tone, events}`.
 *
 * `tone` is 0 to 5, or "outage": the label says it too, so that nothing depends on seeing colours. Where there are more kinds
 * than lanes, those that happened least share one.
 */
export function lanes(events) {
  const byKind = new Map();
  for (const event of events) byKind.set(event.kind, [...(byKind.get(event.kind) ?? []), event]);
  const frequent = [...byKind].sort((a, b) => isOutage(b) - isOutage(a) || b[1].length - a[1].length || (a[0] < b[0] ? -1 : 1));
  const own = byKind.size > MOST_LANES ? frequent.slice(0, MOST_LANES - 1) : frequent;
  const rest = frequent.slice(own.length).flatMap(([, theirs]) => theirs);
  const shown = own
    .sort((a, b) => isOutage(a) - isOutage(b) || (a[0] < b[0] ? -1 : 1))
    .map(([kind, theirs]) => ({ kind, label: labelOf(kind), tone: toneOf(kind), events: theirs }));
  return rest.length ? [...shown, { kind: REST, label: "Others", tone: TONES - 1, events: rest }] : shown;
}

const isOutage = ([kind]) => Number(kind === "outage");

/** "Scene change" for scene-change. */
export function labelOf(kind) {
  const words = kind.replace(/[-_.]+/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function toneOf(kind) {
  if (kind === "outage") return "outage";
  return KNOWN_TONES[kind] ?? [...kind].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % TONES;
}

/** Where on the line something lies that lasts from `start_ms` to `end_ms` (null: still): shares of it, or null outside. */
export function place({ start_ms, end_ms }, now_ms, span_ms = SPAN_MS) {
  const share = (at_ms) => Math.min(1, Math.max(0, 1 - (now_ms - at_ms) / span_ms));
  const until_ms = end_ms ?? now_ms;
  if (until_ms < now_ms - span_ms || start_ms > now_ms) return null;
  const left = share(start_ms);
  return { left, width: Math.max(0, share(until_ms) - left) };
}

/** The full ten minutes on the line: `{at_ms, left}`. */
export function ticks(now_ms, span_ms = SPAN_MS, every_ms = 10 * MINUTE_MS) {
  const found = [];
  for (let at_ms = Math.ceil((now_ms - span_ms) / every_ms) * every_ms; at_ms <= now_ms; at_ms += every_ms)
    found.push({ at_ms, left: 1 - (now_ms - at_ms) / span_ms });
  return found;
}

/** "Motion in door, 15:06:40, for 12 s". `timeOf` says a time of day. */
export function describeEvent(event, now_ms, timeOf = timeOfDay) {
  const { data, end_ms, kind, start_ms } = event;
  const isNamed = typeof data.label === "string" && data.label && data.label !== kind;
  const what = isNamed ? `${labelOf(kind)} (${data.label})` : labelOf(kind);
  const zones = [data.zone, ...(Array.isArray(data.zones) ? data.zones : [])].filter(isZone);
  const where = zones.length ? ` in ${zones.join(" and ")}` : "";
  const lasted_s = ((end_ms ?? now_ms) - start_ms) / 1000;
  const long = lasted_s < SHORTEST_S ? "" : `, for ${describeAge(lasted_s)}`;
  const still = end_ms === null ? (long ? " so far" : ", now") : "";
  const why = kind === "outage" && typeof data.reason === "string" && data.reason ? `: ${data.reason}` : "";
  return `${what}${where}, ${timeOf(start_ms)}${long}${still}${why}`;
}

const isZone = (zone) => typeof zone === "string" && zone && zone !== WHOLE;

/** By this machine's clock and the viewer's habits. */
export function timeOfDay(at_ms, hasSeconds = true) {
  const second = hasSeconds ? "2-digit" : undefined;
  return new Date(at_ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second });
}

/** Which of the ids, in the order of time, a key leads to from `id`; null for a key that leads nowhere. */
export function neighbour(ids, id, key) {
  const at = ids.indexOf(id);
  const steps = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: ids.length - 1 };
  if (!(key in steps) || !ids.length) return null;
  return ids[Math.min(ids.length - 1, Math.max(0, steps[key]))];
}
