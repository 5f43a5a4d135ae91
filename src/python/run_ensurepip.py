# pybuild program: run-ensurepip
# Arguments: those of `python -m ensurepip`. `--final-prefix DIR` before them names the prefix of an
# interpreter that runs from a DESTDIR. With the interpreter's option -B, pip compiles no modules.
#
# Runs without the interpreter's `site`, so without .pth files and sitecustomize.
import sys
sys.path[:] = [entry for entry in sys.path if entry]
