# pybuild program: byte-compile
# Arguments: the number of processes, the wanted optimisation levels such as 012, the path of
# compileall.py, and the arguments of that program.
# Output: a line `Compiling PATH` for each module and level.
#
# Writes what compileall writes, with several processes in every release. Arguments that CPython's
# Makefile does not have are left to compileall. The sources get the time SOURCE_DATE_EPOCH.
import sys
sys.path[:] = [entry for entry in sys.path if entry]
import getopt, os, py_compile, re, runpy
processes, wanted = int(sys.argv[1]), sys.argv[2]
try:
    options, folders = getopt.getopt(sys.argv[4:], 'fj:d:x:o:')
    folder, = folders
except (getopt.GetoptError, ValueError):
    # With it, compileall would write another kind of file.
    os.environ.pop('SOURCE_DATE_EPOCH', None)
    sys.argv = sys.argv[3:]
    runpy.run_path(sys.argv[0], run_name='__main__')
    sys.exit()
last = dict(options)
final = last.get('-d', folder)
excluded = re.compile(last.get('-x', '(?!)')).search
levels = [int(value) for name, value in options if name == '-o'] or [sys.flags.optimize]
levels = [level for level in levels if str(level) in wanted]

def portions():
    # The bytes of a compiled module depend on what its process compiled before, so each process compiles
    # the same modules in every build. The longest portions come first, so that all end together.
    found = []
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != '__pycache__']
        sources = [os.path.join(path, name) for name in sorted(names) if name.endswith('.py')]
        sources = [source for source in sources if os.path.isfile(source) and not excluded(source)]
        found += [sources[start:start + 16] for start in range(0, len(sources), 16)]
    return sorted(found, key=lambda sources: (-sum(map(os.path.getsize, sources)), sources))

def report(text):
    if not isinstance(text, bytes):
        text = text.encode('utf-8', 'surrogateescape')
    # One write: lines of several processes do not mix.
    os.write(1, text + b'\n')

# In a source without these, levels 0 and 1 give the same code: a statement `assert`, `__debug__`, and
# whatever could hide them: other characters than ASCII and a declared encoding.
differs = re.compile(br'(?:^|[\r\n;:])[ \t\f]*assert\b|__debug__|[^\0-\x7f]|coding[:=]').search

def read(path):
    with open(path, 'rb') as opened:
        return opened.read()

def compile_level(source, level, name):
    if sys.version_info < (3, 7):
        options = {} if sys.version_info < (3, 2) else {'optimize': level}
        py_compile.compile(source, None, name, True, **options)
        return
    from importlib.util import cache_from_source
    path = cache_from_source(source, optimization=level or '')
    below = cache_from_source(source, optimization='')
    if level == 1 and os.path.exists(below) and not differs(read(source)):
        with open(path, 'wb') as opened:
            opened.write(read(below))
        os.chmod(path, os.stat(below).st_mode)
    else:
        kind = py_compile.PycInvalidationMode.TIMESTAMP
        py_compile.compile(source, path, name, True, optimize=level, invalidation_mode=kind)

date = os.environ.get('SOURCE_DATE_EPOCH')

def compile_module(source):
    # A compiled module names the time of its source.
    if date:
        os.utime(source, (int(date), int(date)))
    name = os.path.join(final, os.path.relpath(source, folder))
    for level in levels:
        report('Compiling %s' % source)
        try:
            compile_level(source, level, name)
        except py_compile.PyCompileError as error:
            report('not compiled: %s' % error)

def start(sources):
    child = os.fork()
    if child:
        return
    status = 1
    try:
        for source in sources:
            compile_module(source)
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)

running, failed = 0, False
for sources in portions() if levels else []:
    if running == processes:
        failed |= os.wait()[1] != 0
        running -= 1
    start(sources)
    running += 1
for _ in range(running):
    failed |= os.wait()[1] != 0
sys.exit(failed)
