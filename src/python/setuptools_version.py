# pybuild program: setuptools-version
# Output: the version, or an empty line if setuptools is not installed.
try:
    import setuptools
    print(setuptools.__version__)
except ImportError:
    print('')
