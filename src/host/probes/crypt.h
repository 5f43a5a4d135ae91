#if defined(__has_include)
#if __has_include(<crypt.h>)
#include <crypt.h>
#else
#include <unistd.h>
#endif
#else
#include <crypt.h>
#endif
