// The picture and its controls, for every page that shows one. The bar stands below the picture, not over it, because a
// camera's own clock and captions are at the lower edge; only in full screen does it lie over the picture, and hides.

import { LivePlayer } from "./player.js";
import { ACTIONS, describeError, describeHealth, describeLevel } from "./words.js";

const HIDE_BAR_AFTER_MS = 2500;

// Paths on a 24×24 grid.
const ICONS = {
  play: "M8 5.5v13l11-6.5z",
  pause: "M7 5h3.6v14H7zM13.4 5H17v14h-3.6z",
  sound: "M4 9.5v5h3.5L12 19V5L7.5 9.5zM15 8.5a5 5 0 0 1 0 7M17.6 6a8.5 8.5 0 0 1 0 12",
  muted: "M4 9.5v5h3.5L12 19V5L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5",
  captions: "M3.5 6h17v12h-17zM7 14.5h4M13.5 14.5H17M7 11h10",
  enter: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  leave: "M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5",
};

const MARKUP = `
  <div class="picture">
    <video playsinline muted disableremoteplayback></video>
    <canvas class="still" hidden></canvas>
    <div class="badges"><span class="badge" role="status" aria-live="polite"></span></div>
    <button type="button" class="button unmute" hidden>Tap for sound</button>
    <div class="spinner" hidden></div>
    <div class="problem" role="alert" hidden>
      <h2></h2><p></p><p class="problem-detail"></p><button type="button" class="button"></button>
    </div>
  </div>
  <div class="bar" role="group" aria-label="Controls">
    <button type="button" class="icon" data-do="play"></button>
    <button type="button" class="icon" data-do="mute"></button>
    <input class="volume" type="range" min="0" max="1" step="0.05" aria-label="Volume" />
    <button type="button" class="live" data-do="live"><i aria-hidden="true"></i><span>Live</span></button>
    <span class="latency" title="From the camera to this screen"></span>
    <span class="space"></span>
    <button type="button" class="icon" data-do="captions" hidden></button>
    <label class="quality" hidden><span class="visually-hidden">Quality</span><select></select></label>
    <button type="button" class="icon" data-do="full"></button>
  </div>`;

/** Builds the player into `host` and starts it; `cmcd` is hls.js's configuration of that name. Returns `{player, setHealth}`. */
export function mountPlayer(host, { root, stream, clock, isPageWide = false, cmcd }) {
  host.innerHTML = MARKUP; // fixed text of ours: nothing of a stream's or a user's is in it
  const video = host.querySelector("video");
  const player = new LivePlayer({ video, still: host.querySelector(".still"), root, stream, clock, cmcd });
  const view = new View(host, video, player, root);
  if (isPageWide) addEventListener("keydown", (event) => view.onKey(event));
  else host.addEventListener("keydown", (event) => view.onKey(event));
  player.start();
  return { player, setHealth: (health) => view.setHealth(health) };
}

class View {
  #host;
  #video;
  #player;
  #root;
  #health = null;
  #hideTimer = 0;
  #levelsShown = "";

  constructor(host, video, player, root) {
    this.#host = host;
    this.#video = video;
    this.#player = player;
    this.#root = root;
    this.#wire();
    this.#render();
  }

  setHealth(health) {
    this.#health = health;
    this.#render();
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input[type=text], select")) return;
    const isButton = event.target.closest("button, a, input");
    const keys = { " ": isButton ? null : "play", k: "play", m: "mute", c: "captions", f: "full", l: "live" };
    const action = keys[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    this.#do(action);
  }

  #find(selector) {
    return this.#host.querySelector(selector);
  }

