// The review page: one photo after another, the least certain first; what is decided is sent and written at once.

import { Canvas } from "./canvas.js";
import { Controls } from "./controls.js";
import { LabelMap } from "./labels.js";
import { Palette } from "./palette.js";
import { PHOTOS, PhotoList, stateOf } from "./photo_list.js";
import { say } from "./saying.js";
import { ask, askBytes, send } from "./server.js";

const NEAR = 3; // so many photos before and after the one that is shown stay in memory
const DOUBTS = { "sky-below": "no sky at the top", "water-above-sky": "water above sky" };

const $ = (id) => document.getElementById(id);
const canvas = new Canvas($("frame"));
const palette = new Palette($("classes"), $("find"), (id) => (canvas.id = id));
const controls = new Controls(canvas, palette);

let list = null;
let shown = null; // the work on the photo that is seen; null while it loads
let isLoading = false;
let isBusy = false; // something is being decided
const works = new Map(); // id of a photo -> promise of {id, source, map, label, stored}
const unsent = new Set(); // ids of the photos that are painted and not sent

// The photo and its map. label: digest of the map on the server.    stored: its ids, beside those that are painted.
function workOn(photo) {
  if (!works.has(photo.id)) works.set(photo.id, load(photo));
  return works.get(photo.id);
}

async function load({ id, width, height }) {
  const [jpeg, labels] = await Promise.all([askBytes(`${PHOTOS}/${id}/photo`), askBytes(`${PHOTOS}/${id}/labels`)]);
  const source = URL.createObjectURL(new Blob([jpeg.bytes], { type: "image/jpeg" }));
  const map = new LabelMap(width, height, labels.bytes);
  return { id, source, map, label: labels.headers.get("x-label"), stored: labels.bytes.slice() };
}

function compare(work) {
  const isPainted = work.map.ids.some((id, pixel) => id !== work.stored[pixel]);
  if (isPainted) unsent.add(work.id);
  else unsent.delete(work.id);
}

function forget(id) {
  works.get(id)?.then(({ source }) => URL.revokeObjectURL(source), () => {});
  works.delete(id);
}

// Far from the photo that is seen, only what is painted and not sent is kept.
function forgetFar() {
  const near = new Set(list.near(NEAR).map(({ id }) => id));
  for (const id of [...works.keys()]) if (!near.has(id) && !unsent.has(id)) forget(id);
}

async function loadList() {
  const found = new PhotoList($("show").value);
  await found.more();
  list = found;
  await showPhoto();
}

async function showPhoto() {
  const photo = list.current;
  canvas.clear();
  shown = null;
  isLoading = Boolean(photo);
  for (const id of ["nothing", "frame"]) $(id).hidden = (id === "frame") !== Boolean(photo);
  if (!photo) {
    const { show, counts } = list, isDone = show === "waiting" && counts.all > 0;
    const done = `Everything is looked through: ${counts.reviewed} reviewed, ${counts.rejected} rejected.`;
    $("nothing").textContent = isDone ? done : "There is no such photo.";
  }
  showFacts();
  if (!photo) return;
  try {
    const work = await workOn(photo);
    if (photo !== list.current) return;
    shown = work;
    canvas.show(work.source, work.map);
    palette.count(work.map.count());
    loadNear();
  } catch (error) {
    forget(photo.id);
    if (photo !== list.current) return;
    say(error.message);
  }
  isLoading = false;
  showFacts();
}

// What is seen next is there before it is asked for.
function loadNear() {
  const near = list.near(NEAR), next = near[near.indexOf(list.current) + 1];
  if (next) workOn(next).catch(() => forget(next.id));
  if (near.at(-1) === list.last) list.more().then(showFacts, () => {});
  forgetFar();
}

