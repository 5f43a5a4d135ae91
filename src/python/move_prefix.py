# pybuild program: move-prefix
# Arguments: the old prefix, the new one, then pairs: a Python file and its final path.
# Replaces the prefix in each file, which keeps its time, and compiles the file for the levels that it has
# byte code for. `_sysconfigdata*.py` is written as `sysconfig` writes it: the length of the prefix decides
# where its lines are wrapped. Fails if the old file cannot be written in this way.
import os
import py_compile
import sys
from io import open
from pprint import pformat


def line_per_variable(variables):
    # From 3.13 on.
    lines = ["    %r: %r,\n" % item for item in sorted(variables.items())]
    return "{\n" + "".join(lines) + "}"


def moved_variables(text, old, new):
    start = "build_time_vars = "
    head = text[: text.index(start) + len(start)]
    namespace = {}
    exec(text, namespace)
    variables = namespace["build_time_vars"]
    moved = {}
    for name, value in variables.items():
        moved[name] = value.replace(old, new) if isinstance(value, str) else value
    for form in pformat, line_per_variable:
        if head + form(variables) + "\n" == text:
            return head + form(moved) + "\n"
    sys.exit("pybuild: the form of _sysconfigdata is not known")


def byte_code(path):
    # Pairs: a byte-code file and its level.
    if (3,) <= sys.version_info < (3, 5):
        sys.exit("pybuild: the names of byte-code files are not known")
    if sys.version_info < (3,):
        return [(path + "c", None), (path + "o", None)]
    from importlib.util import cache_from_source

    levels = enumerate(["", "1", "2"])
    return [(cache_from_source(path, optimization=name), level) for level, name in levels]


def move(old, new, path, final):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if os.path.basename(path).startswith("_sysconfigdata"):
        text = moved_variables(text, old, new)
    else:
        text = text.replace(old, new)
    time = int(os.stat(path).st_mtime)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.utime(path, (time, time))
    for compiled, level in byte_code(path):
        if os.path.exists(compiled):
            options = {} if level is None else {"optimize": level}
            py_compile.compile(path, compiled, final, True, **options)


old, new = sys.argv[1:3]
paths = sys.argv[3:]
for path, final in zip(paths[::2], paths[1::2]):
    move(old, new, path, final)
