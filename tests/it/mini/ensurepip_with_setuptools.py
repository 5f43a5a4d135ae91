import collections
import subprocess
import sys
from importlib import resources

__all__ = ["version", "bootstrap"]
_PACKAGE_NAMES = ('setuptools', 'pip')
_SETUPTOOLS_VERSION = "@SETUPTOOLS@"
_PIP_VERSION = "@PIP@"
_PROJECTS = [
    ("setuptools", _SETUPTOOLS_VERSION, "py3"),
    ("pip", _PIP_VERSION, "py3"),
]

_Package = collections.namedtuple('Package',
                                  ('version', 'wheel_name', 'wheel_path'))


def _get_packages():
    packages = {}
    for name, version, py_tag in _PROJECTS:
        wheel_name = f"{name}-{version}-{py_tag}-none-any.whl"
        packages[name] = _Package(version, wheel_name, None)
    return packages


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
    return _get_packages()['pip'].version


def bootstrap(*, root=None, upgrade=False):
    additional_paths = []
    for name, package in _get_packages().items():
        wheel = resources.files("ensurepip") / "_bundled" / package.wheel_name
        additional_paths.append(str(wheel))
    args = ["install", "--no-index"]
    if root:
        args += ["--root", root]
    if upgrade:
        args += ["--upgrade"]
    return _run_pip([*args, *_PACKAGE_NAMES], additional_paths)
