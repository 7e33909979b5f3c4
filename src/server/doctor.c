/* See doctor.h. */
#include "server/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/assert.h"
#include "driver/store/copy.h"
#include "driver/store/schema.h"
#include "loop/loop.h"
#include "loop/tls.h"
#include "server/backup.h"
#include "server/json.h"
#include "server/setup.h"

#define SPACE_FAIL_MIB  100
#define SPACE_WARN_MIB  1024
#define DESCRIPTORS     100 /* that are not connections */
#define BACKUP_OLD_DAYS 7
#define DAY_IN_MS       86400000ULL
#define TEXT_SIZE       1200
#define UNITS_FOLDER    "/etc/systemd/system"
#define SYSTEMD_RUNS    "/run/systemd/system"

/* ---- what is said ---- */

static const char *const verdicts[] = {"ok", "warn", "fail"};

static void print_line(bool json, enum verdict verdict, const char *check, const char *what, const char *to_do)
{
        if (!json) {
                printf("%-4s  %s: %s%s%s\n", verdicts[verdict], check, what, to_do ? " — " : "", to_do ? to_do : "");
                return;
        }
        printf("{\"verdict\":\"%s\",\"check\":\"%s\",\"what\":", verdicts[verdict], check);
        json_put(slice_text(what));
        if (to_do) {
                printf(",\"do\":");
                json_put(slice_text(to_do));
        }
        puts("}");
}

void doctor_say(struct doctor *doctor, enum verdict verdict, const char *what, const char *to_do)
{
        doctor->failed += verdict == VERDICT_FAIL;
        print_line(doctor->json, verdict, doctor->check, what, verdict == VERDICT_OK ? NULL : to_do);
        fflush(stdout); /* the next one may take its time */
}

void doctor_tell(struct doctor *doctor, enum verdict verdict, const char *to_do, const char *format, ...)
{
        char what[TEXT_SIZE];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(what, sizeof(what), format, arguments);
        va_end(arguments);
        doctor_say(doctor, verdict, what, to_do);
}

/* ---- files ---- */

static void check_configuration(struct doctor *doctor)
{
        const struct options *options = doctor->options;
        struct stat status;

        if (!*options->config)
                doctor_say(doctor, VERDICT_OK, "there is no file; defaults, environment and flags hold", NULL);
        else if (stat(options->config, &status) == 0 && options->secret_in_file && (status.st_mode & 077))
                doctor_tell(doctor, VERDICT_FAIL, "chmod 600 it, as its owner",
                            "%.300s holds passwords, and others may read it", options->config);
        else
                doctor_tell(doctor, VERDICT_OK, NULL, "%.300s is read", options->config);
}

static void check_space(struct doctor *doctor)
{
        struct statvfs space;
        unsigned long long mib;
        enum verdict verdict;

        if (statvfs(doctor->options->data, &space) != 0)
                return;
        mib = (unsigned long long)space.f_bavail * space.f_frsize >> 20;
        verdict = mib < SPACE_FAIL_MIB ? VERDICT_FAIL : mib < SPACE_WARN_MIB ? VERDICT_WARN : VERDICT_OK;
        doctor_tell(doctor, verdict, "make room: when the disk is full, nothing can be sent", "%llu MiB are free for %.300s",
                    mib, doctor->options->data);
}

static void check_folder(struct doctor *doctor)
{
        const char *path = doctor->options->data;
        struct stat status;

        if (stat(path, &status) != 0 && *doctor->options->postgres) {
                doctor_tell(doctor, VERDICT_OK, NULL, "%.300s is not there: each role makes its own when it starts", path);
                return;
        }
        if (stat(path, &status) != 0) {
                doctor_tell(doctor, VERDICT_FAIL, "galkad setup makes it, or name another one (--data)", "%.300s: %s", path,
                            strerror(errno));
                return;
        }
        if (!S_ISDIR(status.st_mode))
                doctor_tell(doctor, VERDICT_FAIL, "name another one (--data)", "%.300s is not a folder", path);
        else if (access(path, R_OK | W_OK | X_OK) != 0)
                doctor_tell(doctor, VERDICT_FAIL, "give it to the user that galkad runs as (chown), and ask as that user",
                            "%.300s cannot be used: %s", path, strerror(errno));
        else if (status.st_mode & 077)
                doctor_tell(doctor, VERDICT_WARN, "chmod 700 it", "others may look into %.300s", path);
        else
                doctor_tell(doctor, VERDICT_OK, NULL, "%.300s is there, and for its owner alone", path);
        check_space(doctor);
}

