// The timeline below the player: what happened in the last hour.
//
// Bars by kind, one below the other; one of them is in the order of Tab, and arrow keys go from there through time. A list beside
// it says the newest in words. The relay's live feed is not used here: browsers have six connections to one origin, which all of
// its tabs share, and a feed would hold one that the player needs. Who mounts this asks how the stream does anyway, and is told
// when something has changed.

import { getJson } from "./api.js";
import { describeEvent, Happenings, lanes, neighbour, place, SPAN_MS, ticks, timeOfDay } from "./timeline.js";

const RENDER_EVERY_MS = 5000; // an hour is as wide as the page: by then nothing has moved by more than two pixels
const PAGES_LOADED = 3;
const LISTED = 8;
const OVERLAP_MS = 600_000; // what was told since the last time began, or was over, longer ago than that only where it is rare

/** Builds the timeline into `host`, which is shown once something has happened. */
export function mountTimeline(host, { root, stream, clock, player }) {
  return new Timeline(host, root, stream, clock, player);
}

class Timeline {
  #host;
  #root;
  #path;
  #clock;
  #player;
  #known = new Happenings();
  #bars = new Map();
  #changes = null;
  #loaded_ms = 0;
  #isLoading = false;
  #tip;
  #rows;
  #held;
  #shown;
  #axis;
  #list;

  constructor(host, root, stream, clock, player) {
    this.#host = host;
    this.#root = root;
    this.#path = `api/v1/streams/${stream}/events`;
    this.#clock = clock;
    this.#player = player;
    this.#build();
    this.#wire();
  }

  // ---- what the relay tells ----

