// Speaking with the server: JSON and raw bytes; what it cannot do comes back as an Error with its sentence.

export async function ask(address) {
  return (await answer(fetch(address, { cache: "no-store" }))).json();
}

export async function askBytes(address) {
  const found = await answer(fetch(address, { cache: "no-store" }));
  return { bytes: new Uint8Array(await found.arrayBuffer()), headers: found.headers };
}

// what: bytes, or an object that is sent as JSON.
export async function send(method, address, what) {
  const isRaw = what instanceof Uint8Array;
  const headers = { "content-type": isRaw ? "application/octet-stream" : "application/json" };
  return (await answer(fetch(address, { method, headers, body: isRaw ? what : JSON.stringify(what) }))).json();
}

// body: bytes, or a file.    signal: of an AbortController.    Returns {blob, headers}.
export async function post(address, body, { signal } = {}) {
  const headers = { "content-type": "application/octet-stream" };
  const found = await answer(fetch(address, { method: "POST", headers, body, signal }));
  return { blob: await reach(found.blob()), headers: found.headers };
}

// Errors have a `status`, 0 when nothing came; `waitSeconds` when the server says after how long to ask again.
async function answer(request) {
  const response = await reach(request);
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  const waitSeconds = Number(response.headers.get("retry-after")) || 0;
  const sentence = said.error ?? `The server says ${response.status}.`;
  throw Object.assign(new Error(sentence), { status: response.status, waitSeconds });
}

async function reach(request) {
  try {
    return await request;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw Object.assign(new Error("The server does not answer. Is it still running?"), { status: 0 });
  }
}
