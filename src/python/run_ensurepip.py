# pybuild program: run-ensurepip
# Arguments: those of `python -m ensurepip`. `--final-prefix DIR` before them names the prefix of an
# interpreter that runs from a DESTDIR. With the interpreter's option -B, pip compiles no modules.
#
# Runs without the interpreter's `site`, so without .pth files and sitecustomize.
import sys
sys.path[:] = [entry for entry in sys.path if entry]
if sys.argv[1:2] == ['--final-prefix']:
    # sysconfig is not imported yet, so pip takes the folders and the scripts' interpreter from these.
    sys.prefix = sys.exec_prefix = sys.base_prefix = sys.base_exec_prefix = sys.argv[2]
    sys.executable = '%s/bin/python%d.%d' % ((sys.prefix,) + sys.version_info[:2])
    del sys.argv[1:3]
elif '--root' not in sys.argv:
    # Up to Python 3.13, `site` finds the folders of a virtual environment.
    sys.modules['sitecustomize'] = sys.modules['usercustomize'] = type(sys)('empty')
    import site
    site.main()
if sys.dont_write_bytecode:
    # Not every pip has an option for that.
    import compileall
    compileall.compile_file = compileall.compile_dir = lambda *arguments, **options: False

