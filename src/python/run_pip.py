# pybuild program: run-pip
# Arguments: the wheel of a pip, then the arguments of that pip.
#
# Runs without the interpreter's `site`, so without .pth files and sitecustomize.
import runpy, sys
sys.path[:] = [sys.argv[1]] + [entry for entry in sys.path if entry]
sys.argv = ['pip'] + sys.argv[2:]

