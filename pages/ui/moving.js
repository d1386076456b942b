export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".moving");
  const say = voice(root, data);
  const [weights, curve] = root.querySelectorAll("canvas");
  const slider = root.querySelector(".slider");
  const play = root.querySelector(".play");
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let share = still ? 0.9 : 0;
  let way = 1;
  let playing = !still;
  let frame = 0;
  let last = 0;

  const dark = () => {
    const rgb = getComputedStyle(root).color.match(/\d+/g).map(Number);
    return rgb[0] + rgb[1] + rgb[2] > 380;
  };
  const sharp = (canvas) => {
    const ratio = devicePixelRatio || 1;
    const box = canvas.getBoundingClientRect();
    canvas.width = Math.round(box.width * ratio);
    canvas.height = Math.round(box.height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    return [pen, box.width, box.height];
  };
  const at = (points, x) => {
    for (let i = 1; i < points.length; i++) {
      if (x <= points[i][0]) {
        const [a, b] = [points[i - 1], points[i]];
        return a[1] + ((x - a[0]) / (b[0] - a[0])) * (b[1] - a[1]);
      }
    }
    return points[points.length - 1][1];
  };

  function drawWeights(look) {
    const [pen, width, height] = sharp(weights);
    const high = data.values.length / data.wide;
    const [w, h] = [width / data.wide, height / high];
    const shades = look.signed;
    const middle = (shades.length - 1) / 2;
    data.values.forEach((value, i) => {
      const left = data.rank[i] / 1000 - share;
      if (left < 0) return;
      const strength = Math.sign(value) * (0.35 + 0.65 * Math.min(1, Math.abs(value) / 60));
      pen.globalAlpha = Math.min(1, 0.15 + left * 25);
      pen.fillStyle = shades[Math.round(middle + strength * middle)];
      pen.fillRect((i % data.wide) * w, Math.floor(i / data.wide) * h, w - 0.6, h - 0.6);
    });
  }

  function drawCurve(look) {
    const [pen, width, height] = sharp(curve);
    const all = [...data.curve, ...data.random].map((p) => p[1]);
    const low = Math.min(...all) - 0.03;
    const high = Math.max(...all) + 0.03;
    const x = (s) => 4 + s * (width - 84);
    const y = (a) => 8 + (1 - (a - low) / (high - low)) * (height - 16);
    pen.font = `13px ${getComputedStyle(root).fontFamily}`;
    const line = (points, colour, dash, name, until) => {
      pen.strokeStyle = pen.fillStyle = colour;
      pen.setLineDash(dash);
      pen.lineWidth = 2;
      pen.beginPath();
      points.forEach(([s, a], i) => (i ? pen.lineTo(x(s), y(a)) : pen.moveTo(x(s), y(a))));
      pen.globalAlpha = 0.35;
      pen.stroke();
      pen.globalAlpha = 1;
      pen.save();
      pen.beginPath();
      pen.rect(0, 0, x(until), height);
      pen.clip();
      pen.beginPath();
      points.forEach(([s, a], i) => (i ? pen.lineTo(x(s), y(a)) : pen.moveTo(x(s), y(a))));
      pen.stroke();
      pen.restore();
      pen.setLineDash([]);
      const end = points[points.length - 1];
      pen.fillText(name, x(end[0]) + 6, Math.min(height - 4, Math.max(12, y(end[1]) + 4)));
    };
    if (data.random.length) line(data.random, look.muted, [5, 4], say("random"), share);
    line(data.curve, look.accent, [], data.method.slice(0, 10), share);
    pen.fillStyle = look.accent;
    pen.beginPath();
    pen.arc(x(share), y(at(data.curve, share)), 5, 0, 7);
    pen.fill();
  }

  function draw() {
    const look = dark() ? data.dark : data.light;
    drawWeights(look);
    drawCurve(look);
    root.querySelector(".gone").textContent = say("{share} % of the weights gone", { share: (100 * share).toFixed(0) });
    root.querySelector(".right").textContent = say("≈ {share} % right", { share: (100 * at(data.curve, share)).toFixed(1) });
    slider.value = String(Math.round(1000 * share));
    play.textContent = playing ? "❚❚" : "▶";
  }

  function step(now) {
    if (!root.isConnected) return;
    if (playing && now - last > 40) {
      last = now;
      share += way * (share > 0.85 ? 0.002 : 0.006);
      if (share >= 0.98) way = -4;
      if (share <= 0) way = 1;
      share = Math.min(0.98, Math.max(0, share));
      draw();
    }
    frame = requestAnimationFrame(step);
  }
  slider.oninput = () => {
    playing = false;
    share = Number(slider.value) / 1000;
    draw();
  };
  play.onclick = () => {
    playing = !playing;
    draw();
  };
  const resized = new ResizeObserver(draw);
  resized.observe(root);
  draw();
  frame = requestAnimationFrame(step);
  return () => {
    cancelAnimationFrame(frame);
    resized.disconnect();
  };
}
