// The canvas: a photo, its label map in colours above it, and the tools that paint on the map.
// The map is the truth; what stands on the canvas is only shown, and never read back.

import { UNKNOWN } from "./labels.js";
import { View } from "./view.js";

const STRIPES = 90; // so many stripes of unknown pixels would lie along a picture's longer side

export const TOOLS = ["brush", "line", "rectangle", "fill", "pick"];

// Events: "paint" after an action that changed the map, "pick" with detail {id}, "point" with detail {x, y, id} or null.
export class Canvas extends EventTarget {
  tool = "brush";
  id = 0;
  radius = 12;
  #map = null;
  #colours = new Uint32Array(256);
  #pointers = new Map();
  #action = null; // {tool, start, last} while something is painted
  #isPanned = false;
  #pinched = null;

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
    this.view = new View(frame, stage);
    frame.addEventListener("pointerdown", (event) => this.#map && this.#down(event));
    frame.addEventListener("pointermove", (event) => this.#map && this.#move(event));
    frame.addEventListener("pointerup", (event) => this.#map && this.#up(event));
    frame.addEventListener("pointercancel", (event) => this.#map && this.#up(event));
    frame.addEventListener("pointerleave", () => this.#leave());
    frame.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    frame.addEventListener("contextmenu", (event) => event.preventDefault());
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
    this.#action = null;
    this.#map = map;
    this.photo.hidden = !source;
    if (source) this.photo.src = source;
    for (const one of [this.photo, this.layer]) {
      one.width = map.width;
      one.height = map.height;
    }
    this.draw();
    this.view.begin(map.width, map.height);
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

  // Other ids in place of all that is painted, as one action.
  replace(ids) {
    this.#map.begin();
    this.draw(this.#map.replace(ids));
    this.#finish();
  }

  #down(event) {
    event.preventDefault();
    this.frame.focus({ preventScroll: true });
    this.frame.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.#pointers.size > 1) {
      this.#abandon();
      this.#pinched = this.#spread();
      return;
    }
    this.#isPanned = event.button === 1 || event.shiftKey;
    if (this.#isPanned) return;
    const pixel = this.view.pixelAt(event.clientX, event.clientY);
    if (event.button === 2 || event.altKey || this.tool === "pick") {
      if (this.#map.has(pixel.x, pixel.y)) this.#tell("pick", { id: this.#map.at(pixel.x, pixel.y) });
      return;
    }
    this.#action = { tool: this.tool, start: pixel, last: pixel };
    this.#map.begin();
    if (this.tool === "fill" && this.#map.has(pixel.x, pixel.y)) this.draw(this.#map.fill(pixel.x, pixel.y, this.id));
    this.#paintTo(pixel);
  }

  #move(event) {
    this.#hover(event);
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.#pinched) this.#pinch();
    else if (this.#isPanned) this.view.pan(event.clientX - before.x, event.clientY - before.y);
    else if (this.#action) {
      const passed = event.getCoalescedEvents?.() ?? [];
      for (const one of passed.length ? passed : [event]) this.#paintTo(this.view.pixelAt(one.clientX, one.clientY));
    }
  }

  #up(event) {
    this.#pointers.delete(event.pointerId);
    this.#isPanned = false;
    if (this.#pointers.size < 2) this.#pinched = null;
    if (event.type === "pointercancel") this.#abandon();
    else if (this.#action) this.#finish();
  }

  #leave() {
    this.ring.hidden = true;
    this.#tell("point", null);
  }

  #paintTo({ x, y }) {
    const { tool, start, last } = this.#action;
    if (tool === "brush") this.draw(this.#map.line(last.x, last.y, x, y, this.radius, this.id));
    if (tool === "line" || tool === "rectangle") this.draw(this.#map.restart());
    if (tool === "line") this.draw(this.#map.line(start.x, start.y, x, y, this.radius, this.id));
    if (tool === "rectangle") this.draw(this.#map.rectangle(start.x, start.y, x, y, this.id));
    this.#action.last = { x, y };
  }

  #finish() {
    this.#action = null;
    if (this.#map.end()) this.#tell("paint");
  }

  // A second finger has come: what the first one painted was meant to move the picture.
  #abandon() {
    if (!this.#action) return;
    this.draw(this.#map.restart());
    this.#map.end();
    this.#action = null;
  }

  #step(box) {
    if (!box) return;
    this.draw(box);
    this.#tell("paint");
  }

  #pinch() {
    const now = this.#spread();
    this.view.pan(now.x - this.#pinched.x, now.y - this.#pinched.y);
    this.view.zoom(now.distance / this.#pinched.distance, now.x, now.y);
    this.#pinched = now;
  }

  #spread() {
    const [one, other] = [...this.#pointers.values()];
    const distance = Math.max(1, Math.hypot(one.x - other.x, one.y - other.y));
    return { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2, distance };
  }

  #wheel(event) {
    event.preventDefault();
    this.view.zoom(Math.exp(-event.deltaY / 400), event.clientX, event.clientY);
  }

  #hover(event) {
    const { x, y } = this.view.pixelAt(event.clientX, event.clientY);
    this.#tell("point", this.#map.has(x, y) ? { x, y, id: this.#map.at(x, y) } : null);
    this.ring.hidden = !["brush", "line"].includes(this.tool) || event.pointerType === "touch";
    const frame = this.frame.getBoundingClientRect(), middle = this.view.pointOf(x, y);
    const size = (2 * this.radius + 1) * this.view.scale;
    this.ring.style.width = this.ring.style.height = `${size}px`;
    this.ring.style.left = `${middle.x - frame.left - size / 2}px`;
    this.ring.style.top = `${middle.y - frame.top - size / 2}px`;
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
