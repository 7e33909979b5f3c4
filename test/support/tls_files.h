/* Certificates for tests: made when they are needed, of keys that nobody else has, as PEM files in a folder of the test's own. */
#ifndef GALKA_TEST_TLS_FILES_H
#define GALKA_TEST_TLS_FILES_H

#include <stdbool.h>
#include <stdint.h>

struct tls_wish {
        const char *names;    /* "DNS:a.test,IP:127.0.0.1"; NULL: none */
        const char *signer;   /* a certificate made before, in the same folder; NULL: it signs itself */
        const char *password; /* of the key's file; NULL: none */
        int64_t from_s, to_s; /* validity, from now on; both 0: from an hour ago to a day from now */
        bool authority;       /* may sign others */
};

/* A fresh folder, whose path lives until tls_folder_remove. */
const char *tls_folder_new(void);
void tls_folder_remove(void);

/* FOLDER/name, in a buffer that a few later calls leave alone. */
const char *tls_path(const char *name);

/* Writes FOLDER/name.pem and FOLDER/name.key. Aborts if it cannot. */
void tls_make(const char *name, const struct tls_wish *wish);

/* Writes a file of any content into the folder. */
void tls_write(const char *name, const char *content);

#endif
