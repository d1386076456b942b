// A decision tree: what was cut is faded, a click (or Enter) cuts a split or brings it back.
// Between two answers of the server it follows the slider by itself (follow.js).
const SVG = "http://www.w3.org/2000/svg";
const HIGH = 430;
const kept = new WeakMap();

function make(kind, parent, attributes = {}, text = "") {
  const element = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text) element.textContent = text;
  parent.append(element);
  return element;
}

const LEVELS = [2, 3, 5, 8, 12];

function layout(data, levels) {
  const shown = data.whole ? data.id.map(() => true) : data.there;
  const x = new Array(data.id.length).fill(0);
  const depth = new Array(data.id.length).fill(0);
  const order = [];
  const up = new Array(data.id.length).fill(-1);
  const folded = {};
  const stack = [0];
  let slots = 0;
  while (stack.length) {
    const node = stack.pop();
    order.push(node);
    let children = [data.right[node], data.left[node]].filter((c) => c >= 0 && shown[c]);
    if (levels && children.length && depth[node] === levels) {
      if (data.there[node] && data.split[node]) folded[node] = endsBelow(data, node);
      children = [];
    }
    if (!children.length) x[node] = slots++ + 0.5;
    for (const child of children) {
      depth[child] = depth[node] + 1;
      up[child] = node;
      stack.push(child);
    }
  }
  for (const node of [...order].reverse()) {
    const [l, r] = [data.left[node], data.right[node]];
    if (l >= 0 && up[l] === node && up[r] === node) x[node] = (x[l] + x[r]) / 2;
  }
  return { x, depth, up, order, slots, folded, deep: Math.max(1, ...order.map((n) => depth[n])) };
}

