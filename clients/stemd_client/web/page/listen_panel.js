// The part of a stream's card where its stems are listened to.

import { bufferSeconds } from "./buffer_seconds.js";
import { Player } from "./player.js";

const PACE = 500; // ms between two words about the same

export class ListenPanel {
  constructor(root, stream, token) {
    const find = (name) => root.querySelector(name);
    Object.assign(this, { stream, token, player: null, told: -Infinity });
    this.stem = find(".stem");
    this.button = find(".play");
    this.words = find(".heard");
    this.bare = find(".bare");
    this.button.addEventListener("click", () => this.toggle());
    this.stem.addEventListener("change", () => {
      this.#link();
      if (this.player) this.#start();
    });
  }

  show(stream) {
    this.rate = stream.rate;
    const names = stream.stems.join();
    if (names === this.names) return;
    this.names = names;
    const before = this.stem.value;
    this.stem.replaceChildren(...stream.stems.map((stem) => new Option(stem, stem)));
    this.stem.value = stream.stems.includes(before) ? before : stream.stems.at(stream.stems.indexOf("instrumental"));
    this.#link();
  }

  #link() {
    const query = new URLSearchParams({ stream: this.stream, stem: this.stem.value });
    if (this.token) query.set("token", this.token);
    this.bare.href = `/listen?${query}`;
  }

  toggle() {
    if (this.player?.suspended) this.player.resume();
    else if (this.player) this.stop();
    else this.#start();
  }

  #start() {
    this.player?.stop();
    const changed = (player) => player === this.player && this.#tell(player);
    this.player = new Player({ stream: this.stream, stem: this.stem.value, target: bufferSeconds(), changed });
    this.player.prepare(this.rate);
    this.button.setAttribute("aria-pressed", true);
    this.button.textContent = "Stop";
    this.#say("connecting");
  }

  stop() {
    this.player?.stop();
    this.player = null;
    this.button.setAttribute("aria-pressed", false);
    this.button.textContent = "Listen";
    this.#say("");
  }

  #tell(player) {
    if (player.failure) {
      this.stop();
      this.#say(player.failure, true);
    } else if (player.suspended || performance.now() - this.told > PACE) {
      this.#say(wordsOf(player));
    }
  }

  // Only a failure is read aloud: the rest changes all the time.
  #say(text, failed = false) {
    this.told = performance.now();
    this.words.role = failed ? "alert" : null;
    this.words.textContent = text;
    this.words.classList.toggle("failed", failed);
  }
}

function wordsOf(player) {
  if (player.words) return player.words;
  if (player.suspended) return "the browser holds the sound back; press the button";
  const { latency, report } = player;
  if (!latency) return "filling the buffer";
  const seconds = (value) => value.toFixed(2);
  const losses = [
    [report.counts.underruns, "underruns"],
    [report.counts.holes, "holes"],
    [report.counts.skipped, "skips"],
    [player.head.dropped, "blocks dropped"],
  ].filter(([count]) => count > 0);
  const lost = losses.length ? losses.map(([count, what]) => `${count} ${what}`).join(", ") : "nothing lost";
  return (
    `${seconds(latency.total)} s after the source: ${seconds(latency.declared)} stemd, ` +
    `${seconds(latency.buffer)} buffer, ${seconds(latency.device)} this device; ${lost}`
  );
}
