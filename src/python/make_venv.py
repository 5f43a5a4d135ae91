# pybuild program: make-venv
# Arguments: the folder of the new virtual environment. From Python 3.4 on.
#
# `python -m venv` starts its own interpreters isolated from the environment (`-I`), and so from the
# variable that prevents bytecode: they would write bytecode into the standard library. The
# environment of this program is clean, so these interpreters need no isolation.
import subprocess, sys
sys.path[:] = [entry for entry in sys.path if entry]
class Popen(subprocess.Popen):
    def __init__(self, args, *rest, **more):
        if isinstance(args, (list, tuple)) and '-Im' in args:
            args = [part for word in args for part in (['-B', '-s', '-m'] if word == '-Im' else [word])]
        super().__init__(args, *rest, **more)
subprocess.Popen = Popen
import venv
venv.main([sys.argv[1]])
