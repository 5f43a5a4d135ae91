# pybuild program: run-pip
# Arguments: the wheel of a pip, then the arguments of that pip.
import runpy, sys
sys.path[:] = [sys.argv[1]] + [entry for entry in sys.path if entry]
sys.argv = ['pip'] + sys.argv[2:]
runpy.run_module('pip', run_name='__main__', alter_sys=True)