  /** So many changes of events were told since the relay's start: what is new of them is asked for. */
  async follow(changes) {
    if (document.hidden || this.#isLoading || changes === this.#changes) return;
    const isAnew = this.#changes === null || changes < this.#changes; // this page's start, or the relay's
    const now_ms = this.#clock.now_ms();
    this.#isLoading = true;
    try {
      await this.#load(isAnew ? now_ms - SPAN_MS : this.#loaded_ms - OVERLAP_MS);
      [this.#changes, this.#loaded_ms] = [changes, now_ms];
    } catch {
      // The relay did not answer: it is asked again the next time.
    }
    this.#isLoading = false;
  }

  async #load(since_ms) {
    const asked = new URL(this.#path, this.#root);
    asked.searchParams.set("since", String(Math.max(0, Math.floor(since_ms))));
    asked.searchParams.set("limit", "200");
    for (let page = 0; page < PAGES_LOADED; page++) {
      const { events, next } = await getJson(asked);
      for (const event of events) this.#known.put(event);
      this.#render();
      if (!next) return;
      asked.searchParams.set("before", next);
    }
  }

  // ---- what is built once ----

  #build() {
    this.#rows = make("div", "timeline-rows");
    this.#rows.setAttribute("role", "group");
    this.#rows.setAttribute("aria-label", "Events of the last hour: arrow keys go from one to the next, Enter goes there");
    this.#held = make("div", "timeline-held");
    this.#shown = make("div", "timeline-shown");
    this.#axis = make("div", "timeline-axis");
    const over = make("div", "timeline-over");
    for (const decoration of [over, this.#axis]) decoration.setAttribute("aria-hidden", "true");
    over.append(this.#held, this.#shown);
    const body = make("div", "timeline-body");
    body.append(over, this.#rows, this.#axis);
    this.#tip = makeTip();
    this.#list = make("ol", "timeline-list");
    this.#list.setAttribute("aria-label", "The newest events");
    const title = make("h2", "timeline-title");
    title.textContent = "The last hour";
    this.#host.replaceChildren(title, body, this.#tip, this.#list);
  }

  #wire() {
    document.addEventListener("visibilitychange", () => this.#render());
    setInterval(() => this.#render(), RENDER_EVERY_MS);
    this.#player.addEventListener("tick", () => this.#renderReach());
    const of = (event) => event.target.closest("[data-id]")?.dataset.id;
    for (const name of ["pointerover", "focusin"])
      this.#host.addEventListener(name, (event) => this.#showTip(of(event)));
    this.#host.addEventListener("pointerleave", () => this.#showTip(document.activeElement?.dataset?.id));
    this.#host.addEventListener("focusout", () => this.#showTip(undefined));
    this.#host.addEventListener("click", (event) => this.#go(of(event)));
    this.#rows.addEventListener("keydown", (event) => this.#move(event, of(event)));
  }

  // ---- what the viewer does ----

  #go(id) {
    const event = this.#known.get(id);
    if (event && this.#player.goTo(event.start_ms)) this.#renderReach();
  }

  #move(event, id) {
    if (event.key === "Escape") this.#showTip(undefined);
    const ids = this.#known.inOrder().flatMap((one) => (this.#bars.has(one.id) ? [one.id] : []));
    const next = id && neighbour(ids, id, event.key);
    if (!next) return;
    event.preventDefault();
    this.#bars.get(next).focus();
    this.#renderOrder();
  }

  #showTip(id) {
    const event = this.#known.get(id);
    this.#tip.hidden = !event;
    if (!event) return;
    const image = this.#tip.querySelector("img");
    const [words, way] = this.#tip.querySelectorAll("p");
    image.hidden = !event.picture;
    if (event.picture && image.dataset.of !== event.id) {
      image.dataset.of = event.id;
      image.src = new URL(event.picture, this.#root);
    }
    words.textContent = describeEvent(event, this.#clock.now_ms());
    way.textContent = this.#isInReach(event) ? "Click to go there" : "Further back than the player can go";
    const bar = place(event, this.#clock.now_ms());
    this.#tip.style.setProperty("--at", String(bar ? bar.left + bar.width / 2 : 0));
  }

  #isInReach({ start_ms }) {
    const reach = this.#player.reach_ms;
    return reach !== null && start_ms >= reach[0] && start_ms <= reach[1];
  }

  // ---- what is shown ----

  #render() {
    const now_ms = this.#clock.now_ms();
    this.#known.forget(now_ms - SPAN_MS);
    this.#host.hidden = this.#known.size === 0;
    if (document.hidden) return;
    const events = this.#known.inOrder();
    this.#renderRows(events, now_ms);
    this.#renderList(events, now_ms);
    this.#axis.replaceChildren(...ticks(now_ms).map(({ at_ms, left }) => {
      const tick = make("span", "timeline-tick");
      tick.style.left = percent(left);
      tick.textContent = timeOfDay(at_ms, false);
      return tick;
    }));
    this.#renderReach();
  }

  /** Bars stay the elements that they are: one that has the focus, or that is pointed at, keeps it. */
  #renderRows(events, now_ms) {
    const gone = new Set(this.#bars.keys());
    const rows = lanes(events).map(({ kind, label, tone, events: theirs }) => {
      const row = [...this.#rows.children].find((one) => one.dataset.kind === kind) ?? makeRow(kind);
      row.firstElementChild.textContent = label;
      const bars = theirs.flatMap((event) => this.#renderBar(event, tone, now_ms));
      const line = row.lastElementChild;
      bars.forEach((bar, at) => line.children[at] === bar || line.insertBefore(bar, line.children[at] ?? null));
      for (const bar of bars) gone.delete(bar.dataset.id);
      return row;
    });
    for (const id of gone) {
      this.#bars.get(id).remove();
      this.#bars.delete(id);
    }
    for (const row of [...this.#rows.children]) if (!rows.includes(row)) row.remove();
    rows.forEach((row, at) => this.#rows.children[at] === row || this.#rows.insertBefore(row, this.#rows.children[at] ?? null));
    this.#renderOrder();
  }

  #renderBar(event, tone, now_ms) {
    const where = place(event, now_ms);
    if (!where) return [];
    const bar = this.#bars.get(event.id) ?? makeButton("timeline-bar", event.id);
    this.#bars.set(event.id, bar);
    bar.dataset.tone = tone;
    bar.classList.toggle("is-on", event.end_ms === null);
    bar.setAttribute("aria-label", describeEvent(event, now_ms));
    bar.style.left = percent(where.left);
    bar.style.width = percent(where.width);
    return [bar];
  }

  /** One bar can be reached by Tab: the one that has the focus, or else the newest. */
  #renderOrder() {
    const focused = document.activeElement?.dataset?.id;
    const newest = () => this.#known.inOrder().findLast(({ id }) => this.#bars.has(id))?.id;
    const current = this.#bars.get(focused) === document.activeElement ? focused : newest();
    for (const [id, bar] of this.#bars) bar.tabIndex = id === current ? 0 : -1;
  }

  #renderList(events, now_ms) {
    const newest = events.slice(-LISTED).reverse();
    const items = newest.map((event) => {
      const known = [...this.#list.children].find((item) => item.firstElementChild.dataset.id === event.id);
      const item = known ?? make("li", "");
      if (!known) item.append(makeButton("timeline-item", event.id));
      const button = item.firstElementChild;
      const text = describeEvent(event, now_ms);
      if (button.textContent !== text) button.textContent = text;
      button.dataset.tone = lanes([event])[0].tone;
      return item;
    });
    for (const item of [...this.#list.children]) if (!items.includes(item)) item.remove();
    items.forEach((item, at) => this.#list.children[at] === item || this.#list.insertBefore(item, this.#list.children[at] ?? null));
  }

  /** What the player can go back to, and where it is. */
  #renderReach() {
    if (this.#host.hidden) return;
    const [now_ms, reach, { latency_s }] = [this.#clock.now_ms(), this.#player.reach_ms, this.#player];
    const held = reach && place({ start_ms: reach[0], end_ms: reach[1] }, now_ms);
    this.#held.hidden = !held;
    if (held) [this.#held.style.left, this.#held.style.width] = [percent(held.left), percent(held.width)];
    const shown = latency_s === null ? null : place({ start_ms: now_ms - latency_s * 1000, end_ms: now_ms }, now_ms);
    this.#shown.hidden = !shown;
    if (shown) this.#shown.style.left = percent(shown.left);
  }
}

const percent = (share) => `${(share * 100).toFixed(3)}%`;

function make(name, className) {
  const element = document.createElement(name);
  if (className) element.className = className;
  return element;
}

function makeButton(className, id) {
  const button = make("button", className);
  button.type = "button";
  button.dataset.id = id;
  return button;
}

function makeRow(kind) {
  const row = make("div", "timeline-row");
  row.dataset.kind = kind;
  row.append(make("span", "timeline-kind"), make("div", "timeline-line"));
  return row;
}

function makeTip() {
  const tip = make("div", "timeline-tip");
  tip.hidden = true;
  const image = make("img", "");
  image.alt = "";
  image.decoding = "async";
  image.addEventListener("error", () => (image.hidden = true));
  tip.append(image, make("p", ""), make("p", "timeline-way"));
  return tip;
}
