// How much Listen is to hold, as the page's address says it in milliseconds.

export function bufferSeconds() {
  const milliseconds = Number(new URLSearchParams(location.search).get("buffer")) || 150;
  return Math.min(3000, Math.max(20, milliseconds)) / 1000;
}
