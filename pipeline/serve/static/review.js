// The review page: one photo after another, the least certain first; what is decided is sent and written at once.

import { Canvas } from "./canvas.js";
import { Controls } from "./controls.js";
import { LabelMap } from "./labels.js";
import { Palette } from "./palette.js";
import { ask, askBytes, send } from "./server.js";

const PHOTOS = "/api/review/photos";
const AT_ONCE = 200; // so many photos of the list are asked for
const NEAR = 3; // so many photos before and after the one that is shown stay in memory
const SECONDS_SAID = 8;
const DOUBTS = { "sky-below": "no sky at the top", "water-above-sky": "water above sky" };

const $ = (id) => document.getElementById(id);
const canvas = new Canvas($("frame"));
const palette = new Palette($("classes"), $("find"), (id) => (canvas.id = id));
const controls = new Controls(canvas, palette);

let photos = []; // the list as it was asked for; what is decided stays in it, so that one can go back
let counts = {};
let place = 0;
let isBusy = false;
const works = new Map(); // id of a photo -> promise of {source, map, label, stored, isPainted}

const current = () => photos[place];

// The photo and its map. label: digest of the map on the server.    stored: its ids, beside those that are painted.
function workOn(photo) {
  if (!works.has(photo.id)) works.set(photo.id, load(photo));
  return works.get(photo.id);
}

async function load({ id, width, height }) {
  const [jpeg, labels] = await Promise.all([askBytes(`${PHOTOS}/${id}/photo`), askBytes(`${PHOTOS}/${id}/labels`)]);
  const source = URL.createObjectURL(new Blob([jpeg.bytes], { type: "image/jpeg" }));
  const map = new LabelMap(width, height, labels.bytes);
  return { source, map, label: labels.headers.get("x-label"), stored: labels.bytes.slice(), isPainted: false };
}

let shown = null; // the work on the photo that is seen

function forget(id) {
  works.get(id)?.then(({ source }) => URL.revokeObjectURL(source), () => {});
  works.delete(id);
}

// Far from the photo that is seen, only what is painted and not sent is kept.
async function forgetFar() {
  const near = new Set(photos.slice(Math.max(0, place - NEAR), place + NEAR + 1).map((one) => one.id));
  for (const [id, work] of [...works]) {
    if (!near.has(id) && !(await work.catch(() => ({}))).isPainted) forget(id);
  }
}

async function loadList() {
  const found = await ask(`${PHOTOS}?show=${$("show").value}&most=${AT_ONCE}`);
  photos = found.photos;
  counts = found.counts;
  place = 0;
  await showPhoto();
}

async function showPhoto() {
  const photo = current();
  shown = null;
  for (const id of ["nothing", "frame"]) $(id).hidden = (id === "frame") !== Boolean(photo);
  if (!photo) {
    const isDone = $("show").value === "waiting" && counts.all > 0;
    const done = `Everything is looked through: ${counts.reviewed} reviewed, ${counts.rejected} rejected.`;
    $("nothing").textContent = isDone ? done : "There is no such photo.";
  }
  showFacts();
  if (!photo) return;
  try {
    const work = await workOn(photo);
    if (photo !== current()) return;
    shown = work;
    canvas.show(work.source, work.map);
    palette.count(work.map.count());
    showFacts();
    if (photos[place + 1]) workOn(photos[place + 1]).catch(() => forget(photos[place + 1]?.id));
    forgetFar();
  } catch (error) {
    forget(photo.id);
    say(error.message);
  }
}

function showFacts() {
  const photo = current(), percent = (share) => `${(100 * share).toFixed(1)} %`;
  const facts = photo && [
    photo.confidence !== null && `confidence ${percent(photo.confidence)}`,
    photo.unknown > 0 && `${percent(photo.unknown)} unknown`,
    `${photo.width} × ${photo.height}`,
    photo.split,
    photo.model,
  ];
  $("name").textContent = photo?.name ?? "";
  $("facts").textContent = photo ? facts.filter(Boolean).join(" · ") : "";
  $("marks").replaceChildren(...(photo ? marksOf(photo) : []));
  $("accept").textContent = shown?.isPainted ? "Accept as painted" : "Accept";
  $("accept").disabled = !shown || isBusy;
  $("reject").disabled = !photo || isBusy;
  $("machine").disabled = !photo?.corrected;
  $("back").disabled = place === 0;
  $("next").disabled = place >= photos.length - 1;
  controls.showHistory(shown?.map);

  const all = counts.reviewed + counts.waiting, bar = $("progress");
  bar.style.width = `${(100 * counts.reviewed) / Math.max(1, all)}%`;
  bar.parentElement.setAttribute("aria-valuenow", counts.reviewed);
  bar.parentElement.setAttribute("aria-valuemax", all);
  $("tally").textContent = photo ? `${counts.waiting} waiting · ${place + 1} of ${photos.length}` : "";
}

