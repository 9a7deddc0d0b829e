// One part of a stream's mixer: meter, fader, mute, solo.

import { asText, decibelsOf, gainOf } from "./decibels.js";
import { Meter } from "./meter.js";
import { Slider } from "./slider.js";

const NAMES = { rest: ["rest", "all but the stems"], mix: ["In", "as it came"], out: ["Out", "what is heard"] };

export class Strip {
  // `order(words)` asks the daemon.
  constructor(part, order) {
    this.part = part;
    this.root = document.getElementById("strip").content.cloneNode(true).firstElementChild;
    label(this.root, part);
    const find = (name) => this.root.querySelector(name);
    this.meter = new Meter(find(".meter"), part);
    this.fader = find(".fader");
    this.fader.setAttribute("aria-label", `gain of ${part}`);
    this.slider = new Slider(this.fader, {
      moved: (decibels) => order({ order: "gain", part, gain: gainOf(decibels) }),
      shown: (decibels) => this.#tell(decibels),
    });
    for (const control of ["mute", "solo"]) {
      this[control] = find(`.${control}`);
      this[control].setAttribute("aria-label", `${control} ${part}`);
      this[control].addEventListener("click", () => order({ order: control, part, on: switched(this[control]) }));
    }
    this.fader.addEventListener("dblclick", () => this.slider.put(0));
  }

  #tell(decibels) {
    const text = asText(decibels);
    this.root.querySelector(".gain").textContent = text;
    this.fader.setAttribute("aria-valuetext", text);
  }

  show(stream) {
    const decibels = decibelsOf(stream.gains[this.part]);
    this.slider.show(Math.max(-60.5, Math.round(decibels * 10) / 10));
    this.meter.show(stream.levels[this.part]);
    const muted = stream.mute.includes(this.part);
    const solo = stream.solo.includes(this.part);
    this.mute.setAttribute("aria-pressed", muted);
    this.solo.setAttribute("aria-pressed", solo);
    this.root.classList.toggle("silent", muted || (stream.solo.length > 0 && !solo));
  }

  // Whether the key was one of this strip.
  key(key) {
    if (key === "m") this.mute.click();
    else if (key === "s") this.solo.click();
    else if (key === "0") this.slider.put(0);
    else return false;
    return true;
  }
}

// The level of the whole, before or after.
export class Whole {
  constructor(stem) {
    this.stem = stem;
    this.root = document.getElementById("meter-only").content.cloneNode(true).firstElementChild;
    label(this.root, stem);
    this.meter = new Meter(this.root.querySelector(".meter"), NAMES[stem][0], this.root.querySelector(".gain"));
  }

  show(stream) {
    this.meter.show(stream.levels[this.stem]);
  }
}

function label(root, part) {
  const [name, explained] = NAMES[part] ?? [part, ""];
  const place = root.querySelector(".part");
  place.textContent = name;
  root.setAttribute("aria-label", name);
  if (!explained) return;
  const small = document.createElement("small");
  small.textContent = explained;
  place.append(small);
}

// Turn a switch over before the daemon has, so that two quick presses are two; whether it is on now.
export function switched(button) {
  button.setAttribute("aria-pressed", !pressed(button));
  return pressed(button);
}

function pressed(button) {
  return button.getAttribute("aria-pressed") === "true";
}
