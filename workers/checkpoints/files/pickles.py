"""A pickle interpreter that executes nothing: a byte stream in, plain values and descriptions of objects out.

Python's own unpickler imports what a stream names and calls it. This one walks the opcodes and builds numbers, strings
and containers; a global is only ever a name, and what "calling" that name means is looked up in a table of ours. Names
and opcodes that no published checkpoint uses are refused.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pickletools import genops
from typing import IO, Any, TypeVar, cast

from workers.checkpoints import foreign
from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.files.budget import Budget
from workers.checkpoints.files.sources import Source

Key = str | int | float | bytes | None
Value = TypeVar("Value")


@dataclass(frozen=True)
class Name:
    """A global that the stream mentions: never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, repr=False)
class Described:
    """An object as its pickle describes it: the class or function to call, its arguments, the state to set."""

    name: Name
    arguments: tuple[object, ...]
    state: object = None


Making = Callable[..., object]
"""What stands for calling a global: the stream's arguments in, a plain value of ours out."""


@dataclass(frozen=True)
class Dialect:
    """What one kind of pickle may say: its globals, and what its persistent ids mean.

    A global mapped to None becomes a `Described`, which is not looked into further. `budget` is the file's: pickles
    inside of it share it.
    """

    names: Mapping[str, Making | None]
    budget: Budget
    storage: Making | None = None


def interpret(stream: Source, dialect: Dialect) -> object:
    """The value of the next pickle in `stream`, which then stands behind it.

    Raises:
        CheckpointRefused: the stream is damaged, uses an opcode or a name outside of `dialect`, or is too large.
    """
    machine = _Machine(dialect)
    try:
        with warnings.catch_warnings():
            # Old text opcodes have escapes, and the library warns of bad ones. They are refused either way.
            warnings.simplefilter("ignore", DeprecationWarning)
            for opcode, argument, position in genops(cast("IO[bytes]", stream)):
                machine.step(opcode.name, argument, position)
        return machine.pop()
    except CheckpointRefused:
        raise
    # What a stream that no pickler has written brings about: unknown opcodes, empty stacks, wrong numbers of arguments.
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        raise CheckpointRefused(
            f"its pickle is damaged or cut short at byte {stream.tell()}",
            "Download or save the file again.",
        ) from error


class _Machine:
    """The pickle machine: a stack, the stacks under each mark, and a memo."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.stack: list[object] = []
        self.below: list[list[object]] = []
        self.memo: dict[int, object] = {}

    def step(self, opcode: str, argument: object, position: int | None) -> None:
        self.dialect.budget.step()
        if opcode in _LITERALS:
            self.dialect.budget.hand_over(argument)
            self.stack.append(argument)
        elif opcode in _CONSTANTS:
            self.stack.append(_CONSTANTS[opcode]())
        elif opcode in _ACTIONS:
            _ACTIONS[opcode](self, argument)
        else:
            raise CheckpointRefused(
                f"it uses the pickle operation {opcode} (at byte {position}), which no published checkpoint needs"
            )

    def nothing(self, _: object) -> None:
        """For what only frames the stream."""

    def pop(self) -> object:
        return self.stack.pop()

    def mark(self, _: None) -> None:
        self.below.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[object]:
        """Everything above the last mark."""
        items, self.stack = self.stack, self.below.pop()
        return items

    def memoize(self, index: int | None) -> None:
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]

    def recall(self, index: int) -> None:
        self.stack.append(self.memo[index])

    def tuple_of_marked(self, _: None) -> None:
        items = self.pop_mark()
        self.stack.append(tuple(items))

    def tuple_of(self, count: int) -> None:
        items = [self.pop() for _ in range(count)]
        self.stack.append(tuple(reversed(items)))

    def append(self, items: list[object]) -> None:
        exactly(list, self.stack[-1]).extend(items)

    def set_items(self, items: list[object]) -> None:
        target = exactly(dict, self.stack[-1])
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_key(key)] = value

    def add_items(self, items: list[object]) -> None:
        exactly(set, self.stack[-1]).update(_key(item) for item in items)

    def name(self, module: object, name: object) -> None:
        """Push a name of the dialect; any other is refused here, before anything can be done with it."""
        found = Name(exactly(str, module), exactly(str, name))
        if str(found) in self.dialect.names:
            self.stack.append(found)
            return
        foreign.refuse_named([str(found)], foreign.GLOBALS)
        raise CheckpointRefused(
            f"it asks for {str(found)[:200]!r}, which a checkpoint of tensors does not need; nothing in it was run"
        )

    def name_from_stack(self, _: None) -> None:
        name, module = self.pop(), self.pop()
        self.name(module, name)

    def make(self, _: None) -> None:
        """What Python's pickle would call, we describe, or make by our own rule."""
        arguments, name = exactly(tuple, self.pop()), exactly(Name, self.pop())
        for argument in arguments:
            self.dialect.budget.hand_over(argument)
        making = self.dialect.names[str(name)]
        self.stack.append(making(*arguments) if making else Described(name, arguments))

    def build(self, _: None) -> None:
        """Keep a state beside what it belongs to; that of a dictionary (`_metadata`) is dropped."""
        state, target = self.pop(), self.stack[-1]
        if isinstance(target, Described):
            target.state = state
        else:
            exactly(dict, target)

    def persistent(self, _: None) -> None:
        identity = exactly(tuple, self.pop())
        if self.dialect.storage is None:
            raise CheckpointRefused(
                "it refers to data outside of its pickle, which its format does not"
            )
        self.stack.append(self.dialect.storage(*identity))


