// Listen: one stem of one stream, from the WebSocket to the sound card.

import { header } from "./block.js";
import { fallbackNode } from "./fallback.js";
import { Feed } from "./feed.js";

const WAITING = 100; // blocks that may wait while the sound card is being opened; then the oldest are dropped

export class Player {
  // `rate`: of the AudioContext; null: the stream's own. `target`: seconds of buffer. `changed` is called often.
  constructor({ stream, stem, target, rate = null, format = "f32", changed }) {
    Object.assign(this, { stream, stem, target, rate, changed });
    this.waiting = [];
    this.head = null;
    this.report = null;
    this.words = "connecting";
    this.failure = null;
    const query = new URLSearchParams({ stream, stem, format });
    this.feed = new Feed(`/hear?${query}`, {
      message: (data) => (typeof data === "string" ? this.#told(JSON.parse(data)) : this.#block(data)),
      lost: (refused) => this.#rest(refused ?? "the server does not answer; trying again"),
    });
  }

  // Where a rate is known already, the sound card can be opened within the click that browsers ask for.
  prepare(rate) {
    this.opening ??= this.#open(rate).catch((error) => this.#fail(`the sound card cannot be opened: ${error.message}`));
    return this.opening;
  }

  async #open(streamRate) {
    this.context = audioContext(this.rate ?? streamRate);
    this.context.onstatechange = () => this.changed(this);
    const onReport = (report) => {
      this.report = report;
      this.changed(this);
    };
    const made = await (this.context.audioWorklet
      ? workletNode(this.context, this.target, onReport)
      : fallbackNode(this.context, this.target, onReport));
    if (this.stopped) return;
    this.sink = made;
    made.node.connect(this.context.destination);
    for (const block of this.waiting.splice(0)) made.push(block);
    this.changed(this);
  }

  #block(data) {
    this.head = header(data);
    this.words = null;
    if (this.sink) {
      this.sink.push(data);
      return;
    }
    this.waiting.push(data);
    if (this.waiting.length > WAITING) this.waiting.shift();
    this.prepare(this.head.rate);
  }

  #told({ kind, text }) {
    if (kind === "fault") this.#fail(text);
    else this.#rest(text);
  }

  #rest(words) {
    this.words = words;
    this.sink?.rest();
    this.changed(this);
  }

  #fail(text) {
    this.failure = text;
    this.stop();
    this.changed(this);
  }

  get suspended() {
    return this.context?.state === "suspended";
  }

  resume() {
    return this.context?.resume();
  }

  // Seconds from the source to the ear, in parts; null before anything is heard.
  get latency() {
    if (!this.head || !this.report?.playing) return null;
    const declared = this.head.latency / this.head.rate;
    const device = (this.context.baseLatency || 0) + (this.context.outputLatency || 0);
    return { declared, buffer: this.report.level, device, total: declared + this.report.level + device };
  }

  stop() {
    this.stopped = true;
    this.feed.close();
    this.sink?.node.disconnect();
    if (this.context && this.context.state !== "closed") this.context.close();
  }
}

// At the stream's own rate samples need no change; where the browser cannot, it chooses and the buffer resamples.
function audioContext(rate) {
  try {
    return new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
  } catch {
    return new AudioContext();
  }
}

async function workletNode(context, target, onReport) {
  await context.audioWorklet.addModule("/page/worklet.js");
  const node = new AudioWorkletNode(context, "stemd-player", {
    numberOfInputs: 0,
    outputChannelCount: [2],
    processorOptions: { target },
  });
  node.port.onmessage = ({ data }) => data.kind === "report" && onReport(data);
  return {
    node,
    push: (block) => node.port.postMessage(block, [block]),
    rest: () => node.port.postMessage("rest"),
  };
}
