// Mouse, pen, fingers and wheel on a frame: one pointer does what the frame is for; two fingers, the wheel, Shift and the
// middle button move the picture in it and bring it closer.

export class Gestures {
  #pointers = new Map();
  #isPanned = false;
  #pinched = null;

  // view: the View that is moved.
  // acts: press(event), move(event) between press and release, release(), abandon() of what was not meant,
  // hover(event), leave(). Events are pointer events.
  constructor(view, acts) {
    this.view = view;
    this.acts = acts;
    const { frame } = view, listen = (kind, act) => frame.addEventListener(kind, act, { passive: false });
    listen("pointerdown", (event) => this.#down(event));
    listen("pointermove", (event) => this.#move(event));
    listen("pointerup", (event) => this.#up(event));
    listen("pointercancel", (event) => this.#up(event));
    listen("pointerleave", () => acts.leave());
    listen("wheel", (event) => this.#wheel(event));
    listen("contextmenu", (event) => event.preventDefault());
  }

  #down(event) {
    event.preventDefault();
    this.view.frame.focus({ preventScroll: true });
    this.view.frame.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.#pointers.size > 1) {
      // What the first finger has done was meant to move the picture.
      this.acts.abandon();
      this.#pinched = this.#spread();
      return;
    }
    this.#isPanned = event.button === 1 || event.shiftKey;
    if (!this.#isPanned) this.acts.press(event);
  }

  #move(event) {
    this.acts.hover(event);
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.#pinched) this.#pinch();
    else if (this.#isPanned) this.view.pan(event.clientX - before.x, event.clientY - before.y);
    else this.acts.move(event);
  }

  #up(event) {
    this.#pointers.delete(event.pointerId);
    this.#isPanned = false;
    if (this.#pointers.size < 2) this.#pinched = null;
    if (event.type === "pointercancel") this.acts.abandon();
    else this.acts.release();
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
}
