/* The check of setup.py. */
#include <db.h>
#if DB_VERSION_MAJOR * 100 + DB_VERSION_MINOR > 503 || DB_VERSION_MAJOR * 100 + DB_VERSION_MINOR < 403
#error "bsddb needs Berkeley DB 4.3 to 5.3"
#endif
