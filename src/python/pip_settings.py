import os, site, sys, sysconfig, warnings
# pip up to 9 reads site.USER_SITE, which only this call sets in an interpreter started with -S.
site.getusersitepackages()

def ignore_distutils_settings():
    # Up to Python 3.11, pip asks distutils for the folders, and distutils.cfg beside distutils may
    # name any folder. pip has to come first: its import ends setuptools' replacement of distutils.
    import pip
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            from distutils.dist import Distribution
    except ImportError:
        return
    Distribution.find_config_files = lambda self: []

def write_final_interpreter():
    # pip's scripts name the interpreter in the prefix. It is not there yet while a build installs,
    # and pip 21.3 to 23.2.1 then falls back to `python`. pip up to 9 writes lines that are too long
    # for the kernel (127 bytes); the form for these is the one that later pips use.
    from pip._vendor.distlib.scripts import ScriptMaker
    python = sys.executable
    if sysconfig.is_python_build():
        name = 'python%d.%d' % sys.version_info[:2]
        python = os.path.join(sysconfig.get_config_var('BINDIR'), name)
    if not isinstance(python, bytes):
        python = os.fsencode(python)
    header = b'#!' + python + b'\n'
    if len(header) > 127:
        header = b'#!/bin/sh\n\'\'\'exec\' ' + python + b' "$0" "$@"\n\' \'\'\'\n'
    ScriptMaker._get_shebang = lambda *arguments, **options: header

