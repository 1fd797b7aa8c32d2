// Where a picture lies in its frame: fitted, zoomed, moved; and which of its pixels lies under a point of the window.

const CLOSEST = 32; // so many pixels of the screen a pixel of the picture is shown at most

export class View {
  #left = 0;
  #top = 0;
  #width = 1;
  #height = 1;
  #isFitted = true;

  // frame: the place on the page.    stage: what is moved in it, as large as the picture.
  // onMove: called when a person has moved the picture, or the frame has another size; not by follow().
  constructor(frame, stage, onMove = () => {}) {
    this.frame = frame;
    this.stage = stage;
    this.onMove = onMove;
    this.scale = 1;
    new ResizeObserver(() => (this.#isFitted ? this.fit() : this.#place())).observe(frame);
  }

  // A picture of this size is shown from now on, fitted.
  begin(width, height) {
    this.#width = width;
    this.#height = height;
    this.fit();
  }

  fit() {
    this.#fit();
    this.onMove();
  }

  #fit() {
    const { clientWidth, clientHeight } = this.frame;
    this.scale = Math.min(clientWidth / this.#width, clientHeight / this.#height) || 1;
    this.#left = (clientWidth - this.#width * this.scale) / 2;
    this.#top = (clientHeight - this.#height * this.scale) / 2;
    this.#isFitted = true;
    this.#place();
  }

  // By a factor; the point (x, y) of the window stays where it is, or the middle of the frame.
  zoom(factor, x, y) {
    const frame = this.frame.getBoundingClientRect();
    const fromLeft = (x ?? frame.left + frame.width / 2) - frame.left;
    const fromTop = (y ?? frame.top + frame.height / 2) - frame.top;
    const least = Math.min(frame.width / this.#width, frame.height / this.#height, 1) / 2;
    const scale = Math.min(CLOSEST, Math.max(least, this.scale * factor)), grown = scale / this.scale;
    this.#left = fromLeft - (fromLeft - this.#left) * grown;
    this.#top = fromTop - (fromTop - this.#top) * grown;
    this.scale = scale;
    this.#isFitted = false;
    this.#place();
    this.onMove();
  }

  pan(x, y) {
    this.#left += x;
    this.#top += y;
    this.#isFitted = false;
    this.#place();
    this.onMove();
  }

  // Shows the part that another view shows, of a picture of the same size.
  follow(other) {
    if (other.#isFitted) return this.#fit();
    const [wider, higher] = ["clientWidth", "clientHeight"].map((side) => this.frame[side] - other.frame[side]);
    this.#left = other.#left + wider / 2;
    this.#top = other.#top + higher / 2;
    this.scale = other.scale;
    this.#isFitted = false;
    this.#place();
  }

  // The pixel under a point of the window, whether the picture has it or not.
  pixelAt(x, y) {
    const frame = this.frame.getBoundingClientRect();
    return {
      x: Math.floor((x - frame.left - this.#left) / this.scale),
      y: Math.floor((y - frame.top - this.#top) / this.scale),
    };
  }

  // The middle of a pixel, as a point of the window.
  pointOf(x, y) {
    const frame = this.frame.getBoundingClientRect();
    return {
      x: frame.left + this.#left + (x + 0.5) * this.scale,
      y: frame.top + this.#top + (y + 0.5) * this.scale,
    };
  }

  #place() {
    this.stage.style.transform = `translate(${this.#left}px, ${this.#top}px) scale(${this.scale})`;
  }
}
