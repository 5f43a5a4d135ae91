/* PEP 644 for 3.10; bpo-31399 for 3.7; bpo-26470 for releases before 2.7.13 and 3.5.3, for which
   pybuild has patches. */
#ifdef LIBSSL_IN_LIB64
#error "libssl is in its lib64 folder, but CPython searches its lib folder"
#endif
#include <openssl/ssl.h>
#include <openssl/evp.h>
#include <openssl/crypto.h>
#if OPENSSL_VERSION_NUMBER >= 0x10100000L && !defined(LIBRESSL_VERSION_NUMBER)
#define LIBRARY_VERSION OpenSSL_version(OPENSSL_VERSION)
#else
#define LIBRARY_VERSION SSLeay_version(SSLEAY_VERSION)
#endif
#if PYTHON_HEX >= 0x030A00 && OPENSSL_VERSION_NUMBER < 0x10101000L
#error "CPython 3.10 and later need OpenSSL 1.1.1 or later"
#elif PYTHON_HEX >= 0x030700 && OPENSSL_VERSION_NUMBER < 0x10002000L
#error "CPython 3.7 and later need OpenSSL 1.0.2 or later"
#elif OPENSSL_VERSION_NUMBER >= 0x10100000L && !defined(LIBRESSL_VERSION_NUMBER) && (PYTHON_HEX < 0x02070D || (PYTHON_HEX >= 0x030000 && PYTHON_HEX < 0x030503)) \
    && !defined(FIXED_BY_ssl_openssl_1_1_2_7) && !defined(FIXED_BY_ssl_openssl_1_1_3_4) && !defined(FIXED_BY_ssl_openssl_1_1_3_5)
#error "CPython before 2.7.13 and 3.5.3 needs OpenSSL 1.0, or the patch ssl-openssl-1.1"
#endif
