"""How far the numbers of a tensor moved from one version to the next. Needs numpy (an extra).

Tensors are read in blocks of at most half a million elements, row by row or wherever their strides
lead, so that memory does not grow with their size. All sums are taken in float64.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from git_models.errors import ModelsError
from git_models.inspect.reading import Broken, read_at
from git_models.inspect.report import Tensor
from git_models.inspect.sides import MOST_READ, Pair, Side, span, storage_of
from git_models.inspect.tensors import element_size, own_bytes

_BLOCK = 1 << 17  # elements: the fewest that keep the processor's cache busy
_STREWN = 1 << 19  # elements of a block that is gathered by strides: fewer, longer reads
_RUN = 1 << 16  # bytes that are read at once although not all of them are needed
_PLAIN = {"float64": "f8", "float32": "f4", "float16": "f2"}
# Bits of exponent and mantissa, bias, and what is no number (https://onnx.ai/onnx/technical/float8.html).
_EIGHTS = {
    "float8_e4m3fn": (4, 3, 7, (0x7F, 0xFF)),
    "float8_e4m3fnuz": (4, 3, 8, (0x80,)),
    "float8_e5m2": (5, 2, 15, (*range(0x7C, 0x80), *range(0xFC, 0x100))),
    "float8_e5m2fnuz": (5, 2, 16, (0x80,)),
    "float8_e8m0fnu": (8, 0, 127, (0xFF,)),
}
FLOATS = frozenset({*_PLAIN, *_EIGHTS, "bfloat16"})


class Measured(NamedTuple):
    """The change of one tensor, over those elements that are finite in both versions."""

    pair: Pair
    l2: float  # Euclidean length of the change
    before: float  # Euclidean length of what there was
    largest: float  # the greatest change of one element, without its sign
    finite: int  # elements that were compared
    odd: tuple[int, int]  # NaN and infinite elements before and after

    @property
    def relative(self) -> float | None:
        """`l2` in relation to what there was; None where that was nothing."""
        return _relative(self.l2, self.before)


class Unmeasured(NamedTuple):
    """A changed tensor whose versions cannot be subtracted."""

    pair: Pair
    why: str


class Total(NamedTuple):
    """The change of all parameters that were measured, tied ones counted once."""

    tensors: int
    l2: float
    relative: float | None
    largest: float
    where: str  # the tensor with the largest change


def require() -> None:
    """Raises ModelsError where numpy is not installed."""
    try:
        import numpy  # noqa: F401
    except ImportError:
        raise ModelsError("--stat needs numpy, which is not installed", "pip install 'git-models[numpy]'") from None


def total(found: Iterable[Measured | Unmeasured]) -> Total | None:
    """The sum of the model's own parameters (no buffers, no optimiser state); None if none was measured."""
    own: dict[Hashable, Measured] = {}
    for one in found:
        if isinstance(one, Measured) and (tensor := one.pair.after).trained:
            own[own_bytes(tensor) if tensor.storage else tensor.name] = one
    if not own:
        return None
    l2, before = (math.hypot(*values) for values in zip(*((m.l2, m.before) for m in own.values()), strict=True))
    most = max(own.values(), key=lambda measured: measured.largest)
    return Total(len(own), l2, _relative(l2, before), most.largest, most.pair.after.name)


def _relative(l2: float, before: float) -> float | None:
    return l2 / before if before else None


def measure(
    pairs: Iterable[Pair], old: Side, new: Side, advance: Callable[[int], None]
) -> Iterator[Measured | Unmeasured]:
    """Subtract the two versions of each tensor, tied ones once. Raises OSError where reading fails."""
    known: dict[Hashable, Measured | Unmeasured] = {}
    left = MOST_READ * (old.size + new.size)

    def heard(count: int) -> None:
        nonlocal left
        left -= count
        advance(count)

    for pair in pairs:
        place = tuple((tensor.dtype, tensor.start, own_bytes(tensor)) for tensor in pair)
        if place not in known:
            known[place] = _one(pair, old, new, heard) if left > 0 else Unmeasured(pair, "too many tensors overlap")
        yield known[place]._replace(pair=pair)


def _one(pair: Pair, old: Side, new: Side, advance: Callable[[int], None]) -> Measured | Unmeasured:
    for tensor in pair:
        if tensor.dtype not in FLOATS:
            return Unmeasured(pair, f"{tensor.dtype} is no type of floats")
    if pair.before.shape != pair.after.shape:
        return Unmeasured(pair, "another shape")
    try:
        one, other = _elements(pair.before, old), _elements(pair.after, new)
        return _measured(pair, one, other, advance)
    except Broken as error:
        return Unmeasured(pair, f"cannot be read: {error}")


class _Elements(NamedTuple):
    """Where to read a tensor's elements; strides and `first` count elements from byte `start` on."""

    side: Side
    dtype: str
    width: int
    start: int
    first: int
    strides: tuple[int, ...]


def _elements(tensor: Tensor, side: Side) -> _Elements:
    width = element_size(tensor.dtype)
    if tensor.start >= 0 or tensor.offset >= 0:
        start, length = span(tensor, side)
        if length != tensor.elements * width or start + length > side.size:
            raise Broken("it has other bytes than its shape needs")
        rows = tuple(math.prod(tensor.shape[at + 1 :]) for at in range(len(tensor.shape)))
        return _Elements(side, tensor.dtype, width, start, 0, rows)
    start, length = storage_of(tensor, side)
    first, *strides = tensor.layout
    last = first + sum((count - 1) * stride for count, stride in zip(tensor.shape, strides, strict=True))
    if (last + 1) * width > length or start + length > side.size:
        raise Broken("a tensor beyond its storage")
    if tensor.elements * width > length:
        raise Broken("its elements share their bytes")
    return _Elements(side, tensor.dtype, width, start, first, tuple(strides))


