// Pictures that a person brings: photos that are labelled, and label maps that are opened.

import { say } from "./saying.js";
import { post } from "./server.js";

const LARGEST_SIDE = 1024; // of a map that keeps its own size
const $ = (id) => document.getElementById(id);

export const sized = (address, { width, height }) => `${address}?width=${width}&height=${height}`;
const bytesOf = async (blob) => new Uint8Array(await blob.arrayBuffer());

export class Opening {
  labelsPhotos = false; // whether the server can

  // drawing: gives the drawing's map.    put(width, height, ids): takes what was opened.    fail(error): says what is wrong.
  constructor({ drawing, put, fail }) {
    this.drawing = drawing;
    this.put = put;
    this.fail = fail;
  }

  // file: a photo, or null.
  async photo(file) {
    if (!file) return;
    if (!this.labelsPhotos) return say("Nothing here can label a photo. Label one first: gauganpipe label ./photos");
    await this.#during(`Labelling ${file.name || "the photo"} …`, async () => {
      const { width, height } = this.drawing();
      const { blob } = await post(sized("/api/label", { width, height }), file);
      this.put(width, height, await bytesOf(blob));
    });
  }

  // file: a PNG of class ids or of their colours, or null.
  async map(file) {
    if (file) await this.#during(`Reading ${file.name || "the map"} …`, () => this.#read(file));
  }

  // A PNG may be a map or a photo: it is opened as a map where it is one.
  async any(file) {
    if (file.type !== "image/png") return this.photo(file);
    const isRead = await this.#during("Reading the picture …", async () => {
      try {
        await this.#read(file);
      } catch (error) {
        if (error.status !== 422 || !this.labelsPhotos) throw error;
        return false;
      }
      return true;
    });
    if (isRead === false) await this.photo(file);
  }

  async #read(file) {
    const { blob, headers } = await post(sized("/api/read-map", { width: 0, height: 0 }), file);
    const [width, height] = ["x-width", "x-height"].map((name) => Number(headers.get(name)));
    if (Math.max(width, height) <= LARGEST_SIDE) return this.put(width, height, await bytesOf(blob));
    const map = this.drawing(), fitting = await post(sized("/api/read-map", map), file);
    this.put(map.width, map.height, await bytesOf(fitting.blob));
  }

  // Shows what takes a while. Gives what the act gives, or undefined where it failed.
  async #during(sentence, act) {
    $("working").textContent = sentence;
    $("working").hidden = false;
    try {
      return await act();
    } catch (error) {
      this.fail(error);
    } finally {
      $("working").hidden = true;
    }
  }
}
