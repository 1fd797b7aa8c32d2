// The paint page: a drawing of class ids at the left, and what the run paints of it at the right, again at every stroke.

import { Canvas } from "./canvas.js";
import { Controls } from "./controls.js";
import { Cursor } from "./cursor.js";
import { Keeper, keptDrawing } from "./drawings.js";
import { choosePicture, copyPicture, save, takeDropped } from "./files.js";
import { LabelMap, UNKNOWN } from "./labels.js";
import { landscape, ordered, partsOf } from "./landscape.js";
import { Opening, sized } from "./opening.js";
import { Painting } from "./painting.js";
import { Palette } from "./palette.js";
import { Picture } from "./picture.js";
import { Pulse } from "./pulse.js";
import { say } from "./saying.js";
import { ask, post } from "./server.js";
import { shapesOf, stretched } from "./shapes.js";
import { Styles } from "./styles.js";

const $ = (id) => document.getElementById(id);
const canvas = new Canvas($("frame"));
const palette = new Palette($("classes"), $("find"), choose);
const controls = new Controls(canvas, palette);
const picture = new Picture($("picture"), () => canvas.view.follow(picture.view));
const styles = new Styles(() => picture.thumbnail());
const cursor = new Cursor(canvas, (sentence) => ($("told").textContent = sentence));
const painting = new Painting(() => (model?.run && !pulse.isAway ? { map: canvas.map, style: styles.asked } : null), show);
const pulse = new Pulse();
const keeper = new Keeper(() => ({ table, map: canvas.map, styles: styles.state }), sayUnkept);
const opening = new Opening(canvas, fail);

let model = null; // of /api/model
let table = null; // its classes as text: a drawing belongs to them

function choose(id) {
  canvas.id = id;
  if (["erase", "pick"].includes(canvas.tool)) controls.take("brush");
}

// The model and the drawing

// found: the model as the server says it is now.
async function adopt(found) {
  const foundTable = found.classes.map(({ id, name }) => `${id} ${name}`).join("\n"), isOther = foundTable !== table;
  const kept = isOther && (await keptDrawing(foundTable).catch(() => null));
  await canvas.lifted();
  if (found !== pulse.model) return; // a newer one is on its way
  if (isOther) keeper.now();
  const before = model;
  model = found;
  table = foundTable;
  const facts = [found.run, `${found.images_shown.toLocaleString("en")} images`, found.next];
  $("run").textContent = $("run").title = found.run ? facts.filter(Boolean).join(" · ") : "";
  $("nothing").hidden = Boolean(found.run);
  $("nothing").textContent = found.next;
  styles.begin(found, { goesOn: !isOther && found.run === before.run });
  opening.labelsPhotos = found.labels_photos;
  showClasses(before);
  if (!isOther) return canvas.replace(paintable(canvas.map.ids));
  const shapes = shapesOf(found), { width, height } = shapes[0];
  $("shape").replaceChildren(...shapes.map((one) => new Option(`${one.name}, ${one.width} × ${one.height}`, `${one.width}x${one.height}`)));
  if (kept) begin(kept.width, kept.height, paintable(kept.ids));
  else begin(width, height, landscape(found.classes, width, height));
  if (kept) styles.restore(kept.styles);
}

// Where they are those of the model before, the palette stays as it is, and the class that is chosen in it.
function showClasses(before) {
  const shown = ({ classes, unknown }) => JSON.stringify([classes, unknown]);
  if (before && shown(before) === shown(model)) return;
  canvas.blank = model.unknown ?? partsOf(model.classes).sky;
  palette.show(ordered(model.classes), { hasUnknown: model.unknown === UNKNOWN, hasKeys: true });
  canvas.classes = model.classes;
}

// The ids with the eraser's class where the run knows no unknown.
function paintable(ids) {
  return model.unknown === UNKNOWN ? ids.slice() : ids.map((id) => (id === UNKNOWN ? canvas.blank : id));
}

// Another drawing; its history begins here.
function begin(width, height, ids) {
  opening.drop();
  canvas.show("", new LabelMap(width, height, ids));
  fit();
  want();
}

// The page around a drawing that has another size now.
function fit() {
  const { width, height } = canvas.map;
  painting.stop();
  picture.begin(width, height);
  controls.fitTo(width, height);
  const shape = `${width}x${height}`;
  if (![...$("shape").options].some((one) => one.value === shape)) $("shape").add(new Option(`${width} × ${height}`, shape));
  $("shape").value = shape;
}

function want() {
  controls.showHistory(canvas.map);
  painting.want();
}

// What nobody has touched is not kept: it would stand in the place of a drawing.
function changed() {
  want();
  keeper.soon();
}

let isUnkeptSaid = false;
function sayUnkept() {
  if (!isUnkeptSaid) say("This browser keeps no drawings: this one is gone when the page is closed. Save the map.");
  isUnkeptSaid = true;
}

// What the page says

function fail(error) {
  if (error.status === 0) pulse.miss();
  else say(error.message);
}

// A picture has come.
async function show(painted) {
  await picture.show(painted);
  canvas.underlay = picture.now.address;
  $("before").disabled = !picture.before;
  if (!painted.isFinal) return;
  $("time").textContent = `${painted.seconds.toFixed(2)} s`;
  styles.portray(painted.style);
  document.body.dataset.painted = "yes";
}

// Files

const named = (what) => `${what}-${new Date().toISOString().slice(0, 19).replace(/\D/g, "")}.png`;

function savePicture() {
  if (picture.now) save(picture.now.blob, named("painting"));
  else say("There is no picture yet.");
}

