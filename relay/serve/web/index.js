// All streams: state, viewers now and newest picture of each. A relay with one stream shows it moving right here.

import { getStreams, RelayClock, rootOf } from "./api.js";
import { mountPlayer } from "./view.js";
import { describeAge, describeFormat, describeHealth, describeViewers } from "./words.js";

const POLL_MS = 2000;
const SNAPSHOT_EVERY_MS = 4000;

const root = rootOf(location.href);
const clock = new RelayClock(root);
const list = document.getElementById("list");
const notice = document.getElementById("notice");
const cards = new Map();

class Card {
  #element;
  #image;
  #name;
  #snapshot_ms = -Infinity;
  #live = null;

  constructor(name) {
    this.#name = name;
    this.#element = document.getElementById("card").content.firstElementChild.cloneNode(true);
    this.#image = this.#find("img");
    const link = this.#find(".card-name");
    link.textContent = name;
    link.href = new URL(`live/${name}/`, root);
    this.#image.addEventListener("load", () => (this.#image.hidden = false));
    this.#image.addEventListener("error", () => (this.#image.hidden = true));
    list.append(this.#element);
  }

  #find(selector) {
    return this.#element.querySelector(selector);
  }

  /** The card as a player of its own: for the only stream. */
  becomeLive() {
    if (this.#live) return;
    this.#element.classList.add("is-live");
    const host = this.#find(".shot");
    host.className = "player";
    this.#live = mountPlayer(host, { root, stream: this.#name, clock });
    window.relayPlayer = this.#live.player;
  }

  show(stream) {
    const { tone, text } = describeHealth(stream.health, stream.on_demand);
    this.#live?.setHealth(stream.health);
    if (!this.#live) {
      this.#find(".badge").dataset.tone = tone;
      this.#find(".badge").textContent = text;
      this.#refreshPicture();
    }
    this.#find(".card-viewers").textContent = describeViewers(stream.viewers);
    const since = describeAge((clock.now_ms() - stream.health.since_ms) / 1000);
    const isLive = stream.health.state === "live";
    this.#find(".card-detail").textContent = isLive
      ? describeFormat(stream.format)
      : [`${text} for ${since}`, stream.health.reason].filter(Boolean).join(": ");
  }

  #refreshPicture() {
    if (document.hidden || performance.now() - this.#snapshot_ms < SNAPSHOT_EVERY_MS) return;
    this.#snapshot_ms = performance.now();
    this.#image.alt = `Newest picture of ${this.#name}`;
    this.#image.src = new URL(`live/${this.#name}/snapshot.jpg?t=${Date.now()}`, root);
  }

  remove() {
    this.#element.remove();
  }
}

function show(streams) {
  for (const [name, card] of cards)
    if (!streams.some((stream) => stream.name === name)) {
      card.remove();
      cards.delete(name);
    }
  for (const stream of streams) {
    if (!cards.has(stream.name)) cards.set(stream.name, new Card(stream.name));
    if (streams.length === 1) cards.get(stream.name).becomeLive();
    cards.get(stream.name).show(stream);
  }
  const live = streams.filter(({ health }) => health.state === "live").length;
  const viewers = streams.reduce((sum, one) => sum + one.viewers, 0);
  const summary = `${live} of ${streams.length} live · ${describeViewers(viewers)}`;
  const element = document.getElementById("summary");
  if (element.textContent !== summary) element.textContent = summary;
  notice.hidden = streams.length > 0;
  notice.textContent = "This relay has no streams. Start it with one: relay serve rtsp://CAMERA/";
}

async function poll() {
  try {
    show(await getStreams(root));
  } catch {
    notice.hidden = false;
    document.getElementById("summary").textContent = "";
    notice.textContent = "The relay does not answer. This page goes on by itself as soon as it does.";
  }
  setTimeout(poll, POLL_MS);
}

poll();
clock.sync(4);
