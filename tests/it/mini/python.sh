#!/bin/sh
# Replaces the interpreter: it answers from the files that it was built and installed with, so that a
# wrong ensurepip fails like with a real interpreter.
PATH=${PATH:-/usr/bin:/bin}
short=@SHORT@
missing=' @MISSING@ '

me=$0
case $me in */*) ;; *) me=$(command -v "$me") ;; esac
while [ -h "$me" ]; do
    link=$(readlink "$me")
    case $link in /*) me=$link ;; *) me=${me%/*}/$link ;; esac
done
bin=$(cd "${me%/*}" && pwd)
if [ -f "$bin/pybuilddir.txt" ]; then
    home=$bin lib=$bin/Lib patchlevel=$bin/Include/patchlevel.h
else
    home=${bin%/*}
    lib=$home/lib/python$short
    patchlevel=$home/include/python$short/patchlevel.h
fi
site=$lib/site-packages
if [ -n "$MINI_VENV" ]; then site=$MINI_VENV/lib/python$short/site-packages; fi
ensurepip=$lib/ensurepip/__init__.py

fail() {
    echo 'Traceback (most recent call last):' >&2
    echo '  File "<mini>", line 1, in <module>' >&2
    echo "$1" >&2
    exit 1
}

version() {
    @VERSION_FAULT@
    sed -n 's/^#define PY_VERSION[[:space:]]*"\(.*\)".*/\1/p' "$patchlevel"
}

# The version that the text of ensurepip pins, and the file name of its wheel.
pinned() { sed -n "s/^_$1_VERSION = [\"']\(.*\)[\"'].*/\1/p" "$ensurepip"; }
tag_of() { # as in ("pip", _PIP_VERSION, "py3"); py3 where the text has no such line
    tag=$(sed -n "s/^ *([\"']$1[\"'], _[A-Z]*_VERSION, [\"']\(.*\)[\"']),*/\1/p" "$ensurepip")
    echo "${tag:-py3}"
}
bundled() { # project, version: the bundled wheel must be there
    wheel=$lib/ensurepip/_bundled/$1-$2-$(tag_of "$1")-none-any.whl
    [ -f "$wheel" ] || fail "FileNotFoundError: [Errno 2] No such file or directory: '$wheel'"
    holds "$wheel" "$1" "$2"
}
holds() { # wheel, project, version: the wheel must hold that version of that project
    grep -aq "^Version: $3\$" "$1" || fail "ValueError: $1 is not $2 $3"
}
projects() {
    if grep -q '^_SETUPTOOLS_VERSION' "$ensurepip"; then echo setuptools; fi
    echo pip
}
version_of() {
    case $1 in
    pip) pinned PIP ;;
    setuptools) pinned SETUPTOOLS ;;
    esac
}

# Installs a project; $1: project, $2: version, $3: site-packages, $4: folder for scripts, $5: the
# interpreter that the scripts name.
install_project() {
    # Like a real one, it fails if a file cannot be written.
    mkdir -p "$3/$1" "$3/$1-$2.dist-info" "$4" || exit 1
    echo "__version__ = \"$2\"" >"$3/$1/__init__.py" || exit 1
    printf 'Metadata-Version: 2.1\nName: %s\nVersion: %s\n' "$1" "$2" \
        >"$3/$1-$2.dist-info/METADATA" || exit 1
    printf '%s,,\n' "$1/__init__.py" "$1-$2.dist-info/METADATA" \
        "$1-$2.dist-info/RECORD" >"$3/$1-$2.dist-info/RECORD" || exit 1
    [ "$1" = pip ] || return 0
    for script in pip3 "pip$short"; do
        first='#!/bin/sh'
        @SCRIPT_FAULT@
        printf '%s\nexec "%s" -m pip "$@"\n' "$first" "$5" >"$4/$script" || exit 1
        chmod 755 "$4/$script"
    done
}

# Fails with the text of a file that refuses to install pip.
refuse() { cat "$1" >&2; exit 1; }

# Installs the bundled wheels; $1: site-packages, $2: folder for scripts, $3: the interpreter
# that the scripts name.
bootstrap() {
    [ -n "$(pinned PIP)" ] || refuse "$ensurepip"
    for project in $(projects); do
        wanted=$(version_of "$project")
        bundled "$project" "$wanted"
        install_project "$project" "$wanted" "$1" "$2" "$3"
    done
    echo "Successfully installed pip-$(pinned PIP)"
}

installed_version_of() {
    if [ -f "$site/$1/__init__.py" ]; then
        sed -n 's/^__version__ = "\(.*\)"/\1/p' "$site/$1/__init__.py"
    fi
}

run_ensurepip() {
    root='' prefix=$home
    if [ -f "$home/Makefile" ]; then
        prefix=$(sed -n 's/^prefix=[[:space:]]*//p' "$home/Makefile")
    fi
    while [ $# -gt 0 ]; do
        case $1 in
        --version) echo "pip $(pinned PIP)"; exit 0 ;;
        --final-prefix) prefix=$2; shift ;;
        --root=*) root=${1#--root=} ;;
        --root) root=$2; shift ;;
        esac
        shift
    done
    root=${root%/}
    bootstrap "$root$prefix/lib/python$short/site-packages" "$root$prefix/bin" \
        "$prefix/bin/python$short"
}

