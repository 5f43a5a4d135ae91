files='' folder=''
nl='
'
install_files() {
    [ -n "$files" ] || return 0
    queued=$files files=''
    (
        set -f
        IFS=$nl
        /usr/bin/install -c -m 644 $queued "$folder" 2>/dev/null && exit
        for file in $queued; do
            /usr/bin/install -c -m 644 "$file" "$folder" || exit 1
        done
    )
}

install_data() {
    if [ $# -eq 2 ] && [ -d "$2" ]; then
        [ "$2" = "$folder" ] || install_files
        folder=$2 files=$files$1$nl
    else
        install_files
        /usr/bin/install -c -m 644 "$@"
    fi
}

trap 'status=$?; install_files || status=1; exit $status' EXIT
eval "$1"
