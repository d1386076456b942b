export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".tally");
  const say = voice(root, data);
  const many = (n) => n.toLocaleString("en");
  const share = (part) => `${(100 * part).toFixed(1)}\u00a0%`;

  function entry(label, value, change) {
    const box = put(root, "div");
    put(box, "dt", label);
    const number = put(box, "dd", value);
    if (change === undefined) return;
    const flat = Math.abs(change) < 0.05;
    const by = `${change > 0 ? "↑ +" : "↓ −"}${Math.abs(change).toFixed(1)}`;
    put(number, "span", flat ? say("as the full tree") : say("{by} against the full tree", { by }), {
      class: flat ? "same" : change > 0 ? "better" : "worse",
    });
  }

  return listen(root, data, (found) => {
    root.replaceChildren();
    entry(say("Leaves"), say("{n} of {all}", { n: many(found.size), all: many(data.full.size) }));
    entry(found.label ?? data.label, found.second);
    entry(say("Training rows right"), share(found.train));
    entry(say("Validation rows right"), share(found.validation), 100 * (found.validation - data.full.validation));
  });
}