function marksOf(photo) {
  const found = [];
  const state = stateOf(photo), byRule = photo.keep !== "no" && photo.rule ? ` by the rule ${photo.rule}` : "";
  if (shown?.isPainted) found.push(["painted, not sent", ""]);
  if (state === "rejected") found.push([`rejected${byRule}`, "no"]);
  if (state === "reviewed") found.push(["accepted", "yes"]);
  if (photo.corrected) found.push(["corrected by hand", ""]);
  if (photo.error) found.push([photo.error, "no"]);
  for (const flag of photo.flags) found.push([DOUBTS[flag] ?? flag, ""]);
  return found.map(([textContent, className]) => Object.assign(document.createElement("li"), { textContent, className }));
}

function stateOf(photo) {
  if (photo.keep === "no" || photo.status === "rejected") return "rejected";
  return photo.reviewed ? "reviewed" : "waiting";
}

let silence = 0;
function say(sentence) {
  clearTimeout(silence);
  $("said").textContent = sentence;
  $("said").hidden = !sentence;
  if (sentence) silence = setTimeout(() => say(""), 1000 * SECONDS_SAID);
}

// What a person decides

async function decide(request) {
  const photo = current(), work = shown;
  if (!photo || isBusy) return;
  isBusy = true;
  say("");
  showFacts();
  try {
    const decided = await request(photo, work);
    counts[stateOf(photo)] -= 1;
    counts[stateOf(decided)] += 1;
    Object.assign(photo, decided);
    isBusy = false;
    await (place + 1 < photos.length ? go(1) : loadList());
  } catch (error) {
    say(error.message);
    if (error.status === 409) await catchUp(photo, work).catch(() => {});
  }
  isBusy = false;
  showFacts();
}

// Somebody else may have changed the map. What is painted here stays, and the next Accept puts it in its place.
async function catchUp(photo, work) {
  Object.assign(photo, await ask(`${PHOTOS}/${photo.id}`));
  if (photo.label === work?.label) return;
  if (work?.isPainted) work.label = photo.label;
  else {
    forget(photo.id);
    await showPhoto();
  }
}

const accept = () => shown && decide(async (photo, work) => {
  const label = work.label;
  if (!work.isPainted) return send("POST", `${PHOTOS}/${photo.id}/decision`, { decision: "accept", label });
  const decided = await send("PUT", `${PHOTOS}/${photo.id}/labels?label=${label}`, work.map.ids);
  Object.assign(work, { label: decided.label, stored: work.map.ids.slice(), isPainted: false });
  return decided;
});

const reject = () => decide((photo) => send("POST", `${PHOTOS}/${photo.id}/decision`, { decision: "reject" }));

async function go(steps) {
  if (isBusy || place + steps < 0 || place + steps >= photos.length) return;
  place += steps;
  await showPhoto();
}

async function takeMachineMap() {
  const photo = current();
  if (!shown || !photo.corrected) return;
  const { bytes } = await askBytes(`${PHOTOS}/${photo.id}/labels?machine=true`);
  if (photo === current()) canvas.replace(bytes);
}

canvas.addEventListener("paint", () => {
  shown.isPainted = shown.map.ids.some((id, pixel) => id !== shown.stored[pixel]);
  palette.count(shown.map.count(), { keepOrder: true });
  showFacts();
});

const orSay = (act) => (event) => Promise.resolve(act(event)).catch((error) => say(error.message));
const ACTS = {
  accept, reject, back: () => go(-1), next: () => go(1), machine: takeMachineMap,
  help: () => $("keys").showModal(), "close-keys": () => $("keys").close(),
};
const KEYS = { a: "accept", enter: "accept", x: "reject", arrowleft: "back", arrowright: "next", m: "machine", "?": "help" };
for (const [id, act] of Object.entries(ACTS)) $(id).addEventListener("click", orSay(act));

document.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  const isSlider = event.target.type === "range";
  const keysOfItsOwn = { SELECT: true, DIALOG: true, INPUT: !isSlider || key.startsWith("arrow"), BUTTON: key === "enter" };
  const isForPage = !keysOfItsOwn[event.target.tagName] && !$("keys").open;
  const isPlain = !event.altKey && (!(event.ctrlKey || event.metaKey) || key === "z" || key === "y");
  if (!isForPage || !isPlain) return;
  if (key in KEYS) orSay(ACTS[KEYS[key]])(event);
  else if (!controls.onKey(key, event)) return;
  event.preventDefault();
});

// A button that was clicked does not take the next Enter for itself.
document.addEventListener("click", (event) => {
  if (event.detail && event.target.closest("main button, footer button")) $("frame").focus({ preventScroll: true });
});
$("show").addEventListener("change", orSay(() => {
  $("show").blur();
  return loadList();
}));
window.addEventListener("beforeunload", (event) => shown?.isPainted && event.preventDefault());

await orSay(async () => {
  const { classes } = await ask("/api/classes");
  canvas.classes = classes;
  palette.show(classes);
  await loadList();
  palette.chooseAt(0);
  document.body.dataset.ready = "yes";
})();
