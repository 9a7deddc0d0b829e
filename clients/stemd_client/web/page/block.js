// A block of a stem as `stemd web` sends it: a header of 32 bytes, then interleaved samples, little-endian.

const HEADER = 32;
const FLAGS = { start: 1, gap: 2, degraded: 4 };

export function header(buffer) {
  const view = new DataView(buffer);
  const flags = view.getUint8(3);
  return {
    version: view.getUint8(0),
    integer: view.getUint8(1) === 1,
    channels: view.getUint8(2),
    gap: Boolean(flags & FLAGS.gap),
    degraded: Boolean(flags & FLAGS.degraded),
    rate: view.getUint32(4, true),
    position: Number(view.getBigUint64(8, true)),
    frames: view.getUint32(16, true),
    latency: view.getUint32(20, true),
    epoch: view.getUint32(24, true),
    dropped: view.getUint32(28, true),
  };
}

// Interleaved samples, full scale at 1.
export function samples(buffer, head) {
  const count = head.frames * head.channels;
  if (!head.integer) return new Float32Array(buffer, HEADER, count);
  return Float32Array.from(new Int16Array(buffer, HEADER, count), (sample) => sample / 32768);
}
