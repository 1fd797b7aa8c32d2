// The palette: a button a class; first those that the picture shows, then unknown, then the others.
// Where there are many, they are found by a part of their name.

import { UNKNOWN } from "./labels.js";

const MANY = 30;

export class Palette {
  #classes = [];
  #buttons = new Map(); // id -> button

  // list: where the buttons go.    finder: a field for a part of a name.    onChoose: told the id that is chosen.
  constructor(list, finder, onChoose) {
    this.list = list;
    this.finder = finder;
    this.onChoose = onChoose;
    finder.addEventListener("input", () => this.#find(finder.value));
    finder.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.chooseAt(0);
      if (event.key === "Enter" || event.key === "Escape") this.#find("");
    });
  }

  // classes: [{id, name, colour}], in the order of the list.    hasUnknown: whether unknown can be painted.
  // hasKeys: says beside the first nine which key takes them.
  show(classes, { hasUnknown = true, hasKeys = false } = {}) {
    this.#classes = hasUnknown ? [...classes, { id: UNKNOWN, name: "unknown", colour: "" }] : classes;
    this.#buttons = new Map(this.#classes.map((one) => [one.id, this.#button(one)]));
    this.list.replaceChildren(...this.#buttons.values());
    if (hasKeys) [...this.list.children].slice(0, 9).forEach((one, place) => (one.lastChild.textContent = place + 1));
    this.finder.hidden = classes.length < MANY;
    this.choose(this.#classes[0].id);
  }

  choose(id) {
    if (!this.#buttons.has(id)) return;
    for (const [other, button] of this.#buttons) {
      button.setAttribute("aria-checked", other === id);
      button.tabIndex = other === id ? 0 : -1;
    }
    this.onChoose(id);
  }

  // By its place among those that are shown.
  chooseAt(place) {
    const button = [...this.list.children].filter((one) => !one.hidden)[place];
    if (button) this.choose(Number(button.dataset.id));
  }

  nameOf(id) {
    return this.#classes.find((one) => one.id === id)?.name ?? `class ${id}`;
  }

  // counts: pixels of each id.    keepOrder: the list stays as it is, so that nothing moves under a person's hand.
  count(counts, { keepOrder = false } = {}) {
    const all = counts.reduce((sum, one) => sum + one, 0) || 1;
    for (const [id, button] of this.#buttons) {
      const share = counts[id] / all;
      button.lastChild.textContent = share ? (share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`) : "";
      button.classList.toggle("absent", !share);
    }
    if (keepOrder) return;
    const rank = ({ id }) => (id === UNKNOWN ? 1 : counts[id] ? 0 : 2);
    const order = [...this.#classes].sort(
      (one, other) => rank(one) - rank(other) || counts[other.id] - counts[one.id] || one.id - other.id,
    );
    this.list.replaceChildren(...order.map((one) => this.#buttons.get(one.id)));
  }

  #find(part) {
    const wanted = part.trim().toLowerCase();
    if (!part) this.finder.value = "";
    for (const { id, name } of this.#classes) this.#buttons.get(id).hidden = !name.toLowerCase().includes(wanted);
    if (!part) this.finder.blur();
  }

  #button({ id, name, colour }) {
    const button = document.createElement("button"), swatch = document.createElement("i");
    swatch.style.background = colour;
    if (id === UNKNOWN) swatch.className = "unknown";
    button.append(swatch, Object.assign(document.createElement("span"), { textContent: name }), document.createElement("small"));
    button.dataset.id = id;
    button.title = name;
    button.setAttribute("role", "radio");
    button.addEventListener("click", () => this.choose(id));
    button.addEventListener("keydown", (event) => this.#walk(event));
    return button;
  }

  // Up and down go through the list, as in any group of choices.
  #walk(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const next = step && event.currentTarget[step > 0 ? "nextElementSibling" : "previousElementSibling"];
    if (!next) return;
    event.preventDefault();
    this.choose(Number(next.dataset.id));
    next.focus();
  }
}
