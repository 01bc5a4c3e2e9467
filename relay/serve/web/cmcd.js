// Common Media Client Data, version 2 (CTA-5004-B): how a record of it is written.
//
// A record is a dictionary of Structured Fields (RFC 9651 §3.2): keys in alphabetical order, `true` by its key alone.

const TOKENS = new Set(["e", "sf", "st", "sta"]);

/** What hls.js may say with each request. Not `nor`: that is the address of the next one, and a viewer's token is in it. */
export const REQUEST_KEYS = "bl br bs cid d dl mtp ot pb pr rtp sf sid sn st sta su tb tpb v".split(" ");

/** The `cmcd` configuration of hls.js for the session `sid` of the content `cid`. */
export function requestConfig(sid, cid) {
  return { version: 2, sessionId: sid, contentId: cid, useHeaders: false, includeKeys: REQUEST_KEYS };
}

/** One record: `members` by their keys, of which `null`, `undefined` and what is not finite are left out. */
export function recordOf(members) {
  const isThere = ([, value]) => value !== null && value !== undefined && !(typeof value === "number" && !Number.isFinite(value));
  return Object.entries(members)
    .filter(isThere)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => (value === true ? key : `${key}=${itemOf(key, value)}`))
    .join(",");
}

function itemOf(key, value) {
  if (Array.isArray(value)) return `(${value.map((one) => itemOf(key, one)).join(" ")})`;
  if (typeof value === "boolean") return "?0";
  if (typeof value === "number") return String(Math.round(value));
  return TOKENS.has(key) ? value : quoted(value);
}

/** A string is printable ASCII (RFC 9651 §3.3.3): anything else would spoil its whole record. */
function quoted(text) {
  return `"${text.replace(/[^\x20-\x7e]/g, "?").replace(/["\\]/g, "\\$&")}"`;
}

/** A random session id (a UUID, RFC 9562 §5.4). `crypto.randomUUID` is not there on a page without https. */
export function newSid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Whether this browser's owner asked not to be followed: Global Privacy Control, or Do Not Track. */
export function hasOptedOut({ globalPrivacyControl, doNotTrack }) {
  return globalPrivacyControl === true || doNotTrack === "1";
}
