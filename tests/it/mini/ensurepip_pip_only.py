import subprocess
import sys
from importlib import resources

__all__ = ["version", "bootstrap"]
_PIP_VERSION = "@PIP@"


def _get_pip_whl_path_ctx():
    return resources.as_file(
        resources.files('ensurepip')
        / '_bundled'
        / f'pip-{_PIP_VERSION}-py3-none-any.whl'
    )


def _run_pip(args, additional_paths=None):
    code = f"""
import runpy
import sys
sys.path = {additional_paths or []} + sys.path
sys.argv[1:] = {args}
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
    return subprocess.run([sys.executable, '-c', code], check=True).returncode


def version():
    return _PIP_VERSION


def bootstrap(*, root=None, upgrade=False):
    with _get_pip_whl_path_ctx() as wheel:
        args = ["install", "--no-index"]
        if root:
            args += ["--root", root]
        if upgrade:
            args += ["--upgrade"]
        return _run_pip([*args, "pip"], [str(wheel)])
