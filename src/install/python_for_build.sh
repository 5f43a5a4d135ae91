# Runs a command of `make install`. In a call of compileall, pybuild's own program takes its place.
for argument; do
    shift
    case $argument in
    */compileall.py) set -- "$@" -c "$program" "$processes" "$levels" ;;
    esac
    set -- "$@" "$argument"
done
exec "$@"
