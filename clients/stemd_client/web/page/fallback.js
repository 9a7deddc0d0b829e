// Browsers have AudioWorklet on https and on this machine alone. Elsewhere, as on a phone in the same network, the
// same buffer is played from the page's own thread, by the older ScriptProcessorNode: it works, but a busy page may be
// heard.

import { header, samples } from "./block.js";
import { JitterBuffer } from "./jitter.js";

const FRAMES = 2048;

export function fallbackNode(context, target, onReport) {
  const node = context.createScriptProcessor(FRAMES, 0, 2);
  const buffer = new JitterBuffer({ target: target + FRAMES / context.sampleRate, contextRate: context.sampleRate });
  node.onaudioprocess = ({ outputBuffer }) => {
    buffer.pull([outputBuffer.getChannelData(0), outputBuffer.getChannelData(1)]);
    const { playing, resting, level, counts } = buffer;
    onReport({ kind: "report", playing, resting, level, counts });
  };
  const push = (data) => {
    const head = header(data);
    buffer.push(head, samples(data, head));
  };
  return { node, push, rest: () => buffer.rest() };
}
