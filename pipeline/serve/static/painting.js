// Has drawings painted by the server. The newest wins: what waits is given up for it, what is being painted is still shown.

import { post } from "./server.js";

const LIVE_MS = 90; // so long a stroke that goes on is gathered
const FINAL_MS = 25; // and so long the end of an action
const AT_ONCE = 2; // one that is being painted, and one that waits

// Events: "begin" when a picture is wanted, "end" when none is wanted any more; "trouble" with detail {error}.
export class Painting extends EventTarget {
  #client = crypto.randomUUID();
  #flights = []; // {controller, number}, the oldest first
  #sent = 0;
  #shown = 0;
  #timer = 0;
  #isFinal = false;
  #isWanted = false;
  #showing = Promise.resolve(); // one picture after the other

  // drawing: gives what is to be painted, {map, style: {style, to, share}}, or null for nothing.
  // show: takes a picture, {blob, seconds, isFinal, style}, and may take its time.
  constructor(drawing, show) {
    super();
    this.drawing = drawing;
    this.show = show;
  }

  // Asks for a picture of the drawing as it is soon.    isFinal: an action is done, rather than going on.
  want({ isFinal = true } = {}) {
    if (this.#timer && !isFinal) return;
    this.#isFinal ||= isFinal;
    this.#wait(isFinal ? FINAL_MS : LIVE_MS);
  }

  // Gives up all that is asked for.
  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#isFinal = false;
    for (const flight of this.#flights.splice(0)) flight.controller.abort();
    this.#tellState();
  }

  #wait(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#due(), milliseconds);
    this.#tellState();
  }

  #due() {
    this.#timer = 0;
    const isFinal = this.#isFinal, drawing = this.drawing();
    // A stroke that goes on waits for the picture before it, so that there is one to see while it goes on.
    if (drawing && !isFinal && this.#flights.length) return this.#wait(LIVE_MS);
    this.#isFinal = false;
    if (!drawing) return this.#tellState();
    if (this.#flights.length >= AT_ONCE) this.#flights.pop().controller.abort();
    this.#send(drawing, isFinal);
  }

  async #send({ map, style }, isFinal) {
    const flight = { controller: new AbortController(), number: ++this.#sent };
    this.#flights.push(flight);
    const asked = { width: map.width, height: map.height, client: this.#client, ...style };
    try {
      const address = `/api/paint?${new URLSearchParams(asked)}`;
      const { blob, headers } = await post(address, map.ids.slice(), { signal: flight.controller.signal });
      if (flight.number > this.#shown) {
        this.#shown = flight.number;
        const picture = { blob, seconds: Number(headers.get("x-milliseconds")) / 1000, isFinal, style };
        this.#showing = this.#showing.catch(() => {}).then(() => flight.controller.signal.aborted || this.show(picture));
        await this.#showing;
      }
    } catch (error) {
      this.#fail(error, flight);
    }
    this.#flights = this.#flights.filter((one) => one !== flight);
    this.#tellState();
  }

  #fail(error, flight) {
    // 409: a newer request of this page has taken its place.
    if (error.name === "AbortError" || error.status === 409) return;
    if (flight.number < this.#sent && error.status !== 0) return;
    if (error.status === 503) setTimeout(() => this.want(), 1000 * Math.max(1, error.waitSeconds));
    this.#tell("trouble", { error });
  }

  #tellState() {
    const isWanted = Boolean(this.#timer || this.#flights.length);
    if (isWanted === this.#isWanted) return;
    this.#isWanted = isWanted;
    this.#tell(isWanted ? "begin" : "end");
  }

  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
