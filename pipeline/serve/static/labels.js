// A label map: one byte a pixel, the id of its class. Painted by whole pixels, with a history.
// Knows nothing of colours, photos or pages.

export const UNKNOWN = 255;

const FEWEST_STEPS = 50; // so many actions can be taken back, however large they are,
const MOST_STEPS = 500; // and so many where they are small
const HISTORY_BYTES = 256e6;

export class LabelMap {
  #before = null; // the map as it was when the action began
  #box = null; // [left, top, right, bottom) of what the action has touched
  #done = []; // of each action what it has changed: a {box, ids}, or a whole map {width, height, ids} of another size
  #undone = [];

  constructor(width, height, ids = new Uint8Array(width * height).fill(UNKNOWN)) {
    if (ids.length !== width * height) throw new RangeError(`${ids.length} bytes for ${width}x${height} pixels`);
    this.width = width;
    this.height = height;
    this.ids = ids;
  }

  at(x, y) {
    return this.ids[y * this.width + x];
  }

  has(x, y) {
    return x >= 0 && y >= 0 && x < this.width && y < this.height;
  }

  // Pixels of each id.
  count() {
    const counts = new Uint32Array(256);
    for (const id of this.ids) counts[id] += 1;
    return counts;
  }

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  // An action is what one undo takes back: all that is painted between begin() and end().
  begin() {
    this.#before = this.ids.slice();
    this.#box = null;
  }

  // Whether the action has changed a pixel.
  end() {
    const before = this.#before, box = this.#box;
    this.#before = this.#box = null;
    if (!before || !box) return false;
    const patch = { box, ids: cut(before, this.width, box) };
    if (same(patch.ids, cut(this.ids, this.width, box))) return false;
    this.#did(patch);
    return true;
  }

  // Takes back what the action has painted so far, and goes on with it. Returns the box to show again.
  restart() {
    const box = this.#box;
    if (box) paste(this.ids, this.width, box, cut(this.#before, this.width, box));
    this.#box = null;
    return box;
  }

  undo() {
    return this.#swap(this.#done, this.#undone);
  }

  redo() {
    return this.#swap(this.#undone, this.#done);
  }

  // Everything below paints a class id, and returns the box [left, top, right, bottom) to show again, or null.

  disc(x, y, radius, id) {
    for (let dy = -radius; dy <= radius; dy++) this.#span(y + dy, x - reach(radius, dy), x + reach(radius, dy), id);
    return this.#touch(x - radius, y - radius, x + radius + 1, y + radius + 1);
  }

  // A disc drawn along a line, ends included.
  line(x0, y0, x1, y1, radius, id) {
    const across = Math.abs(x1 - x0), down = -Math.abs(y1 - y0);
    const right = x0 < x1 ? 1 : -1, below = y0 < y1 ? 1 : -1;
    let x = x0, y = y0, error = across + down;
    for (;;) {
      this.disc(x, y, radius, id);
      if (x === x1 && y === y1) break;
      const twice = 2 * error;
      if (twice >= down) { error += down; x += right; }
      if (twice <= across) { error += across; y += below; }
    }
    const [left, end] = [Math.min(x0, x1), Math.max(x0, x1)], [top, bottom] = [Math.min(y0, y1), Math.max(y0, y1)];
    return this.#touch(left - radius, top - radius, end + radius + 1, bottom + radius + 1);
  }

  // Both corners included.
  rectangle(x0, y0, x1, y1, id) {
    const [left, right] = [Math.min(x0, x1), Math.max(x0, x1)], [top, bottom] = [Math.min(y0, y1), Math.max(y0, y1)];
    for (let y = top; y <= bottom; y++) this.#span(y, left, right, id);
    return this.#touch(left, top, right + 1, bottom + 1);
  }

  // The pixels of one class that hang together over their sides with this one.
  fill(x, y, id) {
    const { ids, width, height } = this, old = this.at(x, y);
    if (old === id) return null;
    const box = [x, y, x + 1, y + 1], waiting = [x, y];
    while (waiting.length) {
      const row = waiting.pop() * width, start = waiting.pop();
      if (ids[row + start] !== old) continue;
      let left = start, right = start;
      while (left > 0 && ids[row + left - 1] === old) left--;
      while (right < width - 1 && ids[row + right + 1] === old) right++;
      ids.fill(id, row + left, row + right + 1);
      const line = row / width;
      if (left < box[0]) box[0] = left;
      if (right + 1 > box[2]) box[2] = right + 1;
      if (line < box[1]) box[1] = line;
      if (line + 1 > box[3]) box[3] = line + 1;
      for (const next of [line - 1, line + 1]) {
        if (next < 0 || next >= height) continue;
        for (let at = left, isInside = false; at <= right; at++) {
          const isOld = ids[next * width + at] === old;
          if (isOld && !isInside) waiting.push(at, next);
          isInside = isOld;
        }
      }
    }
    return this.#touch(...box);
  }

  // Another map of the same size in place of this one.
  replace(ids) {
    if (ids.length !== this.ids.length) throw new RangeError("a map of another size");
    this.ids.set(ids);
    return this.#touch(0, 0, this.width, this.height);
  }

  // Another map of another size in place of this one: an action of its own.
  resize(width, height, ids) {
    if (ids.length !== width * height) throw new RangeError(`${ids.length} bytes for ${width}x${height} pixels`);
    this.#did(this.#become({ width, height, ids }));
    return [0, 0, width, height];
  }

  #span(y, left, right, id) {
    if (y < 0 || y >= this.height || right < 0 || left >= this.width) return;
    const row = y * this.width;
    this.ids.fill(id, row + Math.max(0, left), row + Math.min(this.width - 1, right) + 1);
  }

  #touch(left, top, right, bottom) {
    const box = [Math.max(0, left), Math.max(0, top), Math.min(this.width, right), Math.min(this.height, bottom)];
    if (box[0] >= box[2] || box[1] >= box[3]) return null;
    this.#box = this.#box ? around(this.#box, box) : [...box];
    return box;
  }

