import ensurepip, subprocess

start = getattr(subprocess, 'run', None)
def run_here(command, *rest, **options):
    # Later releases of CPython run pip in another process, which would read the settings again.
    if command[0] != sys.executable or '-c' not in command:
        return start(command, *rest, **options)
    exec(command[command.index('-c') + 1], {'__name__': '__main__'})

run_pip = ensurepip._run_pip
def run_pip_without_settings(args, additional_paths=None):
    sys.path[:0] = additional_paths or []
    ignore_distutils_settings()
    write_final_interpreter()
    subprocess.run = run_here
    # pip has to ignore installed packages. The interpreter is configured for the prefix, so pip would
    # find the older pip of an older installation there. It would then install no pip, because the
    # requirement is satisfied (seen with 2.7.18), or remove the older pip from the prefix.
    return run_pip(args + ['--ignore-installed'], additional_paths)
ensurepip._run_pip = run_pip_without_settings
sys.exit(ensurepip._main(sys.argv[1:]))
