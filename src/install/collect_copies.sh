# The shell of the recipes of `make install`; its arguments are -c and the recipe. Calls of `install` that
# copy one file into a folder are collected. One process then copies all files that go to one folder.
queue=$PWD/pybuild-copies.$$

# A command with its options, then its operands.
pybuild_copy() {
    case $2 in
    *[[:space:]]*) ;;
    *)
        if [ $# = 3 ] && [ -d "$3" ]; then
            printf '%s\t%s\t%s\t%s\n' "$1" "$PWD" "$3" "$2" >>"$queue"
            return
        fi
        ;;
    esac
    pybuild_copy_collected && pybuild_command=$1 && shift && $pybuild_command "$@"
}

pybuild_copy_collected() {
    [ -f "$queue" ] || return 0
    mv "$queue" "$queue.now" || return
    pybuild_status=0 pybuild_group='' pybuild_files=''
    while IFS='	' read -r pybuild_command pybuild_from pybuild_folder pybuild_file; do
        if [ "$pybuild_group" != "$pybuild_command	$pybuild_from	$pybuild_folder" ]; then
            pybuild_copy_group || pybuild_status=1
            pybuild_group="$pybuild_command	$pybuild_from	$pybuild_folder" pybuild_files=''
        fi
        pybuild_files="$pybuild_files $pybuild_file"
    done <"$queue.now"
    pybuild_copy_group || pybuild_status=1
    rm -f "$queue.now"
    return $pybuild_status
}

pybuild_copy_group() (
    IFS='	'
    set -f
    # shellcheck disable=SC2086
    set -- $pybuild_group
    [ $# = 3 ] || exit 0
    IFS=' '
    cd "$2" && $1 $pybuild_files "$3"
)

trap 'status=$?; pybuild_copy_collected || status=1; exit $status' EXIT
eval "$2"
