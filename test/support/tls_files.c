/* See tls_files.h. */
#include "support/tls_files.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"

#define PATH_SIZE 256
#define PATHS     8

static char folder[PATH_SIZE];

const char *tls_folder_new(void)
{
        snprintf(folder, sizeof(folder), "/tmp/galka-tls-XXXXXX");
        check(mkdtemp(folder) == folder);
        return folder;
}

void tls_folder_remove(void)
{
        DIR *directory = opendir(folder);
        struct dirent *entry;

        while (directory && (entry = readdir(directory)))
                if (entry->d_name[0] != '.')
                        unlinkat(dirfd(directory), entry->d_name, 0);
        if (directory)
                closedir(directory);
        rmdir(folder);
}

const char *tls_path(const char *name)
{
        static char paths[PATHS][PATH_SIZE * 2];
        static unsigned next;
        char *path = paths[next++ % PATHS];

        snprintf(path, PATH_SIZE * 2, "%s/%s", folder, name);
        return path;
}

void tls_write(const char *name, const char *content)
{
        FILE *file = fopen(tls_path(name), "we");

        check(file);
        check(fputs(content, file) >= 0 && fclose(file) == 0);
}

static FILE *open_file(const char *name, const char *ending, const char *mode)
{
        char whole[PATH_SIZE];
        FILE *file;

        snprintf(whole, sizeof(whole), "%s.%s", name, ending);
        file = fopen(tls_path(whole), mode);
        check(file);
        return file;
}

static void extend(X509 *made, X509 *issuer, int kind, const char *value)
{
        X509V3_CTX context;
        X509_EXTENSION *extension;

        X509V3_set_ctx(&context, issuer, made, NULL, NULL, 0);
        extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
        check(extension && X509_add_ext(made, extension, -1) == 1);
        X509_EXTENSION_free(extension);
}

static void read_signer(const char *name, X509 **certificate, EVP_PKEY **key)
{
        FILE *file = open_file(name, "pem", "re");

        *certificate = PEM_read_X509(file, NULL, NULL, NULL);
        fclose(file);
        file = open_file(name, "key", "re");
        *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
        fclose(file);
        check(*certificate && *key);
}

void tls_make(const char *name, const struct tls_wish *wish)
{
        static long serial = 1000;
        bool usual = wish->from_s == 0 && wish->to_s == 0;
        EVP_PKEY *key = EVP_EC_gen("P-256"), *signing = key;
        X509 *made = X509_new(), *issuer = made;
        FILE *file;

        check(key && made);
        if (wish->signer)
                read_signer(wish->signer, &issuer, &signing);
        check(X509_set_version(made, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(made), serial++) == 1);
        X509_gmtime_adj(X509_getm_notBefore(made), usual ? -3600 : (long)wish->from_s);
        X509_gmtime_adj(X509_getm_notAfter(made), usual ? 86400 : (long)wish->to_s);
        check(X509_set_pubkey(made, key) == 1);
        check(X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                                         -1, 0) == 1);
        check(X509_set_issuer_name(made, X509_get_subject_name(issuer)) == 1);
        extend(made, issuer, NID_basic_constraints, wish->authority ? "critical,CA:TRUE" : "CA:FALSE");
        if (wish->names)
                extend(made, issuer, NID_subject_alt_name, wish->names);
        check(X509_sign(made, signing, EVP_sha256()) > 0);
        file = open_file(name, "pem", "we");
        check(PEM_write_X509(file, made) == 1 && fclose(file) == 0);
        file = open_file(name, "key", "we");
        check(PEM_write_PrivateKey(file, key, wish->password ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL,
                                   (void *)wish->password) == 1 &&
              fclose(file) == 0);
        if (wish->signer) {
                X509_free(issuer);
                EVP_PKEY_free(signing);
        }
        X509_free(made);
        EVP_PKEY_free(key);
}
