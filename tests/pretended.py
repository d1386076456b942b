"""A GPU in name only: what would break on a real one breaks here, on any machine.

Inside ``gpu()`` every call to torch is looked at. A tensor that is sent to "cuda" becomes one of
another class and stays an ordinary one underneath. What torch refuses of tensors on two devices is
refused: to compute with both, to draw with a generator of the other, to read one as NumPy without
``cpu()``. Inside ``vmap`` and in backward passes nothing is refused, for there torch itself makes
new tensors.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
import torch._dynamo  # now: it must not meet what stands in here
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

GPU, CPU = torch.device("cuda", 0), torch.device("cpu")
MIXED = {"copy_", "set_", "__get__", "__set__", "type_as", "_has_compatible_shallow_copy_type"}
FIRST = {"copy_": 0, "set_": 0, "__getitem__": 0, "__setitem__": 0, "type_as": 1}  # says where

ASKED = {
    Tensor.device.__get__: lambda on_gpu: GPU if on_gpu else CPU,
    Tensor.is_cuda.__get__: lambda on_gpu: on_gpu,
    Tensor.is_cpu.__get__: lambda on_gpu: not on_gpu,
}


NESTED = (list, tuple, dict)


class OnGpu(Tensor):
    """A tensor of which it is said that it is on the GPU."""

    __torch_function__ = torch._C._disabled_torch_function_impl


class Generator(torch.Generator):
    """One that knows the device it was made for."""

    def __new__(cls, device: Any = "cpu") -> Generator:
        made: Generator = super().__new__(cls)
        made._gpu = means_gpu(device)
        return made

    @property
    def device(self) -> torch.device:
        return GPU if self._gpu else CPU


def there(x: Any) -> bool:
    """Whether a tensor is on the GPU; an own mark counts more than the class."""
    return isinstance(x, Tensor) and getattr(x, "_gpu", isinstance(x, OnGpu))


def tensors_in(x: Any) -> list[Tensor]:
    """Every tensor of what a call is given: tree_leaves of torch takes many times as long."""
    if isinstance(x, Tensor):
        return [x]
    if not isinstance(x, NESTED):
        return []
    return [found for y in (x.values() if isinstance(x, dict) else x) for found in tensors_in(y)]


def means_gpu(device: Any) -> bool:
    return device is not None and torch.device(device).type == "cuda"


def put(x: Tensor) -> Tensor:
    """The same tensor, on the GPU."""
    if there(x):
        return x
    if isinstance(x, nn.Parameter):
        x._gpu = True
        return x
    return x.as_subclass(OnGpu)


class Pretended(TorchFunctionMode):
    """Runs every call on the processor, and says where its answer is."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, name = dict(kwargs or {}), getattr(func, "__name__", "")
        tensors = tensors_in((args, kwargs))
        on_gpu = any(map(there, tensors))
        if func in ASKED:
            return ASKED[func](on_gpu)
        if func in OWN and (name != "__deepcopy__" or isinstance(args[0], OnGpu)):
            return OWN[func](func, *args, **kwargs)
        wanted = kwargs.get("device")
        if means_gpu(wanted):
            kwargs["device"] = "cpu"
        if watched_by_torch():
            return marked(func(*args, **kwargs), tensors)
        if on_gpu or means_gpu(wanted):
            refuse(func, name, args, kwargs, tensors)
        answer = func(*args, **kwargs)
        if name == "__set__":
            return answer
        at = FIRST.get(name)
        on_gpu = on_gpu if at is None else there(args[at])
        return placed(answer, tensors, on_gpu=on_gpu if wanted is None else means_gpu(wanted))


def watched_by_torch() -> bool:
    """Whether somebody looks below this mode, who must see the tensors that torch itself makes."""
    return bool(
        torch._C._functorch.peek_interpreter_stack() is not None
        or torch._C._len_torch_dispatch_stack()
    )


