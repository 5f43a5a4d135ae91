# pybuild program: run-pip
# Arguments: the wheel of a pip or the folder with an installed one, then the arguments of that pip.
# `--final-prefix DIR` before them names the prefix of an interpreter that runs from a DESTDIR.
#
# Runs without the interpreter's `site`, so without .pth files and sitecustomize.
import sys
