// Browsers have AudioWorklet on https and on this machine alone. Elsewhere, as on a phone in the same network, the
// same buffer is played from the page's own thread, by the older ScriptProcessorNode: it works, but a busy page may be
// heard.

import { JitterBuffer } from "./jitter.js";

const FRAMES = 2048;

export function fallbackNode(context, target, onReport) {
  const node = context.createScriptProcessor(FRAMES, 0, 2);
  const contextRate = context.sampleRate;
  const buffer = new JitterBuffer({ target, contextRate, atOnce: FRAMES / contextRate });
  node.onaudioprocess = ({ outputBuffer }) => {
    buffer.pull([outputBuffer.getChannelData(0), outputBuffer.getChannelData(1)]);
    onReport(buffer.report);
  };
  return { node, push: (data) => buffer.take(data), rest: () => buffer.rest() };
}
