/*
 * The files of the web app, as this frontend holds them: each in blocks of its own, so that what is being written of one that was replaced
 * stays until it is written. Files come from whoever reads the folder (frontend.h).
 *
 *      frontend_site_new, on any thread → site_show → site_find … → site_show (another one) … → site_finish
 */
#ifndef GALKA_FRONTEND_SITE_H
#define GALKA_FRONTEND_SITE_H

#include "frontend/block.h"
#include "frontend/frontend.h"

#define SITE_ETAG_SIZE 35 /* two quotes, 16 bytes of SHA-256 in hex, NUL */

/* How a file may travel, the best first: name in Accept-Encoding, end of its sibling's name. */
#define SITE_CODINGS(X)                                                                                                     \
        X(BROTLI, "br", ".br")                                                                                              \
        X(GZIP, "gzip", ".gz")                                                                                              \
        X(PLAIN, NULL, NULL)

enum site_coding {
#define X(name, text, end) SITE_##name,
        SITE_CODINGS(X)
#undef X
                SITE_CODING_COUNT
};

struct site_file {
        struct block *path; /* with '/' in front */
        const char *type;
        bool immutable; /* its name changes with its bytes */
        struct {
                struct block *body; /* NULL: not in this coding */
                char etag[SITE_ETAG_SIZE];
        } as[SITE_CODING_COUNT];
};

struct site {
        struct site_file *files; /* by path */
        uint32_t count;
};

/* Takes what is in *made_p, and frees it, instead of what it had. */
void site_show(struct site *site, struct site **made_p);
void site_finish(struct site *site);

/* NULL: there is none. "/" is "/index.html". */
const struct site_file *site_find(const struct site *site, struct slice path);

/* The best coding that the file is there in and Accept-Encoding has without q=0; PLAIN, if the client wants nothing else. */
enum site_coding site_choose(const struct site_file *file, struct slice accepted);
const char *site_coding_name(enum site_coding coding);

/* Does If-None-Match name it? */
bool site_matches(struct slice etags, const char *etag);

#endif
