"""What an AudioWorklet plays, recorded inside it: the page's own worklet, with a tape recorder behind it."""

import base64

import numpy as np

from stemd.audio import Float32Array
from tests.browser.devtools import Tab

_TAPE = b"""
const register = globalThis.registerProcessor;
globalThis.registerProcessor = (name, Player) => register(name, class extends Player {
  process(inputs, outputs) {
    const on = super.process(inputs, outputs);
    this.tape = [...(this.tape ?? []), Float32Array.from(outputs[0][0]), Float32Array.from(outputs[0][1])];
    if (this.tape.length >= 200) this.port.postMessage({kind: "tape", blocks: this.tape.splice(0)});
    return on;
  }
});
"""
_COLLECT = """
window.tape = [];
const Node = window.AudioWorkletNode;
if (Node) window.AudioWorkletNode = class extends Node {
  constructor(context, ...others) {
    super(context, ...others);
    window.context = context;
    this.port.addEventListener("message", ({data}) => data.kind === "tape" && window.tape.push(...data.blocks));
  }
};
"""
_READ = """
(() => {
  const bytes = new Uint8Array(Float32Array.from(window.tape.flatMap((block) => [...block])).buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
})()
"""


async def record(tab: Tab) -> None:
    """Record whatever the pages of this tab will play."""
    await tab.call("Page.addScriptToEvaluateOnNewDocument", source=_COLLECT)
    await tab.rewrite("/page/worklet.js", lambda source: _TAPE + source)


async def wait_for_seconds(tab: Tab, seconds: float) -> None:
    """Until so much was recorded since something was heard first."""
    loud = "window.tape.findIndex((block) => block[0] !== 0)"
    enough = f"{loud} >= 0 && (window.tape.length - {loud}) / 2 * 128 > {seconds} * window.context.sampleRate"
    await tab.until(enough, seconds + 60)


async def tape(tab: Tab) -> Float32Array:
    """What was recorded, (2, frames), from the first frame that is not silent."""
    blocks = np.frombuffer(base64.b64decode(await tab.evaluate(_READ)), np.float32).reshape(-1, 2, 128)
    played = blocks.transpose(1, 0, 2).reshape(2, -1)
    return played[:, np.argmax(np.any(played != 0, axis=0)) :]
