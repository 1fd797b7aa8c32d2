// The painted picture: the newest fades in over the one before, which is seen again while the picture is held.

import { Gestures } from "./gestures.js";
import { View } from "./view.js";

const HELD_PX = 6; // a pointer that moves farther moves the picture
const HELD_MS = 140; // and one that stays as long holds it

export class Picture {
  now = null; // {blob, address, isFinal}
  before = null; // the picture before the last action
  #size = { width: 1, height: 1 };
  #shown = null;

  // frame: an empty element that is the picture's place.    onMove: called when a person has moved the picture.
  constructor(frame, onMove) {
    this.frame = frame;
    this.stage = frame.appendChild(document.createElement("div"));
    this.stage.className = "stage";
    this.view = new View(frame, this.stage, onMove);
    this.#listen();
  }

  // Pictures are of this size from now on.
  begin(width, height) {
    this.#size = { width, height };
    for (const one of [this.now, this.before]) if (one) URL.revokeObjectURL(one.address);
    this.now = this.before = this.#shown = null;
    this.stage.replaceChildren();
    this.view.begin(width, height);
  }

  async show({ blob, isFinal }) {
    const address = URL.createObjectURL(blob), image = await this.#image(address);
    if (this.now?.isFinal) {
      if (this.before) URL.revokeObjectURL(this.before.address);
      this.before = this.now;
    } else if (this.now) URL.revokeObjectURL(this.now.address);
    this.now = { blob, address, isFinal, image };
    this.#put(image);
  }

  // Shows the picture before the last action, or the newest again.
  showBefore(isBefore) {
    if (isBefore && !this.before) return;
    this.frame.classList.toggle("before", isBefore);
    const one = isBefore ? this.before : this.now;
    if (one) this.#put(one.image);
  }

  // A square of it, as a small data address.
  thumbnail(side = 96) {
    return this.now && thumbnailOf(this.now.image, this.#size.width, this.#size.height, side);
  }

  async #image(address) {
    const image = new Image(this.#size.width, this.#size.height);
    image.alt = "The painted picture";
    image.draggable = false;
    image.src = address;
    await image.decode().catch(() => {});
    return image;
  }

  #put(image) {
    if (this.#shown === image) return;
    // What was seen stays below until the new one has faded in.
    this.stage.replaceChildren(...[this.#shown, image].filter(Boolean));
    if (this.#shown) this.#shown.className = "";
    image.className = this.#shown ? "comes" : "";
    this.#shown = image;
  }

  #listen() {
    let start = null, isMoved = false, holding = 0;
    const end = () => {
      clearTimeout(holding);
      start = null;
      this.showBefore(false);
    };
    new Gestures(this.view, {
      press: ({ clientX, clientY }) => {
        start = { x: clientX, y: clientY };
        isMoved = false;
        holding = setTimeout(() => this.showBefore(true), HELD_MS);
      },
      move: ({ clientX, clientY }) => {
        if (!start) return;
        const x = clientX - start.x, y = clientY - start.y;
        if (!isMoved && Math.hypot(x, y) < HELD_PX) return;
        isMoved = true;
        clearTimeout(holding);
        this.showBefore(false);
        this.view.pan(x, y);
        start = { x: clientX, y: clientY };
      },
      release: end,
      abandon: end,
      hover: () => {},
      leave: () => {},
    });
  }
}

// source: an image or bitmap of this size -> the middle square of it as a small data address.
export function thumbnailOf(source, width, height, side = 96) {
  const canvas = document.createElement("canvas"), inside = Math.min(width, height);
  canvas.width = canvas.height = side;
  canvas.getContext("2d").drawImage(source, (width - inside) / 2, (height - inside) / 2, inside, inside, 0, 0, side, side);
  return canvas.toDataURL("image/jpeg", 0.85);
}