function showFacts() {
  const photo = list.current, { counts } = list, percent = (share) => `${(100 * share).toFixed(1)} %`;
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
  $("accept").textContent = unsent.has(photo?.id) ? "Accept as painted" : "Accept";
  $("accept").disabled = !shown || isBusy;
  $("reject").disabled = !photo || isLoading || isBusy;
  $("machine").disabled = !shown || !photo.corrected;
  $("back").disabled = list.place === 0;
  $("next").disabled = !list.hasNext;
  controls.showHistory(shown?.map);

  const all = counts.reviewed + counts.waiting, bar = $("progress");
  bar.style.width = `${(100 * counts.reviewed) / Math.max(1, all)}%`;
  bar.parentElement.setAttribute("aria-valuenow", counts.reviewed);
  bar.parentElement.setAttribute("aria-valuemax", all);
  const tally = photo ? [`${counts.waiting} waiting`, `${list.place + 1} of ${list.length}`] : [];
  $("tally").textContent = [...tally, ...(unsent.size ? [`${unsent.size} painted, not sent`] : [])].join(" · ");
}

function marksOf(photo) {
  const found = [];
  const state = stateOf(photo), byRule = photo.keep !== "no" && photo.rule ? ` by the rule ${photo.rule}` : "";
  if (unsent.has(photo.id)) found.push(["painted, not sent", ""]);
  if (state === "rejected") found.push([`rejected${byRule}`, "no"]);
  if (state === "reviewed") found.push(["accepted", "yes"]);
  if (photo.corrected) found.push(["corrected by hand", ""]);
  if (photo.error) found.push([photo.error, "no"]);
  for (const flag of photo.flags) found.push([DOUBTS[flag] ?? flag, ""]);
  return found.map(([textContent, className]) => Object.assign(document.createElement("li"), { textContent, className }));
}

// What a person decides

async function decide(request) {
  const photo = list.current, work = shown;
  if (!photo || isBusy || isLoading) return;
  canvas.release();
  isBusy = true;
  say("");
  showFacts();
  try {
    const decided = await request(photo, work);
    list.renew(photo, decided);
    isBusy = false;
    if (work) compare(work);
    const isLeft = stateOf(decided) === "reviewed" && unsent.has(photo.id);
    if (isLeft) say("What was painted meanwhile is not sent. Accept once more.");
    else if (photo === list.current) await (list.hasNext && (await list.go(1)) ? showPhoto() : loadList());
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
  canvas.release();
  if (photo.label === work?.label) return;
  if (unsent.has(photo.id)) work.label = photo.label;
  else {
    forget(photo.id);
    await showPhoto();
  }
}

const accept = () => shown && decide(async (photo, work) => {
  const { label } = work;
  if (!unsent.has(photo.id)) return send("POST", `${PHOTOS}/${photo.id}/decision`, { decision: "accept", label });
  const ids = work.map.ids.slice(); // one may paint on while they are on their way
  const decided = await send("PUT", `${PHOTOS}/${photo.id}/labels?label=${label}`, ids);
  Object.assign(work, { label: decided.label, stored: ids });
  return decided;
});

const reject = () => decide((photo) => send("POST", `${PHOTOS}/${photo.id}/decision`, { decision: "reject" }));

async function go(steps) {
  if (!isBusy && (await list.go(steps))) await showPhoto();
}

async function takeMachineMap() {
  const photo = list.current;
  if (!shown || !photo.corrected) return;
  const { bytes } = await askBytes(`${PHOTOS}/${photo.id}/labels?machine=true`);
  if (shown?.id === photo.id) canvas.replace(bytes);
}

canvas.addEventListener("paint", () => {
  compare(shown);
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
  // A key that is held decides on the photo that it was pressed for, not on the next ones.
  if (event.repeat && ["accept", "reject"].includes(KEYS[key]) && !["INPUT", "SELECT"].includes(event.target.tagName)) {
    event.preventDefault();
    return;
  }
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
window.addEventListener("beforeunload", (event) => (unsent.size || canvas.isPainting) && event.preventDefault());

await orSay(async () => {
  const { classes } = await ask("/api/classes");
  canvas.classes = classes;
  palette.show(classes);
  await loadList();
  palette.chooseAt(0);
  document.body.dataset.ready = "yes";
})();