static void check_keys(struct doctor *doctor)
{
        char path[SETUP_PATH_SIZE], text[KEYS_ERROR_SIZE];
        struct token_keys keys;
        struct stat status;

        server_keys_path(doctor->options, path);
        if (stat(path, &status) != 0 && errno == ENOENT)
                doctor_tell(doctor, *doctor->options->keys ? VERDICT_FAIL : VERDICT_WARN, "galkad setup makes them",
                            "there are no keys in %.300s yet", path);
        else if (keys_read(path, &keys, text) != ERR_OK)
                doctor_say(doctor, VERDICT_FAIL, text, "put them back from a backup");
        else if (status.st_mode & 077)
                doctor_tell(doctor, VERDICT_FAIL, "chmod 600 it; if it was read, galkad --leaked keys rotate",
                            "others may read %.300s", path);
        else
                doctor_tell(doctor, VERDICT_OK, NULL, "%.300s is whole, and for its owner alone", path);
        crypto_wipe(&keys, sizeof(keys));
}

static void check_database(struct doctor *doctor)
{
        const char *folder = doctor->options->data;
        struct store_copy found;
        char path[SETUP_PATH_SIZE], text[STORE_ERROR_SIZE], era[ID_TEXT_SIZE];

        if (*doctor->options->postgres)
                return;
        snprintf(path, sizeof(path), "%.4096s/galka.db", folder);
        if (access(path, F_OK) != 0)
                doctor_tell(doctor, VERDICT_WARN, "galkad setup makes it, and so does the first start",
                            "there is no database in %.300s yet", folder);
        else if (store_sqlite_look(folder, &found, text) != ERR_OK)
                doctor_say(doctor, VERDICT_FAIL, text, "put a backup back (galkad restore)");
        else if (found.schema > SCHEMA_VERSION)
                doctor_tell(doctor, VERDICT_FAIL, "run the galkad that made it, or a newer one",
                            "%.300s was made by a newer galkad (schema %u, this one knows %d)", path, found.schema,
                            SCHEMA_VERSION);
        else {
                id_format(&found.era, era);
                doctor_tell(doctor, VERDICT_OK, NULL, "%.300s has schema %u, its era is %s", path, found.schema, era);
        }
}

static void check_backup(struct doctor *doctor)
{
        static const char to_do[] = "galkad backup FOLDER, every day, and off this machine";
        char path[SETUP_PATH_SIZE + 16], saved[4200];
        unsigned long long time_ms = 0, days;
        FILE *file;
        int got;

        snprintf(path, sizeof(path), "%.4096s/" BACKUP_NOTE, doctor->options->data);
        file = fopen(path, "re");
        got = file ? fscanf(file, "%llu %4199[^\n]", &time_ms, saved) : 0;
        if (file)
                fclose(file);
        if (got != 2) {
                doctor_say(doctor, VERDICT_WARN, "there was no backup yet", to_do);
                return;
        }
        days = (doctor->server.clock.wall_ms(&doctor->server.clock) - time_ms) / DAY_IN_MS;
        doctor_tell(doctor, days >= BACKUP_OLD_DAYS ? VERDICT_WARN : VERDICT_OK, to_do,
                    "the last one is %llu days old: %.300s", days, saved);
}

/* ---- the machine ---- */

static void check_clock(struct doctor *doctor)
{
        struct timex state = {0};
        int clock = adjtimex(&state);

        if (clock == TIME_ERROR || (state.status & STA_UNSYNC))
                doctor_say(doctor, VERDICT_WARN, "nobody keeps this machine's clock right",
                           "install chrony or systemd-timesyncd: deadlines of clients and servers are compared");
        else
                doctor_say(doctor, VERDICT_OK, "it is kept right", NULL);
}

/* Whoever runs on the folder holds its lock. */
static bool is_running(const struct options *options)
{
        char path[SETUP_PATH_SIZE];
        int fd;
        bool held;

        snprintf(path, sizeof(path), "%.4096s/lock", options->data);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        held = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        if (fd >= 0)
                close(fd);
        return held;
}