async function saveMap({ colours = false } = {}) {
  const address = `${sized("/api/write-map", canvas.map)}${colours ? "&colours=true" : ""}`;
  save((await post(address, canvas.map.ids.slice())).blob, named(colours ? "colours" : "map"));
}

async function copy() {
  if (!picture.now) return say("There is no picture yet.");
  await copyPicture(picture.now.blob);
  say("The picture is copied.");
}

// What a person does

const fill = (ids) => canvas.replace(ids);
const ACTS = {
  openPhoto: async () => opening.photo(await choosePicture()),
  openMap: async () => opening.map(await choosePicture("image/png")),
  beginAnew: () => fill(landscape(model.classes, canvas.map.width, canvas.map.height)),
  clear: () => fill(new Uint8Array(canvas.map.ids.length).fill(canvas.blank)),
  savePicture, saveMap, copy,
  saveColours: () => saveMap({ colours: true }),
  roll: () => model.takes_seeds && styles.roll(),
  takePhoto: () => styles.choosePhoto(),
  keepStyle: () => styles.keep(),
  showKeys: () => $("keys").showModal(),
};
const KEYS = {
  o: "openPhoto", m: "openMap", n: "beginAnew", backspace: "clear", s: "savePicture", S: "saveMap", c: "copy",
  d: "roll", p: "takePhoto", k: "keepStyle", "?": "showKeys",
};
const orSay = (act) => Promise.resolve().then(act).catch(fail);

function onKey(event) {
  const key = event.key.toLowerCase();
  if (key === "h") picture.showBefore(true);
  else if (event.target === $("frame") && cursor.onKey(event)) return true;
  else if (KEYS[event.shiftKey ? event.key : key]) event.repeat || orSay(ACTS[KEYS[event.shiftKey ? event.key : key]]);
  else return controls.onKey(key, event);
  return true;
}

document.addEventListener("keydown", (event) => {
  const isSlider = event.target.type === "range", key = event.key.toLowerCase();
  const keysOfItsOwn = {
    SELECT: true, DIALOG: true, INPUT: !isSlider || key.startsWith("arrow"),
    BUTTON: [" ", "enter", "delete"].includes(key) || key.startsWith("arrow"),
  };
  const isPlain = !event.altKey && (!(event.ctrlKey || event.metaKey) || key === "z" || key === "y");
  if (!canvas.map || keysOfItsOwn[event.target.tagName] || $("keys").open || !isPlain) return;
  if (onKey(event)) event.preventDefault();
});
// The drawing is ringed for those who come to it by keys alone.
document.addEventListener("keydown", ({ key }) => (key === "Tab" || key.startsWith("Arrow")) && (document.body.dataset.by = "keys"), true);
document.addEventListener("pointerdown", () => (document.body.dataset.by = "pointer"), true);
document.addEventListener("keyup", (event) => event.key.toLowerCase() === "h" && picture.showBefore(false));

for (const button of document.querySelectorAll("[data-act]")) {
  button.addEventListener("click", () => {
    button.closest("[popover]").hidePopover();
    orSay(ACTS[button.dataset.act]);
  });
}
$("help").addEventListener("click", ACTS.showKeys);
$("close-keys").addEventListener("click", () => $("keys").close());
$("before").addEventListener("pointerdown", () => picture.showBefore(true));
for (const kind of ["pointerup", "pointerleave", "pointercancel"]) $("before").addEventListener(kind, () => picture.showBefore(false));
$("shape").addEventListener("change", () => {
  const [width, height] = $("shape").value.split("x").map(Number);
  $("opening").hidePopover();
  canvas.replace(stretched(canvas.map, width, height), { width, height });
});
// A button that was clicked does not take the next key for itself.
document.addEventListener("click", (event) => {
  if (event.detail && event.target.closest("main button")) $("frame").focus({ preventScroll: true });
});
document.addEventListener("visibilitychange", () => document.hidden && keeper.now());
takeDropped($("drop"), [
  { element: $("drop-map"), take: (file) => opening.any(file) },
  { element: $("drop-style"), take: (file) => styles.takePhoto(file) },
], (file) => opening.any(file));

// What follows from it

canvas.addEventListener("resize", fit);
canvas.addEventListener("paint", changed);
canvas.addEventListener("stroke", () => painting.want({ isFinal: false }));
canvas.addEventListener("move", () => picture.view.follow(canvas.view));
styles.addEventListener("change", ({ detail }) => (detail.isFinal ? changed() : painting.want(detail)));
styles.addEventListener("trouble", ({ detail }) => fail(detail.error));

const wait = (isWaiting) => () => {
  $("busy").hidden = !isWaiting;
  document.body.dataset.waits = isWaiting ? "yes" : "no";
};
painting.addEventListener("begin", wait(true));
painting.addEventListener("end", wait(false));
painting.addEventListener("trouble", ({ detail }) => fail(detail.error));

pulse.addEventListener("away", () => {
  painting.stop();
  $("away").textContent = "The server does not answer. The drawing is safe here, and the page goes on when gauganpipe serve runs again.";
  $("away").hidden = false;
});
pulse.addEventListener("back", () => {
  $("away").hidden = true;
  painting.want();
});
pulse.addEventListener("changed", async ({ detail }) => {
  await adopt(detail.model);
  painting.want();
  say(`The server paints with ${model.run || "no run"} now.`);
});

try {
  const found = await ask("/api/model");
  pulse.begin(found);
  await adopt(found);
} catch (error) {
  $("nothing").textContent = error.message;
  $("nothing").hidden = false;
  for (const one of document.querySelectorAll(".foot, .palette, .drawing, #open, #save")) one.inert = true;
}
document.body.dataset.ready = "yes";
