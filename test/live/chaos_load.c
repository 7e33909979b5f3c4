/*
 * chaos_load PORT USERS [SEED]: users at work on a cluster to which somebody else (live_chaos.py) does harm. USERS is what galkad user
 * import printed. Every room has up to two messages under way, and a pause after each answer, so that a room that stands still takes
 * nothing from the others.
 *
 * Commands, a line each, on standard input; each is answered by one line of JSON:
 *
 *      begin   time is counted from now on
 *      back    what was lost is there again: recovery is counted from now on
 *      tell    how it went since `begin`
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
#define PAUSE_SECONDS 0.07
#define JOIN_SECONDS  30

struct talk {
        uint32_t under_way;
        double next, heard, gap,
                recovered; /* when to send again; the last answer; the longest time without one; the first since `back` */
};

static struct trial trial;
static struct talk talks[ROOMS];
static double heard, longest_silence, back; /* of all rooms */
static size_t acknowledged_before;

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
        talk->next = now + PAUSE_SECONDS * (double)(random() % 100) / 50;
}

static void send_some(void)
{
        double now = trial_seconds(&trial);

        for (uint32_t r = 0; r < ROOMS; r++) {
                size_t before = trial.sent_count;

                if (talks[r].under_way >= UNDER_WAY_MAX || talks[r].next > now || before == SENDS_MAX)
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

/* False: it was the last one. */
static bool obey(const char *command)
{
        if (strcmp(command, "begin") == 0)
                begin_counting();
        else if (strcmp(command, "back") == 0)
                note_back();
        else if (strcmp(command, "tell") == 0)
                tell();
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
        char command[16];
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

        if (argc < 3 || argc > 4) {
                fprintf(stderr, "usage: chaos_load PORT USERS [SEED]\n");
                return 2;
        }
        signal(SIGPIPE, SIG_IGN);
        srandom(argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 1);
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
