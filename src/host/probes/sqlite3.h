/* The checks of CPython's configure. */
#include <sqlite3.h>
#if PYTHON_HEX >= 0x030D00 && SQLITE_VERSION_NUMBER < 3015002
#error "CPython 3.13 and later need SQLite 3.15.2 or later"
#elif PYTHON_HEX >= 0x030B00 && SQLITE_VERSION_NUMBER < 3007015
#error "CPython 3.11 and later need SQLite 3.7.15 or later"
#endif
