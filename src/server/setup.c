/* See setup.h. */
#include "server/setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "driver/notes/file.h"
#include "driver/password/thread.h"
#include "loop/tls.h"

#define DAY_MS 86400000

const struct role_needs role_needs[] = {
        [ROLE_FRONTEND] = {"frontend", BUS_FRONTENDS, .presence = true},
        [ROLE_AUTH] = {"auth", BUS_AUTHENTICATION, .store = true, .password = true},
        [ROLE_SESSION] = {"session", BUS_SESSION, .store = true, .presence = true},
        [ROLE_QUERY] = {"query", BUS_QUERY, .store = true, .presence = true},
        [ROLE_NOTIFY] = {"notify", BUS_NOTIFY, .mail = true},
};

enum error server_make_folder(const char *path, char text[static SERVER_ERROR_SIZE])
{
        if ((mkdir(path, 0700) == 0 || errno == EEXIST) && access(path, R_OK | W_OK | X_OK) == 0)
                return ERR_OK;
        snprintf(text, SERVER_ERROR_SIZE, "cannot use the data folder %.300s: %s (see --data)", path, strerror(errno));
        return ERR_SYSTEM;
}

/* ---- the certificate for clients ---- */

static void note_certificate(struct server *server, const char *what)
{
        uint64_t expires_ms = tls_server_expires_ms(server->tls), now_ms = server->clock.wall_ms(&server->clock);
        uint64_t days = expires_ms > now_ms ? (expires_ms - now_ms) / DAY_MS : 0;
        bool over = expires_ms <= now_ms;

        event_note(&server->log.sink, over || days < SETUP_SOON_DAYS ? EVENT_WARNING : EVENT_INFO,
                   over ? "tls.certificate_has_expired" : what, NULL, {"certificate", server->options->tls_certificate, 0},
                   {"valid_days", NULL, days});
}

enum error setup_tls(struct server *server, char text[static SERVER_ERROR_SIZE])
{
        const struct options *options = server->options;
        char why[TLS_WHY_SIZE];
        enum error error;

        if (!*options->tls_certificate && !*options->tls_key && !options->tls_only)
                return ERR_OK;
        if (!*options->tls_certificate || !*options->tls_key) {
                snprintf(text, SERVER_ERROR_SIZE, "%s",
                         *options->tls_certificate ? "--tls-certificate needs its key: --tls-key FILE"
                         : *options->tls_key       ? "--tls-key needs its certificate: --tls-certificate FILE"
                                             : "--tls-only needs a certificate: --tls-certificate FILE --tls-key FILE");
                return ERR_CONFIG;
        }
        error = tls_server_new(options->tls_certificate, options->tls_key, &server->tls, why);
        if (error)
                snprintf(text, SERVER_ERROR_SIZE, "%s (see --tls-certificate, --tls-key)", why);
        else
                note_certificate(server, "tls.certificate");
        return error;
}

void setup_tls_again(struct server *server)
{
        char why[TLS_WHY_SIZE];

        if (!server->tls)
                return;
        if (tls_server_reload(server->tls, why) != ERR_OK)
                event_note(&server->log.sink, EVENT_ERROR, "tls.reload_failed", NULL, {"reason", why, 0},
                           {"goes_on_with", "the certificate it had", 0});
        else
                note_certificate(server, "tls.reloaded");
}

/* ---- the web app ---- */

static void note_web(struct server *server, const char *what)
{
        struct web_counts counts = web_counts(server->web);

        event_note(&server->log.sink, EVENT_INFO, what, NULL, {"folder", server->options->web, 0},
                   {"files", NULL, counts.files}, {"bytes", NULL, counts.bytes});
}

enum error setup_web(struct server *server, char text[static SERVER_ERROR_SIZE])
{
        char why[WEB_WHY_SIZE];
        enum error error;

        if (!*server->options->web)
                return ERR_OK;
        error = web_new(server->options->web, server->frontends, &server->web, why);
        if (error)
                snprintf(text, SERVER_ERROR_SIZE, "%s (see --web)", why);
        else
                note_web(server, "web.files");
        return error;
}

void setup_web_again(struct server *server)
{
        char why[WEB_WHY_SIZE];

        if (!server->web)
                return;
        if (web_reload(server->web, why) != ERR_OK)
                event_note(&server->log.sink, EVENT_ERROR, "web.reload_failed", NULL, {"reason", why, 0},
                           {"goes_on_with", "the files it had", 0});
        else
                note_web(server, "web.reloaded");
}

enum error setup_password(struct server *server, struct password **password)
{
        const struct password_thread_options options = {.memory_limit = server->options->password_kib * 1024};

        return password_thread_new(&options, password);
}

enum error setup_notes(struct server *server, const char *folder, struct notes_file **notes,
                       char text[static SERVER_ERROR_SIZE])
{
        const struct notes_file_options options = {.folder = folder, .clock = &server->clock, .events = &server->log.sink};

        return notes_file_new(&options, notes, text);
}

/* ---- engines that others share ---- */

static const char *or_null(const char *text)
{
        return *text ? text : NULL;
}

