/* What embedded.c, cluster.c and tool.c set up alike. */
#ifndef GALKA_SERVER_SETUP_H
#define GALKA_SERVER_SETUP_H

#include "driver/bus/kafka.h"
#include "driver/mail/smtp.h"
#include "driver/presence/redis.h"
#include "driver/store/postgres.h"
#include "server/process.h"

#define SETUP_PATH_SIZE 4300
#define SETUP_HOST_SIZE 260
#define SETUP_FROM_SIZE 255
#define SETUP_SOON_DAYS 14 /* a certificate that ends within them is warned of: renewing usually happens a month before */

void server_init(struct server *server, const struct options *options);

/* The certificate for clients, if the options name one, and what is to be said of it. CONFIG: text says what is wrong. */
must_use enum error setup_tls(struct server *server, char text[static SERVER_ERROR_SIZE]);

/* Reads it anew, if there is one, and says in one line of the log how that went. */
void setup_tls_again(struct server *server);

/* The folder of the web app, if the options name one. CONFIG, SYSTEM, NO_MEMORY: text says what is wrong. */
must_use enum error setup_web(struct server *server, char text[static SERVER_ERROR_SIZE]);
void setup_web_again(struct server *server);

/* "HOST:PORT", "[ADDRESS]:PORT", HOST alone (port 0), or the path of a socket. */
must_use bool setup_split_host(const char *text, char host[static SETUP_HOST_SIZE], uint16_t *port);

/* Is that an address, or name, of nobody but this machine? */
bool setup_is_own_machine(const char *host);

/* What the options say of the mail server. Must outlive nothing: the driver keeps its own. CONFIG: text says what is wrong. */
struct setup_smtp {
        struct mail_smtp_options options;
        char host[SETUP_HOST_SIZE], from[SETUP_FROM_SIZE];
};

must_use enum error setup_smtp(struct server *server, struct setup_smtp *smtp, char text[static SERVER_ERROR_SIZE]);

/* What takes letters: the mail server that the options name, else the folder FOLDER/mail. CONFIG: text says what is wrong. */
must_use enum error setup_mail(struct server *server, const char *folder, struct mail **mail,
                               char text[static SERVER_ERROR_SIZE]);

/* The thread that hashes passwords. */
must_use enum error setup_password(struct server *server, struct password **password);

/* Which record was being worked on when a process crashed (L10): FOLDER/notes. */
struct notes_file;
must_use enum error setup_notes(struct server *server, const char *folder, struct notes_file **notes,
                                char text[static SERVER_ERROR_SIZE]);

/* An engine did not open: its driver knows no options, so where to look is added to what it says. Returns the error. */
#define SETUP_REDIS_OPTIONS    "--redis, --redis-tls, --redis-ca, --redis-user, redis-password"
#define SETUP_POSTGRES_OPTIONS "--postgres, postgres-password"
must_use enum error setup_where_to_look(enum error error, const char *options, char text[static SERVER_ERROR_SIZE]);

/* What the options say of the engines that others share; what they point to stays the options'. CONFIG: text says what is wrong. */
must_use enum error setup_kafka(struct server *server, struct bus_kafka_options *kafka, char text[static SERVER_ERROR_SIZE]);
must_use enum error setup_postgres(struct server *server, struct store_postgres_options *postgres,
                                   char text[static SERVER_ERROR_SIZE]);

struct setup_redis {
        struct presence_redis_options options;
        char host[SETUP_HOST_SIZE];
};

must_use enum error setup_redis(struct server *server, struct setup_redis *redis, char text[static SERVER_ERROR_SIZE]);

#endif
