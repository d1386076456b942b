// A threshold over real weights. Everything was computed before: nothing here asks the server
// while the line moves; where it was let go is told, so that the link and the run know it.
const LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.!";
const SPACE = "\u00a0";
const kept = new WeakMap();

const share = (part) => {
  if (part > 0.999 && part < 1) return `>99.9${SPACE}%`;
  return `${(100 * part).toFixed(1).replace(/\.0$/, "")}${SPACE}%`;
};
const many = (n) => n.toLocaleString("en");
const signedNumber = (v, digits) => (v < 0 ? "−" : "") + (v === 0 ? "0" : Math.abs(v).toPrecision(digits));
const small = (v) => signedNumber(v, 3);

function put(parent, kind, text = "", name = "") {
  const made = document.createElement(kind);
  if (text) made.textContent = text;
  if (name) made.className = name;
  parent.append(made);
  return made;
}

function sharp(canvas) {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  return [pen, width, height];
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".blade");
  const say = voice(root, data);
  const what = (place) => (place === "all" ? say("All layers") : place);
  const find = (name) => root.querySelector(name);
  const [bars, curve, line] = [find(".bars"), find(".curve"), find(".line")];
  const rgb = getComputedStyle(root).color.match(/\d+/g).map(Number);
  const dark = rgb[0] + rgb[1] + rgb[2] > 380;
  root.classList.toggle("dark", dark);
  root.classList.toggle("light", !dark);
  const look = dark ? data.dark : data.light;
  const state = kept.get(root) ?? {};
  kept.set(root, state);
  if (state.of !== data.of) Object.assign(state, { of: data.of, place: data.place, stop: data.stop });
  const places = ["all", ...data.layers.map((layer) => layer.name)];
  const rows = () => data.cuts[state.place];
  const row = () => rows()[state.stop];
  line.max = String(rows().length - 1);

  const signed = look.signed.map((colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16)));
  const middle = (signed.length - 1) / 2;
  const colours = Array.from({ length: 62 }, (_, i) => {
    const strength = 0.25 + 0.75 * Math.min(1, (i % 31) / 18);
    return signed[Math.round(middle + (i < 31 ? 1 : -1) * strength * middle)];
  });

  function numbers() {
    const list = find(".numbers");
    const now = row();
    list.replaceChildren();
    const entry = (label, value, note, name) => {
      const box = put(list, "div", "", name);
      put(box, "dt", label);
      put(put(box, "dd", value), "small", note);
    };
    const of = data.histograms[state.place].counts.reduce((a, b) => a + b, 0);
    const lost = 100 * (data.dense - now.magnitude);
    const change = Math.abs(lost) < 0.05 ? say("as with all weights") : lost > 0 ? say("{n} points below dense", { n: lost.toFixed(1) }) : say("{n} points above dense", { n: (-lost).toFixed(1) });
    entry(say("Threshold"), small(now.threshold), say("smaller ones go, whatever their sign"));
    entry(say("Gone"), share(now.gone / of), say("{n} of {all}", { n: many(now.gone), all: many(of) }));
    entry(say("Right, smallest cut"), share(now.magnitude), change);
    entry(say("Right, as many at random"), share(now.random), say("mean of {n} draws", { n: data.draws }), "ghost");
  }

  function drawBars() {
    const [pen, width, height] = sharp(bars);
    const { counts, most } = data.histograms[state.place];
    const at = Math.min(row().threshold, most);
    const box = { left: 8, wide: width - 16, high: height - 30 };
    const x = (v) => box.left + ((v + most) / (2 * most)) * box.wide;
    const top = Math.sqrt(Math.max(...counts));
    const y = (n) => 10 + (1 - Math.sqrt(n) / top) * (box.high - 10);
    const wide = box.wide / counts.length;
    const fill = (colour) => {
      pen.fillStyle = colour;
      counts.forEach((n, i) => n && pen.fillRect(box.left + i * wide + 0.5, y(n), wide - 1, box.high - y(n)));
    };
    fill(look.methods[0]);
    pen.save();
    pen.beginPath();
    pen.rect(x(-at), 0, x(at) - x(-at), height);
    pen.clip();
    pen.clearRect(0, 0, width, height);
    fill(look.faint);
    pen.restore();
    const left = 1 - row().gone / counts.reduce((a, b) => a + b, 0);
    pen.strokeStyle = look.muted;
    pen.globalAlpha = 0.8;
    pen.setLineDash([3, 3]);
    pen.beginPath();
    counts.forEach((n, i) => {
      pen.lineTo(box.left + i * wide, y(n * left));
      pen.lineTo(box.left + (i + 1) * wide, y(n * left));
    });
    pen.stroke();
    pen.globalAlpha = 1;
    pen.setLineDash([]);
    pen.font = `13px ${getComputedStyle(root).fontFamily}`;
    pen.textAlign = "center";
    pen.fillStyle = look.muted;
    pen.fillRect(box.left, box.high, box.wide, 1);
    const step = [0.05, 0.1, 0.2, 0.25, 0.5, 1, 2, 5].find((s) => most / s <= 4) ?? most / 2;
    for (let t = -Math.floor(most / step); t <= most / step; t++) {
      pen.fillText(String(Number((t * step).toPrecision(3))).replace("-", "−"), x(t * step), height - 8);
    }
    for (const side of [-at, at]) {
      pen.strokeStyle = pen.fillStyle = look.ink;
      pen.lineWidth = 2;
      pen.beginPath();
      pen.moveTo(x(side), 4);
      pen.lineTo(x(side), box.high);
      pen.stroke();
      pen.beginPath();
      pen.arc(x(side), 9, 6, 0, 7);
      pen.fill();
    }
    const n = row().gone;
    bars.setAttribute("aria-label", say("Histogram of the weights of {layer}. {n} lie between the two lines at {at} and would go.", { layer: what(state.place), n: many(n), at: small(at) }));
  }

  function drawCurve() {
    const [pen, width, height] = sharp(curve);
    const box = { left: 44, wide: width - 58, top: 8, high: height - 38 };
    const x = (s) => box.left + s * box.wide;
    const y = (a) => box.top + (1 - a) * box.high;
    pen.font = `13px ${getComputedStyle(root).fontFamily}`;
    pen.fillStyle = look.muted;
    pen.strokeStyle = look.grid;
    pen.textAlign = "right";
    for (const a of [0, 0.5, 1]) {
      pen.fillText(`${100 * a}${SPACE}%`, box.left - 6, y(a) + 4);
      pen.beginPath();
      pen.moveTo(x(0), y(a));
      pen.lineTo(x(1), y(a));
      pen.stroke();
    }
    pen.textAlign = "center";
    for (const s of [0, 0.5, 1]) pen.fillText(`${100 * s}${SPACE}%`, Math.min(x(s), width - 20), height - 14);
    pen.fillText(say("gone"), x(0.75), height - 14);
    const path = (name, colour, dash, wide, alpha) => {
      pen.strokeStyle = colour;
      pen.globalAlpha = alpha;
      pen.lineWidth = wide;
      pen.setLineDash(dash);
      pen.beginPath();
      for (const one of rows()) pen.lineTo(x(one.sparsity), y(one[name]));
      pen.stroke();
      pen.setLineDash([]);
      pen.globalAlpha = 1;
      pen.fillStyle = colour;
      pen.beginPath();
      pen.arc(x(row().sparsity), y(row()[name]), name === "random" ? 4 : 6, 0, 7);
      pen.fill();
    };
    path("random", look.muted, [5, 4], 1.5, 0.7);
    path("magnitude", look.methods[0], [], 2.5, 1);
    pen.textAlign = "left";
    pen.fillStyle = look.methods[0];
    pen.fillText(say("smallest first"), x(0) + 6, y(data.dense) + 18);
    const fallen = rows().find((one) => one.random < 0.55 * data.dense) ?? rows().at(-1);
    pen.textAlign = "right";
    pen.fillStyle = look.muted;
    pen.fillText(say("at random"), x(fallen.sparsity) - 12, y(fallen.random) + 14);
    curve.setAttribute("aria-label", say("Accuracy against the share gone. At {gone}: {right} right, {random} at random.", { gone: share(row().sparsity), right: share(row().magnitude), random: share(row().random) }));
  }

  function near() {
    const place = find(".near");
    place.replaceChildren();
    const side = (name, words, found) => {
      const table = put(place, "table", "", name);
      put(table, "caption", words);
      const body = put(table, "tbody");
      for (const [value, layer, ...at] of found) {
        const cell = put(put(body, "tr"), "td");
        put(cell, name === "goes" ? "s" : "b", signedNumber(value, 5));
        const where = at.length === 2 ? say("row {row}, column {column}", { row: at[0], column: at[1] }) : say("at {place}", { place: at.join(", ") });
        put(cell, "small", `${layer}, ${where}`);
      }
      if (!found.length) put(put(put(body, "tr"), "td"), "small", say("none"));
    };
    side("goes", say("would go"), row().near.goes);
    side("stays", say("would stay"), row().near.stays);
  }

  const list = find(".layers");
  list.replaceChildren();
  const parts = data.layers.map((layer) => {
    const box = put(list, "div");
    const words = put(box, "p");
    const bar = put(put(box, "div", "", "track"), "i");
    const canvas = put(box, "canvas");
    canvas.setAttribute("role", "img");
    canvas.width = layer.wide;
    canvas.height = layer.shade.length / layer.wide;
    const ends = Object.fromEntries(Object.entries(layer.ends).map(([p, text]) => [p, Uint8Array.from(text, (c) => LETTERS.indexOf(c))]));
    return { layer, box, words, bar, canvas, ends, shade: Uint8Array.from(layer.shade, (c) => LETTERS.indexOf(c)) };
  });

  function drawLayer({ layer, box, words, bar, canvas, ends, shade }, place) {
    const left = row().kept[place];
    const cut = ends[state.place];
    box.classList.toggle("still", !cut);
    words.replaceChildren();
    words.className = left ? "" : "empty";
    put(words, "b", left ? layer.name : say("✕ {layer} is empty", { layer: layer.name }));
    put(words, "span", say("{n} of {all} left", { n: many(left), all: many(layer.units) }));
    bar.style.width = `${(100 * left) / layer.units}%`;
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(canvas.width, canvas.height);
    shade.forEach((one, i) => {
      if (cut && cut[i] <= state.stop) return;
      const [r, g, b] = colours[one];
      image.data.set([r, g, b, 255], 4 * i);
    });
    pen.putImageData(image, 0, 0);
    canvas.setAttribute("aria-label", say("Weights of {layer}; {n} of {all} are left.", { layer: layer.name, n: many(left), all: many(layer.units) }));
  }

  function draw() {
    if (!root.clientWidth) return;
    line.value = String(state.stop);
    line.setAttribute("aria-valuetext", say("{threshold}: {gone} gone, {right} right", { threshold: small(row().threshold), gone: share(row().sparsity), right: share(row().magnitude) }));
    for (const button of find(".where").children) {
      const on = button.dataset.place === state.place;
      button.setAttribute("aria-checked", String(on));
      button.tabIndex = on ? 0 : -1;
    }
    numbers();
    drawBars();
    drawCurve();
    near();
    parts.forEach(drawLayer);
    root.dataset.at = `${state.place} ${state.stop}`;
  }

  const told = () => {
    const at = `${state.place} ${state.stop}`;
    if (state.told === at) return;
    state.told = at;
    setStateValue("at", { place: state.place, stop: state.stop });
  };
  const where = find(".where");
  where.replaceChildren();
  const choose = (place) => {
    state.place = place;
    state.draw();
    told();
  };
  places.forEach((place, i) => {
    const button = put(where, "button", what(place));
    button.type = "button";
    button.dataset.place = place;
    button.setAttribute("role", "radio");
    button.onclick = () => choose(place);
    button.onkeydown = (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const next = (i + step + places.length) % places.length;
      choose(places[next]);
      where.children[next].focus();
    };
  });
  find(".key").textContent =
    say("Between the lines: would go. Dashed: what as many random cuts would leave. A bar's height is the root of its count, so that the few large weights are seen too.");

  line.oninput = () => {
    state.stop = Number(line.value);
    state.draw();
  };
  line.onchange = told;
  const follow = (event) => {
    const { most } = data.histograms[state.place];
    const box = bars.getBoundingClientRect();
    const value = Math.abs((2 * (event.clientX - box.left - 8)) / (box.width - 16) - 1) * most;
    let best = 0;
    rows().forEach((one, i) => {
      if (Math.abs(one.threshold - value) < Math.abs(rows()[best].threshold - value)) best = i;
    });
    if (best === state.stop) return;
    state.stop = best;
    state.draw();
  };
  bars.onpointerdown = (event) => {
    bars.setPointerCapture(event.pointerId);
    bars.onpointermove = follow;
    follow(event);
  };
  bars.onpointerup = bars.onpointercancel = () => {
    bars.onpointermove = null;
    told();
  };
  state.draw = draw;
  state.told ??= `${state.place} ${state.stop}`;
  const resized = new ResizeObserver(() => state.draw());
  resized.observe(root);
  draw();
  return () => resized.disconnect();
}
