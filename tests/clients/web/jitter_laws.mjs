// Laws of the jitter buffer, on a sound card and a network with clocks of their own. `node --test` runs them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { JitterBuffer } from "../../../clients/stemd_client/web/page/jitter.js";

const RATE = 44_100;
const BLOCK = 882;
const QUANTUM = 128;

// Noise that is the same for the same position.
function sample(position) {
  const x = Math.sin(position * 12.9898) * 43758.5453;
  return Math.fround(x - Math.floor(x) - 0.5);
}

function sine(position) {
  return Math.sin((2 * Math.PI * 1000 * position) / RATE);
}

function block(position, { value = sample, epoch = 1, rate = RATE, channels = 1, frames = BLOCK }) {
  const samples = new Float32Array(frames * channels);
  for (let at = 0; at < samples.length; at += 1) samples[at] = value(position + Math.floor(at / channels));
  return [{ epoch, rate, channels, position, frames }, samples];
}

// Blocks arrive with jitter while the sound card plays; what was played, with where it was from.
function play(seconds, options = {}) {
  const { context = RATE, ppm = 0, late = () => 0, value = sample, target = 0.15, frames = BLOCK, atOnce = 0 } = options;
  const quantum = atOnce || QUANTUM;
  const jitter = new JitterBuffer({ target, contextRate: context, atOnce: atOnce / context });
  const out = [new Float32Array(quantum)];
  const heard = { samples: [], positions: [], levels: [], counts: jitter.counts, jitter };
  let pushed = 0;
  for (let done = 0; done < seconds * context; done += quantum) {
    const now = done / context;
    while ((pushed * frames) / (RATE * (1 + ppm * 1e-6)) + late(pushed) <= now) {
      jitter.push(...block(pushed * frames, { value, frames }));
      pushed += 1;
    }
    const before = jitter.position;
    jitter.pull(out);
    if (!jitter.playing) continue;
    heard.samples.push(...out[0]);
    heard.positions.push(before);
    heard.levels.push(jitter.level);
  }
  return heard;
}

test("at the stream's own rate every sample is the stream's, in order, whatever the jitter", () => {
  const heard = play(60, { late: (number) => 0.04 * Math.abs(sample(number)) });
  const first = Math.round(heard.jitter.position) - heard.samples.length;
  assert.ok(heard.samples.length > 59 * RATE);
  assert.ok(heard.samples.every((value, at) => value === sample(first + at)));
  assert.deepEqual(heard.counts, { underruns: 0, holes: 0, skipped: 0, corrections: 0 });
});

for (const [context, pitch] of [[48_000, 1_000], [48_000, 19_000], [96_000, 19_000], [32_000, 1_000]]) {
  test(`at ${context} Hz a tone of ${pitch} Hz comes out to 90 dB`, () => {
    const tone = (position) => Math.sin((2 * Math.PI * pitch * position) / RATE);
    const heard = play(5, { context, value: tone });
    const first = heard.positions[0];
    let error = 0;
    let power = 0;
    for (let at = 1_000; at < heard.samples.length; at += 1) {
      const ideal = tone(first + (at * RATE) / context);
      error += (heard.samples[at] - ideal) ** 2;
      power += ideal ** 2;
    }
    assert.ok(10 * Math.log10(power / error) > 90, `${10 * Math.log10(power / error)} dB`);
  });
}

for (const ppm of [-200, 200]) {
  test(`a clock that is ${ppm} ppm off is followed for eight minutes without a gap`, () => {
    const heard = play(480, { ppm, value: () => 0.25 });
    assert.deepEqual([heard.counts.underruns, heard.counts.skipped], [0, 0]);
    assert.ok(heard.counts.corrections > 50);
    assert.ok(Math.min(...heard.levels.filter((_, at) => at % 100 === 0)) > 0.05);
    assert.ok(Math.max(...heard.levels.filter((_, at) => at % 100 === 0)) < 0.25);
  });
}

for (const [frames, ppm, atOnce, target] of [
  [BLOCK, 0, 2048, 0.02],
  [7_540, 0, 0, 0.15],
  [7_540, 200, 2048, 0.15],
  [RATE, -200, 0, 0.15],
  [4 * RATE, 200, 0, 0.15],
]) {
  const name = `blocks of ${Math.round((1000 * frames) / RATE)} ms, ${ppm} ppm off, by ${atOnce || QUANTUM} frames`;
  test(`${name}, play for eight minutes without a gap, from no larger a buffer than that takes`, () => {
    const late = (number) => 0.3 * target * Math.abs(sample(number));
    const { counts, levels } = play(480, { frames, ppm, atOnce, target, late, value: () => 0.25 });
    assert.deepEqual([counts.underruns, counts.skipped, counts.holes], [0, 0, 0]);
    const most = levels.reduce((highest, level) => Math.max(highest, level), 0);
    assert.ok(most < frames / RATE + 2 * target + atOnce / RATE, `${most} s`);
  });
}

