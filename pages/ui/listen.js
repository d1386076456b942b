// What small pictures share that follow the slider (follow.js) between two answers of the server.
const kept = new WeakMap();

function listen(root, data, draw) {
  const rgb = getComputedStyle(root).color.match(/\d+/g).map(Number);
  const dark = rgb[0] + rgb[1] + rgb[2] > 380;
  root.classList.toggle("dark", dark);
  root.classList.toggle("light", !dark);
  const state = kept.get(root) ?? {};
  kept.set(root, state);
  state.draw = () => {
    const tree = window.prunelabTree;
    draw(tree?.of === data.of && tree.leaves !== data.leaves ? tree : data.found);
  };
  if (!state.watch) {
    state.listen = () => state.draw();
    state.watch = new ResizeObserver(state.listen);
    state.watch.observe(root);
    document.addEventListener("prunelab-tree", state.listen);
  }
  state.draw();
  return () => {
    state.watch?.disconnect();
    state.watch = undefined;
    document.removeEventListener("prunelab-tree", state.listen);
  };
}

function put(parent, kind, text = "", attributes = {}) {
  const element = document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  parent.append(element);
  return element;
}
