# pybuild program: run-ensurepip
# Arguments: those of `python -m ensurepip`.
#
# Runs without the interpreter's `site`, so without .pth files and sitecustomize.
import sys
sys.path[:] = [entry for entry in sys.path if entry]
if '--root' not in sys.argv:
    # Up to Python 3.13, `site` finds the folders of a virtual environment.
    sys.modules['sitecustomize'] = sys.modules['usercustomize'] = type(sys)('empty')
    import site
    site.main()

