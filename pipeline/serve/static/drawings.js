// The drawing, kept in this browser against a closed tab.

const STORE = "drawings", KEY = "newest";

// drawing: {run, names: of the classes, width, height, ids: Uint8Array, styles}.
export async function keepDrawing(drawing) {
  const store = (await database()).transaction(STORE, "readwrite").objectStore(STORE);
  await done(store.put(drawing, KEY));
}

// The drawing that was kept, or undefined.
export async function keptDrawing() {
  return done((await database()).transaction(STORE).objectStore(STORE).get(KEY));
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
