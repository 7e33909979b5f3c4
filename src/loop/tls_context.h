/* Inner header of TLS: what its files need of OpenSSL's contexts, and OpenSSL's errors in words. */
#ifndef GALKA_LOOP_TLS_CONTEXT_H
#define GALKA_LOOP_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "loop/tls.h"

/* A reference to what new connections use now: the caller gives it back with SSL_CTX_free. */
SSL_CTX *tls_context_take(struct tls_context *context);

/* Why a connection to `name` came to nothing, for who wanted it: OpenSSL's error queue and the verification's result in words. */
void tls_explain(SSL *ssl, const char *name, char why[static TLS_WHY_SIZE]);

/* OpenSSL's word for the first error in its queue. */
const char *tls_reason(void);

#endif
