"""A pickle interpreter that executes nothing: a byte stream in, plain values and descriptions of objects out.

Python's own unpickler imports the globals that a stream names and calls them. This one reads the opcodes and builds
numbers, strings and containers. A global stays a name; the dialect's table says which of our constructors replaces a
call of it. Names and opcodes that no published checkpoint uses are refused.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pickletools import genops
from typing import IO, Any, TypeVar, cast

from workers.checkpoints import foreign
from workers.checkpoints.checkpoint import DOWNLOAD_AGAIN, CheckpointRefused
from workers.checkpoints.files.budget import Budget
from workers.checkpoints.files.sources import Source

Key = str | int | float | bytes | None
Value = TypeVar("Value")


@dataclass(frozen=True)
class GlobalName:
    """The name of a global in the stream. It is never looked up in Python."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, repr=False)
class ObjectDescription:
    """An object as its pickle describes it: the class or function to call, its arguments, the state to set."""

    name: GlobalName
    arguments: tuple[object, ...]
    state: object = None


Constructor = Callable[..., object]
"""Our replacement for the call of a global: the stream's arguments in, a plain value out."""


@dataclass(frozen=True)
class Dialect:
    """What one kind of pickle may contain: its globals, and the meaning of its persistent ids.

    A call of a global that maps to None gives an `ObjectDescription`, which is not read further. `budget` belongs to
    the file: nested pickles share it. `storage` is the constructor for persistent ids.
    """

    constructors: Mapping[str, Constructor | None]
    budget: Budget
    storage: Constructor | None = None


def interpret(stream: Source, dialect: Dialect) -> object:
    """Return the value of the next pickle in `stream`, and leave the stream at the end of that pickle.

    Raises:
        CheckpointRefused: the stream is damaged or too large, or has an opcode or a name outside `dialect`.
    """
    machine = _Machine(dialect)
    try:
        with warnings.catch_warnings():
            # Old text opcodes have escapes, and the library warns about bad ones. These opcodes are refused anyway.
            warnings.simplefilter("ignore", DeprecationWarning)
            for opcode, argument, position in genops(cast("IO[bytes]", stream)):
                machine.step(opcode.name, argument, position)
        return machine.pop()
    except CheckpointRefused:
        raise
    # A stream that no pickler wrote causes these: unknown opcodes, empty stacks, wrong numbers of arguments.
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        raise CheckpointRefused(
            f"its pickle is damaged or cut short at byte {stream.tell()}",
            DOWNLOAD_AGAIN,
        ) from error


