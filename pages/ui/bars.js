// A bar a layer: what stays of its units. Dragging an end, or the arrow keys, changes how many;
// parameters and multiply-adds follow at once, from what each unit costs. Released, it is told.
const states = new WeakMap();
const FINE = 5; // pixels a unit must have to be drawn by itself
const WAIT = 500; // milliseconds after a key before the server is told

function put(parent, kind, attributes = {}, text = "") {
  const element = document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  parent.append(element);
  return element;
}

function cost(costs, keep) {
  const sum = { params: 0, macs: 0 };
  for (const one of costs) {
    const many = one.dims.reduce((product, [fixed, of]) => product * Object.entries(of).reduce((side, [name, per]) => side + per * keep[name], fixed), 1);
    if (one.params) sum.params += Math.round(many);
    sum.macs += Math.round(one.times * many);
  }
  return sum;
}

function bytes(number) {
  for (const [unit, step] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (number >= step) return `${Number((number / step).toPrecision(3))}\u00a0${unit}`;
  }
  return `${number}\u00a0B`;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".bars");
  const rows = root.querySelector(".rows");
  const say = voice(root, data);
  const sums = root.querySelector(".sums");
  const rgb = getComputedStyle(root).color.match(/\d+/g).map(Number);
  const dark = rgb[0] + rgb[1] + rgb[2] > 380;
  root.classList.toggle("dark", dark);
  root.classList.toggle("light", !dark);
  root.querySelector(".about").textContent = data.about;
  const state = states.get(root) ?? {};
  states.set(root, state);
  clearTimeout(state.later);
  const names = Object.keys(data.sizes);
  const largest = Math.max(...Object.values(data.sizes));
  const full = cost(data.costs, data.sizes);
  const keep = { ...data.keep };
  const focus = rows.getRootNode().activeElement?.dataset.name;

  const tell = () => {
    clearTimeout(state.later);
    if (names.some((name) => keep[name] !== data.keep[name])) setTriggerValue("kept", keep);
  };
  const total = () => {
    const now = cost(data.costs, keep);
    const units = (of) => Object.values(of).reduce((a, b) => a + b, 0);
    const many = (n) => n.toLocaleString("en");
    const share = (part, whole) => `${((100 * part) / whole).toFixed(1)}\u00a0%`;
    const told = [
      [say("{units} left", { units: `${data.noun[0].toUpperCase()}${data.noun.slice(1)}` }), many(units(keep)), say("of {all}", { all: many(units(data.sizes)) })],
      [say("Parameters"), many(now.params), say("{n} of {all}", { n: share(now.params, full.params), all: many(full.params) })],
      [say("Multiply-adds"), many(now.macs), say("{n} of {all}", { n: share(now.macs, full.macs), all: many(full.macs) })],
      [say("File"), bytes(4 * now.params), say("of {size}, as float32", { size: bytes(4 * full.params) })],
    ];
    sums.replaceChildren();
    for (const [label, value, of] of told) {
      const box = put(sums, "div");
      put(box, "dt", {}, label);
      put(put(box, "dd", {}, value), "span", {}, of);
    }
  };

  rows.replaceChildren();
  for (const name of names) {
    const size = data.sizes[name];
    const row = put(rows, "div", { class: "row" });
    put(row, "span", { title: name }, name);
    const space = put(row, "div");
    const track = put(space, "div", { class: "track" });
    const share = Math.max(0.2, Math.sqrt(size / largest)); // a root, or narrow layers were specks
    track.style.width = `${100 * share}%`;
    const fill = put(track, "div", { class: "fill" });
    if (share * space.clientWidth >= FINE * size) put(track, "div", { class: "units" }).style.setProperty("--n", size);
    const grip = put(track, "div", {
      class: "grip", role: "slider", tabindex: 0, "aria-label": say("{units} of {layer} that stay", { units: data.noun, layer: name }),
      "aria-valuemin": 1, "aria-valuemax": size,
    });
    grip.dataset.name = name;
    const words = put(row, "span");
    const set = (kept) => {
      keep[name] = Math.min(size, Math.max(1, Math.round(kept)));
      fill.style.width = grip.style.left = `${(100 * keep[name]) / size}%`;
      grip.setAttribute("aria-valuenow", keep[name]);
      words.textContent = say("{n} of {all}", { n: keep[name], all: size });
    };
    set(keep[name]);
    const moved = (kept) => (set(kept), total());
    const at = (event) => {
      const box = track.getBoundingClientRect();
      return (size * (event.clientX - box.left)) / box.width;
    };
    track.onpointerdown = (event) => {
      event.preventDefault();
      track.setPointerCapture(event.pointerId);
      grip.focus();
      moved(at(event));
      track.onpointermove = (next) => moved(at(next));
    };
    track.onpointerup = track.onpointercancel = () => {
      track.onpointermove = null;
      tell();
    };
    grip.onkeydown = (event) => {
      const page = Math.max(1, Math.round(size / 10));
      const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -page, PageUp: page, Home: -size, End: size };
      if (!(event.key in steps)) return;
      event.preventDefault();
      moved(keep[name] + steps[event.key]);
      clearTimeout(state.later);
      state.later = setTimeout(tell, WAIT);
    };
    if (name === focus) grip.focus();
  }
  total();
  return () => clearTimeout(state.later);
}
