import os, site, sys, warnings
# pip up to 9 reads site.USER_SITE, which only this call sets in an interpreter started with -S.
site.getusersitepackages()

def ignore_distutils_settings():
    # Up to Python 3.11, pip takes the folders from distutils, and distutils.cfg may name any folder.
    # pip has to be imported first: its import disables setuptools' replacement of distutils.
    import pip
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            from distutils.dist import Distribution
    except ImportError:
        return
    Distribution.find_config_files = lambda self: []

def write_final_interpreter():
    # pip's scripts have to name the interpreter in the prefix. During a build, it does not exist yet,
    # and pip 21.3 to 23.2.1 then writes `python`. pip up to 9 writes first lines that are too long for
    # the kernel (127 bytes); for these, later versions of pip use the form below.
    from pip._vendor.distlib.scripts import ScriptMaker
    python = sys.executable
    if not isinstance(python, bytes):
        python = os.fsencode(python)
    header = b'#!' + python + b'\n'
    if len(header) > 127:
        header = b'#!/bin/sh\n\'\'\'exec\' ' + python + b' "$0" "$@"\n\' \'\'\'\n'
    ScriptMaker._get_shebang = lambda *arguments, **options: header

