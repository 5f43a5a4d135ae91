"""ensurepip of a Python that was built without pip.

It bundles no wheels. Whoever calls it gets an error that names the alternative.
"""
__all__ = ["version", "bootstrap"]

_MESSAGE = (
    "this Python was built without pip, so ensurepip has nothing to install; "
    "`python -m venv --without-pip` makes a virtual environment"
)


def version():
    """
    Returns the version of the bundled pip: there is none.
    """
    return None


def bootstrap(*args, **kwargs):
    """
    Raises an error: there is nothing to install.
    """
    raise RuntimeError(_MESSAGE)


def _main(argv=None):
    raise SystemExit("ensurepip: " + _MESSAGE)


def _uninstall_helper(*args, **kwargs):
    """
    There is nothing to uninstall.
    """
