// The controls beside a canvas: tools, brush size, how much of the labels is seen, undo and redo; and their keys.

import { UNKNOWN } from "./labels.js";

const KEY_OF_TOOL = { b: "brush", f: "fill", r: "rectangle", l: "line", i: "pick", e: "erase" };
const $ = (id) => document.getElementById(id);

export class Controls {
  // Expects buttons [data-tool], #undo, #redo and sliders #size, #opacity, each with an output #...-said.
  constructor(canvas, palette) {
    this.canvas = canvas;
    this.palette = palette;
    this.buttons = [...document.querySelectorAll("[data-tool]")];
    for (const button of this.buttons) button.addEventListener("click", () => this.take(button.dataset.tool));
    $("undo").addEventListener("click", () => canvas.undo());
    $("redo").addEventListener("click", () => canvas.redo());
    $("size").addEventListener("input", () => this.resize(Number($("size").value)));
    $("opacity").addEventListener("input", () => this.#showLabels());
    canvas.addEventListener("pick", ({ detail }) => palette.choose(detail.id));
    canvas.addEventListener("point", ({ detail }) => ($("under").textContent = detail ? palette.nameOf(detail.id) : ""));
    document.addEventListener("keyup", (event) => event.key.toLowerCase() === "v" && this.#showLabels());
    this.take("brush");
    this.resize(canvas.radius);
    this.#showLabels();
  }

  take(tool) {
    this.canvas.tool = tool;
    for (const button of this.buttons) button.setAttribute("aria-pressed", button.dataset.tool === tool);
  }

  // For maps of this size: the largest brush, and one to begin with.
  fitTo(width, height) {
    const shorter = Math.min(width, height);
    $("size").max = Math.max(1, Math.round(shorter / 4));
    this.resize(Math.round(shorter / 22));
  }

  // radius: pixels of the map around the middle one.
  resize(radius) {
    const fitting = Math.min(Number($("size").max), Math.max(0, radius));
    this.canvas.radius = fitting;
    $("size").value = fitting;
    $("size-said").textContent = `${2 * fitting + 1} px`;
  }

  // What can be taken back, and what can be done again.
  showHistory(map) {
    $("undo").disabled = !map?.canUndo;
    $("redo").disabled = !map?.canRedo;
  }

  // Does what a key means here; whether it means anything.
  onKey(key, event) {
    const { canvas, palette } = this, step = Math.max(1, Math.round(canvas.radius / 5));
    if (this.#has(KEY_OF_TOOL[key])) this.take(KEY_OF_TOOL[key]);
    else if (key >= "1" && key <= "9") palette.chooseAt(Number(key) - 1);
    else if (key === "/") palette.finder.focus();
    else if (key === "e") palette.choose(UNKNOWN);
    else if (key === "z" && !event.shiftKey) canvas.undo();
    else if (key === "z" || key === "y") canvas.redo();
    else if (key === "[") this.resize(canvas.radius - step);
    else if (key === "]") this.resize(canvas.radius + step);
    else if (key === "+" || key === "=") canvas.view.zoom(1.5);
    else if (key === "-") canvas.view.zoom(1 / 1.5);
    else if (key === "0") canvas.view.fit();
    else if (key === "v") canvas.opacity = 0;
    else return false;
    return true;
  }

  #has(tool) {
    return this.buttons.some((button) => button.dataset.tool === tool);
  }

  #showLabels() {
    this.canvas.opacity = $("opacity").value / 100;
    $("opacity-said").textContent = `${$("opacity").value} %`;
  }
}
