/* See site.h. */
#include "frontend/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/assert.h"
#include "base/memory.h"
#include "crypto/crypto.h"
#include "frontend/request.h"

#define ASSETS     "/assets/" /* names there change with their bytes: the build makes them so */
#define ETAG_BYTES ((SITE_ETAG_SIZE - 3) / 2)

/* End of the name, media type. */
static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".wasm", "application/wasm"},
        {".json", "application/json"},
        {".webmanifest", "application/manifest+json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".mp3", "audio/mpeg"},
        {".ogg", "audio/ogg"},
        {".wav", "audio/wav"},
        {".txt", "text/plain; charset=utf-8"},
};

static bool ends_with(const char *text, const char *end)
{
        size_t size = strlen(text), ending = strlen(end);

        return size > ending && strcmp(text + size - ending, end) == 0;
}

static const char *type_of(const char *path)
{
        for (size_t i = 0; i < countof(types); i++)
                if (ends_with(path, types[i][0]))
                        return types[i][1];
        return "application/octet-stream";
}

static struct slice path_of(const struct site_file *file)
{
        return slice_of(file->path->bytes, file->path->size);
}

static int by_path(const void *a, const void *b)
{
        return slice_compare(path_of(a), path_of(b));
}

const struct site_file *site_find(const struct site *site, struct slice path)
{
        uint32_t from = 0, to = site->count;

        if (slice_equal(path, SLICE_LITERAL("/")))
                path = SLICE_LITERAL("/index.html");
        while (from < to) {
                uint32_t at = (from + to) / 2;
                int order = slice_compare(path, path_of(&site->files[at]));

                if (order == 0)
                        return &site->files[at];
                if (order < 0)
                        to = at;
                else
                        from = at + 1;
        }
        return NULL;
}

/* ---- loading ---- */

static const char *const endings[] = {
#define X(name, text, end) end,
        SITE_CODINGS(X)
#undef X
};

static bool copy(struct site_file *file, enum site_coding coding, struct slice bytes)
{
        uint8_t hash[CRYPTO_HASH_SIZE];
        char *at = file->as[coding].etag;

        file->as[coding].body = block_copy_alone(bytes);
        if (!file->as[coding].body)
                return false;
        crypto_sha256(bytes, hash);
        *at++ = '"';
        for (size_t i = 0; i < ETAG_BYTES; i++, at += 2)
                snprintf(at, 3, "%02x", hash[i]);
        *at++ = '"';
        *at = '\0';
        return true;
}

/* The coding that the name of a file ends with. */
static enum site_coding coding_of(const char *path)
{
        for (int coding = 0; coding < SITE_PLAIN; coding++)
                if (ends_with(path, endings[coding]))
                        return (enum site_coding)coding;
        return SITE_PLAIN;
}

static bool add_plain(struct site *site, const struct frontend_file *file)
{
        struct site_file *added = &site->files[site->count++];

        *added = (struct site_file){
                .path = block_copy_alone(slice_text(file->path)),
                .type = type_of(file->path),
                .immutable = strncmp(file->path, ASSETS, strlen(ASSETS)) == 0,
        };
        return added->path && copy(added, SITE_PLAIN, file->bytes);
}

/* To the file whose sibling it is; if there is none, it is of no use. */
static bool add_coded(struct site *site, const struct frontend_file *file, enum site_coding coding)
{
        struct slice path = slice_of(file->path, strlen(file->path) - strlen(endings[coding]));
        struct site_file *found = (struct site_file *)site_find(site, path);

        return !found || found->as[coding].body || copy(found, coding, file->bytes);
}

static bool fill(struct site *site, const struct frontend_file *files, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (coding_of(files[i].path) == SITE_PLAIN && !add_plain(site, &files[i]))
                        return false;
        if (site->count > 0)
                qsort(site->files, site->count, sizeof(*site->files), by_path);
        for (size_t i = 0; i < count; i++) {
                enum site_coding coding = coding_of(files[i].path);

                if (coding != SITE_PLAIN && !add_coded(site, &files[i], coding))
                        return false;
        }
        return true;
}

enum error frontend_site_new(const struct frontend_file *files, size_t count, struct site **site_p)
{
        struct site *site = memory_new(sizeof(*site));

        if (site)
                site->files = memory_new((count ? count : 1) * sizeof(struct site_file));
        if (!site || !site->files || !fill(site, files, count)) {
                frontend_site_free(&site);
                return ERR_NO_MEMORY;
        }
        *site_p = site;
        return ERR_OK;
}

void frontend_site_free(struct site **site_p)
{
        struct site *site = *site_p;

        if (!site)
                return;
        *site_p = NULL;
        site_finish(site);
        memory_free(site);
}

void site_show(struct site *site, struct site **made_p)
{
        struct site before = *site;

        *site = **made_p;
        **made_p = before;
        frontend_site_free(made_p);
}

/* All blocks stand alone: none goes back to be used again. */
void site_finish(struct site *site)
{
        for (uint32_t i = 0; i < site->count; i++) {
                block_drop(NULL, site->files[i].path);
                for (int coding = 0; coding < SITE_CODING_COUNT; coding++)
                        block_drop(NULL, site->files[i].as[coding].body);
        }
        memory_free(site->files);
        *site = (struct site){0};
}

/* ---- what a client takes ---- */

/* "NAME" or "NAME;q=WEIGHT" (RFC 9110, section 12.4.2); a weight of 0 is a no. */
static bool takes(struct slice element, const char *name)
{
        size_t size = strlen(name), at = size;

        if (element.size < size || strncasecmp((const char *)element.data, name, size) != 0)
                return false;
        while (at < element.size && (element.data[at] == ' ' || element.data[at] == '\t' || element.data[at] == ';'))
                at++;
        if (at == element.size)
                return true;
        if (at == size || element.size - at < 3 || (element.data[at] | 0x20) != 'q' || element.data[at + 1] != '=')
                return false;
        for (at += 2; at < element.size; at++)
                if (element.data[at] >= '1' && element.data[at] <= '9')
                        return true;
        return false;
}

static bool is_taken(struct slice accepted, const char *name)
{
        struct slice element;

        while (request_next_element(&accepted, &element))
                if (takes(element, name))
                        return true;
        return false;
}

const char *site_coding_name(enum site_coding coding)
{
        static const char *const names[] = {
#define X(name, text, end) text,
                SITE_CODINGS(X)
#undef X
        };

        check(coding < SITE_CODING_COUNT);
        return names[coding];
}

enum site_coding site_choose(const struct site_file *file, struct slice accepted)
{
        for (int coding = 0; coding < SITE_PLAIN; coding++)
                if (file->as[coding].body && is_taken(accepted, site_coding_name((enum site_coding)coding)))
                        return (enum site_coding)coding;
        return SITE_PLAIN;
}

bool site_matches(struct slice etags, const char *etag)
{
        struct slice element;

        while (request_next_element(&etags, &element)) {
                if (element.size > 2 && memcmp(element.data, "W/", 2) == 0)
                        element = slice_of(element.data + 2, element.size - 2);
                if (slice_equal(element, slice_text(etag)) || slice_equal(element, SLICE_LITERAL("*")))
                        return true;
        }
        return false;
}
