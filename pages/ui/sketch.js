// Seven dots to drag, or one stroke through all of them; then the truth is drawn over it. The
// truth is not here before it is asked for.
const SVG = "http://www.w3.org/2000/svg";
const SPACE = "\u00a0";
const kept = new WeakMap();

function make(kind, parent, attributes = {}, text = "") {
  const element = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text) element.textContent = text;
  parent.append(element);
  return element;
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".sketch");
  const say = voice(root, data);
  const svg = root.querySelector("svg");
  const rgb = getComputedStyle(root).color.match(/\d+/g).map(Number);
  root.classList.toggle("dark", rgb[0] + rgb[1] + rgb[2] > 380);
  const own = data.dots !== null;
  const frozen = !own || data.truth !== null;
  root.classList.toggle("frozen", frozen);
  const state = kept.get(root) ?? {};
  kept.set(root, state);
  if (state.of !== data.of) Object.assign(state, { of: data.of, dots: own ? [...data.dots] : [] });
  const last = data.stops.length - 1;
  const HIGH = 400;
  const box = { left: 52, top: 14, high: HIGH - 66 };
  const wide = () => Math.max(200, svg.clientWidth - box.left - 62);
  const step = () => wide() / (last + 1);
  // Evenly spaced dots; before the first of them is the network that has lost nothing.
  const place = (s) => {
    if (s <= data.stops[0]) return s / data.stops[0] - 1;
    const i = data.stops.findIndex((stop) => s <= stop + 1e-9);
    if (i < 0) return last;
    return i - 1 + (s - data.stops[i - 1]) / (data.stops[i] - data.stops[i - 1]);
  };
  const x = (i) => box.left + (i + 1) * step();
  const y = (a) => box.top + (1 - Math.min(1, Math.max(0, a))) * box.high;
  const path = (points) => points.map(([i, a], n) => `${n ? "L" : "M"}${x(i).toFixed(1)} ${y(a).toFixed(1)}`).join("");
  const start = data.dense === null ? [] : [[-1, data.dense]];  // of a sweep that goes on it is not known
  const line = (dots) => path([...start, ...dots.map((d, i) => [i, d / 100])]);

  function frame() {
    for (const a of [0, 0.25, 0.5, 0.75, 1]) {
      make("line", svg, { class: "grid", x1: box.left, x2: x(last), y1: y(a), y2: y(a) });
      make("text", svg, { x: box.left - 8, y: y(a) + 4, "text-anchor": "end" }, `${100 * a}${SPACE}%`);
    }
    if (start.length) make("line", svg, { class: "dense", x1: box.left, x2: x(last), y1: y(data.dense), y2: y(data.dense) });
    make("text", svg, { x: box.left, y: box.top + box.high + 20, "text-anchor": "middle" }, "0");
    data.stops.forEach((s, i) => make("text", svg, { x: x(i), y: box.top + box.high + 20, "text-anchor": "middle" }, `${Number((100 * s).toPrecision(3))}${step() > 44 ? `${SPACE}%` : ""}`));
    make("text", svg, { x: box.left + wide() / 2, y: HIGH - 10, "text-anchor": "middle" }, say("Share removed"));
  }

  function reveal() {
    const { sparsity, mean, spread } = data.truth;
    const points = sparsity.map((s, i) => [place(s), mean[i], spread[i]]).filter(([i]) => i <= last);
    const upper = points.map(([i, m, d]) => [i, m + d]);
    const lower = points.map(([i, m, d]) => [i, m - d]).reverse();
    make("path", svg, { class: "band", d: `${path([...upper, ...lower])}Z` });
    const fresh = state.revealed === data.of ? "" : " fresh";
    state.revealed = data.of;
    make("path", svg, { class: `line truth${fresh}`, pathLength: 1, d: path([...start, ...points]) });
    const end = points.at(-1);
    make("text", svg, { class: "named of-truth", x: x(end[0]) + 10, y: y(end[1]) + 4 }, say("truth"));
    return end[1];
  }

  function handle(i) {
    const value = state.dots[i];
    const words = { role: "slider", "aria-label": say("Accuracy with {share} % removed", { share: 100 * data.stops[i] }), "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": value, "aria-valuetext": `${value} %`, "aria-orientation": "vertical", "aria-disabled": frozen };
    const group = make("g", svg, { class: "handle", tabindex: frozen ? -1 : 0, ...words });
    make("circle", group, { class: "halo", cx: x(i), cy: y(value / 100), r: frozen ? 0 : 16 });
    make("circle", group, { class: "dot", cx: x(i), cy: y(value / 100), r: 7 });
    if (!frozen) make("text", group, { x: x(i), y: y(value / 100) - 20 < 12 ? y(value / 100) + 32 : y(value / 100) - 20, "text-anchor": "middle", "aria-hidden": "true" }, String(value));
    group.onkeydown = (event) => {
      const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10, Home: -100, End: 100 }[event.key];
      if (by === undefined || frozen) return;
      event.preventDefault();
      set(i, state.dots[i] + by);
      told();
    };
  }

  const handles = () => [...svg.querySelectorAll(".handle")];

  function draw() {
    if (!svg.clientWidth) return;
    const held = handles().indexOf(root.getRootNode().activeElement);  // drawn anew, it keeps the keys
    svg.replaceChildren();
    svg.setAttribute("aria-label", data.alt);
    frame();
    for (const other of data.others) make("path", svg, { class: "other", d: line(other) });
    const end = data.truth ? reveal() : null;
    if (!own) return;
    make("path", svg, { class: "line mine", d: line(state.dots) });
    const at = state.dots[last] / 100;
    const close = end !== null && Math.abs(end - at) < 0.06;
    make("text", svg, { class: "named of-mine", x: x(last) + 18, y: y(at) + (close ? (at > end ? -12 : 22) : 4) }, "you");
    state.dots.forEach((_, i) => handle(i));
    handles()[held]?.focus({ preventScroll: true });
    root.dataset.dots = state.dots.join(".");
  }

  const set = (i, value) => {
    state.dots[i] = Math.round(Math.min(100, Math.max(0, value)));
    state.draw();
  };
  const told = () => setStateValue("dots", [...state.dots]);
  const follow = (event) => {
    const rect = svg.getBoundingClientRect();
    const i = Math.min(last, Math.max(0, Math.round((event.clientX - rect.left - box.left) / step() - 1)));
    set(i, 100 * (1 - (event.clientY - rect.top - box.top) / box.high));
  };
  svg.onpointerdown = (event) => {
    if (frozen) return;
    svg.setPointerCapture(event.pointerId);
    state.drawing = true;
    follow(event);
  };
  svg.onpointermove = (event) => state.drawing && !frozen && follow(event);
  svg.onpointerup = svg.onpointercancel = () => {
    if (state.drawing) told();
    state.drawing = false;
  };
  root.querySelector(".key").textContent = data.key;
  state.draw = draw;
  const resized = new ResizeObserver(() => state.draw());
  resized.observe(root);
  draw();
  return () => resized.disconnect();
}
