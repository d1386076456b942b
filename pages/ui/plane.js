// What a tree answers everywhere in the plane, and the examples: hollow trained on, filled held out.
// Between two answers of the server it follows the slider by itself (follow.js).
const kept = new WeakMap();

function mark(pen, kind, x, y, r) {
  pen.beginPath();
  if (kind === 0) pen.arc(x, y, r, 0, 7);
  else if (kind === 1) pen.rect(x - r * 0.9, y - r * 0.9, r * 1.8, r * 1.8);
  else if (kind === 2) pen.moveTo(x, y - r * 1.3), pen.lineTo(x + r * 1.2, y), pen.lineTo(x, y + r * 1.3), pen.lineTo(x - r * 1.2, y), pen.closePath();
  else pen.moveTo(x, y - r * 1.2), pen.lineTo(x + r * 1.2, y + r), pen.lineTo(x - r * 1.2, y + r), pen.closePath();
}

function nice(low, high) {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((s) => s * power >= rough) * power;
  const ticks = [];
  for (let t = Math.ceil(low / step) * step; t <= high; t += step) ticks.push(Number(t.toPrecision(6)));
  return ticks;
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".plane");
  const say = voice(root, data);
  const canvas = root.querySelector("canvas");
  const rgb = getComputedStyle(root).color.match(/\d+/g).map(Number);
  const dark = rgb[0] + rgb[1] + rgb[2] > 380;
  root.classList.toggle("dark", dark);
  root.classList.toggle("light", !dark);
  const look = dark ? data.dark : data.light;
  canvas.setAttribute("aria-label", data.alt);

  const follow = () => {
    const tree = window.prunelabTree;
    if (tree?.of !== data.of || tree.leaves === data.leaves) return;
    data.answers = data.grid.map((leaf) => tree.label[leaf].toString(36)).join("");
    data.leaves = tree.leaves;
    for (const dots of [data.train, data.validation]) dots.wrong = dots.leaf.map((leaf, i) => tree.label[leaf] !== dots.label[i]);
  };

  function draw() {
    const ratio = devicePixelRatio || 1;
    const [width, high] = [canvas.clientWidth, canvas.clientHeight];
    if (!width) return;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(high * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const box = { left: 44, top: 6, wide: width - 52, high: high - 48 };
    const n = data.cells;
    const image = document.createElement("canvas");
    image.width = image.height = n;
    const small = image.getContext("2d");
    for (let row = 0; row < n; row++) {
      for (let column = 0; column < n; column++) {
        small.fillStyle = look.methods[parseInt(data.answers[row * n + column], 36) % look.methods.length];
        small.fillRect(column, n - 1 - row, 1, 1);
      }
    }
    pen.globalAlpha = dark ? 0.34 : 0.26;
    pen.imageSmoothingEnabled = false;
    pen.drawImage(image, box.left, box.top, box.wide, box.high);
    pen.globalAlpha = 1;
    const x = (v) => box.left + ((v - data.x[0]) / (data.x[1] - data.x[0])) * box.wide;
    const y = (v) => box.top + (1 - (v - data.y[0]) / (data.y[1] - data.y[0])) * box.high;
    pen.font = `13px ${getComputedStyle(root).fontFamily}`;
    pen.fillStyle = look.muted;
    pen.textAlign = "center";
    for (const t of nice(...data.x)) pen.fillText(String(t), x(t), box.top + box.high + 18);
    pen.fillText(data.names[0], box.left + box.wide / 2, high - 8);
    pen.textAlign = "right";
    for (const t of nice(...data.y)) pen.fillText(String(t), box.left - 6, y(t) + 4);
    pen.save();
    pen.translate(12, box.top + box.high / 2);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = "center";
    pen.fillText(data.names[1], 0, 0);
    pen.restore();
    for (const [dots, held] of [[data.train, false], [data.validation, true]]) {
      dots.x.forEach((v, i) => {
        const [a, b, kind] = [x(v), y(dots.y[i]), dots.label[i]];
        pen.strokeStyle = pen.fillStyle = look.methods[kind % look.methods.length];
        pen.globalAlpha = held ? 0.95 : 0.5;
        mark(pen, kind, a, b, held ? 3.4 : 2.8);
        pen.lineWidth = 1.2;
        if (held) pen.fill();
        else pen.stroke();
        if (dots.wrong[i] && held) {
          pen.globalAlpha = 1;
          pen.strokeStyle = look.ink;
          pen.lineWidth = 1.8;
          pen.beginPath();
          pen.arc(a, b, 6.5, 0, 7);
          pen.stroke();
        }
      });
    }
  }

  const legend = root.querySelector(".legend");
  legend.replaceChildren();
  const entry = (text, paint) => {
    const item = document.createElement("span");
    const icon = document.createElement("canvas");
    icon.width = icon.height = 28;
    icon.style.cssText = "width:14px;height:14px";
    icon.setAttribute("aria-hidden", "true");
    const pen = icon.getContext("2d");
    pen.scale(2, 2);
    paint(pen);
    item.append(icon, text);
    legend.append(item);
  };
  data.classes.forEach((name, kind) =>
    entry(name, (pen) => {
      pen.fillStyle = look.methods[kind % look.methods.length];
      mark(pen, kind, 7, 7, 4.2);
      pen.fill();
    }),
  );
  entry(say("hollow: trained on"), (pen) => {
    pen.strokeStyle = look.muted;
    mark(pen, 0, 7, 7, 3.6);
    pen.stroke();
  });
  entry(say("ring: a validation row told wrong"), (pen) => {
    pen.strokeStyle = look.ink;
    pen.lineWidth = 1.8;
    mark(pen, 0, 7, 7, 5.5);
    pen.stroke();
  });

  const state = kept.get(root) ?? {};
  kept.set(root, state);
  state.draw = () => {
    follow();
    draw();
  };
  if (!state.watch) {
    state.listen = () => state.draw();
    state.watch = new ResizeObserver(state.listen);
    state.watch.observe(canvas);
    document.addEventListener("prunelab-tree", state.listen);
  }
  state.draw();
  return () => {
    state.watch?.disconnect();
    state.watch = undefined;
    document.removeEventListener("prunelab-tree", state.listen);
  };
}
