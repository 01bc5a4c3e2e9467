// Where a change of level leaves no picture out in low latency: pure, values in and values out.
//
// A segment begins with a keyframe, its later parts do not. hls.js changes level after any part, and then begins the new level
// with the first part of the segment that it is in, over pictures of the old level. Browsers play those to the end of what they
// have of them, and then wait for the next keyframe: what lies between is lost, up to the rest of a segment. So a change has to
// wait for a seam, where the last part of a segment was loaded and the next segment has not begun. There nothing is loaded twice,
// and nothing is in the buffer that would not be there without a change.

const NEAR_S = 0.02; // less than a frame of 40 a second, and more than playlists are wrong by, whose dates are in milliseconds
const BORNE_S = 0.5; // a shorter wait is noticed less than pictures that are left out

/** hls.js's word for a choice that is its own. */
export const AUTOMATIC = -1;

/**
 * Whether `loaded`, `{sn, part}`, is the last of its segment by the playlist of its level (an hls.js `LevelDetails`).
 * `part` is its index, or null for a whole segment. A segment that is listed has all its parts.
 */
export function endsSegment({ sn, part }, { endSN, partList }) {
  if (part === null) return true;
  return sn <= endSN && !partList?.some(({ fragment, index }) => fragment.sn === sn && index > part);
}

/**
 * The level from which to load now. `wanted` waits for a seam, and for its playlist (`isAwake`), unless nothing was loaded
 * yet (`current` is -1) or it is demanded at once, because of errors or of a line that is much too slow.
 */
export function levelNow({ current, wanted, isDemanded, isSeam, isAwake }) {
  const isFree = current === AUTOMATIC || isDemanded || (isSeam && isAwake);
  return isFree ? wanted : current;
}

/**
 * Where to go on in the playlist of another level, after all of segment `sn` was loaded: the fragment behind it, or null while
 * that is not listed. `undefined` where `position_s`, the end of the buffer, is not the end of that segment, as after a seek.
 *
 * hls.js looks for the fragment at the position. A rounding error takes that into the segment before, which is then loaded
 * again from its beginning; so does a change before the next segment is listed.
 */
export function following({ fragments, fragmentHint, partList }, sn, position_s) {
  const listed = fragmentHint ? [...fragments, fragmentHint] : fragments;
  const [last, next] = [sn, sn + 1].map((wanted) => listed.find((one) => one.sn === wanted));
  if (!last || position_s < last.end - NEAR_S) return undefined;
  if (last === fragmentHint) return null; // this level is a little behind: not even that segment is whole
  if (position_s > last.end + NEAR_S) return undefined;
  const isEmpty = next === fragmentHint && !partList?.some(({ fragment }) => fragment.sn === sn + 1);
  return !next || isEmpty ? null : next;
}

/**
 * Whether the rest of a segment comes too late to wait for it, so that a lower level is better although pictures are lost.
 *
 * `rest_s` is the media from the part that is being loaded to the end of the segment, `part_s` that part's, `share` how much of
 * it (0 to 1) came in `elapsed_s`, and `buffer_s` what is ahead of the playhead. The last part has to be there when all before
 * it has been played. A line that is a little too slow costs a short wait, and the next segment comes from a lower level; one
 * that is much too slow would have the viewer look at a picture that stands, in silence, for longer than what is lost otherwise:
 * then the sound at least goes on.
 */
export function isHopeless({ rest_s, part_s, share, elapsed_s, buffer_s }) {
  const takes_s = share > 0 ? elapsed_s / share : elapsed_s; // without a byte of it, that is the least that it can be
  const comes_s = (takes_s * rest_s) / part_s - elapsed_s;
  return comes_s - (buffer_s + rest_s - part_s) > BORNE_S;
}
