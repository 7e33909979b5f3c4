/*
 * chaos_load PORT USERS [SEED [PAUSE_MS]]: users at work on a server or cluster to which somebody else (live_chaos.py, live_backup.py)
 * does harm. USERS is what galkad user import printed. Every room has up to two messages under way, and a pause after each answer, so
 * that a room that stands still takes nothing from the others.
 *
 * Commands, a line each, on standard input; each is answered by one line of JSON:
 *
 *      begin   time is counted from now on
 *      back    what was lost is there again: recovery is counted from now on
 *      tell    how it went since `begin`
 *      hurry   no pauses from now on, and more under way
 *      save    a backup is begun: what is acknowledged by now must be in it
 *      gone    the server is gone: answers that had come are read, until nobody has a link
 *      missing FILE   FILE has the ids that the restored store knows, a line each: how many are not there that must be
 *      lost FILE      the same, and what was acknowledged later and is not there is no more expected of anybody
 *      rest    no more is sent; all comes to rest, newcomers fetch everything, the rules of kill_check.c are tried. Then it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "kill_load.h"

#define UNDER_WAY_MAX 2 /* of a room */
#define HURRY_MAX     8 /* the same once it hurries */
#define PAUSE_MS      70
#define JOIN_SECONDS  30
#define GONE_SECONDS  20
#define COMMAND_SIZE  512

struct talk {
        uint32_t under_way;
        double next, heard, gap,
                recovered; /* when to send again; the last answer; the longest time without one; the first since `back` */
};

static struct trial trial;
static struct talk talks[ROOMS];
static double heard, longest_silence, back; /* of all rooms */
static size_t acknowledged_before;
static double pause_seconds = PAUSE_MS / 1000.0;
static uint32_t under_way_max = UNDER_WAY_MAX;

static double longer_of(double a, double b)
{
        return a > b ? a : b;
}

static void on_answered(struct trial *which, const struct sent *sent)
{
        struct talk *talk = &talks[sent->room];
        double now = trial_seconds(which);

        talk->gap = longer_of(talk->gap, now - talk->heard);
        longest_silence = longer_of(longest_silence, now - heard);
        talk->heard = heard = now;
        if (talk->recovered == 0)
                talk->recovered = now;
        check(talk->under_way > 0);
        talk->under_way--;
        talk->next = now + pause_seconds * (double)(random() % 100) / 50;
}

static void send_some(void)
{
        double now = trial_seconds(&trial);

        for (uint32_t r = 0; r < ROOMS; r++) {
                size_t before = trial.sent_count;

                if (talks[r].under_way >= under_way_max || talks[r].next > now || before == SENDS_MAX)
                        continue;
                trial_send(&trial, r, trial.rooms[r].members[random() % 2]);
                talks[r].under_way += (uint32_t)(trial.sent_count - before);
        }
}

/* ---- commands ---- */

static void begin_counting(void)
{
        heard = trial_seconds(&trial);
        longest_silence = 0;
        acknowledged_before = trial.acknowledged;
        for (uint32_t r = 0; r < ROOMS; r++)
                talks[r] = (struct talk){.under_way = talks[r].under_way, .next = talks[r].next, .heard = heard};
        printf("{}\n");
}

static void note_back(void)
{
        back = trial_seconds(&trial);
        for (uint32_t r = 0; r < ROOMS; r++)
                talks[r].recovered = 0;
        printf("{}\n");
}

