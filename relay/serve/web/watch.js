// The watch page of one stream: its player, what the relay says of it, and the figures of both.

import { getStreams, RelayClock, rootOf } from "./api.js";
import { Beacon } from "./beacon.js";
import { hasOptedOut, newSid, requestConfig } from "./cmcd.js";
import { mountTimeline } from "./timelineview.js";
import { mountPlayer } from "./view.js";
import { describeAge, describeDetails, describeFormat, describeHealth, describeViewers } from "./words.js";

const POLL_MS = 2000;
const CLOCK_EVERY_MS = 60_000;
const FIGURES = ["Latency", "Buffer", "Picture", "Bit rate", "Dropped", "Stalls"];

const root = rootOf(location.href);
const stream = decodeURIComponent(location.pathname.match(/\/live\/([^/]+)/)[1]);
const clock = new RelayClock(root);
const byId = (id) => document.getElementById(id);

byId("name").textContent = stream;
document.title = `${stream} · relay`;
const sid = hasOptedOut(navigator) ? null : newSid();
const cmcd = sid ? requestConfig(sid, stream) : undefined;
const { player, setHealth } = mountPlayer(byId("player"), { root, stream, clock, isPageWide: true, cmcd });
if (sid) new Beacon({ player, video: document.querySelector("video"), clock, root, sid, cid: stream });
window.relayPlayer = player;
const timeline = mountTimeline(byId("timeline"), { root, stream, clock, player });

/** A list of names and values that is written to only where it changed: nothing that is selected or read out is lost. */
class Figures {
  #list;
  #cells = new Map();

  constructor(list) {
    this.#list = list;
  }

  /** `pairs` of `[name, text]`; a name that is not among them any more leaves. */
  show(pairs) {
    const names = new Set(pairs.map(([name]) => name));
    for (const [name, cell] of this.#cells) if (!names.has(name)) this.#remove(name, cell);
    for (const [name, text] of pairs) {
      const cell = this.#cells.get(name) ?? this.#add(name);
      if (cell.textContent !== text) cell.textContent = text;
    }
  }

  #add(name) {
    const term = document.createElement("dt");
    const value = document.createElement("dd");
    term.textContent = name;
    const pair = document.createElement("div");
    pair.append(term, value);
    this.#list.append(pair);
    this.#cells.set(name, value);
    return value;
  }

  #remove(name, cell) {
    cell.parentElement.remove();
    this.#cells.delete(name);
  }
}

const figures = new Figures(byId("figures"));
const details = new Figures(byId("rows"));
figures.show(FIGURES.map((name) => [name, "–"]));

let format = null;

function showFigures() {
  const video = document.querySelector("video");
  const { latency_s, buffer_s, stalls, stalled_s, frames, bitrate_bps } = player;
  const isMoving = player.state === "playing" || player.state === "buffering";
  const size = video.videoWidth ? `${video.videoWidth}×${video.videoHeight}` : "";
  const values = {
    Latency: isMoving && latency_s !== null ? `${latency_s.toFixed(2)} s` : "–",
    Buffer: isMoving ? `${buffer_s.toFixed(2)} s` : "–",
    Picture: format && describeFormat(format).startsWith(size) ? describeFormat(format) : size || "–",
    "Bit rate": bitrate_bps ? `${(bitrate_bps / 1e6).toFixed(2)} Mbit/s` : "–",
    Dropped: `${frames.dropped} frame${frames.dropped === 1 ? "" : "s"}`,
    Stalls: stalls ? `${stalls} (${stalled_s.toFixed(1)} s)` : "0",
  };
  figures.show(Object.entries(values));
}

function showStream(one) {
  format = one.format;
  setHealth(one.health);
  byId("viewers").textContent = describeViewers(one.viewers);
  const line = byId("health");
  const { tone, text } = describeHealth(one.health, one.on_demand);
  line.hidden = one.health.state === "live";
  line.dataset.tone = tone;
  const age_s = (clock.now_ms() - one.health.since_ms) / 1000;
  line.textContent = [`${text} for ${describeAge(age_s)}`, one.health.reason].filter(Boolean).join(": ");
  timeline.follow(one.event_changes);
  byId("details").hidden = false;
  details.show(describeDetails(one, age_s));
}

async function poll() {
  try {
    const one = (await getStreams(root)).find(({ name }) => name === stream);
    if (one) showStream(one);
    else setHealth(null);
  } catch {
    // The player sees it too, says so, and asks on. What is not known any more is not shown.
    setHealth(null);
    byId("viewers").textContent = "";
    byId("health").hidden = true;
    byId("details").hidden = true;
  }
  setTimeout(poll, POLL_MS);
}

const address = byId("address");
address.value = player.address;
address.addEventListener("focus", () => address.select());
byId("copy").addEventListener("click", async ({ target }) => {
  address.select();
  try {
    await navigator.clipboard.writeText(address.value); // only on https and localhost
  } catch {
    document.execCommand("copy");
  }
  target.textContent = "Copied";
  setTimeout(() => (target.textContent = "Copy"), 1500);
});

player.addEventListener("tick", showFigures);
poll();
clock.sync(6);
setInterval(() => clock.sync(2), CLOCK_EVERY_MS);
