export default function ({ data, parentElement }) {
  const table = parentElement.querySelector(".taken");
  const say = voice(table, data);
  const size = data.classes.length;
  table.classList.toggle("small", size > 6);

  return listen(table, data, (found) => {
    table.replaceChildren();
    put(table, "caption", say("Validation rows: true class down, answer across"));
    const head = put(put(table, "thead"), "tr");
    put(head, "td");
    for (const name of data.classes) put(head, "th", name, { scope: "col" });
    const body = put(table, "tbody");
    for (let truth = 0; truth < size; truth++) {
      const cells = found.confusion.slice(truth * size, (truth + 1) * size);
      const total = Math.max(1, cells.reduce((a, b) => a + b, 0));
      const row = put(body, "tr");
      put(row, "th", data.classes[truth], { scope: "row" });
      cells.forEach((count, answer) => {
        const share = `--share:${Math.round((100 * count) / total)}%`;
        put(row, "td", count ? count.toLocaleString("en") : "·", { class: truth === answer ? "right" : "wrong", style: share });
      });
    }
  });
}
