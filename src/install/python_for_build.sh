# Runs a command of `make install`. In a call of compileall, pybuild's own program takes its place.
compiles=
for argument; do
    shift
    case $argument in
    # -S: some bytes depend on what the process has loaded, such as the .pth files of packages.
    */compileall.py) compiles=yes && set -- "$@" -S -c "$program" "$processes" "$levels" ;;
    esac
    set -- "$@" "$argument"
done
if [ "$compiles" ]; then
    # The order of a set in a compiled module depends on PYTHONHASHSEED, and with -E it is always random.
    for argument; do
        shift
        [ "$argument" = -E ] || set -- "$@" "$argument"
    done
fi
exec "$@"
