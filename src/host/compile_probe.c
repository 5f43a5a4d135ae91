/* Compiled, linked and run to try the compiler. It prints the compiler and the C library. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__GLIBC__) && !defined(__UCLIBC__)
#include <gnu/libc-version.h>
#endif

int main(void)
{
#if defined(__clang__)
    printf("clang %d.%d.%d\n", __clang_major__, __clang_minor__, __clang_patchlevel__);
#elif defined(__GNUC__) && !defined(__INTEL_COMPILER)
    printf("gcc %d.%d.%d\n", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#else
    printf("other\n");
#endif
#if defined(__GLIBC__) && !defined(__UCLIBC__)
    printf("glibc %s\n", gnu_get_libc_version());
#elif defined(__APPLE__)
    printf("libSystem\n");
#elif defined(__linux__) && !defined(__UCLIBC__) && !defined(__BIONIC__)
    /* musl deliberately has no macro. */
    printf("musl\n");
#else
    printf("other\n");
#endif
    return 0;
}