static int compare_seconds(const void *a, const void *b)
{
        const double *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

static void tell(void)
{
        double now = trial_seconds(&trial), times[ROOMS], gap = 0;
        unsigned recovered = 0;

        for (uint32_t r = 0; r < ROOMS; r++) {
                recovered += talks[r].recovered > 0;
                times[r] = (talks[r].recovered > 0 ? talks[r].recovered : now) - back;
                gap = longer_of(gap, longer_of(talks[r].gap, talks[r].under_way ? now - talks[r].heard : 0));
        }
        qsort(times, ROOMS, sizeof(times[0]), compare_seconds);
        printf("{\"acknowledged\": %zu, \"rooms\": %u, \"recovered\": %u, \"recovery_p50\": %.3f, \"recovery_p99\": %.3f, "
               "\"longest_gap\": %.3f, \"longest_silence\": %.3f, \"ready\": %u, \"refused\": %zu}\n",
               trial.acknowledged - acknowledged_before, ROOMS, recovered, times[ROOMS / 2], times[ROOMS * 99 / 100], gap,
               longer_of(longest_silence, now - heard), trial.load.ready_count, trial.refused);
}

static void hurry(void)
{
        pause_seconds = 0;
        under_way_max = HURRY_MAX;
        for (uint32_t r = 0; r < ROOMS; r++)
                talks[r].next = 0;
        printf("{}\n");
}

static void add_violation(const char *what, bool *any)
{
        printf("%s\"%s\"", *any ? ", " : "", what);
        *any = true;
}

static void come_to_rest(void)
{
        double from = trial_seconds(&trial), rested;
        bool any = false, at_rest = trial_turn_until(&trial, &trial.load, trial_at_rest, TRIAL_REST_SECONDS), fetched;

        rested = trial_seconds(&trial) - from;
        fetched = trial_fetch_as_newcomers(&trial);
        printf("{\"sent\": %zu, \"acknowledged\": %zu, \"rest\": %.3f, \"violations\": [", trial.sent_count,
               trial.acknowledged, rested);
        if (!at_rest)
                add_violation("it does not come to rest", &any);
        if (!fetched)
                add_violation("newcomers do not get everything", &any);
        for (size_t i = 0; i < rule_count; i++) {
                const char *why = rules[i].complain(&trial);
                char line[300];

                snprintf(line, sizeof(line), "%s: %s", rules[i].name, why ? why : "");
                if (why)
                        add_violation(line, &any);
        }
        printf("]}\n");
}

/* ---- a backup ---- */

static void note_saved(void)
{
        size_t saved = 0;

        for (size_t i = 0; i < trial.sent_count; i++) {
                trial.sent[i].saved = trial.sent[i].seq > 0;
                saved += trial.sent[i].saved;
        }
        printf("{\"saved\": %zu}\n", saved);
}

static bool none_ready(struct trial *which)
{
        return which->load.ready_count == 0;
}

static void await_gone(void)
{
        bool gone = trial_turn_until(&trial, &trial.load, none_ready, GONE_SECONDS);

        printf("{\"gone\": %s, \"acknowledged\": %zu}\n", gone ? "true" : "false", trial.acknowledged);
}

static int compare_ids(const void *a, const void *b)
{
        return id_compare(a, b);
}

/* The ids in a file, sorted. */
static struct id *read_ids(const char *path, size_t *count)
{
        struct id *ids = memory_new(sizeof(*ids) * SENDS_MAX);
        FILE *file = fopen(path, "r");
        char line[64];

        *count = 0;
        while (ids && file && *count < SENDS_MAX && fgets(line, sizeof(line), file)) {
                line[strcspn(line, "\n")] = '\0';
                check(id_parse(slice_text(line), &ids[*count]));
                (*count)++;
        }
        if (file)
                fclose(file);
        if (ids)
                qsort(ids, *count, sizeof(*ids), compare_ids);
        return ids;
}

/* What was acknowledged after the backup was begun may be gone; it is taken off the books then. */
static void compare_with(const char *path, bool forget)
{
        size_t count, kept = 0, missing = 0, lost = 0;
        struct id *ids = read_ids(path, &count);

        for (size_t i = 0; ids && i < trial.sent_count; i++) {
                const struct sent sent = trial.sent[i];
                bool there = bsearch(&sent.id, ids, count, sizeof(*ids), compare_ids) != NULL;
                bool is_lost = sent.seq > 0 && !there;

                missing += is_lost && sent.saved;
                lost += is_lost && !sent.saved;
                if (!is_lost || !forget)
                        trial.sent[kept++] = sent;
                else
                        trial.acknowledged--;
        }
        if (forget)
                trial.sent_count = kept;
        memory_free(ids);
        printf("{\"there\": %zu, \"missing\": %zu, \"lost\": %zu}\n", count, missing, lost);
}

/* False: it was the last one. */
static bool obey(const char *command)
{
        if (strcmp(command, "begin") == 0)
                begin_counting();
        else if (strcmp(command, "back") == 0)
                note_back();
        else if (strcmp(command, "tell") == 0)
                tell();
        else if (strcmp(command, "hurry") == 0)
                hurry();
        else if (strcmp(command, "save") == 0)
                note_saved();
        else if (strcmp(command, "gone") == 0)
                await_gone();
        else if (strncmp(command, "missing ", 8) == 0)
                compare_with(command + 8, false);
        else if (strncmp(command, "lost ", 5) == 0)
                compare_with(command + 5, true);
        else if (strcmp(command, "rest") == 0)
                come_to_rest();
        else
                printf("{\"error\": \"there is no such command\"}\n");
        fflush(stdout);
        return strcmp(command, "rest") != 0;
}

/* Works until `rest`, or until nobody is there to command any more. */
static void work(void)
{
        char command[COMMAND_SIZE];
        size_t size = 0;
        bool goes_on = fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) == 0;

        while (goes_on) {
                ssize_t got = size < sizeof(command) - 1 ? read(STDIN_FILENO, command + size, 1) : 0;

                if (got == 0)
                        return;
                if (got < 0 && errno != EAGAIN)
                        return;
                if (got == 1 && command[size++] == '\n') {
                        command[size - 1] = '\0';
                        size = 0;
                        goes_on = obey(command);
                }
                send_some();
                load_turn(&trial.load, got == 1 ? 0 : 2);
        }
}

static bool all_ready(struct trial *which)
{
        return which->load.ready_count == USERS;
}

static bool read_users(const char *path)
{
        FILE *file = fopen(path, "r");
        uint32_t got = file ? process_read_users(file, trial.users, USERS) : 0;

        if (file)
                fclose(file);
        return got == USERS;
}

int main(int argc, char **argv)
{
        bool good;

        if (argc < 3 || argc > 5) {
                fprintf(stderr, "usage: chaos_load PORT USERS [SEED [PAUSE_MS]]\n");
                return 2;
        }
        signal(SIGPIPE, SIG_IGN);
        srandom(argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 1);
        if (argc > 4)
                pause_seconds = strtod(argv[4], NULL) / 1000;
        trial.sent = memory_new(sizeof(*trial.sent) * SENDS_MAX);
        trial.process.port = (uint16_t)strtoul(argv[1], NULL, 10);
        trial.answered = on_answered;
        good = trial.sent && read_users(argv[2]);
        if (good)
                trial_make_rooms(&trial);
        good = good && trial_begin_load(&trial, &trial.load, trial.views) &&
               trial_turn_until(&trial, &trial.load, all_ready, JOIN_SECONDS);
        printf("{\"ready\": %u}\n", trial.load.ready_count);
        fflush(stdout);
        if (good)
                work();
        trial_end_load(&trial.load, trial.views);
        trial_end_load(&trial.late, trial.late_views);
        memory_free(trial.sent);
        return good ? 0 : 1;
}
