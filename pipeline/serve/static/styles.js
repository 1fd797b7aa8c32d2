// The style panel: two ends and a slider between them, a dice, a photo, and the styles that were kept in this browser.

import { keepStyles, keptStyles } from "./drawings.js";
import { choosePicture } from "./files.js";
import { post } from "./server.js";
import { thumbnailOf } from "./picture.js";

const MOST_KEPT = 36;
const SEEDS = 100_000; // the dice has so many sides
const PLAIN = { style: "seed:0", name: "seed 0" };
const $ = (id) => document.getElementById(id);

// A style is {style, name, thumb} as the server takes it, or a mixture with {to, share} besides.
// Events: "change" with detail {isFinal}; "trouble" with detail {error}.
export class Styles extends EventTarget {
  ends = [PLAIN, null];
  share = 0; // in per cent: 0 is the first end, 100 the second
  #kept = [];
  #run = "";
  #network = ""; // what vectors and kept styles belong to
  #shelved = null; // the kept styles that the shelf shows
  #takesPhotos = false;

  // portrait: gives a small picture, as a data address, of what is painted now.
  constructor(portrait) {
    super();
    this.portrait = portrait;
    $("dice").addEventListener("click", () => this.roll());
    $("seed").addEventListener("change", () => this.#takeSeed());
    $("style-photo").addEventListener("click", () => this.choosePhoto());
    $("keep").addEventListener("click", () => this.keep());
    $("style-a").addEventListener("click", () => this.#goTo(0));
    $("style-b").addEventListener("click", () => (this.ends[1] ? this.#goTo(100) : this.roll(1)));
    $("style-b-away").addEventListener("click", () => this.#dropSecond());
    $("share").addEventListener("input", () => this.#slide(Number($("share").value), false));
    $("share").addEventListener("change", () => this.#slide(Number($("share").value), true));
  }

  // What the server is asked for: {style}, or {style, to, share} for a mixture.
  get asked() {
    const [first, second] = this.ends;
    if (!second || this.share === 0) return { style: first.style };
    if (this.share === 100) return { style: second.style };
    return { style: first.style, to: second.style, share: (this.share / 100).toFixed(2) };
  }

  // model: of /api/model.    goesOn: whether it is the run as before, trained further: its styles stay.
  begin(model, { goesOn = false } = {}) {
    this.#run = model.run;
    this.#network = model.weights || model.run;
    this.#takesPhotos = model.takes_photos;
    const kept = keptStyles(this.#network);
    if (goesOn && !kept.length) this.#write(this.#kept);
    else this.#kept = kept;
    $("style-row").hidden = !model.takes_seeds && !model.takes_photos;
    for (const id of ["dice", "seed-field"]) $(id).hidden = !model.takes_seeds;
    $("style-photo").hidden = !model.takes_photos;
    $("style-note").textContent = sentenceOn(model);
    this.restore(goesOn ? this.state : null);
  }

  // What is chosen, to be restored later.
  get state() {
    return { run: this.#run, network: this.#network, ends: this.ends, share: this.share };
  }

  // state: as it was before, or null. A vector belongs to its network; a seed to every network of its run.
  restore(state) {
    const areSeeds = state?.run === this.#run && state.ends.every((end) => !end || seedOf(end));
    const { ends, share } = areSeeds || state?.network === this.#network ? state : { ends: [PLAIN, null], share: 0 };
    Object.assign(this, { ends: [...ends], share });
    this.#show();
  }

  // side: 0 or 1, the end that is changed; the nearer one where it is not said.
  roll(side = this.#side) {
    const seed = crypto.getRandomValues(new Uint32Array(1))[0] % SEEDS;
    this.#take({ style: `seed:${seed}`, name: `seed ${seed}` }, side);
  }

  async choosePhoto() {
    if (this.#demandPhotos()) await this.takePhoto(await choosePicture());
  }

  // file: a photo, or null.
  async takePhoto(file) {
    if (!file || !this.#demandPhotos()) return;
    const button = $(this.#side ? "style-b" : "style-a"), side = this.#side;
    button.setAttribute("aria-busy", "true");
    try {
      const { blob } = await post("/api/style", file), { style } = JSON.parse(await blob.text());
      this.#take({ style, name: file.name || "a photo", thumb: await photoThumbnail(file), isPhoto: true }, side);
    } catch (error) {
      this.#tell("trouble", { error });
    }
    button.removeAttribute("aria-busy");
  }

  keep() {
    const asked = this.asked, thumb = this.portrait();
    if (!thumb || $("style-row").hidden) return;
    if (this.#kept.some((one) => same(one, asked))) return this.#complain("This style is kept already.");
    if (this.#kept.length >= MOST_KEPT) return this.#complain(`${MOST_KEPT} styles are kept. Take one away first.`);
    const { name, isPhoto } = this.ends[this.#side];
    const mixed = asked.to ? `${this.ends[0].name} and ${this.ends[1].name}, ${this.share} %` : name;
    this.#write([{ ...asked, name: mixed, thumb, isPhoto: isPhoto && !asked.to, ends: asked.to && this.ends }, ...this.#kept]);
  }

  // A picture in this style has come: its end shows it, unless it shows the photo that it was taken from.
  portray(asked) {
    if (asked.to) return;
    const thumb = this.portrait();
    this.ends = this.ends.map((end) => (end?.style === asked.style && !end.isPhoto ? { ...end, thumb } : end));
    this.#show();
  }

  get #side() {
    return this.ends[1] && this.share >= 50 ? 1 : 0;
  }

  #take(end, side = this.#side) {
    this.ends[side] = end;
    this.#goTo(side ? 100 : 0);
  }

  #takeSeed() {
    const text = $("seed").value.trim(), seed = Number(text);
    if (/^\d+$/.test(text) && seed < 2 ** 31) this.#take({ style: `seed:${seed}`, name: `seed ${seed}` });
    else if (text) this.#complain("A seed is a whole number from 0 to 2,147,483,647.");
    this.#showSeed();
  }

  #showSeed() {
    $("seed").value = seedOf(this.ends[this.#side]);
  }

  #goTo(share) {
    this.#slide(share, true);
  }

  #slide(share, isFinal) {
    this.share = share;
    this.#show();
    this.#tell("change", { isFinal });
  }

  #dropSecond() {
    this.ends = [this.ends[this.#side], null];
    this.#goTo(0);
    $("style-b").focus();
  }

  #takeKept(one) {
    if (one.ends) {
      this.ends = [...one.ends];
      this.#goTo(Math.round(100 * one.share));
    } else this.#take({ style: one.style, name: one.name, thumb: one.thumb, isPhoto: one.isPhoto });
  }

  #write(kept) {
    try {
      keepStyles(this.#network, kept);
      this.#kept = kept;
      this.#show();
    } catch {
      this.#complain("This browser has no room left for another style. Take one away first.");
    }
  }

  #show() {
    const [first, second] = this.ends;
    for (const [id, one, isNear] of [["style-a", first, this.#side === 0], ["style-b", second, this.#side === 1]]) {
      const button = $(id), letter = id === "style-a" ? "first" : "second";
      button.replaceChildren(...(one?.thumb ? [picture(one.thumb)] : []));
      button.classList.toggle("empty", !one);
      button.setAttribute("aria-pressed", isNear);
      button.setAttribute("aria-label", one ? `The ${letter} style: ${one.name}` : "Mix with a second style");
      button.title = one ? `${one.name}. Click to go to this end` : "Mix with a second style";
    }
    $("share").disabled = !second;
    $("share").value = this.share;
    $("share").setAttribute("aria-valuetext", second ? `${this.share} % of ${second.name}` : "no second style");
    $("style-b-away").hidden = !second;
    if (document.activeElement !== $("seed")) this.#showSeed();
    $("style-empty").hidden = this.#kept.length > 0 || $("style-row").hidden;
    this.#showKept();
  }

  // The chips stay as they are while the list does, so that the focus stays on one of them.
  #showKept() {
    if (this.#shelved !== this.#kept) $("kept").replaceChildren(...this.#kept.map((one) => this.#chip(one)));
    this.#shelved = this.#kept;
    const { asked } = this, buttons = $("kept").querySelectorAll(".thumb");
    this.#kept.forEach((one, place) => buttons[place].setAttribute("aria-pressed", same(one, asked)));
  }

  // By the keys, the focus goes on to the style after it.
  #takeAway(one, { detail: clicks }) {
    const place = this.#kept.indexOf(one);
    this.#write(this.#kept.filter((other) => other !== one));
    if (!clicks) ($("kept").children[Math.min(place, this.#kept.length - 1)]?.firstChild ?? $("keep")).focus();
  }

  #chip(one) {
    const chip = document.createElement("li"), button = document.createElement("button"), away = document.createElement("button");
    button.className = "thumb";
    button.append(picture(one.thumb));
    button.title = one.name;
    button.setAttribute("aria-label", `Kept style: ${one.name}`);
    button.addEventListener("click", () => this.#takeKept(one));
    button.addEventListener("keydown", (event) => event.key === "Delete" && this.#takeAway(one, event));
    away.className = "away-with";
    away.textContent = "×";
    away.setAttribute("aria-label", `Take away ${one.name}`);
    away.addEventListener("click", (event) => this.#takeAway(one, event));
    chip.append(button, away);
    return chip;
  }

  // Whether photos are taken; says why where they are not.
  #demandPhotos() {
    if (!this.#takesPhotos) this.#complain($("style-note").textContent);
    return this.#takesPhotos;
  }

  #complain(sentence) {
    this.#tell("trouble", { error: new Error(sentence) });
  }

  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}

function sentenceOn({ takes_seeds: takesSeeds, takes_photos: takesPhotos }) {
  const how = "gauganpipe train --new --set model.style_encoder=true";
  if (!takesSeeds && !takesPhotos) return `This run paints a map in one way only. One with styles: ${how}`;
  if (!takesPhotos) return `This run draws its styles from seeds. One that takes photos too: ${how}`;
  return takesSeeds ? "" : "This run takes its styles from photos alone.";
}

// As text; "" where it is none.
function seedOf({ style }) {
  return style.startsWith("seed:") ? style.slice(5) : "";
}

function same(one, other) {
  return one.style === other.style && one.to === other.to && one.share === other.share;
}

function picture(address) {
  return Object.assign(new Image(), { src: address, alt: "", draggable: false });
}

async function photoThumbnail(file) {
  const bitmap = await createImageBitmap(file).catch(() => null); // of what a browser cannot show
  return bitmap && thumbnailOf(bitmap, bitmap.width, bitmap.height);
}
