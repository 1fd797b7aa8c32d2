// Whether the server is there, and still paints with the same run: asked now and then, more often while it is away.

import { ask } from "./server.js";

const SECONDS = 10;
const SECONDS_AWAY = 1.5;

// Events: "away" once when the server does not answer; "back" once when it does again; "changed" when it paints with
// another run, or with other weights of it. Details of the latter two: {model}.
export class Pulse extends EventTarget {
  #timer = 0;
  #isAway = false;
  #isAsking = false;

  // model: of /api/model, as it was first.
  begin(model) {
    this.model = model;
    this.#wait();
    document.addEventListener("visibilitychange", () => document.hidden || this.feel());
  }

  get isAway() {
    return this.#isAway;
  }

  // Asks now.
  async feel() {
    if (this.#isAsking) return;
    this.#isAsking = true;
    clearTimeout(this.#timer);
    try {
      this.#there(await ask("/api/model"));
    } catch (error) {
      if (error.status === 0) this.miss();
    }
    this.#isAsking = false;
    this.#wait();
  }

  // The server was found away.
  miss() {
    if (this.#isAway) return;
    this.#isAway = true;
    this.#wait();
    this.dispatchEvent(new CustomEvent("away"));
  }

  #there(model) {
    const isOther = ["run", "weights", "images_shown"].some((one) => model[one] !== this.model[one]), wasAway = this.#isAway;
    this.#isAway = false;
    if (isOther) this.model = model;
    if (isOther) this.dispatchEvent(new CustomEvent("changed", { detail: { model } }));
    if (wasAway) this.dispatchEvent(new CustomEvent("back", { detail: { model } }));
  }

  #wait() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (document.hidden && !this.#isAway ? this.#wait() : this.feel()), 1000 * (this.#isAway ? SECONDS_AWAY : SECONDS));
  }
}
