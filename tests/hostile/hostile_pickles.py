"""Pickles under every name: none is ever opened."""

from __future__ import annotations

import pickle

from making_files import Case, Trap, array, torch_saved

PICKLES = {
    "a pickle called safetensors": Case(
        "m.safetensors", lambda: pickle.dumps(Trap()), "is a pickle, which runs any code"
    ),
    "an old pickle called safetensors": Case(
        "m.safetensors", lambda: pickle.dumps(Trap(), 0), "is a pickle, which runs any code"
    ),
    "a pickle of protocol 2": Case(
        "m.safetensors", lambda: pickle.dumps(Trap(), 2), "is a pickle, which runs any code"
    ),
    "a pickle called csv": Case("m.csv", lambda: pickle.dumps(Trap()), "is a pickle"),
    "a pickle called parquet": Case("m.parquet", lambda: pickle.dumps(Trap()), "is a pickle"),
    "a pickle called npz": Case("m.npz", lambda: pickle.dumps(Trap()), "is a pickle"),
    "a pickle called skops": Case("m.skops", lambda: pickle.dumps(Trap()), "is a pickle"),
    "a .pt": Case("m.pt", torch_saved, "'m.pt' is a pickle.*save_file"),
    "a .pth": Case("m.pth", torch_saved, "'m.pth' is a pickle.*save_file"),
    "a .ckpt": Case("m.ckpt", torch_saved, "'m.ckpt' is a pickle.*save_file"),
    "a pytorch_model.bin": Case("pytorch_model.bin", torch_saved, "is a pickle.*save_file"),
    "a .pkl": Case("m.pkl", lambda: pickle.dumps(Trap()), "'m.pkl' is a pickle.*skops.io.dump"),
    "a .joblib": Case("m.joblib", lambda: pickle.dumps(Trap()), "is a pickle.*skops.io.dump"),
    "a .npy": Case("x.npy", lambda: array((2,)), "one array without a name.*np.savez"),
    "a .pt called zip": Case("m.zip", torch_saved, "data.pkl.*is a pickle"),
    "a .pt called npz": Case("m.npz", torch_saved, "data.pkl.*is a pickle"),
    "a .pt called skops": Case("m.skops", torch_saved, "data.pkl.*is a pickle"),
    "a compressed joblib called skops": Case(
        "m.skops", lambda: b"\x78\x9c" + bytes(40), "is a compressed stream"
    ),
    "a .npy called npz": Case("x.npz", lambda: array((2,)), "one array without a name"),
}