def refuse(func: Any, name: str, args: Any, kwargs: Any, tensors: list[Tensor]) -> None:
    """Raise what torch raises where two devices meet."""
    if func in (Tensor.numpy, Tensor.__array__):
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first.")
    if torch._C._current_graph_task_id() != -1:  # a backward pass
        return
    generator = kwargs.get("generator")
    if isinstance(generator, Generator) and not generator._gpu:
        raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
    if name in ("__getitem__", "__setitem__"):
        index = tensors_in(args[1])
        values = [x for x in args[2:] if isinstance(x, Tensor) and x.ndim and index]
        mixed = not there(args[0]) and any(map(there, index))
        if mixed or any(there(x) != there(args[0]) for x in values):
            raise RuntimeError("indices should be on the same device as the indexed tensor")
    elif name not in MIXED and any(x.ndim and not there(x) for x in tensors):
        raise RuntimeError(f"Expected all tensors to be on the same device: {name}, cuda:0 and cpu")


def placed(answer: Any, given: list[Tensor], *, on_gpu: bool) -> Any:
    """What a call answers, put where it belongs; a tensor that it was given is where it was."""
    old = {id(x) for x in given}

    def place(x: Any) -> Any:
        if not isinstance(x, Tensor) or id(x) in old:
            return x
        if on_gpu:
            return put(x)
        if isinstance(x, OnGpu):
            x._gpu = False
        return x

    return tree_map(place, answer) if isinstance(answer, NESTED) else place(answer)


def marked(answer: Any, given: list[Tensor]) -> Any:
    """The very tensors that torch made, said to be where the others are."""
    if torch._C._len_torch_dispatch_stack() and any(map(there, given)):
        for x in tensors_in(answer):
            x._gpu = True
    return answer


def moved(func: Any, tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """What ``to``, ``cpu`` and ``cuda`` answer: the same tensor where it is there already."""
    before = after = there(tensor)
    for word in (*args, kwargs.get("device")):
        if isinstance(word, Tensor):
            after = there(word)
        elif isinstance(word, str | torch.device):
            after = means_gpu(word)
    after = {Tensor.cpu: False, Tensor.cuda: True}.get(func, after)
    words = [_here(word) for word in args]
    named = {key: _here(word) for key, word in kwargs.items()}
    answer = tensor.to(*words, **named) if func is Tensor.to else tensor
    if before == after:
        return put(answer) if after else answer
    answer = answer.clone() if answer.data_ptr() == tensor.data_ptr() else answer
    return put(answer) if after else answer.as_subclass(Tensor)


def _here(word: Any) -> Any:
    if isinstance(word, Tensor):
        return word.as_subclass(Tensor)
    return CPU if isinstance(word, str | torch.device) else word


def becomes(func: Any, one: Tensor, other: Tensor) -> None:
    """``one.data = other``: it is where the other is."""
    func(one, other)
    one._gpu = there(other)


def copied(_func: Any, one: OnGpu, memo: dict[int, Any]) -> Tensor:
    """A deep copy, a parameter again where it was one."""
    if id(one) not in memo:
        made = one.detach().as_subclass(Tensor).clone()
        made = (put(made) if there(one) else made).requires_grad_(one.requires_grad)
        if getattr(one, "_is_param", False):
            made._is_param = True
        memo[id(one)] = made
    found: Tensor = memo[id(one)]
    return found


OWN = {
    Tensor.to: moved,
    Tensor.cpu: moved,
    Tensor.cuda: moved,
    Tensor.__deepcopy__: copied,
    Tensor.data.__set__: becomes,
}


@contextmanager
def gpu() -> Iterator[None]:
    """Inside, there is one."""
    cuda = {
        "is_available": lambda: True,
        "synchronize": lambda *_: None,
        "get_device_name": lambda *_: "a pretended GPU",
        "get_rng_state": lambda *_: torch.get_rng_state(),
        "set_rng_state": lambda state, *_: None,
    }
    with ExitStack() as inside:
        for name, stand_in in cuda.items():
            inside.enter_context(mock.patch.object(torch.cuda, name, stand_in))
        inside.enter_context(mock.patch.object(torch, "Generator", Generator))
        inside.enter_context(Pretended())
        yield
