/* The #error: gcc 12 prints nothing when it includes a header that __has_include did not find
   before. */
#if defined(__has_include)
#if __has_include(<ndbm.h>)
#include <ndbm.h>
#elif __has_include(<gdbm/ndbm.h>)
#include <gdbm/ndbm.h>
#elif __has_include(<gdbm-ndbm.h>)
#include <gdbm-ndbm.h>
#elif __has_include(<db.h>)
#define DB_DBM_HSEARCH 1
#include <db.h>
#else
#error "no ndbm.h"
#endif
#else
#include <ndbm.h>
#endif
