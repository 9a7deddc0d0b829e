// The sound card's side of Listen: blocks come by the port, samples go out, and ten times a second it says how it is.

import { JitterBuffer } from "./jitter.js";

class Player extends AudioWorkletProcessor {
  constructor(options) {
    super();
    this.buffer = new JitterBuffer({ target: options.processorOptions.target, contextRate: sampleRate });
    this.untilReport = 0;
    this.port.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) this.buffer.take(data);
      else this.buffer.rest();
    };
  }

  process(_inputs, [output]) {
    this.buffer.pull(output);
    this.untilReport -= output[0].length;
    if (this.untilReport <= 0) {
      this.untilReport = sampleRate / 10;
      this.port.postMessage({ kind: "report", ...this.buffer.report });
    }
    return true;
  }
}

registerProcessor("stemd-player", Player);
