/*
 * TLS for a link, with OpenSSL. OpenSSL's own socket BIO writes without MSG_NOSIGNAL, and a signal for a connection that has ended is
 * no library's business, so the bytes go through a BIO of our own.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/presence/redis_link.h"

/* ---- the BIO ---- */

static int bio_write(BIO *bio, const char *bytes, int size)
{
        struct redis_link *link = BIO_get_data(bio);
        ssize_t count = send(link->fd, bytes, (size_t)size, MSG_NOSIGNAL);

        BIO_clear_retry_flags(bio);
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
                BIO_set_retry_write(bio);
        return (int)count;
}

static int bio_read(BIO *bio, char *bytes, int size)
{
        struct redis_link *link = BIO_get_data(bio);
        ssize_t count = recv(link->fd, bytes, (size_t)size, 0);

        BIO_clear_retry_flags(bio);
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
                BIO_set_retry_read(bio);
        return (int)count;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
        (void)bio, (void)number, (void)pointer;
        return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
        BIO_set_init(bio, 1);
        return 1;
}

static BIO_METHOD *bio_method(void)
{
        BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "redis link");

        if (method && BIO_meth_set_write(method, bio_write) && BIO_meth_set_read(method, bio_read) &&
            BIO_meth_set_ctrl(method, bio_control) && BIO_meth_set_create(method, bio_create))
                return method;
        BIO_meth_free(method);
        return NULL;
}

/* ---- the context ---- */

static enum error bad_file(char *why, const char *what, const char *path)
{
        snprintf(why, REDIS_WHY_SIZE, "cannot use the %s %.120s: %.80s", what, path,
                 ERR_reason_error_string(ERR_peek_error()));
        return ERR_CONFIG;
}

static enum error use_files(SSL_CTX *context, const struct redis_tls_files *files, char *why)
{
        if (files->ca && SSL_CTX_load_verify_file(context, files->ca) != 1)
                return bad_file(why, "file of trusted certificates", files->ca);
        if (!files->ca && SSL_CTX_set_default_verify_paths(context) != 1)
                return ERR_NO_MEMORY;
        if (files->cert && SSL_CTX_use_certificate_chain_file(context, files->cert) != 1)
                return bad_file(why, "certificate", files->cert);
        if (files->key && SSL_CTX_use_PrivateKey_file(context, files->key, SSL_FILETYPE_PEM) != 1)
                return bad_file(why, "certificate's key", files->key);
        if (!files->cert != !files->key) {
                snprintf(why, REDIS_WHY_SIZE, "a certificate of our own needs its key, and a key its certificate");
                return ERR_CONFIG;
        }
        return ERR_OK;
}

enum error redis_tls_init(struct redis_tls *tls, const struct redis_tls_files *files, const char *name,
                          char why[static REDIS_WHY_SIZE])
{
        enum error error;

        ERR_clear_error();
        *tls = (struct redis_tls){.context = SSL_CTX_new(TLS_client_method()), .method = bio_method(), .name = name};
        snprintf(why, REDIS_WHY_SIZE, "out of memory");
        if (!tls->context || !tls->method || SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1) {
                redis_tls_finish(tls);
                return ERR_NO_MEMORY;
        }
        SSL_CTX_set_mode(tls->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
        error = use_files(tls->context, files, why);
        if (error)
                redis_tls_finish(tls);
        return error;
}

void redis_tls_finish(struct redis_tls *tls)
{
        SSL_CTX_free(tls->context);
        BIO_meth_free(tls->method);
        *tls = (struct redis_tls){0};
}

/* ---- a link ---- */

static enum redis_step broken(struct redis_link *link, const char *why)
{
        snprintf(link->why, sizeof(link->why), "TLS: %s", why);
        return REDIS_STEP_BROKEN;
}

/* A name is also sent, for servers that have several certificates; an address is only compared. */
static bool expect_name(SSL *ssl, const char *name)
{
        ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);

        ASN1_OCTET_STRING_free(address);
        if (address)
                return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
        return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

enum redis_step redis_tls_begin(struct redis_link *link, const struct redis_tls *tls)
{
        BIO *bio = BIO_new(tls->method);

        link->ssl = SSL_new(tls->context);
        if (!link->ssl || !bio) {
                BIO_free(bio);
                return broken(link, "out of memory");
        }
        BIO_set_data(bio, link);
        SSL_set_bio(link->ssl, bio, bio);
        if (!expect_name(link->ssl, tls->name))
                return broken(link, "the server's name cannot be used");
        SSL_set_connect_state(link->ssl);
        return REDIS_STEP_DONE;
}

/* What a call that did not succeed came to. */
static enum redis_step step_of(struct redis_link *link, int result)
{
        int number = errno, error = SSL_get_error(link->ssl, result);
        unsigned long reason = ERR_peek_error();
        long verified = SSL_get_verify_result(link->ssl);
        const char *text = reason ? ERR_reason_error_string(reason) : NULL;

        link->wants_write = error == SSL_ERROR_WANT_WRITE;
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
                return REDIS_STEP_AGAIN;
        link->wrong = error == SSL_ERROR_SSL && ERR_GET_REASON(reason) != SSL_R_UNEXPECTED_EOF_WHILE_READING;
        if (verified != X509_V_OK)
                text = X509_verify_cert_error_string(verified);
        else if (error == SSL_ERROR_SYSCALL && number)
                text = strerror(number);
        return broken(link, text ? text : "it closed the connection");
}

enum redis_step redis_tls_ready(struct redis_link *link)
{
        int result;

        ERR_clear_error();
        errno = 0;
        result = SSL_do_handshake(link->ssl);
        if (result != 1)
                return step_of(link, result);
        link->wants_write = false;
        return REDIS_STEP_DONE;
}

enum redis_step redis_tls_read(struct redis_link *link, uint8_t *bytes, size_t size, size_t *got)
{
        ERR_clear_error();
        errno = 0;
        return SSL_read_ex(link->ssl, bytes, size, got) == 1 ? REDIS_STEP_DONE : step_of(link, 0);
}

enum redis_step redis_tls_write(struct redis_link *link, struct slice bytes, size_t *put)
{
        ERR_clear_error();
        errno = 0;
        if (SSL_write_ex(link->ssl, bytes.data, bytes.size, put) != 1)
                return step_of(link, 0);
        link->wants_write = *put < bytes.size;
        return REDIS_STEP_DONE;
}

/* Without a goodbye: whoever answers nothing any more would not hear it. */
void redis_tls_end(struct redis_link *link)
{
        SSL_free(link->ssl);
        link->ssl = NULL;
}
