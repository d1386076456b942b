// One PageRank sweep, layer by layer, step by step: inputs on the left hand on what they have to neurons.
const STEPS = 5;
const NS = "http://www.w3.org/2000/svg";

function make(kind, attributes, parent) {
  const node = document.createElementNS(NS, kind);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  parent.append(node);
  return node;
}

function words(layer, step, say) {
  const share = (x) => `${Math.round(100 * x)} %`;
  const told = {
    layer: layer.name, theta: share(layer.theta), gamma: share(layer.gamma), rest: share(1 - layer.gamma),
    stay: layer.stay.filter((s) => s).length, all: layer.stay.length,
  };
  return [
    say("<b>{layer}, what arrives.</b> Circles on the left are inputs; the larger, the more arrives there.", told),
    say("<b>{layer}, handing on.</b> Every input divides what it has among its links: {theta} of it by the size of the weight, the rest evenly.", told),
    say("<b>{layer}, adding up.</b> Circles on the right are neurons; each is as large as all that came in.", told),
    say("<b>{layer}, and how active.</b> {gamma} of a neuron's rank is what came in, {rest} how strongly it answers on real text.", told),
    say("<b>{layer}, the lowest go.</b> {stay} of the {all} neurons drawn stay, the others fade.", told),
  ][step];
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".rank");
  const [svg, said, slider] = [".net", ".said", ".slider"].map((s) => root.querySelector(s));
  const [play, back, next] = [".play", ".back", ".next"].map((s) => root.querySelector(s));
  const rgb = getComputedStyle(root).color.match(/\d+/g).map(Number);
  const look = rgb[0] + rgb[1] + rgb[2] > 380 ? data.dark : data.light;
  const say = voice(root, data);
  const total = data.layers.length * STEPS;
  let now = Math.min(Number(slider.value), total - 1);
  let timer = 0;
  slider.max = total - 1;

  function draw() {
    const [layer, step] = [data.layers[Math.floor(now / STEPS)], now % STEPS];
    const [wide, tall] = [svg.clientWidth || 700, svg.clientHeight || 470];
    svg.setAttribute("viewBox", `0 0 ${wide} ${tall}`);
    svg.setAttribute("aria-label", words(layer, step, say).replace(/<[^>]*>/g, ""));
    svg.replaceChildren();
    said.innerHTML = words(layer, step, say);
    const y = (i, n) => 26 + ((tall - 34) * (i + 0.5)) / n;
    const [left, right] = [Math.max(64, wide * 0.16), wide - Math.max(64, wide * 0.16)];
    const [many, few] = [layer.rank.length, layer.incoming.length];
    const most = Math.max(...layer.flow.map((row) => Math.max(...row)));
    layer.flow.forEach((row, j) =>
      row.forEach((flow, i) => {
        const gone = step === 4 && !layer.stay[j];
        const here = step === 0 ? 0.08 : gone ? 0.03 : 0.08 + 0.72 * (flow / most);
        make("line", { x1: left, y1: y(i, few), x2: right, y2: y(j, many), stroke: look.accent, "stroke-opacity": here, "stroke-width": step === 0 ? 0.5 : 0.4 + 3.2 * (flow / most) }, svg);
      }),
    );
    const radius = (share, all, n) => Math.max(1.5, Math.min(0.46 * ((tall - 34) / n), 11) * Math.sqrt(share / Math.max(...all)));
    layer.incoming.forEach((share, i) => make("circle", { cx: left, cy: y(i, few), r: radius(share, layer.incoming, few), fill: look.ink }, svg));
    const values = step < 2 ? null : step === 2 ? layer.through : layer.rank;
    layer.rank.forEach((_, j) => {
      const gone = step === 4 && !layer.stay[j];
      const dot = make("circle", { cx: right, cy: y(j, many), r: values ? radius(values[j], values, many) : 2.5, fill: gone ? "none" : values ? look.accent : look.faint, stroke: gone ? look.muted : "none" }, svg);
      make("title", {}, dot).textContent = say("neuron {n}: rank {rank} %, active {active} %", { n: layer.neurons[j], rank: (100 * layer.rank[j]).toFixed(2), active: (100 * layer.active[j]).toFixed(2) });
      if (step === 4 && layer.places[j] <= 3) make("text", { x: right + 18, y: y(j, many) + 4 }, svg).textContent = `${layer.places[j]}.`;
    });
    make("text", { x: left, y: 14, "text-anchor": "middle" }, svg).textContent = layer.few;
    make("text", { x: right, y: 14, "text-anchor": "middle" }, svg).textContent = layer.many;
    slider.value = now;
    slider.setAttribute("aria-valuetext", say("step {n} of {all}", { n: now + 1, all: total }));
    play.textContent = timer ? say("Pause") : say("Play");
  }

  function go(to) {
    now = Math.max(0, Math.min(total - 1, to));
    draw();
  }
  function pause() {
    clearInterval(timer);
    timer = 0;
    draw();
  }
  play.onclick = () => {
    if (timer) return pause();
    if (now === total - 1) now = 0;
    timer = setInterval(() => (now < total - 1 ? go(now + 1) : pause()), 1400);
    draw();
  };
  back.onclick = () => go(now - 1);
  next.onclick = () => go(now + 1);
  slider.oninput = () => go(Number(slider.value));
  const seen = new ResizeObserver(draw);
  seen.observe(svg);
  draw();
  return () => (clearInterval(timer), seen.disconnect());
}
