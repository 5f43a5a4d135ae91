#if defined(__APPLE__) && defined(__has_include)
#if __has_include(<ffi/ffi.h>)
#include <ffi/ffi.h>
#else
#include <ffi.h>
#endif
#else
#include <ffi.h>
#endif
