"""A pickle's stack machine on which nothing ever runs.

It follows the instructions as an unpickler would, and puts an inert stand-in wherever that would
import, call or build something. Each such act is first told to a `Judge`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from git_models.inspect.allow import full_name
from git_models.inspect.opcodes import WEIGHTS_ONLY, Argument, Opaque, fits, frame_end, operations
from git_models.inspect.reading import Broken, Stream, TooLong

MOST_OPERATIONS = 1_000_000
MOST_BYTES = 64 << 20  # of one pickle
MOST_MEMORY = 96 << 20  # estimated, of all stand-ins of one file

_COST = (
    dict.fromkeys(("BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE", "MARK", "EMPTY_LIST", "LIST"), 110)
    | dict.fromkeys(("EMPTY_DICT", "DICT", "BINPERSID", "PERSID", "NEXT_BUFFER", "EMPTY_SET"), 180)
    | dict.fromkeys(("REDUCE", "NEWOBJ", "NEWOBJ_EX", "OBJ", "GLOBAL", "STACK_GLOBAL", "INST"), 260)
)
_CHEAP = 56  # bytes: a number or a short tuple, and its place in a list


class Global:
    """A name that the pickle asks to import."""

    __slots__ = ("dotted",)

    def __init__(self, dotted: str) -> None:
        self.dotted = dotted


class Made:
    """What a call would have returned: `callee` applied to `args`, then given `state`."""

    __slots__ = ("args", "callee", "items", "state")

    def __init__(self, callee: Any, args: Any) -> None:
        self.callee = callee
        self.args = args
        self.state: Any = None
        self.items: list[Any] = []  # keys and values in turn

    @property
    def dotted(self) -> str:
        """Name of the class or function, "" if that was computed."""
        return self.callee.dotted if isinstance(self.callee, Global) else ""


class Pairs:
    """A dict: keys and values in turn, so that no key is ever hashed or compared."""

    __slots__ = ("items",)

    def __init__(self, items: list[Any]) -> None:
        self.items = items


class Stored:
    """What a persistent id stands for."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key


class Judge(Protocol):
    """Hears of every act at the moment it would happen. `where` is a byte offset."""

    def imported(self, module: str, name: str, where: int) -> None: ...
    def called(self, how: str, callee: Any, args: Any, where: int) -> None: ...
    def built(self, target: Any, state: Any, where: int) -> None: ...
    def stored(self, key: Any, where: int) -> None: ...
    def filled(self, how: str, target: Any, where: int) -> None: ...
    def odd(self, severity: str, what: str, where: int) -> None: ...


class Budget:
    """What may still be spent on one file."""

    def __init__(self, operations: int = MOST_OPERATIONS, memory: int = MOST_MEMORY) -> None:
        self.operations = operations
        self.memory = memory


class Walked(NamedTuple):
    """The stand-in for the pickle's value, and whether the walk got to STOP.

    `given_up`: an unpickler may go on where this walk ended.
    """

    value: Any
    complete: bool
    given_up: bool = False


def walk(stream: Stream, judge: Judge, budget: Budget) -> Walked:
    """Follow one pickle from the stream's position; afterwards that is behind STOP.

    Whatever is wrong with the pickle is told to `judge`; raises nothing.
    """
    machine = _Machine(judge)
    start = stream.position
    following = True
    unusual: set[str] = set()
    frame = 0  # offset of the present frame's end
    try:
        for name, argument, at in operations(stream):
            budget.operations -= 1
            position = at - start
            machine.name, machine.argument, machine.position = name, argument, position
            if type(argument) is str or type(argument) is bytes:
                budget.memory -= sys.getsizeof(argument) + 8
            else:
                budget.memory -= _COST.get(name, _CHEAP)
            if budget.operations < 0 or budget.memory < 0 or position > MOST_BYTES:
                judge.odd("unknown", "a pickle that is larger than any model needs; given up", position)
                return Walked(None, False, True)
            if frame or name == "FRAME":
                if not fits(frame, name, at):
                    judge.odd("dangerous", "a frame that does not end where an instruction does", position)
                frame = frame_end(frame, name, argument, at)
            if name not in WEIGHTS_ONLY and name not in unusual:
                unusual.add(name)
                judge.odd("needs classes", f"uses {name}, which torch.load(weights_only=True) refuses", position)
            if not following:
                machine.only_names()
                continue
            try:
                machine.step()
            except (IndexError, KeyError, Broken):
                # An unpickler may be more lenient here than this machine: go on looking for names.
                judge.odd("unknown", f"{name} finds no operand: a broken pickle", position)
                following = False
    except Broken as error:
        judge.odd("unknown", f"a broken pickle: {error}", stream.position - start)
        return Walked(None, False, isinstance(error, TooLong))
    return Walked(machine.stack[-1] if following and machine.stack else None, following)


