// The bare page: it plays by itself, and shows something only where it cannot.

import { bufferSeconds } from "./buffer_seconds.js";
import { Player } from "./player.js";

const PATIENCE = 5000; // ms without sound before it says why

const query = new URLSearchParams(location.search);
const button = document.getElementById("start");
const text = document.getElementById("text");
let heard = performance.now();

const player = new Player({
  stream: query.get("stream"),
  stem: query.get("stem") ?? "instrumental",
  format: query.get("format") ?? "f32",
  rate: Number(query.get("rate")) || null,
  target: bufferSeconds(),
  changed: show,
});
document.title = `${player.stream}: ${player.stem}`;
button.addEventListener("click", () => player.resume());
setInterval(() => show(player), 1000);

function show(now) {
  if (now.report?.playing) heard = performance.now();
  button.hidden = !now.suspended || Boolean(now.failure);
  const words = now.failure ?? (performance.now() - heard > PATIENCE && button.hidden ? now.words : null);
  text.hidden = !words;
  if (words && text.textContent !== words) text.textContent = words;
}
