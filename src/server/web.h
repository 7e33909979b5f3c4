/*
 * The folder of the built web app, read whole into memory: at the start, and anew on SIGHUP. What each frontend gives out is made ready
 * by whoever reads it, so that a frontend has only a pointer to take: no connection stands still for a new build.
 *
 *      web_new → web_show, on each frontend's thread … web_reload, on the main one … → web_free
 *
 * What is no plain file under a plain name is no part of an app: links are not followed, so nothing outside the folder is ever given out.
 */
#ifndef GALKA_SERVER_WEB_H
#define GALKA_SERVER_WEB_H

#include "frontend/frontend.h"

#define WEB_FILES_MAX     1024
#define WEB_BYTES_MAX     (16u << 20) /* of all files */
#define WEB_DEPTH_MAX     8           /* folders within each other */
#define WEB_FRONTENDS_MAX 16          /* of a process: --frontends */
#define WEB_PATH_SIZE     256         /* of a file's name, from the folder on */
#define WEB_WHY_SIZE      512

struct web;

struct web_counts {
        size_t files, bytes;
};

/* frontends: how many will show it, each once in each version; 0: it is only looked at. CONFIG: not such a folder, or too much in it;
 * SYSTEM, NO_MEMORY. why says what is wrong. */
must_use enum error web_new(const char *folder, unsigned frontends, struct web **web, char why[static WEB_WHY_SIZE]);
void web_free(struct web **web);

/* On an error it goes on with what it had. */
must_use enum error web_reload(struct web *web, char why[static WEB_WHY_SIZE]);

/* Gives the frontend the files, if they are others than those of *version. Cheap, also if they are. web NULL: there are none. */
void web_show(struct web *web, unsigned *version, struct frontend *frontend);

struct web_counts web_counts(struct web *web);

#endif
