// The photos that are looked through: a list that comes from the server part by part, and a place in it.

import { ask } from "./server.js";

export const PHOTOS = "/api/review/photos";
const AT_ONCE = 200; // so many photos a part has

export class PhotoList {
  place = 0;
  counts = null; // how many photos there are of each kind
  #photos = []; // what is decided stays among them, so that one can go back
  #isWhole = false;
  #coming = null;

  // show: which photos: waiting, reviewed, rejected or all. The first part comes with more().
  constructor(show) {
    this.show = show;
  }

  get current() {
    return this.#photos[this.place];
  }

  // All photos of the list, those that have not come yet too.
  get length() {
    return this.#photos.length + (this.#isWhole ? 0 : Math.max(0, this.counts[this.show] - this.#listed));
  }

  // The last photo that has come.
  get last() {
    return this.#photos.at(-1);
  }

  get hasNext() {
    return !this.#isWhole || this.place + 1 < this.#photos.length;
  }

  // The photos that are so many steps before and after the current one at most.
  near(steps) {
    return this.#photos.slice(Math.max(0, this.place - steps), this.place + steps + 1);
  }

  // Brings the next part, where there is one.
  async more() {
    if (this.#isWhole) return;
    this.#coming ??= this.#ask().finally(() => (this.#coming = null));
    await this.#coming;
  }

  // Goes so many steps on, or back; whether there is a photo.
  async go(steps) {
    const place = this.place + steps;
    if (place >= this.#photos.length) await this.more();
    if (place < 0 || place >= this.#photos.length) return false;
    this.place = place;
    return true;
  }

  // What became of a photo of the list.
  renew(photo, decided) {
    this.counts[stateOf(photo)] -= 1;
    this.counts[stateOf(decided)] += 1;
    Object.assign(photo, decided);
  }

  async #ask() {
    const part = `show=${this.show}&first=${this.#listed}&most=${AT_ONCE}`;
    const found = await ask(`${PHOTOS}?${part}`);
    const known = new Set(this.#photos.map(({ id }) => id));
    this.#photos.push(...found.photos.filter(({ id }) => !known.has(id)));
    this.#isWhole = found.photos.length < AT_ONCE;
    this.counts ??= found.counts;
  }

  // So many of the photos that have come are still what was asked for, and so stand before the next part.
  get #listed() {
    return this.#photos.filter((photo) => this.show === "all" || stateOf(photo) === this.show).length;
  }
}

export function stateOf(photo) {
  if (photo.keep === "no" || photo.status === "rejected") return "rejected";
  return photo.reviewed ? "reviewed" : "waiting";
}
