# pybuild program: make-venv
# Arguments: the folder of the new virtual environment, and the program run-ensurepip. From Python
# 3.4 on.
#
# `venv` runs `ensurepip` in another interpreter. Without this program, that interpreter would write
# bytecode into the standard library, and install into the folders that distutils.cfg names.
import sys
sys.path[:] = [entry for entry in sys.path if entry]
import subprocess
folder, run_ensurepip = sys.argv[1:]
class Popen(subprocess.Popen):
    def __init__(self, args, *rest, **more):
        if isinstance(args, (list, tuple)) and 'ensurepip' in args:
            arguments = list(args[args.index('ensurepip') + 1:])
            args = [args[0], '-B', '-s', '-S', '-c', run_ensurepip] + arguments
        super().__init__(args, *rest, **more)
subprocess.Popen = Popen
import venv
try:
    venv.main([folder])
except subprocess.CalledProcessError as error:
    # The exception's text does not contain the output, which has the cause.
    output = (error.output or b'').decode(errors='replace')
    sys.exit('%s\nensurepip ended with status %d' % (output.rstrip(), error.returncode))
