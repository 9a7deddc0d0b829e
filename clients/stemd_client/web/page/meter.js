// A meter: the level as the daemon says it, falling smoothly between two words of it, and the highest of late.

import { FLOOR, asText, share } from "./decibels.js";

const FALL = 20 / 1.7; // dB a second, as the daemon's own
const HOLD = 1.5; // seconds that the highest stands

const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Meter {
  // `root` has .bar and .peak; `words`, where given, shows the level as text.
  constructor(root, name, words = null) {
    this.root = root;
    this.bar = root.querySelector(".bar");
    this.peak = root.querySelector(".peak");
    this.words = words;
    this.level = this.highest = this.target = -Infinity;
    this.held = 0;
    this.told = 0;
    root.setAttribute("aria-label", `level of ${name}`);
  }

  show(level) {
    this.target = level ?? -Infinity;
    this.known = level !== undefined;
  }

  // Once a frame of the screen; `seconds` since the last.
  draw(seconds, now) {
    if (still.matches && now - this.told < 0.25) return;
    this.level = still.matches ? this.target : Math.max(this.target, this.level - FALL * seconds);
    this.held += seconds;
    if (this.level >= this.highest || this.held > HOLD) {
      this.highest = this.level;
      this.held = 0;
    }
    this.bar.style.setProperty("--level", share(this.level).toFixed(4));
    this.peak.style.setProperty("--peak", share(this.highest).toFixed(4));
    this.peak.classList.toggle("seen", this.highest > FLOOR);
    if (now - this.told >= 0.25) this.#tell(now);
  }

  // Four times a second: faster, nobody can read it.
  #tell(now) {
    this.told = now;
    this.root.setAttribute("aria-valuenow", Math.max(FLOOR, Math.min(0, Math.round(this.highest))));
    this.root.setAttribute("aria-valuetext", this.known ? asText(this.highest) : "not measured");
    if (this.words) this.words.textContent = this.known ? asText(this.highest) : "";
  }
}