function endsBelow(data, node) {
  if (!data.there[node]) return 0;
  return data.split[node] ? endsBelow(data, data.left[node]) + endsBelow(data, data.right[node]) : 1;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".grove");
  const view = root.querySelector(".window");
  const svg = root.querySelector("svg");
  const about = root.querySelector(".about");
  const state = kept.get(root) ?? { zoom: 1, focus: 0, tree: "", levels: 0 };
  kept.set(root, state);
  if (state.tree !== data.tree) Object.assign(state, { zoom: 1, focus: 0, tree: data.tree, levels: 0 });

  const say = voice(root, data);
  const rgb = getComputedStyle(root).color.match(/\d+/g).map(Number);
  const dark = rgb[0] + rgb[1] + rgb[2] > 380;
  root.classList.toggle("dark", dark);
  root.classList.toggle("light", !dark);
  const colours = dark ? data.dark : data.light;
  const many = data.classes.length > colours.length;
  const colour = (node) => (many ? data.accent[dark ? 1 : 0] : colours[data.label[node]]);
  let place = layout(data, state.levels);
  const splits = (node) => data.there[node] && data.split[node];

  function words(node) {
    const share = `${Math.round(100 * data.share[node])} % ${data.classes[data.label[node]]}`;
    const told = { asked: data.question[node] || say("Leaf"), n: data.rows[node].toLocaleString("en"), share };
    const head = say("<b>{asked}</b> · {n} examples, {share}.", told);
    if (!data.question[node]) return `${head} ${say("A leaf of the full tree.")}`;
    const [training, validation, leaves] = [data.saved[node], data.held[node], data.more[node]];
    const gain = say("What is below saves {training} training errors and {validation} validation errors with {leaves} more leaves (α {alpha}).", { training, validation, leaves, alpha: data.alpha[node] });
    if (data.asks) return `${head} ${gain} <b>${splits(node) ? say("Click asks why it stays.") : say("Click asks why it goes.")}</b>`;
    if (splits(node)) return `${head} ${gain} <b>${say("Click cuts it.")}</b>`;
    if (data.there[node]) return `${head} ${say("Its split was cut.")} ${gain} <b>${say("Click brings it back.")}</b>`;
    return `${head} ${say("It was cut off.")} <b>${say("Click grows the tree down to it.")}</b>`;
  }

  const escape = (text) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
  data = { ...data, question: data.question.map(escape), classes: data.classes.map(escape) };

  function drawn() {
    const wide = Math.max(260, view.clientWidth - 2);
    const step = Math.max((wide - 24) / place.slots, 1) * state.zoom;
    const row = Math.min(84, Math.max(22, (HIGH - 78) / place.deep)) * Math.min(1.6, Math.max(1, state.zoom ** 0.3));
    const width = Math.max(wide, step * place.slots + 24);
    const high = Math.max(HIGH - 18, row * place.deep + 70);
    svg.setAttribute("width", width);
    svg.setAttribute("height", high);
    svg.replaceChildren();
    const px = (node) => 12 + place.x[node] * step;
    const py = (node) => 30 + place.depth[node] * row;
    const size = (node) => Math.sqrt(data.rows[node] / data.rows[0]);
    const edges = make("g", svg, { role: "presentation" });
    const lines = {};
    for (const node of place.order) {
      const up = place.up[node];
      if (up < 0) continue;
      const middle = (py(up) + py(node)) / 2;
      lines[node] = make("path", edges, {
        class: data.there[node] ? "edge" : "edge cut",
        "stroke-width": data.there[node] ? 1.2 + 6 * size(node) : 1.3,
        d: `M${px(up)},${py(up)} C${px(up)},${middle} ${px(node)},${middle} ${px(node)},${py(node)}`,
      });
    }
    const taken = place.order.map((n) => [px(n) - 8, py(n) - 9, px(n) + 8, py(n) + (data.there[n] && !splits(n) ? 20 : 9), n]);
    const free = (box, own) => box[0] > 0 && box[2] < width && !taken.some((t) => t[4] !== own && t[0] < box[2] && t[2] > box[0] && t[1] < box[3] && t[3] > box[1]);
    const asked = [];
    for (const node of place.order) {
      const inner = data.question[node] && (splits(node) || !data.there[node]);
      const end = !data.question[node];
      const name = data.plain[node];
      const group = make("g", svg, {
        class: `node${data.there[node] ? "" : " cut"}${end ? " end" : ""}${data.last === data.id[node] ? " last" : ""}`,
        role: "treeitem",
        tabindex: node === state.focus ? 0 : -1,
        "aria-label": name,
        "aria-level": place.depth[node] + 1,
        "data-node": data.id[node],
        transform: `translate(${px(node)},${py(node)})`,
      });
      if (data.question[node]) group.setAttribute("aria-expanded", String(Boolean(splits(node))));
      const reach = Math.min(13, Math.max(2.5, step * 0.42));
      if (inner) make("circle", group, { r: Math.min(reach, 3.5 + 6 * size(node)) });
      else {
        const half = Math.min(reach, 4.5 + 7 * size(node));
        make("rect", group, { x: -half, y: -half, width: 2 * half, height: 2 * half, rx: Math.min(4, half / 2), fill: colour(node) });
        if (data.question[node] && half > 6) make("text", group, { class: "plus", y: 4.5 }, "+");
        const said = data.names[data.label[node]];
        const fits = [said, said.slice(0, 5), said.slice(0, 2), said[0]].find((t) => t && t.length * 7 < step * 0.98);
        if (fits && data.there[node]) make("text", group, { y: half + 14 }, fits);
      }
      make("rect", group, { x: -Math.max(6, reach), y: -13, width: 2 * Math.max(6, reach), height: 26, fill: "transparent", stroke: "none", style: "stroke:none;fill:transparent" });
      if (place.folded[node]) make("text", group, { class: "fold", y: 22 }, `+${place.folded[node]}`);
      if (inner && data.there[node]) asked.push([node, py(node) - Math.min(reach, 3.5 + 6 * size(node)) - 6]);
      const path = (on) => {
        for (let n = node; place.up[n] >= 0; n = place.up[n]) lines[n].classList.toggle("onpath", on);
      };
      const tell = () => {
        about.innerHTML = words(node);
        path(true);
      };
      const hush = () => path(false);
      group.onmouseenter = tell;
      group.onmouseleave = hush;
      group.onfocus = tell;
      group.onblur = hush;
      const click = () => {
        if (end && data.there[node]) return;
        state.focus = node;
        state.grab = true;
        setTriggerValue("clicked", data.id[node]);
      };
      group.onclick = click;
      group.onkeydown = (event) => {
        const [l, r] = [data.left[node], data.right[node]];
        const siblings = place.order.filter((n) => place.depth[n] === place.depth[node]);
        const beside = (way) => siblings[siblings.indexOf(node) + way];
        const to = { ArrowUp: place.up[node], ArrowDown: [l, r].find((c) => c >= 0 && place.order.includes(c)), ArrowLeft: beside(-1), ArrowRight: beside(1) }[event.key];
        if (event.key === "Enter" || event.key === " ") click();
        else if (to !== undefined && to >= 0) move(to);
        else if (!event.key.startsWith("Arrow")) return;
        event.preventDefault();
      };
    }
    asked.sort((a, b) => place.depth[a[0]] - place.depth[b[0]] || data.rows[b[0]] - data.rows[a[0]]);
    for (const [node, y] of asked) {
      const half = data.raw[node].length * 3.3 + 4;
      const box = [px(node) - half, y - 11, px(node) + half, y + 1];
      if (!free(box, node)) continue;
      taken.push(box);
      make("text", svg, { class: "question", x: px(node), y, "aria-hidden": "true" }, data.raw[node]);
    }
    const items = new Map([...svg.querySelectorAll("[data-node]")].map((g) => [Number(g.dataset.node), g]));
    function move(node) {
      items.get(data.id[state.focus])?.setAttribute("tabindex", -1);
      state.focus = node;
      const group = items.get(data.id[node]);
      group.setAttribute("tabindex", 0);
      group.focus();
    }
    if (!items.has(data.id[state.focus])) {
      state.focus = 0;
      items.get(data.id[0])?.setAttribute("tabindex", 0);
    }
    if (state.grab) {
      state.grab = false;
      items.get(data.id[state.focus])?.focus({ preventScroll: true });
    }
  }

  const legend = root.querySelector(".legend");
  legend.replaceChildren();
  const entry = (text, fill) => {
    const item = document.createElement("span");
    if (fill) {
      const box = document.createElement("i");
      box.style.background = fill;
      item.append(box);
    }
    item.append(text);
    legend.append(item);
  };
  if (!many) data.names.forEach((name, i) => entry(name, colours[i]));
  entry(many ? say("square: a leaf with its answer, circle: a question") : say("square: leaf, circle: question"));
  if (data.note) entry(data.note);

  const does = data.asks ? say("Click a split to ask why it stays or goes.") : say("Click a split to cut it, a cut one to bring it back.");
  about.textContent = say("Point at a node to read it. {does} Line width: how many examples pass. Below the levels shown, +n are leaves folded away.", { does });
  const zoom = (factor) => {
    const middle = (view.scrollLeft + view.clientWidth / 2) / view.scrollWidth;
    state.zoom = factor ? Math.min(Math.max(1, state.zoom * factor), Math.max(1, (110 * place.slots) / view.clientWidth)) : 1;
    drawn();
    view.scrollLeft = middle * view.scrollWidth - view.clientWidth / 2;
  };
  const select = root.querySelector("select");
  const deepest = layout(data, 0).deep;
  select.replaceChildren();
  for (const most of [0, ...LEVELS.filter((n) => n < deepest || n === state.levels)]) {
    const option = document.createElement("option");
    option.value = most;
    option.textContent = most || say("all");
    option.selected = most === state.levels;
    select.append(option);
  }
  select.onchange = () => {
    state.levels = Number(select.value);
    place = layout(data, state.levels);
    zoom(0);
  };
  root.querySelector(".in").onclick = () => zoom(1.6);
  root.querySelector(".out").onclick = () => zoom(1 / 1.6);
  root.querySelector(".fit").onclick = () => zoom(0);
  view.onwheel = (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.25 : 0.8);
  };
  const moved = () => {
    const tree = window.prunelabTree;
    if (tree?.of === data.of && tree.leaves !== data.leaves) {
      data.there = data.id.map((node) => Boolean(tree.there[node]));
      data.split = data.id.map((node) => Boolean(tree.there[node] && tree.splits[node]));
      data.leaves = tree.leaves;
      place = layout(data, state.levels);
    }
    drawn();
  };
  state.draw = drawn;
  state.moved = moved;
  if (!state.watch) {
    let wide = view.clientWidth;
    state.watch = new ResizeObserver(() => {
      if (view.clientWidth !== wide) {
        wide = view.clientWidth;
        state.draw();
      }
    });
    state.watch.observe(view);
    state.listen = () => state.moved();
    document.addEventListener("prunelab-tree", state.listen);
  }
  moved();
  return () => {
    state.watch?.disconnect();
    state.watch = undefined;
    document.removeEventListener("prunelab-tree", state.listen);
  };
}
