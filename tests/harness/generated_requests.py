"""Arbitrary requests for any RPC, made from its message's descriptor.

Three sorts, since each reaches what the others do not: messages of arbitrary
values (mostly refused by the first check), good requests with one or two fields
made arbitrary (reach the checks behind), and bytes that are no message.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

Overrides = Mapping[str, st.SearchStrategy[Any]]
"""Full name of a field (``frontdesk.asr.v1.RecognizeRequest.audio``) to its values."""

_MAX_DEPTH = 3

_MAX_CALL_BYTES = 8 * 1024 * 1024
"""Many of many of many: a client would refuse to send what is larger."""

_STRINGS = st.one_of(
    st.sampled_from(
        [
            "",
            " ",
            "\n",
            "en",
            "zh",
            "en-US",
            "xx",
            "klingon",
            "0",
            "-1",
            "\x00",
            "a\x00b",
            "\ufffe",  # a noncharacter, valid in UTF-8
            "\u202eright to left",
            "e\u0301",
            "👩‍👩‍👧",
            "../../etc/passwd",
            "'; DROP TABLE turns; --",
            "{{7*7}} %s %n",
            "我的订单在哪里？",
            "Where is my order?",
            "9" * 400,
            "x" * 6_000,
            "字" * 12_000,
        ]
    ),
    st.text(max_size=40),
)
_BYTES = st.one_of(
    st.sampled_from(
        [b"", b"\x00", b"\xff" * 64, b"RIFF\xff\xff\xff\xffWAVEfmt ", b"OggS", b"fLaC", b"PK\x03\x04"]
    ),
    st.binary(max_size=200),
)
_FLOATS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, float("nan"), float("inf"), float("-inf"), 1e-45, 3.4e38]),
    st.floats(width=32),
)
_DOUBLES = st.one_of(_FLOATS, st.floats())


def _integers(low: int, high: int) -> st.SearchStrategy[int]:
    edges = [
        value for value in (low, low + 1, -1, 0, 1, 2, 3, 8000, 16000, 24000, high - 1, high) if value >= low
    ]
    return st.one_of(st.sampled_from(edges), st.integers(low, high))


_INT32 = _integers(-(2**31), 2**31 - 1)
_INT64 = _integers(-(2**63), 2**63 - 1)
_UINT32 = _integers(0, 2**32 - 1)
_UINT64 = _integers(0, 2**64 - 1)

_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_INT32: _INT32,
    FieldDescriptor.CPPTYPE_INT64: _INT64,
    FieldDescriptor.CPPTYPE_UINT32: _UINT32,
    FieldDescriptor.CPPTYPE_UINT64: _UINT64,
    FieldDescriptor.CPPTYPE_FLOAT: _FLOATS,
    FieldDescriptor.CPPTYPE_DOUBLE: _DOUBLES,
}


def messages(message_class: type[Message], overrides: Overrides | None = None) -> st.SearchStrategy[Message]:
    """Return arbitrary messages: any field unset or set, to edge values and random ones."""
    return _Strategies(overrides or {}).messages(cast(Descriptor, message_class.DESCRIPTOR), _MAX_DEPTH)


def mutated(good: Message, overrides: Overrides | None = None) -> st.SearchStrategy[Message]:
    """Return a good message with one or two of its fields, at any depth, made arbitrary or unset."""
    strategies = _Strategies(overrides or {})

    @st.composite
    def build(draw: st.DrawFn) -> Message:
        message = type(good)()
        message.CopyFrom(good)
        for _ in range(draw(st.integers(1, 2))):
            target = message
            for _ in range(_MAX_DEPTH):
                inner = [value for _, value in target.ListFields() if isinstance(value, Message)]
                inner += [
                    value[0]
                    for described, value in target.ListFields()
                    if described.is_repeated and described.message_type and not _is_map(described)
                ]
                if not inner or not draw(st.booleans()):
                    break
                target = draw(st.sampled_from(inner))
            fields: list[FieldDescriptor] = list(cast(Descriptor, target.DESCRIPTOR).fields)
            if not fields:
                break
            described = draw(st.sampled_from(fields))
            target.ClearField(described.name)
            if draw(st.integers(0, 3)):
                _set(target, described, draw(strategies.field(described, 1)))
        return message

    return build()


def malformed(good: Message) -> st.SearchStrategy[bytes]:
    """Return bytes that are mostly no message: random, cut off, or with bytes changed."""
    whole = good.SerializeToString()[:4096]

    @st.composite
    def build(draw: st.DrawFn) -> bytes:
        match draw(st.sampled_from(["random", "cut", "changed"])):
            case "random":
                return draw(st.binary(max_size=100))
            case "cut":
                return whole[: draw(st.integers(0, len(whole)))]
        content = bytearray(whole)
        for _ in range(draw(st.integers(1, 4))):
            if content:
                content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
        return bytes(content)

    return build()


def requests(
    method: MethodDescriptor, good: Sequence[Message], overrides: Overrides | None = None
) -> st.SearchStrategy[list[bytes]]:
    """Return calls of an RPC, as the bytes of each message: one, or any few for a client stream."""
    message_class = GetMessageClass(method.input_type)
    arbitrary = messages(message_class, overrides).map(_serialized)

    def near(message: Message) -> st.SearchStrategy[bytes]:
        changed = mutated(message, overrides).map(_serialized)
        return st.one_of(changed, changed, malformed(message))

    if not method.client_streaming:
        return st.one_of(arbitrary, near(good[0])).map(_one)

    @st.composite
    def one_changed(draw: st.DrawFn) -> list[bytes]:
        stream = [message.SerializeToString() for message in good]
        position = draw(st.integers(0, len(stream) - 1))
        what = draw(st.sampled_from(["change", "drop", "repeat", "insert"]))
        if what == "change":
            stream[position] = draw(near(good[position]))
        elif what == "drop":
            del stream[position]
        else:
            stream.insert(position, stream[position] if what == "repeat" else draw(arbitrary))
        return stream

    return st.one_of(st.lists(arbitrary, max_size=4), one_changed())


def generate(
    method: MethodDescriptor,
    good: Sequence[Message],
    count: int | None = None,
    overrides: Overrides | None = None,
) -> list[list[bytes]]:
    """Return ``count`` calls at most, the same ones each time.

    ``count`` defaults to FRONTDESK_GENERATED_REQUESTS, and that to 1,000. They are
    made beforehand, since Hypothesis does not await; what fails is shown as it was sent.
    """
    made: list[list[bytes]] = []
    collect: Callable[[list[bytes]], None] = made.append

    @settings(
        max_examples=count or int(os.environ.get("FRONTDESK_GENERATED_REQUESTS", "1000")),
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(method, good, overrides))
    def run(call: list[bytes]) -> None:
        if sum(map(len, call)) <= _MAX_CALL_BYTES:
            collect(call)

    run()
    return made


class _Strategies:
    """Strategies for the values of fields, each built once, since building costs more than drawing."""

    def __init__(self, overrides: Overrides) -> None:
        self._overrides = overrides
        self._built: dict[tuple[str, int], st.SearchStrategy[Any]] = {}

    def messages(self, descriptor: Descriptor, depth: int) -> st.SearchStrategy[Message]:
        """Return arbitrary messages with messages inside of them to ``depth``."""
        key = (descriptor.full_name, depth)
        if key not in self._built:
            self._built[key] = self._message(descriptor, depth)
        return self._built[key]

    def field(self, field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
        """Return values for ``_set``: one, a list for a repeated field, pairs for a map."""
        key = (field.full_name, depth)
        if key not in self._built:
            self._built[key] = self._field(field, depth)
        return self._built[key]

    def _message(self, descriptor: Descriptor, depth: int) -> st.SearchStrategy[Message]:
        message_class = GetMessageClass(descriptor)
        settable = st.tuples(
            *(
                st.one_of(
                    st.none(),
                    *(
                        st.tuples(st.just(field), self.field(field, depth))
                        for field in group
                        if depth or not field.message_type
                    ),
                )
                for group in _field_groups(descriptor)
            )
        )

        def build(values: Sequence[tuple[FieldDescriptor, Any] | None]) -> Message:
            message = message_class()
            for value in values:
                if value:
                    _set(message, *value)
            return message

        return settable.map(build)

    def _field(self, field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
        if field.full_name in self._overrides:
            return self._overrides[field.full_name]
        if _is_map(field):
            entry = cast(Descriptor, field.message_type).fields_by_name
            pair = st.tuples(self._value(entry["key"], depth), self._value(entry["value"], depth))
            return st.lists(pair, max_size=3)
        value = self._value(field, depth)
        if not field.is_repeated:
            return value
        few = st.lists(value, max_size=2)
        counts = [65, 101] if field.message_type else [65, 101, 1001]  # just above common limits
        many = st.builds(_repeated, value, st.sampled_from(counts))
        return st.one_of(*[few] * 9, many)

    def _value(self, field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
        if field.message_type:
            return self.messages(field.message_type, depth - 1)
        if field.enum_type:
            return st.one_of(st.sampled_from([value.number for value in field.enum_type.values]), _INT32)
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            return _BYTES if field.type == FieldDescriptor.TYPE_BYTES else _STRINGS
        return _SCALARS[field.cpp_type]


def _field_groups(descriptor: Descriptor) -> list[list[FieldDescriptor]]:
    """Fields that can be set together: each by itself, those of a oneof as one group."""
    alone = [[field] for field in descriptor.fields if field.containing_oneof is None]
    return alone + [list(oneof.fields) for oneof in descriptor.oneofs]


def _set(message: Message, field: FieldDescriptor, value: Any) -> None:
    target = getattr(message, field.name)
    if _is_map(field):
        for key, item in value:
            if isinstance(item, Message):
                target[key].CopyFrom(item)
            else:
                target[key] = item
    elif field.is_repeated:
        target.extend(value)
    elif isinstance(value, Message):
        target.CopyFrom(value)
        target.SetInParent()
    else:
        setattr(message, field.name, value)


def _repeated(item: Any, count: int) -> list[Any]:
    return [item] * count


def _one(content: bytes) -> list[bytes]:
    return [content]


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()


def _is_map(field: FieldDescriptor) -> bool:
    return bool(field.message_type and field.message_type.GetOptions().map_entry)
