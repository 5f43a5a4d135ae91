#!/bin/sh
# Replaces CPython's configure: logs its arguments and environment, and writes the Makefile.
prefix=/usr/local ensurepip=upgrade shared=no debug=no
{
    echo "directory: $(pwd)"
    echo "user: $(id -un)"
    echo "network: $(readlink /proc/self/ns/net)"
    for argument in "$@"; do echo "argument: $argument"; done
    env | LC_ALL=C sort | sed 's/^/environment: /'
} >configure.log || exit 1
while [ $# -gt 0 ]; do
    case $1 in
    --prefix=*) prefix=${1#--prefix=} ;;
    --prefix) prefix=$2; shift ;;
    --with-ensurepip=*) ensurepip=${1#--with-ensurepip=} ;;
    --with-ensurepip) ensurepip=upgrade ;;
    --without-ensurepip) ensurepip=no ;;
    --enable-shared) shared=yes ;;
    --with-pydebug) debug=yes ;;
    OPT=*) OPT=${1#OPT=} ;;
    esac
    shift
done
for thing in build host CC cpp grep egrep sed mkdir strip ar readelf stdint.h stddef.h unistd.h \
    dlfcn.h fcntl.h locale.h poll.h pthread.h sched.h signal.h stropts.h termios.h zlib.h \
    size_t ssize_t pid_t mode_t off_t long-double wchar_t; do
    echo "checking for $thing... yes"
done
@CONFIGURE_FAULT@
if test "${OPT-unset}" = "unset"; then
    if test "$debug" = yes; then
        OPT="-g -O0 -Wall"
    else
        OPT="-g -O3 -Wall"
    fi
fi
sed -e "s|@prefix@|$prefix|g" -e "s|@ENSUREPIP@|$ensurepip|g" -e "s|@SHARED@|$shared|g" \
    -e "s|@CC@|${CC:-cc}|g" -e "s|@OPT@|$OPT|g" Makefile.pre.in >Makefile || exit 1
echo 'configure: creating ./config.status'
printf '#!/bin/sh\nexit 0\n' >config.status || exit 1
chmod +x config.status
echo 'creating Makefile'
