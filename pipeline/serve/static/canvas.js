// The canvas: a photo, its label map in colours above it, and the tools that paint on the map.
// The map is the truth; what stands on the canvas is only shown, and never read back.

import { Gestures } from "./gestures.js";
import { UNKNOWN } from "./labels.js";
import { View } from "./view.js";

const STRIPES = 90; // so many stripes of unknown pixels would lie along a picture's longer side
const POINT_PX = 14;
const PEN_ERASER = 32; // the bit of `buttons` for the other end of a pen

export const TOOLS = ["brush", "line", "rectangle", "fill", "pick", "erase"];
const ROUND = ["brush", "line", "erase"];

// Events: "paint" after an action that changed the map, before it "resize" where the map has another size now;
// "stroke" while an action goes on, "lift" at its end; "pick" with detail {id}, "point" with detail {x, y, id} or null,
// "move" when the view has changed.
export class Canvas extends EventTarget {
  tool = "brush";
  id = 0;
  blank = UNKNOWN; // what is left where the eraser was
  radius = 12;
  #map = null;
  #colours = new Uint32Array(256);
  #action = null; // {tool, id, start, last} while something is painted

  // frame: an empty element that is the canvas's place, of a size of its own.
  constructor(frame) {
    super();
    this.frame = frame;
    const stage = frame.appendChild(element("div", "stage"));
    this.photo = stage.appendChild(element("img", "photo"));
    this.photo.alt = "";
    this.photo.draggable = false;
    this.layer = stage.appendChild(element("canvas", "labels"));
    this.pen = this.layer.getContext("2d");
    this.ring = frame.appendChild(element("div", "ring"));
    this.ring.hidden = true;
    this.view = new View(frame, stage, () => this.#tell("move"));
    const pixelAt = (event) => this.view.pixelAt(event.clientX, event.clientY);
    new Gestures(this.view, {
      press: (event) => this.#map && this.press(pixelAt(event), this.#toolOf(event)),
      move: (event) => this.#follow(event).forEach((one) => this.moveTo(pixelAt(one))),
      release: () => this.release(),
      abandon: () => this.abandon(),
      hover: (event) => this.#map && this.point(pixelAt(event), { isSeen: event.pointerType !== "touch" }),
      leave: () => this.#leave(),
    });
  }

  get map() {
    return this.#map;
  }

  // classes: [{id, colour: "#rrggbb"}].
  set classes(classes) {
    this.#colours.fill(0);
    for (const { id, colour } of classes) this.#colours[id] = packed(colour);
    if (this.#map) this.draw();
  }

  // source: address of a photo, or "" for none.    map: a LabelMap of the photo's size.
  show(source, map) {
    this.#lift();
    this.#map = map;
    this.photo.hidden = !source;
    this.layer.hidden = false;
    if (source) this.photo.src = source;
    this.#fit();
  }

  // Nothing is shown, and nothing can be painted. What was being painted is an action of its map, as if released now.
  clear() {
    this.release();
    this.#map = null;
    this.photo.hidden = this.layer.hidden = this.ring.hidden = true;
  }

  // What is seen below the map.    source: the address of a picture of its size.
  set underlay(source) {
    this.photo.src = source;
    this.photo.hidden = false;
  }

  set opacity(opacity) {
    this.layer.style.opacity = opacity;
  }

  // Shows a box [left, top, right, bottom) of the map again, or all of it.
  draw(box = [0, 0, this.#map.width, this.#map.height]) {
    if (!box) return;
    const [left, top, right, bottom] = box, { ids, width, height } = this.#map;
    const period = Math.max(4, Math.round(Math.max(width, height) / STRIPES));
    const image = new ImageData(right - left, bottom - top), shown = new Uint32Array(image.data.buffer);
    let place = 0;
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        const id = ids[y * width + x];
        shown[place++] = id === UNKNOWN ? hatch((x + y) % period, period) : this.#colours[id];
      }
    }
    this.pen.putImageData(image, left, top);
  }

  undo() {
    this.#step(this.#action ? null : this.#map?.undo());
  }

  redo() {
    this.#step(this.#action ? null : this.#map?.redo());
  }

  // Other ids in place of all that is painted, of another size perhaps, as one action.
  // What was being painted is an action before it, as if released now.
  replace(ids, { width, height } = this.#map) {
    this.release();
    if (!this.#hasSize(width, height)) return this.#step(this.#map.resize(width, height, ids));
    this.#map.begin();
    this.draw(this.#map.replace(ids));
    this.#finish();
  }

  // Painting step by step, at pixels {x, y} of the map: press, moveTo as often as wanted, release or abandon.

  press(pixel, tool = this.tool) {
    const isInside = this.#map.has(pixel.x, pixel.y);
    if (tool === "pick") {
      if (isInside) this.#tell("pick", { id: this.#map.at(pixel.x, pixel.y) });
      return;
    }
    this.abandon();
    this.#action = { tool, id: tool === "erase" ? this.blank : this.id, start: pixel, last: pixel };
    this.#map.begin();
    if (tool === "fill" && isInside) this.draw(this.#map.fill(pixel.x, pixel.y, this.id));
    this.moveTo(pixel);
  }

  moveTo({ x, y }) {
    if (!this.#action) return;
    const { tool, id, start, last } = this.#action;
    if (tool === "brush" || tool === "erase") this.draw(this.#map.line(last.x, last.y, x, y, this.radius, id));
    if (tool === "line" || tool === "rectangle") this.draw(this.#map.restart());
    if (tool === "line") this.draw(this.#map.line(start.x, start.y, x, y, this.radius, id));
    if (tool === "rectangle") this.draw(this.#map.rectangle(start.x, start.y, x, y, id));
    this.#action.last = { x, y };
    this.#tell("stroke");
  }

  release() {
    if (this.#lift()) this.#finish();
  }

  // Takes back what the action has painted, as if it had not begun.
  abandon() {
    if (!this.#action) return;
    this.draw(this.#map.restart());
    this.#map.end();
    this.#lift();
    this.#tell("stroke");
  }

  get isPainting() {
    return this.#action !== null;
  }

  // Resolves when nothing is being painted.
  async lifted() {
    while (this.#action) await new Promise((resolve) => this.addEventListener("lift", resolve, { once: true }));
  }

  // Rings the pixels that the tool would paint at one, and says its class.
  // isAlways: rings it for a tool without a size too.
  point({ x, y }, { isSeen = true, isAlways = false } = {}) {
    this.#tell("point", this.#map.has(x, y) ? { x, y, id: this.#map.at(x, y) } : null);
    const isRound = ROUND.includes(this.tool);
    this.ring.hidden = !isSeen || !(isRound || isAlways);
    const frame = this.frame.getBoundingClientRect(), middle = this.view.pointOf(x, y);
    const size = isRound ? (2 * this.radius + 1) * this.view.scale : POINT_PX;
    this.ring.style.width = this.ring.style.height = `${size}px`;
    this.ring.style.left = `${middle.x - frame.left - size / 2}px`;
    this.ring.style.top = `${middle.y - frame.top - size / 2}px`;
  }

  #toolOf({ button, buttons, altKey }) {
    if (button === 2 || altKey) return "pick";
    return buttons & PEN_ERASER ? "erase" : this.tool;
  }

  // All the places that a pointer has passed since the last event.
  #follow(event) {
    const passed = event.getCoalescedEvents?.() ?? [];
    return passed.length ? passed : [event];
  }

  #leave() {
    this.ring.hidden = true;
    this.#tell("point", null);
  }

  // Whether something was being painted.
  #lift() {
    if (!this.#action) return false;
    this.#action = null;
    this.#tell("lift");
    return true;
  }

  #hasSize(width, height) {
    return this.layer.width === width && this.layer.height === height;
  }

  #fit() {
    const { width, height } = this.#map;
    for (const one of [this.photo, this.layer]) Object.assign(one, { width, height });
    this.draw();
    this.view.begin(width, height);
  }

  #finish() {
    if (this.#map.end()) this.#tell("paint");
  }

  #step(box) {
    if (!box) return;
    if (this.#hasSize(this.#map.width, this.#map.height)) this.draw(box);
    else {
      this.photo.hidden = true; // it is a picture of the size before
      this.#fit();
      this.#tell("resize");
    }
    this.#tell("paint");
  }

  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}

function element(name, kind) {
  const made = document.createElement(name);
  made.className = kind;
  return made;
}

// "#rrggbb" -> a pixel as ImageData holds it.
function packed(colour, opacity = 255) {
  const rgb = parseInt(colour.slice(1), 16);
  return new Uint32Array(new Uint8Array([rgb >> 16, rgb >> 8, rgb, opacity]).buffer)[0];
}

const DARK = packed("#000000"), LIGHT = packed("#ffffff"), CLEAR = packed("#000000", 0);

// Stripes that are seen on any photo, and let most of it through.
function hatch(place, period) {
  if (place < period / 6) return DARK;
  return place < period / 3 ? LIGHT : CLEAR;
}
