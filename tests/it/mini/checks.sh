#!/bin/sh
# Checks in the form that Autoconf 2.69 gives them, before those of the miniature's configure. Each call
# of the compiler is counted in compiler-calls, and the result is pyconfig.h.
cross_compiling=no ac_ext=c ac_objext=o ac_exeext= ac_c_werror_flag= ac_c_preproc_warn_flag=
CC=${CC:-cc} CPP="${CC:-cc} -E" LIBS=
ac_compile='$CC -c $CFLAGS $CPPFLAGS conftest.$ac_ext >&5'
ac_link='$CC -o conftest$ac_exeext $CFLAGS $CPPFLAGS $LDFLAGS conftest.$ac_ext $LIBS >&5'
ac_cpp='$CPP $CPPFLAGS'
ac_includes_default='#include <stdio.h>
#include <sys/types.h>'
exec 5>config.log
: >confdefs.h
: >compiler-calls
ac_fn_c_try_compile ()
{
  rm -f conftest.$ac_objext
  echo compile >>compiler-calls
  (eval "$ac_compile") 2>&5 && test -s conftest.$ac_objext
} # ac_fn_c_try_compile
ac_fn_c_try_link ()
{
  rm -f conftest$ac_exeext
  echo link >>compiler-calls
  (eval "$ac_link") 2>&5 && test -s conftest$ac_exeext
} # ac_fn_c_try_link
ac_fn_c_check_header_compile ()
{
  if eval \${$3+:} false; then :
else
  cat confdefs.h - <<_ACEOF >conftest.$ac_ext
/* end confdefs.h.  */
$4
#include <$2>
_ACEOF
if ac_fn_c_try_compile "$LINENO"; then :
  eval "$3=yes"
else
  eval "$3=no"
fi
rm -f conftest.$ac_objext conftest.$ac_ext
fi
} # ac_fn_c_check_header_compile
ac_fn_c_check_func ()
{
  if eval \${$3+:} false; then :
else
  cat confdefs.h - <<_ACEOF >conftest.$ac_ext
/* end confdefs.h.  */
char $2 ();
int
main ()
{
return $2 ();
}
_ACEOF
if ac_fn_c_try_link "$LINENO"; then :
  eval "$3=yes"
else
  eval "$3=no"
fi
rm -f conftest$ac_exeext conftest.$ac_ext
fi
} # ac_fn_c_check_func
if test -n "$CONFIG_SITE"; then . "$CONFIG_SITE"; fi
cat >>confdefs.h <<_ACEOF
#define _GNU_SOURCE 1
_ACEOF
for ac_header in stdlib.h limits.h errno.h miniature.h string.h no/such.h unistd.h stddef.h
do
ac_cv=ac_cv_header_`echo "$ac_header" | sed 's/[^a-z]/_/g'`
ac_fn_c_check_header_compile "$LINENO" "$ac_header" "$ac_cv" "$ac_includes_default"
eval "echo \"#define $ac_cv \$$ac_cv\"" >>pyconfig.h
done
for ac_func in getpid no_such_function memcpy fork miniature
do
ac_fn_c_check_func "$LINENO" "$ac_func" "ac_cv_func_$ac_func"
eval "echo \"#define ac_cv_func_$ac_func \$ac_cv_func_$ac_func\"" >>pyconfig.h
done
# A check of its own that only asks the compiler, and one that looks into the object file.
if test -z "$ac_cv_plain"; then
cat confdefs.h - <<_ACEOF >conftest.$ac_ext
/* end confdefs.h.  */
#include <miniature.h>
int plain = sizeof (long);
_ACEOF
if ac_fn_c_try_compile "$LINENO"; then :
  ac_cv_plain=yes
else
  ac_cv_plain=no
fi
rm -f core conftest.err conftest.$ac_objext conftest.$ac_ext
fi
if test -z "$ac_cv_looks"; then
cat confdefs.h - <<_ACEOF >conftest.$ac_ext
/* end confdefs.h.  */
char looks[] = "MINIATURE";
_ACEOF
ac_cv_looks=no
if ac_fn_c_try_compile "$LINENO"; then :
  if grep MINIATURE conftest.$ac_objext >/dev/null; then ac_cv_looks=yes; fi
fi
rm -f core conftest.err conftest.$ac_objext conftest.$ac_ext
fi
echo "#define plain $ac_cv_plain" >>pyconfig.h
echo "#define looks $ac_cv_looks" >>pyconfig.h
