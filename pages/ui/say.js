// What a component says stands in its files in English; data.words has it in the reader's language.
function voice(root, data) {
  const say = (text, values = {}) =>
    (data.words?.[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  if (root.dataset.said) return say;
  root.dataset.said = "yes";
  for (const element of [root, ...root.querySelectorAll("*")]) {
    const label = element.getAttribute("aria-label");
    if (label) element.setAttribute("aria-label", say(label));
    for (const part of element.childNodes) {
      const text = part.nodeType === Node.TEXT_NODE ? part.data.trim() : "";
      if (text) part.data = part.data.replace(text, () => say(text));
    }
  }
  return say;
}