  #swap(from, to) {
    const patch = from.pop();
    if (!patch) return null;
    if (!patch.box) {
      to.push(this.#become(patch));
      return [0, 0, this.width, this.height];
    }
    const now = cut(this.ids, this.width, patch.box);
    paste(this.ids, this.width, patch.box, patch.ids);
    to.push({ box: patch.box, ids: now });
    return patch.box;
  }

  // map: {width, height, ids}. Gives what it was before.
  #become(map) {
    const { width, height, ids } = this;
    Object.assign(this, map);
    return { width, height, ids };
  }

  #did(patch) {
    this.#done.push(patch);
    this.#undone = [];
    this.#forget();
  }

  #forget() {
    let bytes = this.#done.reduce((sum, patch) => sum + patch.ids.length, 0);
    while (this.#done.length > FEWEST_STEPS && (bytes > HISTORY_BYTES || this.#done.length > MOST_STEPS)) {
      bytes -= this.#done.shift().ids.length;
    }
  }
}

// How far a disc reaches to the left and right of its middle, so many rows above or below it.
function reach(radius, dy) {
  return Math.floor(Math.sqrt(radius * radius - dy * dy));
}

function around(one, other) {
  return [
    Math.min(one[0], other[0]), Math.min(one[1], other[1]),
    Math.max(one[2], other[2]), Math.max(one[3], other[3]),
  ];
}

function cut(ids, width, [left, top, right, bottom]) {
  const across = right - left, found = new Uint8Array(across * (bottom - top));
  for (let y = top; y < bottom; y++) found.set(ids.subarray(y * width + left, y * width + right), (y - top) * across);
  return found;
}

function paste(ids, width, [left, top, right, bottom], patch) {
  const across = right - left;
  for (let y = top; y < bottom; y++) ids.set(patch.subarray((y - top) * across, (y - top + 1) * across), y * width + left);
}

function same(one, other) {
  for (let place = 0; place < one.length; place++) if (one[place] !== other[place]) return false;
  return true;
}