class _Machine:
    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.name = ""  # of the operation, its argument and its offset
        self.argument: Argument = None
        self.position = 0
        self.announced = False  # it says itself that it is a pickle

    def step(self) -> None:
        """Do one operation. Raises IndexError, KeyError or Broken where an operand is missing."""
        act = _ACTS.get(self.name)
        if act is None:
            self.stack.append(self.argument)  # a literal
        else:
            act(self)

    def only_names(self) -> None:
        """Judge the names of an operation whose operands are not known any more."""
        if self.name in ("GLOBAL", "INST"):
            self.load(self.names())
        elif self.name == "STACK_GLOBAL":
            self.judge.odd("dangerous", f"{self.name} of a name that cannot be known", self.position)

    def names(self) -> tuple[str, str]:
        """The argument of GLOBAL and INST."""
        assert isinstance(self.argument, tuple)
        return self.argument

    def load(self, names: tuple[str, str]) -> Global:
        """What the import of a module's name gives."""
        module, name = names
        self.judge.imported(module, name, self.position)
        return Global(full_name(module, name))

    def items(self) -> list[Any]:
        """What was pushed since the last MARK."""
        above, self.stack = self.stack, self.marks.pop()
        return above

    def call(self, callee: Any, args: Any) -> None:
        self.judge.called(self.name, callee, args, self.position)
        self.stack.append(Made(callee, args))


def _mark(machine: _Machine) -> None:
    machine.marks.append(machine.stack)
    machine.stack = []


