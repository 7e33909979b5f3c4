/* Certificates, keys and whom to believe, see tls.h. A context holds OpenSSL's under a lock; a reload puts another in its place, and the
 * old one lives on with the connections that were made with it. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "loop/tls_context.h"

/* TLS 1.2: forward secrecy and authenticated encryption only. TLS 1.3 has nothing else. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"
#define TICKETS 1 /* sent after a handshake of TLS 1.3: who comes back brings one */

struct tls_context {
        pthread_mutex_t lock; /* over what follows */
        SSL_CTX *current;
        uint64_t expires_ms;
        char *certificate, *key; /* of a server: the files, for a reload */
};

const char *tls_reason(void)
{
        unsigned long error = ERR_peek_error();
        const char *reason = error ? ERR_reason_error_string(error) : NULL;

        return reason ? reason : "the connection ended";
}

/* ---- what both sides share ---- */

static SSL_CTX *new_context(const SSL_METHOD *method)
{
        SSL_CTX *made = SSL_CTX_new(method);

        if (!made)
                return NULL;
        SSL_CTX_set_options(made, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                          SSL_OP_PRIORITIZE_CHACHA);
        /* An idle connection keeps no buffers. */
        SSL_CTX_set_mode(made, SSL_MODE_RELEASE_BUFFERS);
        /* What is needed to come back is in the ticket, which the client keeps. */
        SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
        if (SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION) == 1 && SSL_CTX_set_cipher_list(made, CIPHERS) == 1 &&
            SSL_CTX_set_num_tickets(made, TICKETS) == 1)
                return made;
        SSL_CTX_free(made);
        return NULL;
}

static enum error wrong(char why[static TLS_WHY_SIZE], const char *what, const char *path, const char *reason)
{
        snprintf(why, TLS_WHY_SIZE, "cannot use the %s %.200s: %.200s", what, path, reason);
        return ERR_CONFIG;
}

static enum error no_memory(char why[static TLS_WHY_SIZE])
{
        snprintf(why, TLS_WHY_SIZE, "out of memory");
        return ERR_NO_MEMORY;
}

/* OpenSSL does not say which file is not there. */
static enum error look_at(char why[static TLS_WHY_SIZE], const char *what, const char *path)
{
        FILE *file;
        int first, number;

        errno = 0;
        file = fopen(path, "re");
        first = file ? fgetc(file) : EOF;
        number = errno;
        if (file)
                fclose(file);
        if (!file || (first == EOF && number))
                return wrong(why, what, path, strerror(number));
        return first == EOF ? wrong(why, what, path, "the file is empty") : ERR_OK;
}

/* ---- a server's ---- */

/* A server starts without a person beside it: nobody is asked. */
static int no_password(char *bytes, int size, int writing, void *asked)
{
        (void)bytes, (void)size, (void)writing;
        *(bool *)asked = true;
        return -1;
}

static const char *plain_reason(void)
{
        unsigned long error = ERR_peek_error();
        int reason = ERR_GET_REASON(error);

        if ((ERR_GET_LIB(error) == ERR_LIB_PEM && reason == PEM_R_NO_START_LINE) || reason == ERR_R_UNSUPPORTED)
                return "it is not in PEM";
        return error ? ERR_reason_error_string(error) : "it cannot be read";
}

static enum error use_certificate(SSL_CTX *made, const char *path, char why[static TLS_WHY_SIZE])
{
        enum error error = look_at(why, "certificate", path);

        ERR_clear_error();
        if (error || SSL_CTX_use_certificate_chain_file(made, path) == 1)
                return error;
        return wrong(why, "certificate", path, plain_reason());
}

static enum error use_key(SSL_CTX *made, const char *certificate, const char *path, char why[static TLS_WHY_SIZE])
{
        enum error error = look_at(why, "certificate's key", path);
        bool asked = false;
        EVP_PKEY *key;
        BIO *file;

        if (error)
                return error;
        ERR_clear_error();
        file = BIO_new_file(path, "r");
        key = file ? PEM_read_bio_PrivateKey(file, NULL, no_password, &asked) : NULL;
        BIO_free(file);
        if (!key)
                return wrong(why, "certificate's key", path,
                             asked ? "it is locked with a password, and nobody is there to be asked (openssl pkey -in KEY "
                                     "-out FILE writes it without)"
                                   : plain_reason());
        if (X509_check_private_key(SSL_CTX_get0_certificate(made), key) != 1) {
                snprintf(why, TLS_WHY_SIZE, "the key %.200s does not belong to the certificate %.200s", path, certificate);
                error = ERR_CONFIG;
        } else if (SSL_CTX_use_PrivateKey(made, key) != 1) {
                error = wrong(why, "certificate's key", path, plain_reason());
        }
        EVP_PKEY_free(key);
        return error;
}

static uint64_t end_of_validity(SSL_CTX *made)
{
        struct tm end = {0};
        time_t seconds = 0;

        if (ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(made)), &end) == 1)
                seconds = timegm(&end);
        return seconds > 0 ? (uint64_t)seconds * 1000 : 0;
}

static enum error load_server(const char *certificate, const char *key, SSL_CTX **made, char why[static TLS_WHY_SIZE])
{
        enum error error;

        *made = new_context(TLS_server_method());
        if (!*made)
                return no_memory(why);
        error = use_certificate(*made, certificate, why);
        if (!error)
                error = use_key(*made, certificate, key, why);
        if (error) {
                SSL_CTX_free(*made);
                *made = NULL;
        }
        return error;
}

