"""What a pickle may do: every import, call and state that it asks for, held against the lists.

A name on a list is not enough: some harmless functions do harm with the right arguments
(`_rebuild_from_type_v2` calls its first one), so each has its own rule here.
"""

from __future__ import annotations

import re
from typing import Any, cast

from git_models.inspect import allow
from git_models.inspect.machine import Global, Made, Pairs, Stored
from git_models.inspect.opcodes import Opaque
from git_models.inspect.report import Ledger, Severity

_DTYPE_CODE = re.compile(r"[<>=|]?(b1|[biuf][1248]|f16|c(8|16|32)|[SUV][0-9]{1,6}|\?)")
_ENCODINGS = frozenset({"latin1", "latin-1", "utf-8", "utf8", "ascii"})
_BUILDABLE = allow.TENSORS | allow.CONTAINERS | allow.NAMESPACES | {allow.DTYPE}
_TENSOR_MAKERS = allow.TENSORS | allow.REBUILD | {allow.FROM_TYPE}
_BYTEARRAY = 64 << 20  # a larger one that is asked for by its size alone is there to fill the memory


class ListJudge:
    """Judges one pickle by the lists and writes into `ledger`.

    `where` names the pickle (an entry of the archive). `torchscript`: libtorch reads this file.
    """

    def __init__(self, ledger: Ledger, where: str, torchscript: bool = False) -> None:
        self.ledger = ledger
        self.where = where
        self.torchscript = torchscript
        self.names = 0  # imports of names that could exist

    def odd(self, severity: str, what: str, where: int) -> None:
        self.ledger.add(cast(Severity, severity), what, f"{self.where} byte {where}".strip())

    def imported(self, module: str, name: str, where: int) -> None:
        severity = allow.classify(module, name, self.torchscript)
        self.names += allow.plausible(module, name)
        dotted = allow.full_name(module, name)
        if severity != "note":
            self.ledger.needs(dotted, severity)
        if severity == "dangerous":
            self.odd(severity, f"imports {dotted}", where)
        elif severity == "unknown":
            self.odd(severity, f"imports {dotted}, which is on no list", where)

    def called(self, how: str, callee: Any, args: Any, where: int) -> None:
        if not isinstance(callee, Global):
            self.odd("dangerous", "calls something that the pickle itself computed", where)
        elif complaint := _call(callee.dotted, how, args, self.torchscript):
            severity = "dangerous" if callee.dotted == allow.GETATTR else "unknown"
            self.odd(severity, f"calls {callee.dotted} {complaint}", where)

    def built(self, target: Any, state: Any, where: int) -> None:
        if isinstance(target, Global):
            self.odd("dangerous", f"changes {target.dotted} itself", where)
        elif not isinstance(target, Made) or not self._takes_state(target.dotted):
            self.odd("unknown", "gives a state to something that takes none", where)
        elif target.dotted == allow.DTYPE:
            if not _is_plain_dtype(state):
                self.odd("unknown", "gives a data type an odd state", where)
        elif complaint := _attributes(state):
            # An unpickler asks the object itself for __setstate__, and calls what it finds there.
            self.odd("dangerous" if "__" in complaint else "unknown", f"gives a state {complaint}", where)

    def _takes_state(self, dotted: str) -> bool:
        if dotted in _BUILDABLE or allow.is_model_class(dotted):
            return True
        if dotted in allow.REBUILD or dotted == allow.FROM_TYPE:
            return True
        return self.torchscript and dotted.startswith("__torch__.")

    def stored(self, key: Any, where: int) -> None:
        if isinstance(key, int) and self.torchscript:
            return
        if isinstance(key, tuple) and len(key) == 4 and key[0] == "module" and isinstance(key[1], Global):
            self.odd("needs classes", f"refers to the class {key[1].dotted} with its source", where)
        elif not (isinstance(key, tuple) and len(key) >= 5 and key[0] in ("storage", b"storage")):
            self.odd("unknown", "refers to something outside that is no storage", where)
        elif not (isinstance(key[1], Global) and key[1].dotted in allow.STORAGES):
            self.odd("unknown", "refers to a storage of an unknown kind", where)

    def filled(self, how: str, target: Any, where: int) -> None:
        if isinstance(target, Opaque) and how == "ADDITEMS":
            return
        if not (isinstance(target, Made) and how.startswith("SETITEM") and target.dotted in allow.CONTAINERS):
            self.odd("unknown", f"{how} on something that is no plain list or dict", where)


def _call(dotted: str, how: str, args: Any, torchscript: bool) -> str:
    """What is wrong with calling `dotted` so; "" if nothing is."""
    if how == "NEWOBJ_EX":
        args, keywords = args
        if not isinstance(keywords, Pairs) or keywords.items:
            return "with keywords"
    if not isinstance(args, tuple):
        return "with arguments that are no tuple"
    if allow.is_model_class(dotted):
        # Some of these evaluate their arguments as code; an unpickled one needs none.
        return "" if how.startswith("NEWOBJ") and not args else "instead of making it empty"
    if torchscript and dotted.partition(".")[0] == "__torch__":
        return ""
    if torchscript and dotted.startswith("torch.jit._pickle."):
        return ""
    if dotted in allow.VALUES or (dotted not in allow.WEIGHTS_ONLY and dotted not in _RULES):
        return "" if dotted not in allow.VALUES else ", which is no function"
    rule = _RULES.get(dotted)
    return rule(args) if rule else ""


def _getattr(args: tuple[Any, ...]) -> str:
    if len(args) != 2 or not isinstance(args[1], str) or not args[1].isidentifier() or "__" in args[1]:
        return "with a name that is no plain literal"
    target, name = args
    if isinstance(target, Global) and (allow.is_model_class(target.dotted) or target.dotted in allow.ENUMS):
        return ""
    if isinstance(target, Made) and allow.is_model_class(target.dotted) and name.startswith("forward"):
        return ""  # a bound method
    return "of something that is no listed class"


