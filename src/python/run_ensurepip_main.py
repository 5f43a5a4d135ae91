import ensurepip, subprocess

start = getattr(subprocess, 'run', None)
def run_here(command, *rest, **options):
    # Later releases start pip in another process, which would have the settings again.
    if command[0] != sys.executable or '-c' not in command:
        return start(command, *rest, **options)
    exec(command[command.index('-c') + 1], {'__name__': '__main__'})

run_pip = ensurepip._run_pip
def run_pip_without_settings(args, additional_paths=None):
    sys.path[:0] = additional_paths or []
    ignore_distutils_settings()
    write_final_interpreter()
    subprocess.run = run_here
    # pip has to ignore what is installed. The interpreter is configured for the prefix: where an older
    # installation is in the prefix, pip finds its own older version there. It then calls the requirement
    # satisfied and installs no pip (seen with 2.7.18), or removes the older one from the prefix.
    return run_pip(args + ['--ignore-installed'], additional_paths)
ensurepip._run_pip = run_pip_without_settings
sys.exit(ensurepip._main(sys.argv[1:]))
