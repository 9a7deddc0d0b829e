// Everything about one stream.

import { share } from "./decibels.js";
import { ListenPanel } from "./listen_panel.js";
import { Slider } from "./slider.js";
import { Strip, Whole, switched } from "./strip.js";

const TICKS = [-60, -48, -36, -24, -12, 0];
const COUNTS = ["degraded", "gaps", "late"];

export class Card {
  // `send(words)` gives an order; `meters(on)` is called when they are switched here.
  constructor(stream, { send, meters, metered, token }) {
    this.name = stream.stream;
    this.root = document.getElementById("card").content.cloneNode(true).firstElementChild;
    this.order = (words) => send({ ...words, stream: this.name });
    this.find = (name) => this.root.querySelector(name);
    this.root.setAttribute("aria-label", `stream ${this.name}`);
    this.find(".name").textContent = this.name;
    this.bypass = this.find(".bypass");
    this.bypass.addEventListener("click", () => this.order({ order: "bypass", on: switched(this.bypass) }));
    this.#meterButton(meters, metered);
    this.wet = new Slider(this.find(".wet"), {
      moved: (percent) => this.order({ order: "wet", wet: percent / 100 }),
      shown: (percent) => (this.find(".wet-value").textContent = `${Math.round(percent)} %`),
    });
    this.find(".wet").setAttribute("aria-label", "wet: how much of the mix is heard, the rest as it came");
    this.listen = new ListenPanel(this.find(".listen"), this.name, token);
    this.root.addEventListener("keydown", (event) => this.#key(event));
    this.parts = "";
  }

  #meterButton(meters, metered) {
    this.metering = this.find(".metering");
    this.metering.setAttribute("aria-pressed", metered);
    this.metering.addEventListener("click", () => meters(switched(this.metering)));
  }

  #build(stream) {
    const parts = Object.keys(stream.gains);
    if (parts.join() === this.parts) return;
    this.parts = parts.join();
    this.strips = parts.map((part) => new Strip(part, this.order));
    this.wholes = [new Whole("mix"), new Whole("out")];
    const scale = document.getElementById("scale").content.cloneNode(true).firstElementChild;
    scale.querySelector(".ticks").replaceChildren(
      ...TICKS.map((tick) => {
        const mark = Object.assign(document.createElement("span"), { textContent: `${tick}`.replace("-", "−") });
        mark.style.setProperty("--at", share(tick));
        return mark;
      }),
    );
    const [before, after] = this.wholes.map((whole) => whole.root);
    this.find(".strips").replaceChildren(scale, before, ...this.strips.map((strip) => strip.root), after);
  }

  show(stream) {
    this.stale(false);
    this.#build(stream);
    const channels = stream.channels === 1 ? "mono" : "stereo";
    const rate = `${stream.rate / 1000} kHz`;
    this.find(".facts").textContent = [stream.model, rate, channels, stream.timing].join(" · ");
    this.find(".latency").textContent = `${Math.round((1000 * stream.latency) / stream.rate)} ms`;
    this.find(".load").textContent = `${Math.round(100 * stream.load)} %`;
    const bar = this.find("progress");
    bar.value = Math.min(1, stream.load);
    bar.classList.toggle("much", stream.load > 0.8);
    for (const count of COUNTS) {
      this.find(`.${count}`).textContent = stream[count].toLocaleString();
      this.find(`.${count}`).classList.toggle("some", stream[count] > 0);
    }
    this.bypass.setAttribute("aria-pressed", stream.bypass);
    this.wet.show(Math.round(100 * stream.wet));
    for (const each of [...this.strips, ...this.wholes]) each.show(stream);
    this.listen.show(stream);
  }

  // There is no daemon, or no such stream any more.
  stale(gone) {
    if (this.root.classList.contains("stale") === gone) return;
    this.root.classList.toggle("stale", gone);
    for (const control of this.root.querySelectorAll(".head button, .mixer button, .mixer input")) {
      control.disabled = gone;
    }
    if (gone) for (const each of [...this.strips, ...this.wholes]) each.meter.show(undefined);
  }

  draw(seconds, now) {
    for (const each of [...this.strips, ...this.wholes]) each.meter.draw(seconds, now);
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("select")) return;
    const strip = this.strips.find((each) => each.root.contains(event.target));
    if (this.#pressed(event.key.toLowerCase()) || strip?.key(event.key.toLowerCase())) event.preventDefault();
  }

  #pressed(key) {
    if (key === "b") this.bypass.click();
    else if (key === "p") this.order({ order: "bypass", on: true });
    else if (key === "l") this.listen.toggle();
    else return false;
    return true;
  }
}
