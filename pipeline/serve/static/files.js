// Files in and out of a page: chosen, dropped and pasted pictures; what is saved, and copied.

const PICTURES = "image/*,.heic,.heif,.avif,.webp,.tif,.tiff";

// A file that a person picks, or null.
export function choosePicture(accept = PICTURES) {
  const field = Object.assign(document.createElement("input"), { type: "file", accept, hidden: true });
  document.body.append(field); // what is nowhere on the page may be collected while a person chooses
  return new Promise((resolve) => {
    field.addEventListener("change", () => resolve(field.files[0] ?? null));
    field.addEventListener("cancel", () => resolve(null));
    field.click();
  }).finally(() => field.remove());
}

export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// Raises: Error with a sentence where the browser does not let a page copy.
export async function copyPicture(blob) {
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
  } catch {
    throw new Error("This browser does not let the page copy a picture. Save it instead.");
  }
}

// Takes pictures that are dropped on one of the zones, or pasted.
// overlay: shown while something is dragged.    zones: [{element, take(file)}].    paste: takes a pasted file.
export function takeDropped(overlay, zones, paste) {
  const hasFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const show = (isShown) => (overlay.hidden = !isShown);
  document.addEventListener("dragenter", (event) => hasFile(event) && show(true));
  document.addEventListener("dragover", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    for (const { element } of zones) element.classList.toggle("over", element.contains(event.target));
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget === null && show(false));
  document.addEventListener("drop", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    show(false);
    const zone = zones.find(({ element }) => element.contains(event.target)) ?? zones[0];
    const file = event.dataTransfer.files[0];
    if (file) zone.take(file);
  });
  document.addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (!file) return;
    event.preventDefault();
    paste(file);
  });
}