run_venv() {
    with_pip=yes dir=''
    for argument; do
        case $argument in
        --without-pip) with_pip=no ;;
        -*) ;;
        *) dir=$argument ;;
        esac
    done
    if [ $with_pip = yes ] && grep -q raise "$lib/venv/__init__.py"; then
        refuse "$lib/venv/__init__.py"
    fi
    mkdir -p "$dir/bin" "$dir/lib/python$short/site-packages"
    dir=$(cd "$dir" && pwd)
    printf 'home = %s\nversion = %s\n' "$bin" "$(version)" >"$dir/pyvenv.cfg" || exit 1
    for name in python python3 "python$short"; do
        printf '#!/bin/sh\nMINI_VENV="%s" exec "%s" "$@"\n' "$dir" "$me" >"$dir/bin/$name" || exit 1
        chmod 755 "$dir/bin/$name"
    done
    if [ $with_pip = yes ]; then
        bootstrap "$dir/lib/python$short/site-packages" "$dir/bin" "$dir/bin/python" >/dev/null
        cp "$dir/bin/pip3" "$dir/bin/pip" || exit 1
        @VENV_FAULT@
    fi
}

# Why a module cannot be imported; empty if it can.
why_not() {
    case $missing in
    *" $1 "*) echo "No module named '_$1'" ;;
    esac
    @LIBRARY_FAULT@
}

while [ $# -gt 0 ]; do
    case $1 in
    -V | --version) echo "Python $(version)"; exit 0 ;;
    -W | -X) shift ;;
    -m | -c) break ;;
    -*) ;;
    *) break ;;
    esac
    shift
done
case $1 in
-m)
    module=$2
    shift 2
    case $module in
    pip)
        found=$(installed_version_of pip)
        [ -n "$found" ] || fail "$me: No module named pip"
        echo "pip $found from $site/pip (python $short)"
        ;;
    ensurepip) run_ensurepip "$@" ;;
    venv) run_venv "$@" ;;
    *) fail "$me: No module named $module" ;;
    esac
    ;;
-c)
    script=$2
    shift 2
    # The interface to the product: a program of src/python is known by its first line, its arguments
    # and its output. Never match on other text of it: then a change of the product could not fail here.
    # The real programs run in tests/it/real.rs and tests/it/real_hotpatch.rs.
    case $(printf '%s\n' "$script" | sed -n '1s/^# pybuild program: //p') in
    describe-interpreter)
        printf 'pybuild-answer {"executable": "%s", "base_executable": null, "version": "%s", ' \
            "$me" "$(version)"
        printf '"prefix": "%s", "base_prefix": "%s", "stdlib": "%s", "purelib": "%s", ' \
            "${MINI_VENV:-$home}" "$home" "$lib" "$site"
        printf '"scripts": "%s", "wheel_folder": null}\n' "$bin"
        ;;
    run-pip) # the wheel or the folder of pip, then the arguments of that pip
        prefix=$home
        if [ "$1" = --final-prefix ]; then prefix=$2; shift 2; fi
        [ -e "$1" ] || fail "FileNotFoundError: [Errno 2] No such file or directory: '$1'"
        shift
        requirements='' links='' root='' wheels=''
        while [ $# -gt 0 ]; do
            case $1 in
            --find-links) links=$2; shift ;;
            --root) root=$2; shift ;;
            *==*) requirements="$requirements $1" ;;
            *.whl) wheels="$wheels $1" ;;
            esac
            shift
        done
        for wheel in $wheels; do
            name=${wheel##*/}
            project=${name%%-*} rest=${name#*-}
            holds "$wheel" "$project" "${rest%%-*}"
            install_project "$project" "${rest%%-*}" "$root$prefix/lib/python$short/site-packages" \
                "$root$prefix/bin" "$prefix/bin/python$short"
        done
        for requirement in $requirements; do
            project=${requirement%%==*} wanted=${requirement##*==}
            wheel=$(echo "$links/$project-$wanted-"*.whl)
            [ -f "$wheel" ] || fail "ERROR: No matching distribution found for $requirement"
            holds "$wheel" "$project" "$wanted"
            install_project "$project" "$wanted" "$root$site" "$root$bin" "$bin/python$short"
        done
        ;;
    byte-compile) # the number of processes, levels, then the arguments of compileall: the folder is last
        levels=$2
        for folder; do :; done
        for source in "$folder"/*.py; do
            [ -f "$source" ] || continue
            name=${source##*/}
            for level in $(echo "$levels" | sed 's/./& /g'); do
                mkdir -p "$folder/__pycache__"
                suffix=cpython-$(echo "$short" | tr -d .)$([ "$level" = 0 ] || echo ".opt-$level")
                echo compiled >"$folder/__pycache__/${name%.py}.$suffix.pyc" || exit 1
            done
        done
        ;;
    ensurepip-version) echo "ensurepip $(pinned PIP)" ;;
    make-venv) run_venv "$1" ;;
    run-ensurepip) run_ensurepip "$@" ;;
    setuptools-version) installed_version_of setuptools ;;
    import-modules)
        for module; do
            why=$(why_not "$module")
            printf '%s\t%s\n' "$module" "${why:-works}"
        done
        ;;
    *)
        echo "the mini interpreter does not understand: $script" >&2
        exit 1
        ;;
    esac
    ;;
*)
    echo "the mini interpreter cannot run: $*" >&2
    exit 1
    ;;
esac
