// Frames between the network and the sound card, addressed by their position in the stream.
//
// Playing goes second by second. A second of the sound card takes exactly `rate` frames of the stream; where the two
// rates are the same, samples go through untouched. Two clocks are never quite the same, so the level is watched: it is
// averaged over some seconds, always just after a block has come, and once it has strayed from where it was at first by
// more than jitter can, seconds take some frames more or fewer (0.05 %, less than a hundredth of a semitone) until it
// is back.

import { header, samples } from "./block.js";
import { PHASES, sincTable } from "./sinc.js";

const CAPACITY = 4; // seconds beyond what is held
const AVERAGE = 5; // seconds: time constant of the level's average, and how long it is watched before it counts
const SHIFT = 1 / 2000; // of a second's frames, at most, that are taken more or fewer
const FAR = 0.4; // seconds beyond what is held that are skipped at once
const DECAY = 0.995; // of what was heard last, each frame, where nothing follows

export class JitterBuffer {
  // `target`: seconds to be held when playing starts, where blocks are not too long for it; `contextRate`: frames a
  // second of `pull`; `atOnce`: seconds that one `pull` takes, where that counts.
  constructor({ target, contextRate, atOnce = 0 }) {
    Object.assign(this, { target, contextRate, atOnce });
    this.counts = { underruns: 0, holes: 0, skipped: 0, corrections: 0 };
    this.epoch = null;
    this.rate = 0;
    this.playing = false;
    this.resting = false;
    this.last = [0, 0];
  }

  // Nothing comes for now: that it runs dry is no fault.
  rest() {
    this.resting = true;
  }

  // A message of the server.
  take(data) {
    const head = header(data);
    this.push(head, samples(data, head));
  }

  push(head, interleaved) {
    if (!this.#fits(head)) this.#begin(head);
    this.resting = false;
    this.fresh = true;
    if (head.position > this.end) this.#hole(head.position);
    const { channels, frames } = head;
    for (let channel = 0; channel < channels; channel += 1) {
      const ring = this.ring[channel];
      for (let frame = 0; frame < frames; frame += 1) {
        ring[(head.position + frame) % this.size] = interleaved[frame * channels + channel];
      }
    }
    this.end = Math.max(this.end, head.position + frames);
  }

  // A longer block than any before wants more to be held.
  #fits({ epoch, rate, channels, frames }) {
    return epoch === this.epoch && rate === this.rate && channels === this.ring.length && frames <= this.longest;
  }

