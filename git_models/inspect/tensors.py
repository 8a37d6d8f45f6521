"""The tensors that a pickle's stand-ins describe: names, dtypes, shapes and where their bytes lie."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

from git_models.inspect import allow
from git_models.inspect.look import Look
from git_models.inspect.machine import Global, Made, Pairs, Stored
from git_models.inspect.report import Tensor

_MOST_NODES = 500_000  # values that are visited
_MOST_TENSORS = 200_000
_MOST_NAME = 400  # characters
_MOST_DEPTH = 64
_MOST_DIMENSIONS = 64

SIZES: dict[str, int] = {  # bytes of one element
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "complex32": 4, "complex64": 8, "complex128": 16,
    "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8, "bool": 1,
    "qint8": 1, "quint8": 1, "qint32": 4, "quint4x2": 1, "quint2x4": 1, "bits16": 2,
}  # fmt: skip
_KINDS = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64",
    "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool", "ComplexFloat": "complex64",
    "ComplexDouble": "complex128", "QInt8": "qint8", "QUInt8": "quint8", "QInt32": "qint32", "QUInt4x2": "quint4x2",
    "QUInt2x4": "quint2x4", "Untyped": "uint8",
}  # fmt: skip
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
_MODEL_KEYS = ("model", "state_dict", "model_state_dict", "ema", "net", "network", "weights", "generator", "params")


def storage_dtype(kind: str) -> str:
    """ "float32" for "torch.FloatStorage"."""
    return _KINDS.get(kind.rpartition(".")[2].removesuffix("Storage"), "unknown")


def element_size(dtype: str) -> int:
    """Bytes of one element; 1 for what is unknown or smaller than a byte."""
    return SIZES.get(dtype, 1)


_CONTAINERS = (Made, Pairs, list, tuple)


class _Found(NamedTuple):
    name: str
    made: Made
    buffer: bool


def _dicts(value: Any) -> list[Any]:
    """Keys and values in turn of a dict, an OrderedDict or an object with a state."""
    if isinstance(value, Pairs):
        return value.items
    if not isinstance(value, Made):
        return []
    result = list(value.items)
    if value.dotted in allow.CONTAINERS and isinstance(value.args, tuple) and value.args:
        for pair in value.args[0] if isinstance(value.args[0], list) else ():
            result += pair if isinstance(pair, tuple | list) and len(pair) == 2 else ()
    elif not value.items and isinstance(value.state, Pairs):
        result = value.state.items
    return result


def _walk(root: Any) -> Iterator[_Found]:
    """Every tensor below `root`, in order, with its dotted name; each container is entered once."""
    pending: list[tuple[str, Any, bool, int]] = [("", root, False, 0)]
    entered: set[int] = set()
    for _ in range(_MOST_NODES):
        if not pending:
            return
        name, value, buffer, depth = pending.pop()
        if isinstance(value, Made) and (tensor := _tensor(value)) is not None:
            yield _Found(name, tensor, buffer)
            continue
        if depth > _MOST_DEPTH or len(name) > _MOST_NAME or id(value) in entered:
            continue
        entered.add(id(value))
        below: list[tuple[str, Any, bool, int]] = []
        if isinstance(value, list | tuple):
            below += [
                (f"{name}.{place}".lstrip("."), one, buffer, depth + 1)
                for place, one in enumerate(value[:_MOST_TENSORS])
                if isinstance(one, _CONTAINERS)
            ]
        else:
            items = _dicts(value)
            module = isinstance(value, Made) and any(items[at] == "_parameters" for at in _strings(items))
            for at in range(0, len(items) - 1, 2):
                key, one = items[at], items[at + 1]
                if not isinstance(key, str | int) or not isinstance(one, _CONTAINERS):
                    continue
                if not module:
                    below.append((f"{name}.{str(key)[:200]}".lstrip("."), one, buffer, depth + 1))
                elif key in ("_parameters", "_buffers", "_modules"):
                    below.append((name, one, key == "_buffers", depth + 1))
        pending += reversed(below)


def _strings(items: list[Any]) -> list[int]:
    return [at for at in range(0, len(items), 2) if isinstance(items[at], str)]


def _tensor(made: Made) -> Made | None:
    """The call that makes the tensor itself, inside wrappers such as Parameter; None if it is no tensor."""
    for _ in range(8):
        args = made.args if isinstance(made.args, tuple) else ()
        short = made.dotted.rpartition("_rebuild_")[2] if made.dotted in allow.REBUILD else ""
        inner: Any = None
        if short in ("parameter", "parameter_with_state", "device_tensor_from_cpu_tensor") and args:
            inner = args[0]
        elif made.dotted == allow.FROM_TYPE and len(args) == 4:
            inner = Made(args[0], args[2])
        elif made.dotted == "torch.nn.parameter.Parameter":
            inner = args[0] if args else made.state[0] if isinstance(made.state, tuple) and made.state else None
        elif short or made.dotted in allow.TENSORS:
            return made
        if not isinstance(inner, Made):
            return None
        made = inner
    return None


def _numbers(value: Any) -> tuple[int, ...]:
    """A shape or strides; raises ValueError if it is none."""
    if isinstance(value, Made) and value.dotted == "torch.Size" and isinstance(value.args, tuple) and value.args:
        value = value.args[0]
    if not isinstance(value, tuple | list) or len(value) > _MOST_DIMENSIONS:
        raise ValueError
    if not all(isinstance(one, int) and 0 <= one < 1 << 62 for one in value):
        raise ValueError
    return tuple(value)


def _describe(found: _Found, look: Look) -> list[Tensor]:
    """The tensor (a sparse one has two) that a call makes; raises ValueError if it makes no sense."""
    made, name = found.made, found.name
    args = made.args if isinstance(made.args, tuple) else ()
    short = made.dotted.rpartition("_rebuild_")[2] if made.dotted in allow.REBUILD else ""
    if short == "sparse_tensor":
        inner = args[1] if len(args) > 1 and isinstance(args[1], tuple) else ()
        parts = [(f"{name}.part{at}", one) for at, one in enumerate(inner) if isinstance(one, Made)]
        return [
            tensor
            for part, one in parts
            if (made_part := _tensor(one)) is not None and made_part is not made
            for tensor in _describe(_Found(part, made_part, found.buffer), look)
            if made_part.dotted != made.dotted
        ]
    if short == "meta_tensor_no_storage" and len(args) >= 2:
        return [_plain(found, _dtype(args[0]), _numbers(args[1]), 0)]
    if short == "wrapper_subclass" and len(args) >= 3:
        return [_plain(found, _dtype(args[1]), _numbers(args[2]), 0)]
    if not short:  # a tensor type that was made empty and then given its state
        args = made.state if isinstance(made.state, tuple) else args
    if len(args) < 4 or not isinstance(args[0], Stored) or not isinstance(args[1], int):
        raise ValueError
    storage, offset, shape, strides = args[0], args[1], _numbers(args[2]), _numbers(args[3])
    key, kind = _key(storage)
    dtype = _dtype(args[6]) if short == "tensor_v3" and len(args) > 6 else storage_dtype(kind)
    return [_stored(found, look, key, dtype, offset, shape, strides)]


def _stored(
    found: _Found, look: Look, key: str, dtype: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> Tensor:
    if len(shape) != len(strides):
        raise ValueError
    width = element_size(dtype)
    tensor = _plain(found, dtype, shape, width)
    place = look.storages.get(key)
    contiguous = all(
        size == 1 or stride == math.prod(shape[at + 1 :])
        for at, (size, stride) in enumerate(zip(shape, strides, strict=True))
    )
    whole = contiguous and offset == 0 and (place is None or place.length == tensor.bytes)
    within = offset * width if contiguous else -1
    return tensor._replace(
        storage=key,
        offset=within,
        start=place.start + within if place and place.start >= 0 and contiguous else -1,
        crc=place.crc if place else 0,
        layout=() if whole else (offset, *strides),
    )


def _plain(found: _Found, dtype: str, shape: tuple[int, ...], width: int) -> Tensor:
    elements = math.prod(shape)
    if elements >= 1 << 62:
        raise ValueError
    trained = not found.buffer and not found.name.endswith(_BUFFERS)
    return Tensor(found.name, dtype, shape, elements, elements * width, trained=trained)


def _dtype(value: Any) -> str:
    return value.dotted.rpartition(".")[2] if isinstance(value, Global) else "unknown"


def _key(storage: Stored) -> tuple[str, str]:
    """Key and kind of a storage from its persistent id ("storage", kind, key, device, elements)."""
    pid = storage.key
    if not isinstance(pid, tuple) or len(pid) < 5 or not isinstance(pid[1], Global):
        raise ValueError
    key = pid[2].decode("latin-1") if isinstance(pid[2], bytes) else str(pid[2])[:100]
    return key, pid[1].dotted


def storages(root: Any) -> dict[str, str]:
    """Key and kind of every storage that a value below `root` refers to."""
    result: dict[str, str] = {}
    pending, entered = [root], set[int]()
    for _ in range(_MOST_NODES):
        if not pending:
            break
        value = pending.pop()
        if isinstance(value, Stored):
            try:
                key, kind = _key(value)
            except ValueError:
                continue
            result[key] = kind
        elif isinstance(value, list | tuple | Pairs | Made) and id(value) not in entered:
            entered.add(id(value))
            if isinstance(value, Made):
                pending += [value.args, value.state, *value.items]
            else:
                pending += value.items if isinstance(value, Pairs) else value
    return result


def tensors(look: Look) -> tuple[Tensor, ...]:
    """All tensors of a pickle, in the order of the file."""
    result: list[Tensor] = []
    for found in _walk(look.root):
        try:
            result += _describe(found, look)
        except ValueError:
            continue  # the scan says what is wrong; here only what can be shown counts
        if len(result) >= _MOST_TENSORS:
            break
    return mark_trained(tuple(result))


def mark_trained(found: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Say which tensors are the model's own: no optimiser state, and no second copy of the model."""
    tops = {tensor.name.partition(".")[0] for tensor in found}
    model = next((key for key in _MODEL_KEYS if key in tops), None)
    if model is None:
        return tuple(
            one._replace(trained=False) if one.name.startswith(("optim", "lr_sched", "scaler")) else one
            for one in found
        )
    return tuple(one._replace(trained=one.trained and one.name.partition(".")[0] == model) for one in found)


def parameters(found: tuple[Tensor, ...]) -> int:
    """Trained elements; tensors that share their bytes are counted once."""
    seen: set[Hashable] = set()
    total = 0
    for tensor in found:
        if not tensor.trained:
            continue
        if tensor.storage:
            if (key := own_bytes(tensor)) in seen:
                continue
            seen.add(key)
        total += tensor.elements
    return total


def own_bytes(tensor: Tensor) -> Hashable:
    """What tied tensors of one file have in common: storage and place in it."""
    return tensor.storage, tensor.layout, tensor.shape
