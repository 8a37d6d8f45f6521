"""Files that are built to run something when they are loaded. What they would run is `echo marker`."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tests.inspect.assembler import (
    call,
    deflate_bomb,
    gguf,
    good_state,
    gzipped,
    legacy,
    legacy_storage,
    make,
    name,
    npy,
    onnx,
    pickled,
    safetensors,
    stack_name,
    storage,
    tar,
    tensor,
    text,
    torch_entries,
    torch_zip,
    value,
    zipped,
)

MARK = "echo marker"
RUN = call("os", "system", MARK)
EVIL = pickled(RUN)

# What a pickle may call to run something, with arguments that would.
CALLS: list[tuple[str, str, tuple[object, ...]]] = [
    ("os", "system", (MARK,)),
    ("posix", "system", (MARK,)),
    ("nt", "system", (MARK,)),
    ("os", "popen", (MARK,)),
    ("os", "execv", ("/bin/echo", ["echo", "marker"])),
    ("subprocess", "Popen", (["echo", "marker"],)),
    ("subprocess", "check_output", (["echo", "marker"],)),
    ("_posixsubprocess", "fork_exec", (MARK,)),
    ("builtins", "eval", ("'marker'",)),
    ("builtins", "exec", ("'marker'",)),
    ("builtins", "compile", ("'marker'", "x", "eval")),
    ("builtins", "__import__", ("os",)),
    ("builtins", "open", ("marker", "w")),
    ("builtins", "setattr", (name("torch", "Tensor"), "x", 1)),
    ("builtins", "map", (name("builtins", "print"), ["marker"])),
    ("__builtin__", "eval", ("'marker'",)),
    ("__builtin__", "execfile", ("marker",)),
    ("commands", "getoutput", (MARK,)),
    ("sys", "setrecursionlimit", (1000,)),
    ("runpy", "_run_code", ("'marker'",)),
    ("runpy", "run_path", ("marker.py",)),
    ("code", "interact", ()),
    ("codeop", "compile_command", ("1",)),
    ("importlib", "import_module", ("marker",)),
    ("importlib.util", "spec_from_file_location", ("marker", "marker.py")),
    ("pickle", "loads", ("N.",)),
    ("cPickle", "loads", ("N.",)),
    ("_pickle", "loads", ("N.",)),
    ("marshal", "loads", ("N",)),
    ("types", "FunctionType", (None, None)),
    ("functools", "partial", (name("builtins", "print"), "marker")),
    ("functools", "reduce", (name("builtins", "print"), ["marker"])),
    ("operator", "methodcaller", ("system", MARK)),
    ("operator", "attrgetter", ("system",)),
    ("itertools", "starmap", (name("builtins", "print"), [("marker",)])),
    ("ctypes", "CDLL", ("marker.so",)),
    ("webbrowser", "open", ("about:blank",)),
    ("pip", "main", (["--version"],)),
    ("pip._internal", "main", (["--version"],)),
    ("ensurepip", "_run_pip", (["--version"],)),
    ("timeit", "timeit", ("1",)),
    ("cProfile", "run", ("1",)),
    ("profile", "Profile", ()),
    ("pdb", "run", ("1",)),
    ("bdb", "Bdb", ()),
    ("trace", "Trace", ()),
    ("doctest", "debug_script", ("1",)),
    ("idlelib.run", "Executive", ()),
    ("pty", "spawn", (["echo", "marker"],)),
    ("asyncio", "create_subprocess_shell", (MARK,)),
    ("multiprocessing.util", "spawnv_passfds", (b"N",)),
    ("socket", "socket", ()),
    ("shutil", "copy", ("marker", "other")),
    ("http.client", "HTTPSConnection", ("localhost",)),
    ("urllib.request", "urlopen", ("http://localhost/",)),
    ("requests.api", "get", ("http://localhost/",)),
    ("distutils.spawn", "spawn", (["echo", "marker"],)),
    ("logging.config", "fileConfig", ("marker",)),
    ("pydoc", "pipepager", ("x", MARK)),
    ("uuid", "_get_command_stdout", ("echo", "marker")),
    ("torch", "load", ("marker",)),
    ("torch.serialization", "load", ("marker",)),
    ("torch.storage", "_load_from_bytes", (b"C\x00",)),
    ("torch.hub", "load", ("local", "marker")),
    ("torch.jit", "load", ("marker",)),
    ("torch.fx.graph_module", "reduce_graph_module", ({}, "marker")),
    ("torch._inductor.codecache", "compile_file", ("marker",)),
    ("torch.utils.cpp_extension", "load", ("marker",)),
    ("torch._dynamo.guards", "GuardBuilder.get", ("marker",)),
    ("torch.utils._config_module", "load_config", ("marker",)),
    ("numpy", "load", ("marker",)),
    ("numpy.testing._private.utils", "runstring", ("1", {})),
    ("numpy.f2py.crackfortran", "getlincoef", ("1", {})),
    ("pandas", "read_pickle", ("marker",)),
    ("joblib", "load", ("marker",)),
    ("dill", "loads", ("N.",)),
    ("cloudpickle.cloudpickle", "_builtin_type", ("x",)),
    ("keras.models", "load_model", ("marker",)),
    ("some_package.some_module", "run", ("marker",)),
    ("__main__", "run", ("marker",)),
]


def calls() -> Iterator[tuple[str, bytes]]:
    for module, attribute, args in CALLS:
        yield f"calls {module}.{attribute}", torch_zip(pickled(call(module, attribute, *args)))


def instructions() -> Iterator[tuple[str, bytes]]:
    """The same call by every instruction that can make one, and names that are hidden."""
    yield "STACK_GLOBAL", torch_zip(pickled(stack_name("os", "system") + value((MARK,)) + b"R", protocol=4))
    yield "INST", torch_zip(pickled(b"(" + text(MARK) + b"ios\nsystem\n"))
    yield "OBJ", torch_zip(pickled(b"(" + name("os", "system") + text(MARK) + b"o"))
    yield "NEWOBJ", torch_zip(pickled(name("subprocess", "Popen") + value((MARK,)) + b"\x81"))
    yield "NEWOBJ_EX", torch_zip(pickled(name("subprocess", "Popen") + value((MARK,)) + b"}\x92", protocol=4))
    yield "protocol 0", b"cos\nsystem\n(S'echo marker'\ntR."
    yield "protocol 1", b"cos\nsystem\n(U\x0becho markertR."
    yield "only named", torch_zip(pickled(name("os", "system")))
    yield "popped again", torch_zip(pickled(RUN + b"0N"))
    yield "in a dict's key", torch_zip(pickled(b"}" + RUN + b"Ns"))
    yield "behind a memo", torch_zip(pickled(text("os") + b"q\x01" + text("system") + b"q\x02h\x01h\x02\x93)R"))
    yield (
        "a memo that was overwritten",
        torch_zip(pickled(text("torch") + b"q\x01" + text("os") + b"q\x01h\x01" + text("system") + b"\x93)R")),
    )
    yield "a computed name", torch_zip(pickled(call("_codecs", "encode", "os", "latin1") + text("system") + b"\x93)R"))
    yield "a name with escapes", torch_zip(pickled(b"S'o\\x73'\n" + text("system") + b"\x93)R"))
    yield "a name of bytes", torch_zip(pickled(b"U\x02os" + b"U\x06system" + b"\x93)R"))
    yield (
        "a memo that MEMOIZE overwrites",
        torch_zip(pickled(text("torch") + b"q\x01" + text("os") + b"\x94h\x01" + text("system") + b"\x93)R")),
    )
    yield (
        "a memo whose numbers are text",
        torch_zip(
            pickled(text("os") + b"p 007 \n" + text("torch") + b"r\xff\xff\xff\x7f0g7\n" + text("system") + b"\x93)R")
        ),
    )
    yield "a memo whose number is no plain one", torch_zip(pickled(RUN[:-1] + b"p1_0\n" + b"g10\n" + RUN[-1:]))
    yield "EXT1 alone", torch_zip(pickled(b"\x82\x01"))
    yield "EXT2 as a value", torch_zip(pickled({"model": b"\x83\x01\x00"}))
    yield "EXT4 thrown away", torch_zip(pickled(b"\x84\x01\x00\x00\x000N"))
    yield "EXT1", torch_zip(pickled(b"\x82\x01)R"))
    yield "EXT2", torch_zip(pickled(b"\x83\x01\x00)R"))
    yield "EXT4", torch_zip(pickled(b"\x84\x01\x00\x00\x00)R"))
    yield "a dotted name", torch_zip(pickled(stack_name("torch", "os.system") + value((MARK,)) + b"R", protocol=4))
    yield "a dotted name in a listed module", torch_zip(pickled(name("collections", "OrderedDict.fromkeys") + b")R"))
    yield "a dotted name of a listed class", torch_zip(pickled(name("torch.nn.modules.linear", "Linear.forward")))
    yield "a name with a space", torch_zip(pickled(name("os ", "system")))
    yield "a name with a carriage return", torch_zip(pickled(name("os\r", "system")))
    yield "a name beyond ASCII", torch_zip(pickled(name("ｏs", "system")))
    yield "an empty name", torch_zip(pickled(name("", "")))
    yield (
        "a function of a listed module",
        torch_zip(pickled(call("torch.nn.modules.module", "register_module_forward_hook"))),
    )
    yield "a module of a listed module", torch_zip(pickled(name("ultralytics.nn.modules.block", "F")))
    yield "a broken stack in front", torch_zip(pickled(b"0" + RUN))
    yield "behind a missing memo", torch_zip(pickled(b"h\x63" + RUN))
    yield "a broken pickle behind it", torch_zip(b"\x80\x02" + RUN + b"\xff\xff")
    yield "no STOP", torch_zip(b"\x80\x02" + RUN)
    yield "a persistent id", torch_zip(pickled(value(("storage", RUN, "0", "cpu", 2)) + b"Q"))
    yield "a persistent id of another kind", torch_zip(pickled(value(("file", "marker")) + b"Q"))
    yield "a persistent id as text", torch_zip(pickled(b"Pmarker\n"))


def arguments() -> Iterator[tuple[str, bytes]]:
    """Harmless names, used to do harm."""
    yield "getattr of a module", torch_zip(pickled(call("builtins", "getattr", name("os", "path"), "join")))
    yield "getattr of a function", torch_zip(pickled(call("builtins", "getattr", name("torch", "device"), "type")))
    linear = name("torch.nn.modules.linear", "Linear")
    yield "getattr of a hidden name", torch_zip(pickled(call("builtins", "getattr", linear, "__init__")))
    yield (
        "getattr of a computed name",
        torch_zip(pickled(call("builtins", "getattr", linear, call("_codecs", "encode", "forward", "latin1")))),
    )
    forward = call("builtins", "getattr", linear, "forward")
    yield "calls what getattr gave", torch_zip(pickled(forward + value((MARK,)) + b"R"))
    yield "getattr of what getattr gave", torch_zip(pickled(call("builtins", "getattr", forward, "func")))
    yield "changes a class", torch_zip(pickled(linear + value((None, {"forward": 1})) + b"b"))
    yield "changes torch.Tensor", torch_zip(pickled(name("torch", "Tensor") + value((None, {"x": 1})) + b"b"))
    from_type = ("torch._tensor", "_rebuild_from_type_v2")
    yield (
        "from a type with a function",
        torch_zip(pickled(call(*from_type, name("os", "system"), name("torch", "Tensor"), (MARK,), None))),
    )
    yield (
        "from a type with a class",
        torch_zip(pickled(call(*from_type, linear, name("torch", "Tensor"), (1, 1), None))),
    )
    rebuild = name("torch._utils", "_rebuild_tensor_v2")
    yield (
        "from a type that is no tensor",
        torch_zip(pickled(call(*from_type, rebuild, linear, (storage("0", 2), 0, (2,), (1,), False, {}), None))),
    )
    yield (
        "from a type with a hidden attribute",
        torch_zip(
            pickled(
                call(
                    *from_type,
                    rebuild,
                    name("torch", "Tensor"),
                    (storage("0", 2), 0, (2,), (1,), False, {}),
                    {"__class__": linear},
                )
            )
        ),
    )
    yield (
        "a model made from a configuration",
        torch_zip(pickled(call("ultralytics.nn.tasks", "DetectionModel", {"activation": "print('marker')"}))),
    )
    yield (
        "a model made from a configuration by NEWOBJ",
        torch_zip(pickled(name("ultralytics.nn.tasks", "DetectionModel") + value(({"activation": "1"},)) + b"\x81")),
    )
    yield "a model made by INST", torch_zip(pickled(b"(" + value("x") + b"iultralytics.nn.tasks\nDetectionModel\n"))
    yield "a data type of objects", torch_zip(pickled(call("numpy", "dtype", "O8", False, True)))
    yield (
        "a scalar of objects",
        torch_zip(pickled(call("numpy.core.multiarray", "scalar", call("numpy", "dtype", "O8"), "x"))),
    )
    yield "an odd codec", torch_zip(pickled(call("_codecs", "encode", "marker", "marker_codec")))
    yield (
        "a tensor without a storage",
        torch_zip(pickled(call("torch._utils", "_rebuild_tensor_v2", "marker", 0, (2,), (1,), False, {}))),
    )
    yield "a call of a data type", torch_zip(pickled(call("torch", "float32", 1)))
    yield "items for a layer", torch_zip(pickled(make("torch.nn.modules.container", "ModuleList") + value(1) + b"a"))
    yield (
        "a key for a layer",
        torch_zip(pickled(make("torch.nn.modules.container", "ModuleDict") + value("x") + value(1) + b"s")),
    )
    yield "a state for a number", torch_zip(pickled(value(1) + value({}) + b"b"))
    yield "memory", torch_zip(pickled(call("builtins", "bytearray", 1 << 40)))


def flipped(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def wrappers() -> Iterator[tuple[str, bytes]]:
    """The call in every place of every file."""
    good = torch_zip()
    yield "bare", EVIL
    yield "bare, a second pickle", pickled(1) + EVIL
    yield "bare, behind a storage", pickled({"a": 1}) + pickled(2) + EVIL
    for number in (1, 2, 3, 4, 5):
        yield f"legacy, pickle {number}", legacy(parts={number: EVIL})
    yield (
        "legacy, a class with a source",
        legacy(pickled(value(("module", name("os", "system"), "marker.py", "source")) + b"Q")),
    )
    yield "TorchScript's constants", zipped([*torch_entries(good_state()), ("archive/constants.pkl", EVIL)])
    yield "TorchScript's data", zipped([*torch_entries(EVIL), ("archive/constants.pkl", pickled(()))])
    yield "a zip in a zip", zipped([("model.pt", torch_zip(EVIL))])
    yield "a zip in a torch zip", torch_zip(more=[("archive/inner.pt", torch_zip(EVIL))])
    yield "a bare pickle in a zip", zipped([("weights/data.bin", EVIL)])
    yield "a numpy archive of objects", zipped([("x.npy", npy("'|O'", EVIL))], compress=True)
    yield "a numpy array of objects", npy("'|O'", EVIL)
    yield "gzip", gzipped(EVIL)
    yield "gzip around a zip", gzipped(torch_zip(EVIL))
    yield "tar", tar("pickle", EVIL)
    yield "7z", b"7z\xbc\xaf\x27\x1c\0\4" + bytes(64)
    yield "xz", b"\xfd7zXZ\0" + bytes(64)
    yield "compressed", torch_zip(EVIL, compress=True)
    yield "deflate bomb", deflate_bomb(b"0", 16_000_000)
    yield "two data.pkl", zipped([*torch_entries(good_state()), ("archive/data.pkl", EVIL)])
    yield "two data.pkl, evil first", zipped([("archive/data.pkl", EVIL), *torch_entries(good_state())])
    yield "data.pkl in capitals as well", zipped([("archive/DATA.PKL", EVIL), *torch_entries(good_state())])
    yield "data.pkl in capitals only", zipped([("archive/DATA.PKL", EVIL), *torch_entries(good_state())[1:]])
    yield "a second folder", zipped([*torch_entries(EVIL, "a"), *torch_entries(good_state(), "b")])
    yield "a deeper data.pkl", torch_zip(more=[("archive/x/data.pkl", EVIL)])
    yield "no folder", zipped([("data.pkl", EVIL), ("version", b"3")])
    yield "another pickle beside", torch_zip(more=[("archive/extra.pkl", EVIL)])
    yield "a pickle in front of a zip", EVIL + good
    yield "a good pickle in front of a zip", pickled(1) + torch_zip(EVIL)
    yield "bytes in front of a zip", b"\0" * 64 + torch_zip(EVIL)
    yield "a good zip in front of a zip", good + torch_zip(EVIL)
    yield "a comment with a directory", good[:-2] + struct.pack("<H", len(torch_zip(EVIL))) + torch_zip(EVIL)
    yield "bytes behind a zip", good + b"\0" * 8
    yield "another local name", flipped(good, 30, b"archive/dat4.pkl")
    yield "an encrypted entry", flipped(good, good.index(b"PK\1\2") + 8, b"\1")
    yield "an encrypted local entry", flipped(good, 6, b"\1")
    yield "another method in the local header", flipped(good, 8, b"\x08")
    yield "another place in the directory", flipped(good, good.index(b"PK\1\2") + 42, b"\5")
    yield "a name with a NUL", torch_zip().replace(b"byteorder", b"byte\0rder")
    yield "a name that climbs", zipped([*torch_entries(good_state()), ("archive/../x", b"1")])
    yield "a safetensors file that is a pickle", _safetensors_and_pickle()
    yield "a safetensors file that ends as a zip", _safetensors_and_zip()
    yield "a chat template that climbs", gguf({"tokenizer.chat_template": "{{ ''.__class__.__mro__ }}"})
    yield "an ONNX model outside its folder", onnx(location="../../etc/passwd")
    yield "an ONNX model with an absolute path", onnx(location="/etc/passwd")
    yield "an ONNX model with foreign operators", onnx(domain="ai.onnx.contrib")
    yield "a damaged safetensors file", safetensors({"w": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}})
    yield "a safetensors file with a hole", safetensors(body=bytes(16))
    yield "cut off", torch_zip(EVIL)[:-30]
    yield "Keras", b"\x89HDF\r\n\x1a\n" + bytes(64)
    yield "a program", b"\x7fELF" + bytes(64)
    yield "an LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n"
    yield "a web page", b"<!DOCTYPE html><html></html>"
    yield "nothing", b""
    yield (
        "a legacy class among tensors",
        legacy(
            pickled({"w": tensor(legacy_storage("1001", 2), (2,)), "x": RUN}),
        ),
    )


def _safetensors_and_pickle() -> bytes:
    """The header's length reads as BINUNICODE; its metadata is a row of short strings, up to the tensor."""
    body = RUN + b"."
    front = b'{"w":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]},"__metadata__":{"a":"' % (len(body), len(body))
    taken = len(front) + 3  # the text begins at byte 5, the JSON at 8
    length = ord("X") | taken << 8
    rest = length - len(front)
    pieces = [128] * (rest // 128 - 1) + [64, rest % 128 + 64]
    row = b"".join(b"U" + bytes([size - 2]) + b"a" * (size - 2) for size in pieces)
    return struct.pack("<Q", length) + front + row[:-3] + b'"}}' + body


def _safetensors_and_zip() -> bytes:
    inner = torch_zip(EVIL)
    return safetensors({"w": {"dtype": "U8", "shape": [len(inner)], "data_offsets": [0, len(inner)]}}, inner)


def everything() -> list[tuple[str, bytes]]:
    return [*calls(), *instructions(), *arguments(), *wrappers()]
