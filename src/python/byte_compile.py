# pybuild program: byte-compile
# Arguments: the number of processes, the wanted optimisation levels such as 012, the path of
# compileall.py, and the arguments of that program.
# Output: a line `Compiling PATH` for each module and level.
#
# Writes what compileall writes, with several processes in every release. Arguments that CPython's
# Makefile does not have are left to compileall.
import sys
sys.path[:] = [entry for entry in sys.path if entry]
import getopt, marshal, os, py_compile, re, runpy, struct, types
processes, wanted = int(sys.argv[1]), sys.argv[2]
try:
    options, folders = getopt.getopt(sys.argv[4:], 'fj:d:x:o:')
    folder, = folders
except (getopt.GetoptError, ValueError):
    sys.argv = sys.argv[3:]
    runpy.run_path(sys.argv[0], run_name='__main__')
    sys.exit()
last = dict(options)
final = last.get('-d', folder)
excluded = re.compile(last.get('-x', '(?!)')).search
levels = [int(value) for name, value in options if name == '-o'] or [sys.flags.optimize]
levels = [level for level in levels if str(level) in wanted]

def modules():
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != '__pycache__']
        for name in names:
            source = os.path.join(path, name)
            if name.endswith('.py') and os.path.isfile(source) and not excluded(source):
                yield source

def report(text):
    if not isinstance(text, bytes):
        text = text.encode('utf-8', 'surrogateescape')
    # One write: lines of several processes do not mix.
    os.write(1, text + b'\n')

# In a source without these, levels 0 and 1 give the same code: a statement `assert`, `__debug__`, and
# whatever could hide them: other characters than ASCII and a declared encoding.
differs = re.compile(br'(?:^|[\r\n;:])[ \t\f]*assert\b|__debug__|[^\0-\x7f]|coding[:=]').search

def has_docstring(code):
    constants = code.co_consts
    return ('__doc__' in code.co_names or (constants and isinstance(constants[0], str))
        or any(has_docstring(one) for one in constants if isinstance(one, types.CodeType)))

def read(path):
    with open(path, 'rb') as opened:
        return opened.read()

def code_is_equal(source, level, compiled):
    # Whether the level gives the code of the level below, which is in `compiled`.
    if level == 1:
        return not differs(read(source))
    return not has_docstring(marshal.loads(read(compiled)[16:]))

def compile_level(source, level, name):
    if sys.version_info < (3, 7):
        options = {} if sys.version_info < (3, 2) else {'optimize': level}
        py_compile.compile(source, None, name, True, **options)
        return
    from importlib.util import cache_from_source
    path = cache_from_source(source, optimization=level or '')
    below = level and cache_from_source(source, optimization=level - 1 or '')
    if level and os.path.exists(below) and code_is_equal(source, level, below):
        with open(path, 'wb') as opened:
            opened.write(read(below))
        os.chmod(path, os.stat(below).st_mode)
    else:
        py_compile.compile(source, path, name, True, optimize=level)

def compile_module(source):
    name = os.path.join(final, os.path.relpath(source, folder))
    for level in levels:
        report('Compiling %s' % source)
        try:
            compile_level(source, level, name)
        except py_compile.PyCompileError as error:
            report('not compiled: %s' % error)

def work(queue):
    # Each read gets one whole number: numbers are written whole, too.
    numbers = iter(lambda: os.read(queue, 4), b'')
    for number in numbers:
        compile_module(sources[struct.unpack('=i', number)[0]])

sources = list(modules()) if levels else []
queue, numbers = os.pipe()
children = []
for _ in range(processes):
    child = os.fork()
    if child:
        children.append(child)
        continue
    status = 1
    try:
        os.close(numbers)
        work(queue)
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)
os.close(queue)
try:
    for number in range(len(sources)):
        os.write(numbers, struct.pack('=i', number))
except OSError:
    pass # All processes ended early, and have said why.
os.close(numbers)
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
