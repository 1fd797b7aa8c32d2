// Painting without a pointer: arrows move a cursor over the map, Space puts the tool down and lifts it.

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const AT_ONCE = ["fill", "pick"];

export class Cursor {
  #at = null;

  // told: called with a sentence for those who hear the page.
  constructor(canvas, told) {
    this.canvas = canvas;
    this.told = told;
  }

  // Does what a key means to the canvas; whether it means anything.
  onKey({ key, shiftKey }) {
    const { canvas } = this;
    if (key in STEPS) this.#move(...STEPS[key].map((step) => step * (shiftKey ? 1 : Math.max(1, canvas.radius))));
    else if (key === " " || key === "Enter") this.#press();
    else if (key === "Escape" && canvas.isPainting) canvas.abandon();
    else return false;
    return true;
  }

  #move(right, down) {
    const { width, height } = this.canvas.map, within = (place, size) => Math.min(size - 1, Math.max(0, place));
    if (this.#at) this.#at = { x: within(this.#at.x + right, width), y: within(this.#at.y + down, height) };
    else this.#at = { x: Math.floor(width / 2), y: Math.floor(height / 2) };
    this.canvas.moveTo(this.#at);
    this.#show();
  }

  #press() {
    const { canvas } = this;
    if (!this.#at) return this.#move(0, 0);
    if (canvas.isPainting) canvas.release();
    else canvas.press(this.#at);
    if (AT_ONCE.includes(canvas.tool)) canvas.release();
    this.#show();
  }

  #show() {
    const { canvas } = this, { x, y } = this.#at;
    canvas.point(this.#at, { isAlways: true });
    this.told(`${canvas.isPainting ? "painting, " : ""}${document.getElementById("under").textContent}, ${x}, ${y}`);
  }
}
