// Speaking with the server: JSON and raw bytes; what it cannot do comes back as an Error with its sentence.

export async function ask(address) {
  return (await answer(fetch(address))).json();
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

async function answer(request) {
  let response;
  try {
    response = await request;
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  throw Object.assign(new Error(said.error ?? `The server says ${response.status}.`), { status: response.status });
}
