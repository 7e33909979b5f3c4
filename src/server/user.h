/* galkad user add, disable, enable, reset: a request, and how it is done, in the process that has the store. */
#ifndef GALKA_SERVER_USER_H
#define GALKA_SERVER_USER_H

#include "rules/limits.h"
#include "seam/password.h"
#include "server/page.h"
#include "server/tool.h"

/* What is asked for. Texts; empty where it is of no use. */
struct user_request {
        char verb[16];
        char name[EMAIL_MAX + 1]; /* user name, or address */
        char email[EMAIL_MAX + 1], display[DISPLAY_NAME_MAX + 1];
        char hash[PASSWORD_HASH_SIZE];
};

#define USER_REQUEST_SIZE (sizeof(struct user_request) + 8)

/* Lines of fixed order, one a field. Returns the size. */
size_t user_request_write(const struct user_request *request, char text[static USER_REQUEST_SIZE]);

/* False: it is something else. `text` ends with NUL. */
bool user_request_read(const char *text, struct user_request *request);

/* Does it, tells frontends (tool->bus, or --kafka) and says on the page how it went. Returns the exit code. */
int user_do(struct tool *tool, const struct user_request *request, struct page *page);

#endif