  #wire() {
    this.#host.addEventListener("click", (event) => {
      const action = event.target.closest("[data-do]")?.dataset.do;
      if (action) this.#do(action);
    });
    this.#find(".unmute").addEventListener("click", () => this.#do("mute"));
    this.#find(".problem button").addEventListener("click", (event) => this.#do(event.target.dataset.way));
    this.#find(".picture").addEventListener("dblclick", () => this.#do("full"));
    const volume = this.#find(".volume");
    volume.addEventListener("input", () => {
      this.#video.volume = Number(volume.value);
      this.#video.muted = this.#video.volume === 0;
    });
    this.#find("select").addEventListener("change", (event) => (this.#player.choices.level = Number(event.target.value)));
    this.#video.addEventListener("resize", () => this.#fitPicture());
    for (const name of ["volumechange", "play", "pause"]) this.#video.addEventListener(name, () => this.#render());
    document.addEventListener("fullscreenchange", () => this.#render());
    for (const name of ["pointermove", "pointerdown", "keydown", "focusin"])
      this.#host.addEventListener(name, () => this.#showBar());
    this.#player.addEventListener("change", () => this.#render());
    this.#player.addEventListener("tick", () => this.#renderNumbers());
  }

  #do(action) {
    const { choices } = this.#player;
    const actions = {
      play: () => (this.#video.paused ? this.#player.play() : this.#player.pause()),
      mute: () => this.#toggleSound(),
      captions: () => (choices.showsCaptions = choices.hasCaptions && !choices.showsCaptions),
      live: () => this.#player.goLive(),
      full: () => this.#toggleFullScreen(),
      try: () => this.#player.tryNow(),
      restart: () => this.#player.restart(),
      home: () => location.assign(this.#root),
      copy: () => navigator.clipboard?.writeText(this.#player.address),
    };
    actions[action]?.();
  }

  #toggleSound() {
    this.#video.muted = !this.#video.muted;
    if (!this.#video.muted && this.#video.volume === 0) this.#video.volume = 1;
  }

  #toggleFullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (this.#host.requestFullscreen) this.#host.requestFullscreen().catch(() => {});
    else this.#video.webkitEnterFullscreen?.(); // iPhones give full screen to a video only
  }

  #fitPicture() {
    const { videoWidth, videoHeight } = this.#video;
    if (videoWidth) this.#host.style.setProperty("--aspect", `${videoWidth} / ${videoHeight}`);
  }

  #showBar() {
    this.#host.classList.remove("is-idle");
    clearTimeout(this.#hideTimer);
    this.#hideTimer = setTimeout(() => this.#host.classList.add("is-idle"), HIDE_BAR_AFTER_MS);
  }

  #render() {
    const { state, error } = this.#player;
    const { paused, muted, volume } = this.#video;
    const isFull = document.fullscreenElement === this.#host;
    this.#host.dataset.state = state;
    setIcon(this.#find("[data-do=play]"), paused ? "play" : "pause", paused ? "Play" : "Pause");
    setIcon(this.#find("[data-do=mute]"), muted ? "muted" : "sound", muted ? "Turn sound on" : "Mute");
    setIcon(this.#find("[data-do=full]"), isFull ? "leave" : "enter", isFull ? "Leave full screen" : "Full screen");
    this.#renderCaptions();
    this.#find(".volume").value = muted ? 0 : volume;
    this.#find(".unmute").hidden = !muted || state !== "playing";
    this.#find(".spinner").hidden = Boolean(error) || state === "playing" || state === "failed";
    this.#renderProblem(error);
    this.#renderBadge();
    this.#renderLevels();
    this.#renderNumbers();
  }

  #renderProblem(error) {
    const box = this.#find(".problem");
    box.hidden = !error;
    if (!error || box.dataset.name === error.name) return;
    const words = describeError(error);
    box.dataset.name = error.name;
    box.querySelector("h2").textContent = words.title;
    box.querySelector("p").textContent = words.text;
    const button = box.querySelector("button");
    button.textContent = ACTIONS[words.action];
    button.dataset.way = words.action;
  }

  #renderBadge() {
    const { state } = this.#player;
    let badge = this.#health ? describeHealth(this.#health) : { tone: "warn", text: "Connecting" };
    if (state === "starting") badge = { tone: "warn", text: "Connecting" };
    if (state === "recovering") badge = { tone: "warn", text: "Reconnecting" };
    if (state === "failed") badge = { tone: "off", text: "Cannot play" };
    if (this.#video.paused && state === "playing") badge = { tone: "off", text: "Paused" };
    const element = this.#find(".badge");
    element.dataset.tone = badge.tone;
    // An aria-live region speaks whenever it is written to, so only what is new is written.
    if (element.textContent !== badge.text) element.textContent = badge.text;
  }

  #renderCaptions() {
    const { hasCaptions, showsCaptions } = this.#player.choices;
    const button = this.#find("[data-do=captions]");
    button.hidden = !hasCaptions;
    button.setAttribute("aria-pressed", showsCaptions);
    setIcon(button, "captions", "Captions");
  }

  #renderLevels() {
    const { levels, level: chosen } = this.#player.choices;
    const key = levels.map(describeLevel).join();
    this.#find(".quality").hidden = levels.length === 0;
    const select = this.#find("select");
    if (key !== this.#levelsShown) {
      this.#levelsShown = key;
      select.replaceChildren(
        ...(levels.length > 1 ? [new Option("Automatic", -1)] : []),
        ...levels.map((level, index) => new Option(describeLevel(level), index)),
      );
    }
    select.disabled = levels.length < 2;
    if (levels.length > 1) select.value = chosen;
  }

  #renderNumbers() {
    const { latency_s, isBehind, state } = this.#player;
    const isShown = latency_s !== null && (state === "playing" || state === "buffering");
    const text = isShown ? `${latency_s.toFixed(1)} s` : "";
    const element = this.#find(".latency");
    if (element.textContent !== text) element.textContent = text;
    const live = this.#find(".live");
    live.classList.toggle("is-behind", isBehind);
    live.classList.toggle("is-live", isShown && !isBehind && this.#health?.state === "live");
    live.setAttribute("aria-label", isBehind ? "Behind live: go to live" : "Live");
  }
}

function setIcon(button, name, label) {
  if (button.dataset.icon === name) return;
  button.dataset.icon = name;
  button.setAttribute("aria-label", label);
  button.title = label;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  if (name === "play" || name === "pause") path.setAttribute("class", "is-solid");
  svg.append(path);
  button.replaceChildren(svg);
}
