#if defined(__APPLE__)
#define uuid_generate_time_safe uuid_generate_time
#endif
#if defined(__FreeBSD__) || defined(__NetBSD__)
#include <uuid.h>
#define uuid_generate_time_safe uuid_create
#else
#include <uuid/uuid.h>
#endif
