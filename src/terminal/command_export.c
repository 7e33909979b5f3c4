/*
 * galka export: all that one has, as JSON lines, through the questions that everybody may ask. One window of rows is in memory at a
 * time. A file is written beside its name and takes it at the end: one that was not finished is not there, and is begun anew.
 *
 *      {"type":"export","version":1,…} {"type":"person",…} {"type":"device",…}… ({"type":"room",…} {"type":"message",…}…)… {"type":"end"}
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "rules/limits.h"
#include "terminal/command_account.h"
#include "terminal/print.h"

#define PATH_SIZE    4096
#define SYNC_WAIT_MS 60000
#define ASK_TRIES    10   /* of one window */
#define PAUSE_MS     1000 /* before the next try */

struct export
{
        struct session *session;
        struct id room, request;
        bool done;
        enum error error;
        uint64_t from, next; /* rows from there on are wanted; what follows the last that came */
        uint64_t rows, rooms;
};

static void take_rows(struct export *export, const struct core_event *event)
{
        struct wire_iterator iterator;
        struct wire_row row;

        WIRE_LIST_START(&iterator, window, rows, &event->list);
        while (wire_list_next(&iterator, &row)) {
                if (row.seq < export->next)
                        continue;
                print_row(export->session, "message", &export->room, &row);
                export->next = row.seq + 1;
                export->rows++;
        }
}

static void on_window(void *context, const struct core_event *event)
{
        struct export *export = context;

        if (!id_equal(&event->id, &export->request))
                return;
        if (event->kind == CORE_EVENT_WINDOW)
                take_rows(export, event);
        else if (event->kind == CORE_EVENT_FAILED)
                export->error = event->error;
        else
                return;
        export->done = true;
}

static bool is_done(void *context)
{
        return ((struct export *)context)->done;
}

static bool never(void *context)
{
        (void)context;
        return false;
}

static bool is_synced(void *context)
{
        return core_phase(((struct session *)context)->host->core) == CORE_SYNCED;
}

/* Rows from export->next on, as many as one answer has. A server that is busy, a link that went, is tried again. */
static enum error ask_window(struct export *export)
{
        struct host *host = export->session->host;
        enum error error = ERR_UNKNOWN;

        for (unsigned i = 0; i < ASK_TRIES; i++) {
                export->done = false;
                export->error = ERR_OK;
                export->from = export->next;
                error = core_around(host->core, &export->room, export->next, 0, CHANGES_MAX, &export->request,
                                    host_time(host));
                if (!error)
                        error = host_wait(host, is_done, export, LINK_WAIT_MS + REPLY_MS) ? export->error : ERR_UNKNOWN;
                if (!error || error_class((unsigned)error) == ERROR_CLASS_REFUSED)
                        return error;
                host_wait(host, never, NULL, PAUSE_MS);
        }
        return error;
}

static enum error export_room(struct export *export, const struct core_room_info *info)
{
        enum error error = ERR_OK;

        print_room(export->session, info);
        export->room = info->room;
        export->next = 1;
        export->rooms++;
        while (!error && export->next <= info->head) {
                error = ask_window(export);
                if (export->next == export->from) /* nothing more that he may see */
                        break;
        }
        return error;
}

/* Which rooms there are now: their order changes while they are written. */
static struct id *list_rooms(const struct core *core, uint32_t *count)
{
        struct core_room_info info;
        struct id *rooms;

        for (*count = 0; core_room_at(core, *count, &info);)
                ++*count;
        rooms = memory_new(sizeof(*rooms) * (*count + 1));
        for (uint32_t i = 0; rooms && i < *count && core_room_at(core, i, &info); i++)
                rooms[i] = info.room;
        return rooms;
}

static enum error export_rooms(struct export *export)
{
        struct core *core = export->session->host->core;
        struct core_room_info info;
        enum error error = ERR_OK;
        uint32_t count;
        struct id *rooms = list_rooms(core, &count);

        if (!rooms)
                return ERR_NO_MEMORY;
        for (uint32_t i = 0; !error && i < count; i++)
                if (core_room_info(core, &rooms[i], &info) == ERR_OK)
                        error = export_room(export, &info);
        memory_free(rooms);
        return error;
}

static int export_all(struct session *session)
{
        struct export export = {.session = session};
        struct wire_person me = core_profile(session->host->core);
        enum error error;
        int result;

        printf("{\"type\":\"export\",\"version\":1,\"time_ms\":%" PRIu64 "}\n", host_time(session->host).wall_ms);
        print_person(session, &me);
        result = command_devices(session, 0, NULL);
        if (result != EXIT_DONE)
                return result;
        host_set_listener(session->host, on_window, &export);
        error = export_rooms(&export);
        host_set_listener(session->host, NULL, NULL);
        if (error)
                return session_complain(EXIT_NO_LINK, "the export was not finished: %s", error_text(error));
        printf("{\"type\":\"end\",\"rooms\":%" PRIu64 ",\"messages\":%" PRIu64 "}\n", export.rooms, export.rows);
        return EXIT_DONE;
}

/* Standard output becomes the file, readable by its owner alone. */
static bool open_file(const char *path, char part[static PATH_SIZE])
{
        int size = snprintf(part, PATH_SIZE, "%s.part", path);

        umask(077);
        return size > 0 && size < PATH_SIZE && freopen(part, "w", stdout) != NULL;
}

static bool close_file(const char *path, const char *part)
{
        return fflush(stdout) == 0 && !ferror(stdout) && fsync(fileno(stdout)) == 0 && rename(part, path) == 0;
}

int command_export(struct session *session, int count, char **words)
{
        const char *path = words[0];
        bool to_file = strcmp(path, "-") != 0;
        char part[PATH_SIZE] = "";
        int result = session_need_link(session, LINK_WAIT_MS);

        (void)count;
        session->blocked = true; /* all that one has */
        if (result == EXIT_DONE && !host_wait(session->host, is_synced, session, SYNC_WAIT_MS))
                result = session_complain(EXIT_NO_LINK, "the list of rooms does not come");
        if (result != EXIT_DONE)
                return result;
        if (to_file && !open_file(path, part))
                return session_complain(EXIT_DISK, "cannot write %s: %s", path, strerror(errno));
        session->json = true;
        result = export_all(session);
        if (to_file && result != EXIT_DONE)
                unlink(part);
        else if (to_file && !close_file(path, part))
                result = session_complain(EXIT_DISK, "cannot write %s: %s", path, strerror(errno));
        return result;
}