  #begin(head) {
    const step = head.rate / this.contextRate;
    this.longest = head.frames;
    // Until the next block is there, one block is played away: half of the target is left for jitter.
    this.hold = Math.max(this.target, head.frames / head.rate + this.target / 2) + this.atOnce;
    this.epoch = head.epoch;
    this.rate = head.rate;
    this.size = Math.ceil(head.rate * (this.hold + CAPACITY));
    this.ring = Array.from({ length: head.channels }, () => new Float32Array(this.size));
    this.sinc = sincTable(Math.min(1, 1 / step));
    this.weights = new Float64Array(this.sinc.taps);
    this.shift = Math.round(head.rate * SHIFT);
    this.end = head.position;
    this.first = head.position; // below, nothing is known
    this.base = head.position; // of the second that plays
    this.count = 0; // frames of the sound card in it
    this.span = head.rate; // frames of the stream in it
    this.playing = false;
  }

  // What was never sent is silence, at its own place.
  #hole(position) {
    const length = Math.min(position - this.end, this.size);
    for (let at = position - length; at < position; at += 1) {
      for (const ring of this.ring) ring[at % this.size] = 0;
    }
    this.counts.holes += 1;
    this.end = position;
  }

  get position() {
    return this.base + (this.count * this.span) / this.contextRate;
  }

  // Seconds that are held.
  get level() {
    return this.rate ? (this.end - this.position) / this.rate : 0;
  }

  get report() {
    const { playing, level, counts } = this;
    return { playing, level, counts };
  }

  #start() {
    const held = Math.round(this.hold * this.rate);
    if (this.playing) {
      if (this.level <= this.hold + FAR) return;
      this.counts.skipped += 1;
    } else if (this.end - Math.max(this.first, Math.ceil(this.position)) < held) {
      return;
    }
    this.base = Math.max(this.end - held, Math.ceil(this.position));
    this.count = 0;
    this.span = this.rate;
    this.playing = true;
    this.average = null;
    this.watched = 0;
    this.unwatched = 0;
    this.wanted = null;
  }

  // Fill `outputs`, one Float32Array for each channel of the sound card.
  // Here alone playing starts or skips, so that a sound card which slept finds what is new.
  pull(outputs) {
    const frames = outputs[0].length;
    if (this.rate) this.#start();
    if (this.playing) this.#watch(frames / this.contextRate);
    let done = 0;
    while (done < frames && this.playing) {
      const until = Math.min(frames, done + this.contextRate - this.count);
      done = this.#play(outputs, done, until);
      if (this.count === this.contextRate) this.#nextSecond();
    }
    if (done < frames) this.#silence(outputs, done);
  }

  #play(outputs, from, until) {
    const exact = this.span === this.contextRate;
    const ahead = exact ? 1 : this.sinc.half + 1;
    for (let frame = from; frame < until; frame += 1) {
      const position = this.position;
      if (position + ahead > this.end) {
        this.playing = false;
        if (!this.resting) this.counts.underruns += 1;
        return frame;
      }
      if (exact) this.#copy(outputs, frame, position);
      else this.#interpolate(outputs, frame, position);
      this.count += 1;
    }
    return until;
  }

  #copy(outputs, frame, position) {
    const at = position % this.size;
    for (let channel = 0; channel < outputs.length; channel += 1) {
      const ring = this.ring[Math.min(channel, this.ring.length - 1)];
      outputs[channel][frame] = this.last[channel] = ring[at];
    }
  }

  #interpolate(outputs, frame, position) {
    const { half, taps, rows } = this.sinc;
    const whole = Math.floor(position);
    const phase = (position - whole) * PHASES;
    const row = Math.floor(phase) * taps;
    const between = phase - Math.floor(phase);
    for (let tap = 0; tap < taps; tap += 1) {
      this.weights[tap] = rows[row + tap] + between * (rows[row + taps + tap] - rows[row + tap]);
    }
    const begin = whole - half + 1;
    for (let channel = 0; channel < outputs.length; channel += 1) {
      const ring = this.ring[Math.min(channel, this.ring.length - 1)];
      let sum = 0;
      for (let tap = Math.max(0, this.first - begin); tap < taps; tap += 1) {
        sum += this.weights[tap] * ring[(begin + tap) % this.size];
      }
      outputs[channel][frame] = this.last[channel] = sum;
    }
  }

  #silence(outputs, from) {
    for (let channel = 0; channel < outputs.length; channel += 1) {
      for (let frame = from; frame < outputs[channel].length; frame += 1) {
        this.last[channel] *= DECAY;
        outputs[channel][frame] = this.last[channel];
      }
      if (Math.abs(this.last[channel]) < 1e-6) this.last[channel] = 0;
    }
  }

  #watch(seconds) {
    this.watched += seconds;
    this.unwatched += seconds;
    if (!this.fresh) return;
    const share = Math.min(1, Math.max(this.unwatched / AVERAGE, this.unwatched / this.watched));
    this.fresh = false;
    this.unwatched = 0;
    this.average = this.average === null ? this.level : this.average + share * (this.level - this.average);
    if (this.wanted === null && this.watched >= AVERAGE) this.wanted = this.average;
  }

  #nextSecond() {
    this.base += this.span;
    this.count = 0;
    const astray = this.wanted === null ? 0 : this.average - this.wanted;
    const correcting = this.span !== this.rate;
    const most = Math.max(0.025, this.target / 4) * (correcting ? 0.1 : 1);
    this.span = this.rate;
    if (Math.abs(astray) > most) {
      this.span += Math.sign(astray) * this.shift;
      this.counts.corrections += 1;
    }
  }
}
