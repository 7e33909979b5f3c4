/* A command that works on the database alone: opens it, applies and asks, and waits for the answers. */
#ifndef GALKA_SERVER_TOOL_H
#define GALKA_SERVER_TOOL_H

#include "rules/invite.h"
#include "server/server.h"

struct store_sqlite;
struct store_postgres;

struct tool {
        struct server server;
        struct store_sqlite *sqlite; /* one of the two */
        struct store_postgres *postgres;
        struct store *store;
        struct bus *bus; /* of a server that runs in this process; NULL: --kafka, or nobody is there to be told */
        bool beside;
};

/* False, having said why on standard error: no folder, in use by a running server, a newer schema. with_keys: those that tokens are
 * made with, too. */
bool tool_open(struct tool *tool, const struct options *options, bool with_keys);

/* The same for a database that must be there already: what looks or repairs makes none. */
bool tool_open_old(struct tool *tool, const struct options *options);

/* Is there a database in the data folder? If not, text says so. */
bool server_has_database(const struct options *options, char text[static SERVER_ERROR_SIZE]);

/* Beside a server that may be running on it: for operations on nothing that a running server holds in memory. Makes the database if
 * there is none. */
bool tool_open_beside(struct tool *tool, const struct options *options);

void tool_close(struct tool *tool);

/* Gives the store another era (L9). Both are told; SYSTEM. */
must_use enum error tool_renew_era(struct tool *tool, struct id *before, struct id *after);

/* Tells every frontend of the cluster that --kafka names to let its clients join again. Errors: those of the bus, FAILED, UNCERTAIN; text
 * is one line. */
must_use enum error tool_tell_frontends(struct tool *tool, char text[static SERVER_ERROR_SIZE]);

/* Tells every frontend to close all connections of a user (L7), where there are frontends. Errors: as above. */
must_use enum error tool_revoke(struct tool *tool, uint64_t user, char text[static SERVER_ERROR_SIZE]);

/* Errors: FAILED, UNCERTAIN and those of the store. */
must_use enum error tool_apply(struct tool *tool, const struct store_op *ops, size_t count, struct store_result *results,
                               struct arena *arena);
must_use enum error tool_ask(struct tool *tool, const struct store_question *question, struct store_answer *answer,
                             struct arena *arena);

/* A new invitation, by --uses and --days; its token. Errors: as of tool_apply. */
#define INVITE_LINK "https://%s/i/%s" /* domain, token */
must_use enum error server_invite_make(struct tool *tool, char token[static INVITE_TEXT_SIZE]);

#endif
