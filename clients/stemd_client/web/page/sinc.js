// Band-limited interpolation: a table of Kaiser-windowed sinc functions, one row for each fraction of a frame.

export const PHASES = 512;
const HALF = 32; // taps on either side; the passband reaches 20 kHz at 44.1 kHz
const BETA = 9; // of the Kaiser window: stopband below -90 dB

// `cutoff` is in halves of the stream's rate: 1, or less where the output's rate is lower than the stream's.
export function sincTable(cutoff) {
  const half = Math.ceil(HALF / cutoff);
  const taps = 2 * half;
  const rows = new Float32Array((PHASES + 1) * taps);
  for (let phase = 0; phase <= PHASES; phase += 1) {
    for (let tap = 0; tap < taps; tap += 1) {
      const x = tap - half + 1 - phase / PHASES;
      rows[phase * taps + tap] = cutoff * sinc(cutoff * x) * kaiser(x / half);
    }
  }
  return { half, taps, rows };
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function kaiser(x) {
  return Math.abs(x) >= 1 ? 0 : bessel(BETA * Math.sqrt(1 - x * x)) / bessel(BETA);
}

// The modified Bessel function of order 0, by its power series.
function bessel(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
