// While the slider moves, the pictures follow in the browser; the server's numbers come after.
const kept = new WeakMap();

function splitsOf(data, leaves, step) {
  const splits = new Uint8Array(data.left.length);
  if (data.shares) {
    const waiting = [[0, leaves]];
    while (waiting.length) {
      const [node, share] = waiting.pop();
      if (share < 2) continue;
      splits[node] = 1;
      const left = data.shares[data.start[node] + share - 2];
      waiting.push([data.left[node], left], [data.right[node], share - left]);
    }
    return splits;
  }
  return splits.map((_, node) => (data.left[node] >= 0 && data.birth[node] > step ? 1 : 0));
}

function subtree(data, leaves) {
  const step = data.leaves?.findIndex((n) => n <= leaves);
  const splits = splitsOf(data, leaves, step);
  const there = new Uint8Array(splits.length);
  const depth = new Uint16Array(splits.length);
  const label = Array.from(data.label);
  const ends = [];
  there[0] = 1;
  for (let node = 0; node < splits.length; node++) {
    const children = [data.left[node], data.right[node]];
    if (there[node] && !(splits[node] && children[0] >= 0)) ends.push(node);
    if (children[0] < 0) continue;
    for (const child of children) {
      depth[child] = depth[node] + 1;
      there[child] = there[node] && splits[node];
      if (!there[child]) label[child] = label[node]; // who answers for all below a cut
    }
  }
  const second = data.leaves ? data.thresholds[step] : String(Math.max(...ends.map((end) => depth[end])));
  return { leaves, splits, there, label, second, ...scores(data, ends) };
}

function scores(data, ends) {
  const k = data.classes;
  const confusion = new Array(k * k).fill(0);
  let [wrong, right, rows] = [0, 0, 0];
  for (const end of ends) {
    wrong += data.wrong[end];
    for (let truth = 0; truth < k; truth++) {
      const seen = data.seen[end * k + truth];
      confusion[truth * k + data.label[end]] += seen;
      rows += seen;
      if (truth === data.label[end]) right += seen;
    }
  }
  return { size: ends.length, train: 1 - wrong / data.rows, validation: right / Math.max(1, rows), confusion };
}

export default function ({ data, parentElement }) {
  const main = parentElement.getRootNode().host?.closest("[data-testid=stMain]") ?? document.body;
  const state = kept.get(main) ?? {};
  kept.set(main, state);
  state.look = () => {
    const slider = main.querySelector(".st-key-leaves input[type=range]");
    const leaves = Number(slider?.value);
    const now = window.prunelabTree;
    if (!slider || (now?.leaves === leaves && now.of === data.of)) return;
    window.prunelabTree = { ...subtree(data, leaves), of: data.of };
    document.dispatchEvent(new CustomEvent("prunelab-tree"));
  };
  if (!state.watch) {
    state.watch = new MutationObserver(() => state.look());
    state.watch.observe(main, { subtree: true, attributes: true, attributeFilter: ["aria-valuetext"] });
  }
  return () => {
    state.watch?.disconnect();
    state.watch = undefined;
  };
}
