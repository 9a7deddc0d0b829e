// Gains and levels in words and on scales.

export const FLOOR = -60; // of meters, in dBFS; of faders the last step before silence

export function decibelsOf(gain) {
  return gain > 0 ? 20 * Math.log10(gain) : -Infinity;
}

// A fader's lowest step is silence.
export function gainOf(decibels) {
  return decibels < FLOOR ? 0 : 10 ** (decibels / 20);
}

export function asText(decibels, digits = 1) {
  if (decibels < FLOOR) return "−∞ dB";
  const rounded = Number(decibels.toFixed(digits)) || 0;
  const sign = rounded < 0 ? "−" : rounded > 0 ? "+" : "";
  return `${sign}${Math.abs(rounded).toFixed(digits)} dB`;
}

// 0 at the floor, 1 at full scale.
export function share(level) {
  return Math.min(1, Math.max(0, 1 - level / FLOOR));
}