test("a longer block than those before is held whole as well", () => {
  const jitter = new JitterBuffer({ target: 0.15, contextRate: RATE });
  for (let number = 0; number < 20; number += 1) jitter.push(...block(number * BLOCK, {}));
  const out = [new Float32Array(RATE)];
  for (let position = 20 * BLOCK; position < 20 * RATE; position += RATE) {
    jitter.push(...block(position, { frames: RATE }));
    jitter.pull(out);
  }
  assert.equal(jitter.counts.underruns, 0);
  assert.deepEqual(out[0].slice(0, 9), Float32Array.from({ length: 9 }, (_, at) => sample(jitter.position - RATE + at)));
});

test("while a clock is followed, a tone stays a tone", () => {
  const heard = play(200, { ppm: 200, value: sine });
  assert.ok(heard.counts.corrections > 0);
  // Any sample of a tone follows from the two before, but for what the correction bends: 0.05 % of its pitch.
  const turn = 2 * Math.cos((2 * Math.PI * 1000) / RATE);
  const worst = heard.samples.reduce(
    (most, value, at, all) => (at < 2 ? most : Math.max(most, Math.abs(value - turn * all[at - 1] + all[at - 2]))),
    0,
  );
  assert.ok(worst < 1e-4, `${worst}`);
});

test("what never came is silence at its own place", () => {
  const jitter = new JitterBuffer({ target: 0.35, contextRate: RATE });
  const missing = 5;
  for (let number = 0; number < 20; number += 1) {
    if (number !== missing) jitter.push(...block(number * BLOCK, {}));
  }
  const out = [new Float32Array(15_000)];
  jitter.pull(out);
  const first = jitter.position - out[0].length;
  assert.ok(first < missing * BLOCK);
  const wanted = (position) => (Math.floor(position / BLOCK) === missing ? 0 : sample(position));
  assert.ok(out[0].every((value, at) => value === wanted(first + at)));
  assert.equal(jitter.counts.holes, 1);
});

test("run dry, it fades, counts, fills again and goes on where it was", () => {
  const jitter = new JitterBuffer({ target: 0.1, contextRate: RATE });
  for (let number = 0; number < 6; number += 1) jitter.push(...block(number * BLOCK, {}));
  const out = [new Float32Array(RATE)];
  jitter.pull(out);
  assert.equal(jitter.counts.underruns, 1);
  assert.equal(jitter.playing, false);
  assert.ok(Math.abs(out[0].at(-1)) < 1e-6);
  const stopped = jitter.position;
  for (let number = 6; number < 11; number += 1) jitter.push(...block(number * BLOCK, {}));
  const more = [new Float32Array(QUANTUM)];
  jitter.pull(more);
  assert.ok(jitter.playing);
  assert.ok(jitter.position - QUANTUM - stopped < BLOCK);
  assert.equal(more[0][0], sample(jitter.position - QUANTUM));
});

test("an end is no underrun", () => {
  const jitter = new JitterBuffer({ target: 0.1, contextRate: RATE });
  for (let number = 0; number < 6; number += 1) jitter.push(...block(number * BLOCK, {}));
  jitter.rest();
  jitter.pull([new Float32Array(RATE)]);
  assert.equal(jitter.playing, false);
  assert.equal(jitter.counts.underruns, 0);
});

test("a sound card that slept finds what is new, and never holds more than it has room for", () => {
  const { jitter } = play(5, {});
  for (let number = 0; number < 6_000; number += 1) jitter.push(...block(jitter.end, {}));
  jitter.pull([new Float32Array(QUANTUM)]);
  assert.equal(jitter.counts.skipped, 1);
  assert.ok(Math.abs(jitter.level - 0.15) < 0.01);
  assert.ok(jitter.ring[0].length < 5 * RATE);
});

test("another incarnation of the stream begins anew", () => {
  const { jitter } = play(2, {});
  for (let number = 0; number < 10; number += 1) jitter.push(...block(number * BLOCK, { epoch: 2 }));
  const out = [new Float32Array(QUANTUM), new Float32Array(QUANTUM)];
  jitter.pull(out);
  assert.ok(jitter.playing);
  assert.equal(out[0][0], sample(jitter.position - QUANTUM));
  assert.deepEqual(out[0], out[1]);
});