/* The first address of the list, as a role would listen on it. */
static void check_port(struct doctor *doctor)
{
        const struct options *options = doctor->options;
        struct net_address bound;
        struct net *net = NULL;
        char address[64];
        int socket = -1;
        enum error error = loop_net_new(&doctor->server.log.sink, &net);

        if (error)
                return;
        snprintf(address, sizeof(address), "%.*s", (int)min_of(strcspn(options->listen, ","), sizeof(address) - 1),
                 options->listen);
        error = net->ops->listen(net, address, (uint16_t)options->port, false, 0, &socket, &bound);
        if (!error)
                doctor_tell(doctor, VERDICT_OK, NULL, "%s port %llu is free", address, (unsigned long long)options->port);
        else if (error == ERR_CONFIG)
                doctor_tell(doctor, VERDICT_FAIL, "see --listen", "%s is not an address", address);
        else if (errno == EADDRINUSE && is_running(options))
                doctor_tell(doctor, VERDICT_OK, NULL, "%s port %llu is taken, and galkad runs on this folder", address,
                            (unsigned long long)options->port);
        else if (errno == EADDRINUSE)
                doctor_tell(doctor, VERDICT_FAIL,
                            "end what listens there (ss -ltnp says what), or take another one (--port)",
                            "%s port %llu is taken by another program", address, (unsigned long long)options->port);
        else
                doctor_tell(doctor, VERDICT_FAIL, "see --listen, --port", "cannot listen on %s port %llu: %s", address,
                            (unsigned long long)options->port, strerror(errno));
        if (socket >= 0)
                net->ops->close(net, socket);
        net->ops->free(&net);
}

static void check_certificate(struct doctor *doctor, struct tls_context *tls)
{
        const struct options *options = doctor->options;
        uint64_t now_ms = doctor->server.clock.wall_ms(&doctor->server.clock), until_ms = tls_server_expires_ms(tls);
        unsigned long long days = until_ms > now_ms ? (until_ms - now_ms) / DAY_IN_MS : 0;

        if (until_ms <= now_ms)
                doctor_tell(doctor, VERDICT_FAIL, "renew it, then systemctl reload galkad (SIGHUP)", "%.300s has expired",
                            options->tls_certificate);
        else if (*options->domain && !tls_server_names(tls, options->domain))
                doctor_tell(doctor, VERDICT_FAIL, "get one for the name by which people reach this server (--domain)",
                            "%.300s is not for %.255s: clients refuse it", options->tls_certificate, options->domain);
        else
                doctor_tell(doctor, days < SETUP_SOON_DAYS ? VERDICT_WARN : VERDICT_OK,
                            "renew it, then systemctl reload galkad (SIGHUP)", "%.300s is valid for %llu days",
                            options->tls_certificate, days);
}

/* Passwords and messages cross the network in clear text without. */
static void check_tls(struct doctor *doctor)
{
        const struct options *options = doctor->options;
        char text[SERVER_ERROR_SIZE] = "";

        if (!*options->tls_certificate && !*options->tls_key && !options->tls_only)
                doctor_say(doctor, setup_is_own_machine(options->listen) ? VERDICT_OK : VERDICT_WARN,
                           setup_is_own_machine(options->listen) ? "there is none; only this machine is listened to"
                                                                 : "there is none, and others than this machine are "
                                                                   "listened to: they send passwords in clear text",
                           "--tls-certificate, --tls-key; or a balancer before it that speaks TLS");
        else if (setup_tls(&doctor->server, text) != ERR_OK)
                doctor_say(doctor, VERDICT_FAIL, text, "see README, TLS");
        else
                check_certificate(doctor, doctor->server.tls);
        tls_context_free(&doctor->server.tls);
}

/* Nothing is said of a server that gives none. */
static void check_web(struct doctor *doctor)
{
        char text[SERVER_ERROR_SIZE] = "";
        struct web_counts counts;

        if (!*doctor->options->web)
                return;
        if (setup_web(&doctor->server, text) != ERR_OK) {
                doctor_say(doctor, VERDICT_FAIL, text, "build it with make web, and name the folder that it says");
                return;
        }
        counts = web_counts(doctor->server.web);
        doctor_tell(doctor, VERDICT_OK, "", "%zu files of the web app, %zu KiB", counts.files, counts.bytes / 1024);
        web_free(&doctor->server.web);
}

static bool is_own(const struct sockaddr *address, const struct ifaddrs *own)
{
        for (; own; own = own->ifa_next) {
                if (!own->ifa_addr || own->ifa_addr->sa_family != address->sa_family)
                        continue;
                if (address->sa_family == AF_INET &&
                    memcmp(&((const struct sockaddr_in *)(const void *)address)->sin_addr,
                           &((const struct sockaddr_in *)(void *)own->ifa_addr)->sin_addr, 4) == 0)
                        return true;
                if (address->sa_family == AF_INET6 &&
                    memcmp(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr,
                           &((const struct sockaddr_in6 *)(void *)own->ifa_addr)->sin6_addr, 16) == 0)
                        return true;
        }
        return false;
}

