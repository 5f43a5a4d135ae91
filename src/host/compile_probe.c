/* Compiled, linked and run to try the compiler. It prints the compiler, the C library, and the headers
   that decide parts of CPython without being a module's own. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__GLIBC__) && !defined(__UCLIBC__)
#include <gnu/libc-version.h>
#endif
#if defined(__linux__)
#include <linux/version.h>
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
    printf("headers");
#if defined(__GLIBC__)
    printf(" glibc-%d.%d", __GLIBC__, __GLIBC_MINOR__);
#endif
#if defined(LINUX_VERSION_CODE)
    printf(" linux-%d.%d.%d", LINUX_VERSION_CODE >> 16, LINUX_VERSION_CODE >> 8 & 255, LINUX_VERSION_CODE & 255);
#endif
#if defined(__has_include)
#if __has_include(<bluetooth/bluetooth.h>)
    printf(" bluetooth/bluetooth.h");
#endif
#if __has_include(<bluetooth.h>)
    printf(" bluetooth.h");
#endif
#if __has_include(<db.h>)
    printf(" db.h");
#endif
#if __has_include(<editline/readline.h>)
    printf(" editline/readline.h");
#endif
#if __has_include(<libintl.h>)
    printf(" libintl.h");
#endif
#if __has_include(<panel.h>)
    printf(" panel.h");
#endif
#if __has_include(<rpc/rpc.h>)
    printf(" rpc/rpc.h");
#endif
#if __has_include(<rpcsvc/yp_prot.h>)
    printf(" rpcsvc/yp_prot.h");
#endif
#if __has_include(<sys/soundcard.h>)
    printf(" sys/soundcard.h");
#endif
#if __has_include(<tirpc/rpc/rpc.h>)
    printf(" tirpc/rpc/rpc.h");
#endif
#endif
    printf("\n");
    return 0;
}
