// The page: one feed of the daemon's state, a card for each stream, and orders back.

import { Card } from "./card.js";
import { Feed } from "./feed.js";

const NOTE = 6000; // ms that a note stands
const SILENT = "`stemd web` does not answer. Start it again, and this page goes on by itself.";
const WITHOUT_METERS = "stemd-without-meters";

const find = (id) => document.getElementById(id);
const cards = new Map();
let token = null;
let streams = [];
let noting = null;

forgetToken();
const feed = new Feed("/state", { open: watch, lost: (refused) => gone(refused ? sentence(refused) : SILENT), message });
document.addEventListener("visibilitychange", watch);
for (const panel of ["keys", "phone"]) {
  const button = find(`${panel}-button`);
  button.addEventListener("click", () => {
    find(panel).hidden = !find(panel).hidden;
    button.setAttribute("aria-expanded", !find(panel).hidden);
  });
}
requestAnimationFrame(draw);

function message(text) {
  const words = JSON.parse(text);
  if (words.kind === "hello") hello(words);
  else if (words.kind === "state") show(words);
  else if (words.kind === "gone") gone(`${sentence(words.text)} This page goes on by itself when it is there.`);
  else if (words.kind === "error") note(words.text);
}

function hello(words) {
  token = words.token;
  find("phone-here").hidden = !words.phone;
  find("phone-not").hidden = Boolean(words.phone);
  if (!words.phone) return;
  find("qr").src = "/qr.svg";
  find("phone-link").href = find("phone-link").textContent = words.phone;
}

function show(state) {
  find("gone").hidden = true;
  streams = state.streams;
  find("daemon").textContent = `${state.version} · load ${Math.round(100 * state.load)} % · ${count(state.clients, "client")}`;
  find("empty").hidden = streams.length > 0;
  for (const stream of streams) {
    if (!cards.has(stream.stream)) add(stream);
    cards.get(stream.stream).show(stream);
  }
  for (const [name, card] of cards) {
    if (!streams.some((stream) => stream.stream === name)) leave(name, card);
  }
}

function add(stream) {
  const name = stream.stream;
  const card = new Card(stream, {
    send: (words) => feed.send(words) || note("not sent: the server does not answer"),
    meters: (on) => {
      const off = without();
      if (on) off.delete(name);
      else off.add(name);
      localStorage.setItem(WITHOUT_METERS, JSON.stringify([...off]));
      watch();
    },
    metered: !without().has(name),
    token,
  });
  cards.set(name, card);
  find("streams").append(card.root);
  watch();
}

// Who listens keeps the card: the stream may come back.
function leave(name, card) {
  if (card.listen.player) {
    card.stale(true);
    return;
  }
  cards.delete(name);
  card.root.remove();
}

function gone(text) {
  // An alert is read aloud whenever it is written.
  if (find("gone").textContent !== text) find("gone").textContent = text;
  find("gone").hidden = false;
  find("empty").hidden = true;
  find("daemon").textContent = "no daemon";
  for (const card of cards.values()) card.stale(true);
}

// Say what is looked at: the server asks the daemon often while somebody looks, and keeps meters on for those alone.
function watch() {
  const off = without();
  const meters = [...cards.keys()].filter((name) => !off.has(name));
  feed.send({ order: "watch", looking: document.visibilityState === "visible", meters });
}

function without() {
  return new Set(JSON.parse(localStorage.getItem(WITHOUT_METERS) ?? "[]"));
}

function note(text) {
  find("notes").textContent = text;
  clearTimeout(noting);
  noting = setTimeout(() => (find("notes").textContent = ""), NOTE);
}

let drawn = performance.now();
function draw(now) {
  const seconds = Math.max(0, now - drawn) / 1000;
  drawn = now;
  for (const card of cards.values()) card.draw(seconds, now / 1000);
  requestAnimationFrame(draw);
}

// The cookie has it by now; here it would stay in the history, and on the screen.
function forgetToken() {
  const address = new URL(location.href);
  if (!address.searchParams.has("token")) return;
  address.searchParams.delete("token");
  history.replaceState(null, "", address);
}

function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function count(number, what) {
  return `${number} ${number === 1 ? what : `${what}s`}`;
}