def _measured(pair: Pair, one: _Elements, other: _Elements, advance: Callable[[int], None]) -> Measured:
    import numpy

    shape = pair.after.shape
    if one.strides == other.strides and _rows(shape, one.strides):
        shape = (pair.after.elements,)
        one, other = one._replace(strides=(1,)), other._replace(strides=(1,))
    l2 = length = largest = 0.0
    finite, odd = 0, [0, 0]
    for corner, sizes in _blocks(shape, _BLOCK if len(shape) < 2 else _STREWN):
        with numpy.errstate(invalid="ignore"):  # a signalling NaN is one of the odd
            before, after = _read(one, corner, sizes), _read(other, corner, sizes)
        good = numpy.isfinite(before)
        odd[0] += good.size - int(good.sum())
        well = numpy.isfinite(after)
        odd[1] += well.size - int(well.sum())
        good &= well
        if not good.all():
            before, after = before[good], after[good]
        finite += before.size
        length = math.hypot(length, _length(before))
        with numpy.errstate(over="ignore"):
            after -= before
        l2 = math.hypot(l2, _length(after))
        if after.size:
            largest = max(largest, float(after.max()), -float(after.min()))
        advance(good.size * (one.width + other.width))
    return Measured(pair, l2, length, largest, finite, (odd[0], odd[1]))


def _rows(shape: Sequence[int], strides: Sequence[int]) -> bool:
    return all(stride == math.prod(shape[at + 1 :]) for at, stride in enumerate(strides))


def _length(values: Any) -> float:
    """The Euclidean length of float64 values, also of those whose squares float64 cannot hold."""
    import numpy

    flat = values.ravel()
    with numpy.errstate(over="ignore", under="ignore"):
        squares = float(numpy.dot(flat, flat))
    if 1e-200 < squares < math.inf or not flat.size:
        return math.sqrt(squares)
    top = float(numpy.abs(flat).max())
    if not 0 < top < math.inf:
        return top
    with numpy.errstate(under="ignore"):
        return top * math.sqrt(float(numpy.square(flat / top).sum()))


def _blocks(shape: tuple[int, ...], most: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Corners and sizes of blocks that cover the shape, about as high as wide: then no stride is a bad one."""
    sizes = list(shape)
    while math.prod(sizes) > most:
        longest = max(range(len(sizes)), key=lambda axis: sizes[axis])
        sizes[longest] = -(-sizes[longest] // 2)
    for corner in itertools.product(*(range(0, count, size or 1) for count, size in zip(shape, sizes, strict=True))):
        yield corner, tuple(min(size, count - at) for at, size, count in zip(corner, sizes, shape, strict=True))


def _read(elements: _Elements, corner: tuple[int, ...], sizes: tuple[int, ...]) -> Any:
    """The block as float64."""
    import numpy

    width, strides = elements.width, elements.strides
    inner: list[int] = []  # axes whose elements lie so close together that they are read at once
    extent, count = 1, 1
    for axis in sorted(range(len(sizes)), key=lambda axis: strides[axis]):
        reach = extent + (sizes[axis] - 1) * strides[axis]
        count *= sizes[axis]
        if reach * width > max(_RUN, 2 * count * width):
            break
        inner.append(axis)
        extent = reach
    inner.sort()
    outer = [axis for axis in range(len(sizes)) if axis not in inner]
    look = elements.side.look
    big = look.format.startswith("torch") and look.metadata.get("byteorder") == "big"
    raw = numpy.dtype(f"{'>' if big else '<'}{_code(elements.dtype)}")
    found: Any = numpy.empty([sizes[axis] for axis in (*outer, *inner)], raw)
    within, steps = [sizes[axis] for axis in inner], [strides[axis] * width for axis in inner]
    first = elements.first + sum(at * stride for at, stride in zip(corner, strides, strict=True))
    for index in numpy.ndindex(*(sizes[axis] for axis in outer)):
        at = first + sum(one * strides[axis] for one, axis in zip(index, outer, strict=True))
        data = read_at(elements.side.file, elements.start + at * width, extent * width)
        found[index] = numpy.ndarray(within, raw, data, 0, steps)
    return _decoded(found, elements.dtype).transpose(numpy.argsort([*outer, *inner]))


def _code(dtype: str) -> str:
    return _PLAIN.get(dtype) or ("u2" if dtype == "bfloat16" else "u1")


def _decoded(raw: Any, dtype: str) -> Any:
    import numpy

    if dtype in _PLAIN:
        return raw.astype("f8")
    if dtype == "bfloat16":  # the upper half of a float32
        return (raw.astype("u4") << 16).view("f4").astype("f8")
    return numpy.array(_table(dtype))[raw]


def _table(dtype: str) -> list[float]:
    """The numbers that the 256 values of one byte stand for."""
    wide, narrow, bias, odd = _EIGHTS[dtype]
    table = []
    for code in range(256):
        exponent, mantissa = code >> narrow & (1 << wide) - 1, code & (1 << narrow) - 1
        if narrow and not exponent:
            value = math.ldexp(mantissa, 1 - bias - narrow)
        else:
            value = math.ldexp((1 << narrow) + mantissa, exponent - bias - narrow)
        table.append(math.nan if code in odd else -value if wide + narrow < 8 and code >> 7 else value)
    return table
