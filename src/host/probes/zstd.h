/* PEP 784. */
#include <zstd.h>
#include <zdict.h>
#if ZSTD_VERSION_NUMBER < 10405
#error "compression.zstd needs Zstandard 1.4.5 or later"
#endif