static char *copy_of(const char *text)
{
        size_t size = strlen(text) + 1;
        char *copy = memory_new(size);

        if (copy)
                memcpy(copy, text, size);
        return copy;
}

static struct tls_context *context_new(void)
{
        struct tls_context *context = memory_new(sizeof(*context));

        if (context && pthread_mutex_init(&context->lock, NULL) != 0) {
                memory_free(context);
                return NULL;
        }
        return context;
}

enum error tls_server_new(const char *certificate, const char *key, struct tls_context **context_p,
                          char why[static TLS_WHY_SIZE])
{
        struct tls_context *context = context_new();
        enum error error;

        *context_p = NULL;
        if (!context)
                return no_memory(why);
        context->certificate = copy_of(certificate);
        context->key = copy_of(key);
        error = context->certificate && context->key ? load_server(certificate, key, &context->current, why)
                                                     : no_memory(why);
        if (error) {
                tls_context_free(&context);
                return error;
        }
        context->expires_ms = end_of_validity(context->current);
        *context_p = context;
        return ERR_OK;
}

enum error tls_server_reload(struct tls_context *context, char why[static TLS_WHY_SIZE])
{
        SSL_CTX *made, *old;
        enum error error;

        check(context->certificate && context->key);
        error = load_server(context->certificate, context->key, &made, why);
        if (error)
                return error;
        pthread_mutex_lock(&context->lock);
        old = context->current;
        context->current = made;
        context->expires_ms = end_of_validity(made);
        pthread_mutex_unlock(&context->lock);
        SSL_CTX_free(old);
        return ERR_OK;
}

uint64_t tls_server_expires_ms(struct tls_context *context)
{
        uint64_t expires_ms;

        pthread_mutex_lock(&context->lock);
        expires_ms = context->expires_ms;
        pthread_mutex_unlock(&context->lock);
        return expires_ms;
}

bool tls_server_names(struct tls_context *context, const char *host)
{
        SSL_CTX *current = tls_context_take(context);
        X509 *certificate = SSL_CTX_get0_certificate(current);
        bool names = X509_check_ip_asc(certificate, host, 0) == 1 || X509_check_host(certificate, host, 0, 0, NULL) == 1;

        SSL_CTX_free(current);
        return names;
}

SSL_CTX *tls_context_take(struct tls_context *context)
{
        SSL_CTX *current;

        pthread_mutex_lock(&context->lock);
        current = context->current;
        SSL_CTX_up_ref(current);
        pthread_mutex_unlock(&context->lock);
        return current;
}

void tls_context_free(struct tls_context **context_p)
{
        struct tls_context *context = *context_p;

        if (!context)
                return;
        *context_p = NULL;
        SSL_CTX_free(context->current);
        memory_free(context->certificate);
        memory_free(context->key);
        pthread_mutex_destroy(&context->lock);
        memory_free(context);
}

/* ---- a client's ---- */

static enum error use_authorities(SSL_CTX *made, const char *ca, char why[static TLS_WHY_SIZE])
{
        enum error error = ca ? look_at(why, "file of trusted certificates", ca) : ERR_OK;

        ERR_clear_error();
        if (error)
                return error;
        if (!ca)
                return SSL_CTX_set_default_verify_paths(made) == 1 ? ERR_OK : no_memory(why);
        return SSL_CTX_load_verify_file(made, ca) == 1
                       ? ERR_OK
                       : wrong(why, "file of trusted certificates", ca, "there are none in it");
}

enum error tls_client_new(const char *ca, struct tls_context **context_p, char why[static TLS_WHY_SIZE])
{
        struct tls_context *context = context_new();
        enum error error;

        *context_p = NULL;
        if (!context)
                return no_memory(why);
        context->current = new_context(TLS_client_method());
        error = context->current ? use_authorities(context->current, ca, why) : no_memory(why);
        if (error) {
                tls_context_free(&context);
                return error;
        }
        SSL_CTX_set_verify(context->current, SSL_VERIFY_PEER, NULL);
        *context_p = context;
        return ERR_OK;
}

/* What a person can do about a certificate that is not believed. */
static const char *advice_on(long verified)
{
        switch (verified) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
                return "it has expired: its owner must renew it (or is this machine's clock wrong?)";
        case X509_V_ERR_CERT_NOT_YET_VALID:
                return "it is not valid yet: is this machine's clock wrong?";
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
                return "it is for another name: is the address right?";
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
                return "it has signed itself: if you know it, give it with --ca FILE";
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
                return "nobody who is trusted here has signed it: if you know who has, give his certificate with --ca FILE";
        default:
                return X509_verify_cert_error_string(verified);
        }
}

void tls_explain(SSL *ssl, const char *name, char why[static TLS_WHY_SIZE])
{
        unsigned long error = ERR_peek_error();
        long verified = SSL_get_verify_result(ssl);
        int reason = ERR_GET_REASON(error);

        if (verified != X509_V_OK)
                snprintf(why, TLS_WHY_SIZE, "the certificate of %.100s is not to be trusted: %.200s", name,
                         advice_on(verified));
        else if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason == SSL_R_WRONG_VERSION_NUMBER)
                snprintf(why, TLS_WHY_SIZE, "%.100s does not speak TLS there (a server without it is plain://HOST:PORT)",
                         name);
        else
                snprintf(why, TLS_WHY_SIZE, "no TLS with %.100s: %.200s", name, tls_reason());
}
