export default function ({ data, parentElement }) {
  const svg = parentElement.querySelector(".ring");
  const { left, right, top, bottom, most, low, high } = data.frame;

  return listen(svg, data, (found) => {
    const [wide, tall] = [svg.clientWidth, svg.clientHeight];
    const x = left + ((wide - left - right) * Math.log(found.size)) / Math.log(most);
    const y = top + ((tall - top - bottom) * (high - 100 * found.validation)) / (high - low);
    const [line, ring] = svg.children;
    for (const [name, value] of Object.entries({ x1: x, x2: x, y1: y, y2: tall - bottom })) line.setAttribute(name, value);
    ring.setAttribute("cx", x);
    ring.setAttribute("cy", y);
  });
}
