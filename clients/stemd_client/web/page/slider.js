// A range input that several people move: it shows where the others put it, but is not pulled from the hand.

const GRACE = 500; // ms after a movement here
const PACE = 33; // ms between two values that are sent

export class Slider {
  // `moved(value)` is called for movements here, `shown(value)` for all, others' too.
  constructor(input, { moved, shown }) {
    Object.assign(this, { input, moved, shown });
    this.held = false;
    this.last = -Infinity;
    this.timer = null;
    input.addEventListener("pointerdown", () => (this.held = true));
    for (const end of ["pointerup", "pointercancel", "blur"]) {
      input.addEventListener(end, () => {
        if (this.held) this.last = performance.now();
        this.held = false;
      });
    }
    input.addEventListener("input", () => this.#changed());
  }

  #changed() {
    this.last = performance.now();
    this.shown(this.input.valueAsNumber);
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.moved(this.input.valueAsNumber);
    }, PACE);
  }

  // Where the daemon says that it stands.
  show(value) {
    if (this.held || this.timer !== null || performance.now() - this.last < GRACE) return;
    this.input.value = value;
    this.shown(value);
  }

  // As if it had been moved here.
  put(value) {
    this.input.value = value;
    this.#changed();
  }
}