static void check_name(struct doctor *doctor)
{
        const char *domain = doctor->options->domain;
        const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
        struct addrinfo *found = NULL;
        struct ifaddrs *own = NULL;
        char text[NI_MAXHOST] = "";
        bool ours = false;
        int code;

        if (!*domain) {
                doctor_say(doctor, VERDICT_WARN, "this server has no name", "say by which one people reach it (--domain)");
                return;
        }
        code = getaddrinfo(domain, NULL, &hints, &found);
        if (code != 0) {
                doctor_tell(doctor, VERDICT_FAIL, "give the name an A or AAAA record with this machine's address",
                            "%s is not found: %s", domain, gai_strerror(code));
                return;
        }
        if (getifaddrs(&own) == 0)
                for (const struct addrinfo *each = found; each && !ours; each = each->ai_next)
                        ours = is_own(each->ai_addr, own);
        getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
        if (ours)
                doctor_tell(doctor, VERDICT_OK, NULL, "%s is this machine", domain);
        else
                doctor_tell(doctor, VERDICT_WARN,
                            "right behind a router or balancer that passes connections on; else mend the record",
                            "%s is %s, which is not an address of this machine", domain, text);
        freeaddrinfo(found);
        freeifaddrs(own);
}

static void check_descriptors(struct doctor *doctor)
{
        uint64_t wanted = doctor->options->connections + DESCRIPTORS;
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
                return;
        if (limit.rlim_max < wanted)
                doctor_tell(doctor, VERDICT_WARN, "raise it (LimitNOFILE in the unit, ulimit -Hn), or lower --connections",
                            "a process may open %llu files, and --connections asks for %llu",
                            (unsigned long long)limit.rlim_max, (unsigned long long)doctor->options->connections);
        else
                doctor_tell(doctor, VERDICT_OK, NULL, "a process may open %llu files", (unsigned long long)limit.rlim_max);
}

/* Is it one of those that are started with the machine? */
static void check_unit(struct doctor *doctor)
{
        static const char *const enabled[] = {UNITS_FOLDER "/multi-user.target.wants/galkad.service",
                                              UNITS_FOLDER "/multi-user.target.wants/galka.target"};

        if (access(SYSTEMD_RUNS, F_OK) != 0) {
                doctor_say(doctor, VERDICT_OK, "systemd does not run here: something else starts galkad again when it ends",
                           NULL);
                return;
        }
        for (size_t i = 0; i < countof(enabled); i++)
                if (faccessat(AT_FDCWD, enabled[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
                        doctor_tell(doctor, VERDICT_OK, NULL, "%s is started with the machine",
                                    strrchr(enabled[i], '/') + 1);
                        return;
                }
        doctor_say(doctor, VERDICT_WARN, "nothing starts galkad with the machine", "systemctl enable --now galkad (README)");
}

/* ---- the whole ---- */

/* What it is called, what looks. */
static const struct {
        const char *name;
        void (*look)(struct doctor *doctor);
} checks[] = {
        {"configuration", check_configuration},
        {"data", check_folder},
        {"keys", check_keys},
        {"database", check_database},
        {"database", doctor_postgres},
        {"presence", doctor_redis},
        {"bus", doctor_kafka},
        {"port", check_port},
        {"name", check_name},
        {"tls", check_tls},
        {"web", check_web},
        {"mail", doctor_mail},
        {"clock", check_clock},
        {"files", check_descriptors},
        {"service", check_unit},
        {"backup", check_backup},
};

int server_doctor(const struct options *options)
{
        struct doctor doctor = {.options = options, .json = options->json};

        server_init(&doctor.server, options);
        doctor.server.log.sink.level_min = EVENT_ERROR + 1; /* its own lines are what is read */
        for (size_t i = 0; i < countof(checks); i++) {
                doctor.check = checks[i].name;
                checks[i].look(&doctor);
        }
        return doctor.failed ? SERVER_FAILED : SERVER_DONE;
}

int server_doctor_unreadable(bool json, const char *text)
{
        print_line(json, VERDICT_FAIL, checks[0].name, text, "mend that place; galkad sample prints every option");
        return SERVER_FAILED;
}
