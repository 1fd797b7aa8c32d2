// What this browser keeps: of every table of classes the drawing that each tab has, and the styles of each network.

const STORE = "drawings", TAB = "gauganpipe.tab", STYLES = "gauganpipe.styles";
const MOST_KEPT = 16; // of one table of classes: the drawings of so many tabs
const AFTER_MS = 400;

// Keeps the drawing a little after it was changed, once for many changes that follow each other.
export class Keeper {
  #timer = 0;

  // drawing: gives {table: the classes as text, map: a LabelMap, styles}.    fail: called where nothing is kept.
  constructor(drawing, fail) {
    this.drawing = drawing;
    this.fail = fail;
  }

  soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.now(), AFTER_MS);
  }

  // The drawing as it is now, where soon() has not kept it yet.
  now() {
    if (!this.#timer) return;
    clearTimeout(this.#timer);
    this.#timer = 0;
    const { table, map, styles } = this.drawing(), { width, height, ids } = map;
    keepDrawing(table, { width, height, ids: ids.slice(), styles }).catch(this.fail);
  }
}

async function keepDrawing(table, drawing) {
  const tab = ownTab(), store = (await database()).transaction(STORE, "readwrite").objectStore(STORE);
  await done(store.put({ ...drawing, tab, keptAt: Date.now() }, [table, tab]));
}

// The drawing that this tab has kept of a table of classes, or the newest of all tabs, or undefined.
export async function keptDrawing(table) {
  const store = (await database()).transaction(STORE, "readwrite").objectStore(STORE);
  const found = await done(store.getAll(IDBKeyRange.bound([table], [table, []])));
  const newestFirst = found.sort((one, other) => other.keptAt - one.keptAt), own = ownTab();
  for (const { tab } of newestFirst.slice(MOST_KEPT)) store.delete([table, tab]);
  return newestFirst.find(({ tab }) => tab === own) ?? newestFirst[0];
}

// network: what tells one from another.
export function keptStyles(network) {
  try {
    const kept = JSON.parse(localStorage.getItem(`${STYLES}.${network}`) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

// styles: instead of those that were kept. Throws where there is no room.
export function keepStyles(network, styles) {
  localStorage.setItem(`${STYLES}.${network}`, JSON.stringify(styles));
}

// A name that the tab has until it is closed.
function ownTab() {
  const name = sessionStorage.getItem(TAB) ?? crypto.randomUUID();
  sessionStorage.setItem(TAB, name);
  return name;
}

let opened = null;

function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("gauganpipe", 1);
    request.addEventListener("upgradeneeded", () => request.result.createObjectStore(STORE));
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });
  return opened;
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });
}
