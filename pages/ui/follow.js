// While the slider moves, the pictures follow in the browser; the server's numbers come after.
const kept = new WeakMap();

function splitsOf(data, leaves) {
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
  const step = data.leaves.findIndex((n) => n <= leaves);
  return splits.map((_, node) => (data.left[node] >= 0 && data.birth[node] > step ? 1 : 0));
}

function subtree(data, leaves) {
  const splits = splitsOf(data, leaves);
  const there = new Uint8Array(splits.length);
  const label = Array.from(data.label);
  there[0] = 1;
  for (let node = 0; node < splits.length; node++) {
    const children = [data.left[node], data.right[node]];
    if (children[0] < 0) continue;
    for (const child of children) {
      there[child] = there[node] && splits[node];
      if (!there[child]) label[child] = label[node]; // who answers for all below a cut
    }
  }
  return { leaves, splits, there, label };
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
