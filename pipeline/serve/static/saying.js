// Sentences of a page to the person at it: shown for some seconds, and read out.

const SECONDS = 8;

let silence = 0;

// sentence: "" takes back what was said.
export function say(sentence) {
  const said = document.getElementById("said");
  clearTimeout(silence);
  said.textContent = sentence;
  said.hidden = !sentence;
  if (sentence) silence = setTimeout(() => say(""), 1000 * SECONDS);
}
