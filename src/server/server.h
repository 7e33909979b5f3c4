/*
 * galkad: the parts that its files share. embedded.c, cluster.c and tool.c alone know which drivers were chosen; role.c runs a role's
 * loop on a thread, process.c a process of such roles.
 */
#ifndef GALKA_SERVER_SERVER_H
#define GALKA_SERVER_SERVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "frontend/frontend.h"
#include "loop/tls.h"
#include "seam/bus.h"
#include "seam/mail.h"
#include "seam/net.h"
#include "seam/password.h"
#include "seam/presence.h"
#include "seam/store.h"
#include "server/keyring.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/options.h"
#include "server/web.h"
#include "service/worker/worker.h"

#define SERVER_VERSION    "0.1.0"
#define SERVER_ERROR_SIZE 1024
#define SERVER_ROLES_MAX  20 /* of one process */

/* Exit codes of galkad. */
enum server_exit {
        SERVER_DONE = 0,
        SERVER_FAILED = 1, /* could not start, or had to stop */
        SERVER_USAGE = 2   /* not such a command or option */
};

/* What every role of one process shares. */
struct server {
        const struct options *options;
        struct clock clock;
        struct random *random;
        struct log log;
        struct token_keys keys;  /* a tool's */
        struct keyring keyring;  /* a server's */
        struct tls_context *tls; /* the certificate for clients; NULL: there is none */
        struct web *web;         /* the web app; NULL: there is none */
        uint32_t connections;    /* a frontend holds at most: what the options say, or less if descriptors are few */
        uint32_t claim_wait_ms;  /* how long a frontend waits for whoever has its index (L6) */
        uint32_t frontends;      /* of this process */
};

enum role_kind { ROLE_FRONTEND, ROLE_AUTH, ROLE_SESSION, ROLE_QUERY, ROLE_NOTIFY };

/* Which topic a role reads, and which seams it works with. */
struct role_needs {
        const char *name;
        enum bus_topic topic;
        bool store, presence, password, mail;
};

extern const struct role_needs role_needs[];

/* A role on its thread, with seams of its own. Those it does not need are NULL. */
struct role {
        enum role_kind kind;
        uint16_t index; /* a frontend's partition; a worker's number among its like */
        struct server *server;
        struct bus *bus;
        struct store *store;
        struct presence *presence;
        struct password *password;
        struct mail *mail;
        struct notes *notes;
        struct metrics *metrics; /* NULL: nobody counts */
        struct token_keys keys;  /* its copy of the keyring's */
        unsigned keys_version, web_version;
        pthread_t thread;
        int wake; /* eventfd: written by role_stop */
        atomic_bool stop;
        atomic_bool ended;    /* the thread has left its loop */
        atomic_bool ready;    /* started; a frontend: it serves */
        atomic_uint port;     /* a frontend: where it listens, once it does */
        uint16_t listen_port; /* a frontend: where it shall; 0 picks */
        char error[SERVER_ERROR_SIZE];
};

/* Lets it be counted: its seams, which are all there, get meters. NO_MEMORY. */
must_use enum error role_meter(struct role *role);

/* Starts the role's thread. Its seams are its own from then on. SYSTEM. */
must_use enum error role_start(struct role *role);

/* stop asks it to end; join waits for that and frees its seams. */
void role_stop(struct role *role);
void role_join(struct role *role);

/* Frees the seams of a role that was not started. */
void role_finish(struct role *role);

/* galkad all: the whole server on embedded drivers, until SIGTERM or SIGINT. */
int server_all(const struct options *options);

/* galkad frontend, auth, session, query, notify: one role over the engines that the options name, until SIGTERM or SIGINT. */
int server_role(const struct options *options, enum role_kind kind);

/* galkad topics, galkad migrate: makes the topics, or the schema, or brings them up to date. */
int server_topics(const struct options *options);
int server_migrate(const struct options *options);

/* galkad keys FILE: makes a file of keys. galkad keys rotate: changes the token key in --keys, or in the data folder's. */
int server_keys(const char *path);
int server_keys_rotate(const struct options *options);

/* galkad invite: makes an invitation; prints its token, and a link if the server has a name. */
int server_invite(const struct options *options);

/* galkad user import FILE: makes users without mail or password; prints name, user, device and token of each. */
int server_import(const struct options *options, const char *path);

/* galkad user list: prints all accounts by name, beside a server that may be running. */
int server_user_list(const struct options *options);

/* galkad user add, disable, enable, reset: whether somebody may sign in, and by which password. */
int server_user(const struct options *options, const char *verb, const char *name);

/* galkad check: is every log gapless, every counter right? */
int server_check(const struct options *options);

/* galkad restored: an older copy of the store was put back; it gets a new era. */
int server_restored(const struct options *options);

/* galkad setup: what a server needs, made where it is missing. galkad doctor: what is wrong, and what to do. */
int server_setup(const struct options *options);
int server_doctor(const struct options *options);

/* The configuration could not be read: galkad doctor says so in its own way. */
int server_doctor_unreadable(bool json, const char *text);

/* galkad backup FILE|FOLDER, galkad restore FILE. */
int server_backup(const struct options *options, const char *where);
int server_restore(const struct options *options, const char *path);

/* Makes the data folder if it is missing and checks that it can be written. */
must_use enum error server_make_folder(const char *path, char text[static SERVER_ERROR_SIZE]);

#endif
