// What is told of a viewing, from what happens to its picture: pure, events with their time in, records out.
//
//   s starting -> p playing <-> r rebuffering        p <-> k seeking        p <-> a paused        any -> q quit, f failed
//
// A frame on the screen is what ends starting, seeking, rebuffering and a pause: only then does anybody see anything. A stall
// goes from the last frame before it to the next one, whatever is tried meanwhile, as a jump over a hole in the buffer.
// Times are milliseconds of a clock that nobody sets; what a record says of Unix time is worked out when it is sent.

const TICK_MS = 10_000;
const MOVING = new Set(["p", "k", "r"]);
const OVER = new Set(["f", "q"]);

/**
 * `records` takes what is to be told as `{at_ms, ...}`: the keys of CTA-5004-B, in no order, without those that are the same in
 * all. `figures()` returns those that are true at the moment (`bl`, `br`, `ltc`, ...), as they are to be sent.
 */
export class Reporter {
  state = null;
  #tell;
  #figures;
  #sequence = 0;
  #asked_ms = 0;
  #hasStarted = false;
  #isPaused = false;
  #lastFrame_ms = 0;
  #stallFrom_ms = null;
  #stalls = 0;
  #stalled_ms = 0;
  #before = null;
  #lastTick_ms = 0;
  #droppedBefore = 0;
  #droppedLast = 0;

  constructor({ records, figures }) {
    this.#tell = records;
    this.#figures = figures;
  }

  /** The viewer wants to see it: start-up time counts from here. */
  begin(at_ms) {
    this.#asked_ms = at_ms;
    this.#become("s", at_ms);
  }

  /** A frame is on the screen. */
  frame(at_ms) {
    const isFirst = !this.#hasStarted;
    this.#lastFrame_ms = at_ms;
    this.#hasStarted = true;
    if (OVER.has(this.state) || this.state === "p") return;
    const told = { ...(isFirst && { msd: at_ms - this.#asked_ms }), ...this.#endStall(at_ms) };
    this.#become(this.#isPaused ? "a" : "p", at_ms, told);
  }

  /** There is nothing to show. While it starts or seeks, that is no stall. */
  waiting(at_ms) {
    if (!this.#hasStarted || this.#isPaused || this.#stallFrom_ms !== null || !["p", "a"].includes(this.state)) return;
    this.#stallFrom_ms = Math.min(this.#lastFrame_ms, at_ms);
    this.#stalls++;
    this.#become("r", at_ms);
  }

  /** Another position was asked for. Out of a stall, or in a pause, it is still that. */
  seeking(at_ms) {
    if (this.state === "p" || (this.state === "a" && !this.#isPaused)) this.#become("k", at_ms);
  }

  pause(at_ms) {
    this.#isPaused = true;
    if (this.#hasStarted && !OVER.has(this.state)) this.#become("a", at_ms, this.#endStall(at_ms));
  }

  /** Playing was asked for. The pause lasts until there is a frame; what is missing from here on is a stall. */
  play(at_ms) {
    if (this.#isPaused) this.#lastFrame_ms = at_ms;
    this.#isPaused = false;
  }

  ended(at_ms) {
    if (!OVER.has(this.state)) this.#become("e", at_ms, this.#endStall(at_ms));
  }

  /** An error that stops a player; `isOver`: nothing will be tried any more. */
  error(code, at_ms, isOver = false) {
    const told = isOver ? this.#endStall(at_ms) : {};
    if (isOver) this.#become("f", at_ms, { ...told, ec: [code] });
    this.#record("e", at_ms, { ec: [code] });
  }

  /** The page came to the front, or left it. */
  background(isHidden, at_ms) {
    this.#record("b", at_ms, { bg: isHidden });
  }

  /** The page is left. */
  quit(at_ms) {
    if (this.state === "q") return;
    this.#before = this.state;
    this.#become("q", at_ms, this.#endStall(at_ms));
  }

  /** The page that was left is shown again as it was. */
  back(at_ms) {
    if (this.state !== "q") return;
    this.#lastFrame_ms = at_ms;
    const isAsBefore = this.#isPaused || !this.#hasStarted || this.#before === "e" || this.#before === "f";
    this.#become(isAsBefore ? this.#before : "p", at_ms);
  }

  /** To be called several times a second: every ten of them, while it plays, the figures are told. */
  tick(at_ms) {
    if (!MOVING.has(this.state) || at_ms - this.#lastTick_ms < TICK_MS) return;
    this.#lastTick_ms = at_ms;
    this.#record("t", at_ms, {});
  }

  #endStall(at_ms) {
    if (this.#stallFrom_ms === null) return {};
    const lasted_ms = at_ms - this.#stallFrom_ms;
    this.#stallFrom_ms = null;
    this.#stalled_ms += lasted_ms;
    return { bsd: [lasted_ms] };
  }

  #become(state, at_ms, told = {}) {
    if (state === this.state) return;
    if (!MOVING.has(this.state)) this.#lastTick_ms = at_ms;
    this.state = state;
    this.#record("ps", at_ms, told);
  }

  #record(event, at_ms, told) {
    const { dropped, ...figures } = this.#figures();
    const stalls = this.#stalls ? { bsa: [this.#stalls], bsda: [this.#stalled_ms] } : {};
    const sn = ++this.#sequence;
    this.#tell({ at_ms, ...figures, dfa: this.#dropped(dropped), ...stalls, e: event, sn, sta: this.state, ...told });
  }

  /** A player that is built anew counts from 0 again. */
  #dropped(count) {
    if (count < this.#droppedLast) this.#droppedBefore += this.#droppedLast;
    this.#droppedLast = count;
    return this.#droppedBefore + count;
  }
}
