export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".tally");
  const many = (n) => n.toLocaleString("en");
  const share = (part) => `${(100 * part).toFixed(1)}\u00a0%`;

  function entry(label, value, change) {
    const box = put(root, "div");
    put(box, "dt", label);
    const number = put(box, "dd", value);
    if (change === undefined) return;
    const flat = Math.abs(change) < 0.05;
    const words = `${change > 0 ? "↑ +" : "↓ −"}${Math.abs(change).toFixed(1)} against the full tree`;
    put(number, "span", flat ? "as the full tree" : words, {
      class: flat ? "same" : change > 0 ? "better" : "worse",
    });
  }

  return listen(root, data, (found) => {
    root.replaceChildren();
    entry("Leaves", `${many(found.size)} of ${many(data.full.size)}`);
    entry(found.label ?? data.label, found.second);
    entry("Training rows right", share(found.train));
    entry("Validation rows right", share(found.validation), 100 * (found.validation - data.full.validation));
  });
}