def _from_type(args: tuple[Any, ...]) -> str:
    """`_rebuild_from_type_v2(function, type, args, state)` calls the function."""
    if len(args) != 4 or not isinstance(args[0], Global) or not isinstance(args[1], Global):
        return "with something computed"
    function, kind = args[0].dotted, args[1].dotted
    if function not in allow.REBUILD or kind not in allow.TENSORS:
        return f"with {function} and {kind}"
    return _call(function, "REDUCE", args[2], False) or _attributes(args[3])


def _attributes(state: Any) -> str:
    """What is wrong with the attributes that a state gives to an object: one dict, or two of them."""
    for part in state if isinstance(state, tuple) else (state,):
        if isinstance(part, Made) and part.dotted in _TENSOR_MAKERS:
            continue  # a tensor's own state has one
        keys = _keys(part)
        if keys is None or not all(isinstance(key, str | int) for key in keys):
            return "with attributes that cannot be known"
        if odd := next((key for key in keys if isinstance(key, str) and key.startswith("__")), ""):
            return f"with an attribute {odd[:40]}"
    return ""


def _keys(value: Any) -> list[Any] | None:
    """The keys of a dict (none, of a plain value); None if they cannot be told."""
    if isinstance(value, Pairs):
        return value.items[::2]
    if not isinstance(value, Made):
        return None if isinstance(value, Opaque | Global) else []
    if value.dotted not in allow.CONTAINERS or not isinstance(value.args, tuple) or len(value.args) > 1:
        return None
    given = value.args[0] if value.args else []
    if isinstance(given, Pairs):
        return [*given.items[::2], *value.items[::2]]
    if not isinstance(given, list) or not all(isinstance(one, tuple | list) and len(one) == 2 for one in given):
        return None
    return [*(one[0] for one in given), *value.items[::2]]


def _is_plain_dtype(state: Any) -> bool:
    """As numpy has it for numbers and texts: no fields, no parts, and no flags that change how bytes are read."""
    if not isinstance(state, tuple) or len(state) != 8:
        return False
    numbers = (state[0], *state[5:])
    plain = all(type(one) is int for one in numbers) and isinstance(state[1], str) and state[2:5] == (None,) * 3
    return plain and state[7] in (0, 8)


def _with_state(args: tuple[Any, ...]) -> str:
    return _of_a_tensor(args) or _attributes(args[3]) if len(args) == 4 else "with odd arguments"


def _of_a_tensor(args: tuple[Any, ...]) -> str:
    """The first argument is asked for methods, so it has to be what has them from torch."""
    made = args[0] if args else None
    plain = made is None or (isinstance(made, Made) and made.dotted in _TENSOR_MAKERS)
    return "" if plain else "with something that is no tensor"


def _wrapper(args: tuple[Any, ...]) -> str:
    listed = args and isinstance(args[0], Global) and args[0].dotted in allow.TENSORS
    return "" if listed else "for a class that is not listed"


def _rebuilt(args: tuple[Any, ...]) -> str:
    return "" if args and isinstance(args[0], Stored) else "with something that is no storage"


def _encode(args: tuple[Any, ...]) -> str:
    plain = 1 <= len(args) <= 2 and isinstance(args[0], str | Opaque)
    if plain and all(isinstance(arg, str) and arg in _ENCODINGS for arg in args[1:]):
        return ""
    return "with an odd encoding"


def _bytearray(args: tuple[Any, ...]) -> str:
    return "for very many bytes" if args and isinstance(args[0], int) and args[0] > _BYTEARRAY else ""


def _dtype(args: tuple[Any, ...]) -> str:
    plain = args and isinstance(args[0], str) and _DTYPE_CODE.fullmatch(args[0])
    return "" if plain and all(isinstance(arg, int) for arg in args[1:]) else "with a kind that can hold objects"


def _scalar(args: tuple[Any, ...]) -> str:
    if len(args) == 2 and isinstance(args[0], Made) and args[0].dotted == allow.DTYPE:
        return "" if _is_bytes(args[1]) else "with something that is no bytes"
    return "of something that is no data type"


def _is_bytes(value: Any) -> bool:
    return isinstance(value, bytes) or (isinstance(value, Made) and value.dotted == "_codecs.encode")


def _strings(args: tuple[Any, ...]) -> str:
    return "" if all(isinstance(arg, str) for arg in args) else "with something that is no string"


def _nothing(args: tuple[Any, ...]) -> str:
    return "with arguments" if args else ""


_RULES = (
    {name: _rebuilt for name in allow.REBUILD if name.rpartition("_rebuild_")[2].startswith(("tensor", "qtensor"))}
    | dict.fromkeys(
        (
            "torch.nn.parameter.Parameter",
            "torch._utils._rebuild_parameter",
            "torch._utils._rebuild_device_tensor_from_cpu_tensor",
        ),
        _of_a_tensor,
    )
    | dict.fromkeys(allow.SCALARS, _scalar)
    | dict.fromkeys(allow.PATHS | allow.ENUMS, _strings)
    | dict.fromkeys(allow.NAMESPACES, _nothing)
    | {
        allow.GETATTR: _getattr,
        allow.FROM_TYPE: _from_type,
        "torch._utils._rebuild_parameter_with_state": _with_state,
        "torch._utils._rebuild_wrapper_subclass": _wrapper,
        "_codecs.encode": _encode,
        "builtins.bytearray": _bytearray,
        allow.DTYPE: _dtype,
    }
)
