// What a viewer chose to see of a stream: which quality, and whether its captions. It outlives players that are built anew.

import { Levels } from "./levels.js";

export class Choices {
  #hls = null;
  #levels = new Levels(globalThis.Hls);
  #wantsCaptions = false;
  #changed;

  /** `changed` is called after anything in here has changed. */
  constructor(changed) {
    this.#changed = changed;
  }

  /** What hls.js has to be given to do as was chosen. */
  get config() {
    return this.#levels.config;
  }

  /** From now on, `hls` plays; null: nothing does, or the browser's own player, which shows all this in its own way. */
  follow(hls) {
    this.#hls = hls;
    if (!hls) return this.#levels.leave();
    const { Events } = globalThis.Hls;
    hls.on(Events.MANIFEST_PARSED, () => this.#changed());
    hls.on(Events.LEVEL_SWITCHED, () => this.#changed());
    hls.on(Events.SUBTITLE_TRACKS_UPDATED, () => this.#caption());
  }

  /** What plays begins to load again. */
  again() {
    this.#levels.again();
  }

  get levels() {
    return this.#hls?.levels ?? [];
  }

  /** The level that was chosen, or -1 for automatic. */
  get level() {
    return this.#levels.chosen;
  }

  set level(index) {
    this.#levels.choose(index);
    this.#changed();
  }

  /** Whether there are captions. */
  get hasCaptions() {
    return Boolean(this.#hls?.subtitleTracks.length);
  }

  get showsCaptions() {
    return this.#wantsCaptions;
  }

  set showsCaptions(isWanted) {
    this.#wantsCaptions = isWanted;
    this.#caption();
  }

  #caption() {
    if (this.hasCaptions) this.#hls.subtitleTrack = this.#wantsCaptions ? 0 : -1;
    this.#changed();
  }
}
