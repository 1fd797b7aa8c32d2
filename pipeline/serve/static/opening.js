// Pictures that a person brings: photos that are labelled, and label maps that are opened.

import { say } from "./saying.js";
import { post } from "./server.js";

const LARGEST_SIDE = 1024; // of a map that keeps its own size
const $ = (id) => document.getElementById(id);

export const sized = (address, { width, height }) => `${address}?width=${width}&height=${height}`;
const bytesOf = async (blob) => new Uint8Array(await blob.arrayBuffer());

// The newest that is opened is taken; what comes later of one before it is dropped.
export class Opening {
  labelsPhotos = false; // whether the server can
  #turn = 0;

  // canvas: takes what was opened, once no stroke goes on.    fail(error): says what is wrong.
  constructor(canvas, fail) {
    this.canvas = canvas;
    this.fail = fail;
  }

  // What is still on its way was meant for a drawing that is gone.
  drop() {
    this.#turn += 1;
    $("working").hidden = true;
  }

  // file: a photo, or null.
  async photo(file) {
    if (!file) return;
    if (!this.labelsPhotos) return say("Nothing here can label a photo. Label one first: gauganpipe label ./photos");
    await this.#during(`Labelling ${file.name || "the photo"} …`, (turn) => this.#takeFitting("/api/label", file, turn));
  }

  // file: a PNG of class ids or of their colours, or null.
  async map(file) {
    if (file) await this.#during(`Reading ${file.name || "the map"} …`, (turn) => this.#read(file, turn));
  }

  // A PNG may be a map or a photo: it is opened as a map where it is one.
  async any(file) {
    if (file.type !== "image/png") return this.photo(file);
    const isRead = await this.#during("Reading the picture …", async (turn) => {
      try {
        await this.#read(file, turn);
      } catch (error) {
        if (error.status !== 422 || !this.labelsPhotos) throw error;
        return false;
      }
      return true;
    });
    if (isRead === false) await this.photo(file);
  }

  async #read(file, turn) {
    const { blob, headers } = await post(sized("/api/read-map", { width: 0, height: 0 }), file);
    const [width, height] = ["x-width", "x-height"].map((name) => Number(headers.get(name)));
    if (Math.max(width, height) > LARGEST_SIDE) return this.#takeFitting("/api/read-map", file, turn);
    const ids = await bytesOf(blob);
    await this.canvas.lifted();
    if (turn === this.#turn) this.canvas.replace(ids, { width, height });
  }

  // What the server makes of a file for the drawing's size; once more where the drawing has another size by then.
  async #takeFitting(address, file, turn) {
    const { width, height } = this.canvas.map;
    const ids = await bytesOf((await post(sized(address, { width, height }), file)).blob);
    await this.canvas.lifted();
    if (turn !== this.#turn) return;
    const { map } = this.canvas;
    if (map.width !== width || map.height !== height) await this.#takeFitting(address, file, turn);
    else this.canvas.replace(ids);
  }

  // Shows what takes a while. act(turn): its result is given, or undefined where it failed or is not wanted any more.
  async #during(sentence, act) {
    const turn = ++this.#turn;
    this.canvas.release(); // what the keys have put down
    $("working").textContent = sentence;
    $("working").hidden = false;
    try {
      const given = await act(turn);
      if (turn === this.#turn) return given;
    } catch (error) {
      if (turn === this.#turn) this.fail(error);
    } finally {
      if (turn === this.#turn) $("working").hidden = true;
    }
  }
}