def exactly(kind: type[Value], value: object) -> Value:
    """The value, when it is of just this kind: what a stream puts in the place of something else is refused."""
    if type(value) is not kind:
        raise CheckpointRefused(f"its pickle has {_word(type(value))} where {_word(kind)} belongs")
    return value


def dictionary(pairs: object = ()) -> dict[Key, object]:
    """What stands for `OrderedDict` and its like."""
    if type(pairs) not in (tuple, list):
        raise CheckpointRefused("its pickle makes a dictionary of no pairs")
    made = {}
    for key, value in cast("Iterable[tuple[object, object]]", pairs):
        made[_key(key)] = value
    return made


def set_of(items: object = ()) -> set[Key]:
    """What stands for `set`."""
    return {_key(item) for item in exactly(list, items)}


def latin1_bytes(text: object, encoding: object) -> bytes:
    """What stands for `_codecs.encode`: the way in which protocol 2 writes bytes."""
    if encoding != "latin1":
        raise CheckpointRefused(f"its pickle writes bytes as {str(encoding)[:30]!r}")
    return exactly(str, text).encode("latin1")


def view_of(data: object) -> memoryview:
    """Bytes that a stream holds, without a copy: long ones are views into the file already."""
    return data if isinstance(data, memoryview) else memoryview(exactly(bytes, data))


def _key(value: object) -> Key:
    """What may be a key: nothing that nests, so that hashing cannot run deep."""
    if value is None or isinstance(value, str | int | float | bytes):
        return value
    raise CheckpointRefused(f"its pickle has {_word(type(value))} as a key")


def _word(kind: type) -> str:
    """What a message calls a value of this kind."""
    return _WORDS.get(kind, "an object")


_WORDS: Mapping[type, str] = {
    str: "a text",
    bytes: "bytes",
    memoryview: "bytes",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "nothing",
    list: "a list",
    tuple: "a sequence",
    dict: "a dictionary",
    set: "a set",
    Name: "a name",
}


_LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES"),
}

_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_SET": set,
    "EMPTY_TUPLE": tuple,
}

_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": _Machine.nothing,
    "FRAME": _Machine.nothing,
    "STOP": _Machine.nothing,
    "MARK": _Machine.mark,
    "MEMOIZE": _Machine.memoize,
    "BINPUT": _Machine.memoize,
    "LONG_BINPUT": _Machine.memoize,
    "BINGET": _Machine.recall,
    "LONG_BINGET": _Machine.recall,
    "TUPLE": _Machine.tuple_of_marked,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "APPEND": lambda machine, _: machine.append([machine.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.pop_mark()),
    "SETITEM": lambda machine, _: machine.set_items([machine.pop(), machine.pop()][::-1]),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_mark()),
    "ADDITEMS": lambda machine, _: machine.add_items(machine.pop_mark()),
    "GLOBAL": lambda machine, name: machine.name(*name.split(" ", 1)),
    "STACK_GLOBAL": _Machine.name_from_stack,
    "REDUCE": _Machine.make,
    "NEWOBJ": _Machine.make,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.persistent,
}