enum error setup_kafka(struct server *server, struct bus_kafka_options *kafka, char text[static SERVER_ERROR_SIZE])
{
        static const char *const security[2][2] = {{"plaintext", "ssl"}, {"sasl_plaintext", "sasl_ssl"}};
        const struct options *options = server->options;
        bool signs_in = *options->kafka_user != '\0';

        *kafka = (struct bus_kafka_options){
                .brokers = options->kafka,
                .security = security[signs_in][options->kafka_tls],
                .ca_file = or_null(options->kafka_ca),
                .topic_prefix = options->kafka_prefix,
                .events = &server->log.sink,
        };
        if (signs_in) {
                kafka->sasl_mechanism = options->kafka_sasl;
                kafka->sasl_user = options->kafka_user;
                kafka->sasl_password = options->kafka_password;
        }
        if (!*options->kafka)
                snprintf(text, SERVER_ERROR_SIZE, "which Kafka cluster? (see --kafka)");
        else if (signs_in && !*options->kafka_password)
                snprintf(text, SERVER_ERROR_SIZE,
                         "--kafka-user needs a password: GALKA_KAFKA_PASSWORD, or kafka-password in the file");
        else if (signs_in && !options->kafka_tls && strcmp(options->kafka_sasl, "PLAIN") == 0)
                snprintf(text, SERVER_ERROR_SIZE,
                         "--kafka-sasl PLAIN shows the password to the network without --kafka-tls");
        else if (!options->kafka_tls && *options->kafka_ca)
                snprintf(text, SERVER_ERROR_SIZE, "--kafka-ca is of no use without --kafka-tls");
        else
                return ERR_OK;
        return ERR_CONFIG;
}

enum error setup_where_to_look(enum error error, const char *options, char text[static SERVER_ERROR_SIZE])
{
        size_t size = strlen(text);

        if (error && size)
                snprintf(text + size, SERVER_ERROR_SIZE - size, " (see %s)", options);
        return error;
}

bool setup_split_host(const char *text, char host[static SETUP_HOST_SIZE], uint16_t *port)
{
        const char *colon = strrchr(text, ':');
        size_t size = colon ? (size_t)(colon - text) : strlen(text);
        unsigned long number;
        char *end;

        *port = 0;
        if (text[0] == '/') {
                snprintf(host, SETUP_HOST_SIZE, "%s", text);
                return true;
        }
        if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
                text++;
                size -= 2;
        }
        if (size == 0 || size >= SETUP_HOST_SIZE)
                return false;
        snprintf(host, SETUP_HOST_SIZE, "%.*s", (int)size, text);
        if (!colon)
                return true;
        number = strtoul(colon + 1, &end, 10);
        *port = (uint16_t)number;
        return colon[1] >= '0' && colon[1] <= '9' && !*end && number > 0 && number <= 65535;
}

enum error setup_redis(struct server *server, struct setup_redis *redis, char text[static SERVER_ERROR_SIZE])
{
        const struct options *options = server->options;
        uint16_t port;

        if (!setup_split_host(options->redis, redis->host, &port)) {
                snprintf(text, SERVER_ERROR_SIZE, "--redis must be HOST:PORT or the path of a socket, not '%.200s'",
                         options->redis);
                return ERR_CONFIG;
        }
        if (!options->redis_tls && *options->redis_ca) {
                snprintf(text, SERVER_ERROR_SIZE, "--redis-ca is of no use without --redis-tls");
                return ERR_CONFIG;
        }
        redis->options = (struct presence_redis_options){
                .host = redis->host,
                .port = port,
                .user = or_null(options->redis_user),
                .password = or_null(options->redis_password),
                .prefix = options->redis_prefix,
                .tls = options->redis_tls,
                .tls_ca = or_null(options->redis_ca),
                .clock = &server->clock,
                .events = &server->log.sink,
        };
        return ERR_OK;
}

enum error setup_postgres(struct server *server, struct store_postgres_options *postgres,
                          char text[static SERVER_ERROR_SIZE])
{
        const struct options *options = server->options;
        bool holds_password;
        enum error error;

        *postgres = (struct store_postgres_options){
                .uri = options->postgres,
                .password = or_null(options->postgres_password),
                .clock = &server->clock,
                .random = server->random,
                .events = &server->log.sink,
        };
        if (!*options->postgres) {
                snprintf(text, SERVER_ERROR_SIZE, "which database? (see --postgres)");
                return ERR_CONFIG;
        }
        error = store_postgres_uri_check(options->postgres, &holds_password);
        if (error == ERR_CONFIG) /* what is wrong may be a password */
                snprintf(text, SERVER_ERROR_SIZE,
                         "--postgres must be a URI as postgresql://galka@db.example.org/galka, or words as host=… dbname=…");
        else if (!error && holds_password)
                snprintf(text, SERVER_ERROR_SIZE,
                         "no password belongs into --postgres, where others see it: use GALKA_POSTGRES_PASSWORD, or "
                         "postgres-password in the file");
        else
                return error;
        return ERR_CONFIG;
}
