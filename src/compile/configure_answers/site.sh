# Site script of configure (Autoconf's manual, "Setting Site Defaults"). It asks pybuild before a standard
# check runs, and reports the answer of a check that ran.

exec 8>./@FOLDER@/questions 9<./@FOLDER@/answers
pybuild_busy=

# KIND SUBJECT MORE INCLUDES: succeeds with pybuild_value if the answer is known.
pybuild_ask() {
    printf '%s\035' ask "$@" "$ac_compile" "$ac_link" "$ac_cpp" "$CC" "$CPP" "$CFLAGS" "$CPPFLAGS" \
        "$LDFLAGS" "$LIBS" "$ac_c_werror_flag,$ac_c_preproc_warn_flag" "$ac_ext" "$cross_compiling" >&8
    printf '\036' >&8
    pybuild_reply=
    read -r pybuild_reply <&9
    pybuild_value=${pybuild_reply#= }
    case $pybuild_reply in
    '= '*) return 0 ;;
    *) return 1 ;;
    esac
}

# VALUE: the answer of the check that pybuild asked to be run.
pybuild_report() {
    case $pybuild_reply in
    '?') printf '%s\035' report "$1" >&8 && printf '\036' >&8 ;;
    esac
}

# KIND VARIABLE SUBJECT MORE INCLUDES ORIGINAL [ARGUMENT…]: a check that sets a cache variable.
pybuild_check() {
    pybuild_kind=$1 pybuild_variable=$2 pybuild_subject=$3 pybuild_more=$4 pybuild_includes=$5
    pybuild_original=$6
    shift 6
    if eval "test \"\${$pybuild_variable+set}\" != set"; then
        if pybuild_ask "$pybuild_kind" "$pybuild_subject" "$pybuild_more" "$pybuild_includes"; then
            eval "$pybuild_variable=\$pybuild_value"
        else
            pybuild_busy=yes
            "$pybuild_original" "$@"
            pybuild_busy=
            eval "pybuild_report \"\$$pybuild_variable\""
            return
        fi
    fi
    # It finds the variable set, and prints its value.
    "$pybuild_original" "$@"
}

# KIND ORIGINAL LINENO: a program of one check; returns whether the compiler accepts it.
pybuild_try() {
    if test -n "$pybuild_busy"; then
        "$2" "$3"
        return
    fi
    if pybuild_ask "$1" '' '' ''; then
        return "$pybuild_value"
    fi
    "$2" "$3"
    pybuild_status=$?
    pybuild_report "$pybuild_status"
    return "$pybuild_status"
}

# ORIGINAL LINENO EXPRESSION VARIABLE INCLUDES: the value of an expression.
pybuild_integer() {
    if pybuild_ask integer "$3" '' "$5"; then
        eval "$4=\$pybuild_value"
        return 0
    fi
    pybuild_busy=yes
    "$1" "$2" "$3" "$4" "$5"
    pybuild_status=$?
    pybuild_busy=
    if test "$pybuild_status" = 0; then eval "pybuild_report \"\$$4\""; fi
    return "$pybuild_status"
}