def _pop(machine: _Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:  # as Python's unpickler has it: POP also takes a MARK
        machine.items()


def _pop_mark(machine: _Machine) -> None:
    machine.items()


def _stop(machine: _Machine) -> None:
    if not machine.stack:
        raise IndexError


def _global(machine: _Machine) -> None:
    machine.stack.append(machine.load(machine.names()))


def _stack_global(machine: _Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if isinstance(name, str) and isinstance(module, str):
        machine.stack.append(machine.load((module, name)))
    else:
        machine.judge.odd("dangerous", "STACK_GLOBAL of a name that is computed", machine.position)
        machine.stack.append(Opaque("a computed name"))


def _extension(machine: _Machine) -> None:
    # Whatever the reader registered under that number. No model is written so; but noise begins so at times.
    severity = "dangerous" if machine.announced else "unknown"
    machine.judge.odd(severity, f"{machine.name}: a name from the reader's own registry", machine.position)
    machine.stack.append(Opaque("an extension"))


def _reduce(machine: _Machine) -> None:
    args, callee = machine.stack.pop(), machine.stack.pop()
    machine.call(callee, args)


def _newobj_ex(machine: _Machine) -> None:
    keywords, args, callee = machine.stack.pop(), machine.stack.pop(), machine.stack.pop()
    machine.call(callee, (args, keywords))


def _inst(machine: _Machine) -> None:
    args = tuple(machine.items())
    machine.call(machine.load(machine.names()), args)


def _obj(machine: _Machine) -> None:
    callee, *args = machine.items() or [Opaque("nothing")]
    machine.call(callee, tuple(args))


def _build(machine: _Machine) -> None:
    state, target = machine.stack.pop(), machine.stack[-1]
    machine.judge.built(target, state, machine.position)
    if isinstance(target, Made):
        target.state = state


def _persistent(machine: _Machine) -> None:
    key = machine.argument if machine.name == "PERSID" else machine.stack.pop()
    machine.judge.stored(key, machine.position)
    if isinstance(key, tuple) and len(key) == 4 and key[0] == "module" and isinstance(key[1], Global):
        machine.stack.append(key[1])  # torch's legacy files wrap classes so, to keep their source
    else:
        machine.stack.append(Stored(key))


def _append(machine: _Machine) -> None:
    items = machine.items() if machine.name in ("APPENDS", "ADDITEMS") else [machine.stack.pop()]
    target = machine.stack[-1]
    if isinstance(target, list):
        target.extend(items)
    else:
        machine.judge.filled(machine.name, target, machine.position)


def _setitem(machine: _Machine) -> None:
    if machine.name == "SETITEMS":
        items = machine.items()
    else:
        value, key = machine.stack.pop(), machine.stack.pop()
        items = [key, value]
    if len(items) % 2:
        raise Broken("a key without a value")
    target = machine.stack[-1]
    if isinstance(target, Pairs | Made):
        target.items.extend(items)
    if not isinstance(target, Pairs):
        machine.judge.filled(machine.name, target, machine.position)


def _get(machine: _Machine) -> None:
    machine.stack.append(machine.memo[_index(machine)])


def _put(machine: _Machine) -> None:
    machine.memo[_index(machine)] = machine.stack[-1]


def _index(machine: _Machine) -> int:
    if not isinstance(machine.argument, int) or machine.argument < 0:
        raise Broken("no index")
    return machine.argument


def _memoize(machine: _Machine) -> None:
    machine.memo[len(machine.memo)] = machine.stack[-1]


def _tuple_of(count: int) -> Callable[[_Machine], None]:
    def act(machine: _Machine) -> None:
        if len(machine.stack) < count:
            raise IndexError
        machine.stack[-count:] = [tuple(machine.stack[-count:])]

    return act


def _push(make: Callable[[_Machine], Any]) -> Callable[[_Machine], None]:
    def act(machine: _Machine) -> None:
        value = make(machine)  # first, as it may put back the stack below a MARK
        machine.stack.append(value)

    return act


def _nothing(_machine: _Machine) -> None:
    return


def _proto(machine: _Machine) -> None:
    machine.announced = True


def _set_items(machine: _Machine) -> Opaque:
    machine.items()
    return Opaque("a frozenset")


def _dict(machine: _Machine) -> Pairs:
    items = machine.items()
    if len(items) % 2:
        raise Broken("a key without a value")
    return Pairs(items)


_ACTS: dict[str, Callable[[_Machine], None]] = {
    "MARK": _mark,
    "STOP": _stop,
    "POP": _pop,
    "POP_MARK": _pop_mark,
    "DUP": _push(lambda machine: machine.stack[-1]),
    "NONE": _push(lambda _machine: None),
    "NEWTRUE": _push(lambda _machine: True),
    "NEWFALSE": _push(lambda _machine: False),
    "EMPTY_TUPLE": _push(lambda _machine: ()),
    "EMPTY_LIST": _push(lambda _machine: []),
    "EMPTY_DICT": _push(lambda _machine: Pairs([])),
    "EMPTY_SET": _push(lambda _machine: Opaque("a set")),
    "NEXT_BUFFER": _push(lambda _machine: Opaque("a buffer")),
    "TUPLE": _push(lambda machine: tuple(machine.items())),
    "LIST": _push(lambda machine: machine.items()),
    "DICT": _push(_dict),
    "FROZENSET": _push(_set_items),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "EXT1": _extension,
    "EXT2": _extension,
    "EXT4": _extension,
    "REDUCE": _reduce,
    "NEWOBJ": _reduce,
    "NEWOBJ_EX": _newobj_ex,
    "INST": _inst,
    "OBJ": _obj,
    "BUILD": _build,
    "PERSID": _persistent,
    "BINPERSID": _persistent,
    "APPEND": _append,
    "APPENDS": _append,
    "ADDITEMS": _append,
    "SETITEM": _setitem,
    "SETITEMS": _setitem,
    "GET": _get,
    "BINGET": _get,
    "LONG_BINGET": _get,
    "PUT": _put,
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "MEMOIZE": _memoize,
    "PROTO": _proto,
    "FRAME": _nothing,
    "READONLY_BUFFER": _nothing,
}