class _Machine:
    """The pickle machine: a stack, the stacks under each mark, and a memo."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.stack: list[object] = []
        self.below: list[list[object]] = []
        self.memo: dict[int, object] = {}

    def step(self, opcode: str, argument: object, position: int | None) -> None:
        self.dialect.budget.spend_steps()
        if opcode in _LITERALS:
            self.dialect.budget.spend_argument(argument)
            self.stack.append(argument)
        elif opcode in _CONSTANTS:
            self.stack.append(_CONSTANTS[opcode]())
        elif opcode in _ACTIONS:
            _ACTIONS[opcode](self, argument)
        else:
            raise CheckpointRefused(
                f"its pickle uses the operation {opcode} (at byte {position}), which no published checkpoint needs"
            )

    def ignore(self, _: object) -> None:
        """Do nothing: the opcode only frames the stream."""

    def pop(self) -> object:
        return self.stack.pop()

    def mark(self, _: None) -> None:
        self.below.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[object]:
        """Return everything above the last mark, and restore the stack below it."""
        items, self.stack = self.stack, self.below.pop()
        return items

    def memoize(self, index: int | None) -> None:
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]

    def push_memo(self, index: int) -> None:
        self.stack.append(self.memo[index])

    def push_marked_tuple(self, _: None) -> None:
        items = self.pop_mark()
        self.stack.append(tuple(items))

    def push_tuple(self, count: int) -> None:
        items = [self.pop() for _ in range(count)]
        self.stack.append(tuple(reversed(items)))

    def append(self, items: list[object]) -> None:
        expect_type(list, self.stack[-1]).extend(items)

    def set_items(self, items: list[object]) -> None:
        target = expect_type(dict, self.stack[-1])
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_key(key)] = value

    def add_items(self, items: list[object]) -> None:
        expect_type(set, self.stack[-1]).update(_key(item) for item in items)

    def push_global(self, module: object, name: object) -> None:
        """Push a name that the dialect has. Refuse any other before it can be used."""
        global_name = GlobalName(expect_type(str, module), expect_type(str, name))
        if str(global_name) in self.dialect.constructors:
            self.stack.append(global_name)
            return
        foreign.refuse_foreign([str(global_name)], foreign.GLOBALS)
        raise CheckpointRefused(
            f"it asks for {str(global_name)[:200]!r}, which a checkpoint of tensors does not need;"
            " nothing in it was run"
        )

    def push_global_from_stack(self, _: None) -> None:
        name, module = self.pop(), self.pop()
        self.push_global(module, name)

    def construct(self, _: None) -> None:
        """Replace the call that Python would make: run our constructor, or push a description of the call."""
        arguments, name = expect_type(tuple, self.pop()), expect_type(GlobalName, self.pop())
        for argument in arguments:
            self.dialect.budget.spend_argument(argument)
        constructor = self.dialect.constructors[str(name)]
        self.stack.append(
            constructor(*arguments) if constructor else ObjectDescription(name, arguments)
        )

    def build(self, _: None) -> None:
        """Keep the state of a described object; drop that of a dictionary (`_metadata`)."""
        state, target = self.pop(), self.stack[-1]
        if isinstance(target, ObjectDescription):
            target.state = state
        else:
            expect_type(dict, target)

    def push_persistent(self, _: None) -> None:
        identity = expect_type(tuple, self.pop())
        if self.dialect.storage is None:
            raise CheckpointRefused("expected a pickle that holds all its data, got a reference")
        self.stack.append(self.dialect.storage(*identity))


def expect_type(kind: type[Value], value: object) -> Value:
    """Return the value. Raises `CheckpointRefused` if its type is not exactly `kind`, without subclasses."""
    if type(value) is not kind:
        raise CheckpointRefused(
            f"expected {_noun(kind)} at this place of its pickle, got {_noun(type(value))}"
        )
    return value


def make_dict(pairs: object = ()) -> dict[Key, object]:
    """Replace `OrderedDict` and similar classes."""
    if type(pairs) not in (tuple, list):
        raise CheckpointRefused(
            f"expected the pairs of a dictionary in its pickle, got {_noun(type(pairs))}"
        )
    values = {}
    for key, value in cast("Iterable[tuple[object, object]]", pairs):
        values[_key(key)] = value
    return values


def make_set(items: object = ()) -> set[Key]:
    """Replace `set`."""
    return {_key(item) for item in expect_type(list, items)}


def encode_latin1(text: object, encoding: object) -> bytes:
    """Replace `_codecs.encode`, with which protocol 2 writes bytes."""
    if encoding != "latin1":
        # No value in the message: `str` of nested dictionaries could take forever.
        raise CheckpointRefused("expected latin1 bytes in its pickle, got another encoding")
    return expect_type(str, text).encode("latin1")


def as_view(data: object) -> memoryview:
    """Return bytes of the stream without a copy: long ones are views into the file already."""
    return data if isinstance(data, memoryview) else memoryview(expect_type(bytes, data))


def _key(value: object) -> Key:
    """Return a value that can be a key. Refuse one that nests, so that hashing cannot recurse deeply."""
    if value is None or isinstance(value, str | int | float | bytes):
        return value
    raise CheckpointRefused(
        f"expected a text or a number as a key in its pickle, got {_noun(type(value))}"
    )


def _noun(kind: type) -> str:
    """Return the word for a value of this type in a message."""
    return _NOUNS.get(kind, "an object")


_NOUNS: Mapping[type, str] = {
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
    GlobalName: "a class name",
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
    "PROTO": _Machine.ignore,
    "FRAME": _Machine.ignore,
    "STOP": _Machine.ignore,
    "MARK": _Machine.mark,
    "MEMOIZE": _Machine.memoize,
    "BINPUT": _Machine.memoize,
    "LONG_BINPUT": _Machine.memoize,
    "BINGET": _Machine.push_memo,
    "LONG_BINGET": _Machine.push_memo,
    "TUPLE": _Machine.push_marked_tuple,
    "TUPLE1": lambda machine, _: machine.push_tuple(1),
    "TUPLE2": lambda machine, _: machine.push_tuple(2),
    "TUPLE3": lambda machine, _: machine.push_tuple(3),
    "APPEND": lambda machine, _: machine.append([machine.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.pop_mark()),
    "SETITEM": lambda machine, _: machine.set_items([machine.pop(), machine.pop()][::-1]),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_mark()),
    "ADDITEMS": lambda machine, _: machine.add_items(machine.pop_mark()),
    "GLOBAL": lambda machine, name: machine.push_global(*name.split(" ", 1)),
    "STACK_GLOBAL": _Machine.push_global_from_stack,
    "REDUCE": _Machine.construct,
    "NEWOBJ": _Machine.construct,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.push_persistent,
}
