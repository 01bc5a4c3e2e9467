// What the pages say: states, errors and the way out of each, in plain words.

/** `tone` is one of live, warn, off; `text` is short enough for a badge. */
export function describeHealth(health, isOnDemand = false) {
  switch (health?.state) {
    case "live":
      return { tone: "live", text: "Live" };
    case "connecting":
      return { tone: "warn", text: "Connecting to the camera" };
    case "stalled":
      return { tone: "warn", text: "Camera sends no pictures" };
    case "offline":
      return { tone: "off", text: "Camera offline" };
    case "slate":
      return { tone: "off", text: "Slate only" };
    case "clock":
      return { tone: "warn", text: "Server clock was set back" };
    case "stopped":
      return { tone: "off", text: isOnDemand ? "On standby" : "Stopped" };
    default:
      return { tone: "off", text: "Unknown" };
  }
}

/** `title`, `text` and `action` (try, restart, play, home, copy) for each error of `LivePlayer`. */
export function describeError(error) {
  switch (error.name) {
    case "unreachable":
      return {
        title: "The relay does not answer",
        text: "Playback goes on by itself as soon as it does. If it stays like this, check this device's network, and that the relay is running.",
        action: "try",
      };
    case "not-ready":
      return {
        title: "The stream is starting",
        text: "The relay is there, its first pictures are not. This takes a few seconds.",
        action: "try",
      };
    case "no-stream":
      return {
        title: "There is no such stream here",
        text: "Its name may have changed, or the relay was started without it. If it appears, playback begins by itself.",
        action: "home",
      };
    case "ended":
      return {
        title: "The stream has ended",
        text: "The relay was shut down. When it is started again, playback goes on here by itself.",
        action: "try",
      };
    case "decode":
      return {
        title: "This browser could not decode the picture",
        text: "Restart the player. If it happens again, play the address below in another player, for example VLC.",
        action: "restart",
      };
    case "unsupported":
      return {
        title: "This browser cannot play HLS",
        text: "Update it, or play the address below in another player, for example VLC.",
        action: "copy",
      };
    case "no-player":
      return {
        title: "A file of this page is missing",
        text: "web/vendor/hls.min.js was not served, so this relay was installed incompletely. Install it anew, or use another player.",
        action: "copy",
      };
    case "blocked":
      return { title: "Ready to play", text: "This browser wants a click before it plays.", action: "play" };
    default:
      return { title: "Playback was interrupted", text: "Trying again.", action: "try" };
  }
}

export const ACTIONS = {
  try: "Try now",
  restart: "Restart the player",
  play: "Play",
  home: "All streams",
  copy: "Copy the address",
};

const QUALITIES = { good: "Good", fair: "Fair", poor: "Poor", lost: "Lost" };
const STAGES = {
  receive: "Delay: waiting for the network",
  decode: "Delay: decoding",
  transform: "Delay: transforms",
  encode: "Delay: encoding",
  package: "Delay: packaging",
  publish: "Delay: publishing",
};

/** What an owner asks when a picture is not as it should be, in the order of asking: `[name, text]`. `age_s` is the state's. */
export function describeDetails(stream, age_s) {
  const { health } = stream;
  const delays = Object.entries(health.delay_ms).map(([stage, delay_ms]) => [STAGES[stage] ?? stage, milliseconds(delay_ms)]);
  return [
    ["State", `${describeHealth(health, stream.on_demand).text} for ${describeAge(age_s)}`],
    ["Connection to the camera", QUALITIES[health.quality] ?? "–"],
    ["Frames a second, in and out", `${health.fps_in.toFixed(1)} / ${health.fps_out.toFixed(1)}`],
    ["Jitter", milliseconds(health.jitter_ms)],
    ["Repeated frames", String(health.repeated_frames)],
    ["Dropped frames", String(health.dropped_frames)],
    ["Reconnects in the last hour", String(health.reconnects_1h)],
    ["Stalls in the last hour", String(health.stalls_1h)],
    ["Restarts of its worker", String(stream.counters.worker_restarts ?? 0)],
    ["Camera", stream.on_demand ? "On demand" : "Always open"],
    ...delays,
  ];
}

function milliseconds(duration_ms) {
  return `${duration_ms < 10 ? duration_ms.toFixed(1) : Math.round(duration_ms)} ms`;
}

/** "3 s", "4 min", "2 h", "5 days". */
export function describeAge(age_s) {
  const units = [
    [86_400, "day"],
    [3600, "h"],
    [60, "min"],
  ];
  for (const [size_s, unit] of units)
    if (age_s >= size_s) {
      const count = Math.floor(age_s / size_s);
      return `${count} ${unit}${unit === "day" && count > 1 ? "s" : ""}`;
    }
  return `${Math.max(0, Math.floor(age_s))} s`;
}

export function describeViewers(count) {
  return count === 1 ? "1 viewer" : `${count} viewers`;
}

/** "1280×720 · 30 fps". `rate` is a number or an exact fraction as text, "30000/1001". */
export function describeFormat(format) {
  if (!format) return "";
  const [numerator, denominator = "1"] = String(format.rate).split("/");
  const rate = Math.round((Number(numerator) / Number(denominator)) * 100) / 100;
  return `${format.width}×${format.height} · ${rate} fps`;
}

const NEWER_CODECS = { hvc1: "HEVC", av01: "AV1" };

/** "480p · 1.4 Mbit/s", or "480p AV1 · 0.9 Mbit/s". */
export function describeLevel(level) {
  const codec = NEWER_CODECS[level.videoCodec?.slice(0, 4)];
  const size = level.height ? `${level.height}p${codec ? ` ${codec}` : ""}` : level.name || "Audio only";
  const rate = level.bitrate >= 1e6 ? `${(level.bitrate / 1e6).toFixed(1)} Mbit/s` : `${Math.round(level.bitrate / 1e3)} kbit/s`;
  return `${size} · ${rate}`;
}
