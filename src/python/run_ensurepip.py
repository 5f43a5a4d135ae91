# pybuild program: run-ensurepip
# Arguments: the folder that stands for `/`.
#
# pip has to ignore what is installed. The interpreter is configured for the prefix: where an older
# installation is in the prefix, pip finds its own older version there. It then calls the requirement
# satisfied and installs no pip (seen with 2.7.18), or removes the older one from the prefix.
import sys, ensurepip
run_pip = ensurepip._run_pip
def ignoring_installed(args, additional_paths=None):
    return run_pip(args + ['--ignore-installed'], additional_paths)
ensurepip._run_pip = ignoring_installed
sys.exit(ensurepip._main(['--upgrade', '--root', sys.argv[1]]))
