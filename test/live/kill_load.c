/*
 * kill_load GALKAD FOLDER [SEED]: galkad all is killed with SIGKILL under load, KILLS times, at random moments, and started again
 * on the same folder (a real disk; tmpfs is refused). Users are client cores on real sockets: they go on by themselves. In the end
 * everything comes to rest, newcomers fetch all there is, and the rules of kill_check.c are tried. Then each rule is shown to be
 * able to fail: on forged views, and on the server's own database put back to an earlier state. Prints TAP.
 */
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "kill_load.h"

#define KILLS          20
#define SENDS_MIN      300 /* acknowledged between two kills, and up to as many more by chance */
#define SENDS_MORE     3000
#define UNDER_WAY_MAX  160 /* messages under way at once, of all users */
#define LIFE_SECONDS   2   /* a life ends then, if SENDS_MIN are acknowledged in it */
#define BACK_SECONDS   60
#define SNAPSHOT_AFTER 10 /* kills: the state that the database is put back to */

static unsigned case_number;
static bool any_bad;

static void report(bool good, const char *name, const char *why)
{
        any_bad |= !good;
        if (why)
                printf("# %s\n", why);
        printf("%s %u - %s\n", good ? "ok" : "not ok", ++case_number, name);
        fflush(stdout);
}

/* ---- load and kills ---- */

static void send_somewhere(struct trial *trial)
{
        uint32_t room = (uint32_t)(random() % ROOMS);

        trial_send(trial, room, trial->rooms[room].members[random() % 2]);
}

/* Keeps messages under way until so many are acknowledged, or at least the fewer and it took long. False: not even those. */
static bool load_until(struct trial *trial, size_t fewer, size_t acknowledged)
{
        double begin = trial_seconds(trial);

        while (trial->acknowledged < acknowledged) {
                if (trial_seconds(trial) > begin + LIFE_SECONDS && trial->acknowledged >= fewer)
                        return true;
                if (trial_seconds(trial) > begin + BACK_SECONDS)
                        return false;
                for (size_t i = trial->sent_count - trial->acknowledged; i < UNDER_WAY_MAX; i++)
                        send_somewhere(trial);
                load_turn(&trial->load, 2);
        }
        return true;
}

static bool start(struct trial *trial)
{
        static const char *const arguments[] = {"--connection-frames", "100000", "--user-frames", "100000", NULL};

        return process_start(&trial->process, "127.0.0.1", arguments);
}

/* After a crash a worker takes records singly for a while (L10), unless it knows of no crash. Both are to be killed: every other
 * life begins without the notes. */
static void forget_crash(const struct trial *trial)
{
        char pattern[400];
        glob_t found;

        snprintf(pattern, sizeof(pattern), "%s/notes-*", trial->process.folder);
        if (glob(pattern, 0, NULL, &found) != 0)
                return;
        for (size_t i = 0; i < found.gl_pathc; i++)
                unlink(found.gl_pathv[i]);
        globfree(&found);
}

/* One life of the server. */
static void live_and_die(struct trial *trial, unsigned kill)
{
        size_t before = trial->acknowledged;
        size_t goal = before + SENDS_MIN + (size_t)(random() % SENDS_MORE);
        double born = trial_seconds(trial);
        char name[160], why[160];
        bool good;

        for (uint32_t i = 0; i < USERS; i++)
                load_hurry(trial->views[i].user);
        good = load_until(trial, before + SENDS_MIN, goal);
        /* Some turns more, so that it dies anywhere between a batch and its answers. */
        for (long i = random() % 8; i > 0; i--)
                load_turn(&trial->load, 0);
        process_stop(&trial->process, SIGKILL);
        snprintf(name, sizeof(name), "kill %u: the server came back and took messages on", kill);
        snprintf(why, sizeof(why), "acknowledged %zu in %.2f s, %zu under way at its end", trial->acknowledged - before,
                 trial_seconds(trial) - born, trial->sent_count - trial->acknowledged);
        report(good, name, why);
}

/* ---- the server's database put back to an earlier state ---- */

static bool copy_file(const struct trial *trial, const char *from, const char *to)
{
        char from_path[400], to_path[400];
        struct stat status;
        int in, out;
        bool good;

        snprintf(from_path, sizeof(from_path), "%s/%s", trial->process.folder, from);
        snprintf(to_path, sizeof(to_path), "%s/%s", trial->process.folder, to);
        in = open(from_path, O_RDONLY);
        if (in < 0)
                return unlink(to_path) == 0 || access(to_path, F_OK) != 0; /* none there, none here */
        out = open(to_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        good = out >= 0 && fstat(in, &status) == 0;
        for (off_t left = good ? status.st_size : 0; good && left > 0;) {
                ssize_t copied = sendfile(out, in, NULL, (size_t)left);

                good = copied > 0;
                left -= copied;
        }
        close(in);
        if (out >= 0)
                close(out);
        return good;
}

static bool copy_database(const struct trial *trial, bool back)
{
        static const char *const files[][2] = {{"galka.db", "old.db"}, {"galka.db-wal", "old.db-wal"}};
        bool good = true;

        for (size_t i = 0; i < countof(files); i++)
                good = copy_file(trial, files[i][back], files[i][!back]) && good;
        if (back)
                (void)copy_file(trial, "none", "galka.db-shm");
        return good;
}

/* ---- the rules, and that they can fail ---- */

static bool holds(struct trial *trial, const char *name)
{
        for (size_t i = 0; i < rule_count; i++)
                if (strcmp(rules[i].name, name) == 0)
                        return rules[i].complain(trial) == NULL;
        unreachable();
}

static void expect_noticed(struct trial *trial, const char *forgery, const char *rule)
{
        char name[160];

        snprintf(name, sizeof(name), "the checker notices %s", forgery);
        report(!holds(trial, rule), name, NULL);
}

static void put_row(struct view *view, const struct id *room, uint64_t seq, struct slice value)
{
        uint8_t key[CORE_KEY_SIZE_MAX];

        storage_put(&view->storage, slice_of(key, core_key_row(room, seq, key)), value);
}

static void drop_row(struct view *view, const struct id *room, uint64_t seq)
{
        uint8_t key[CORE_KEY_SIZE_MAX], end[CORE_KEY_SIZE_MAX];

        storage_drop(&view->storage, slice_of(key, core_key_row(room, seq, key)),
                     slice_of(end, core_key_row(room, seq + 1, end)));
}

/* Forges a newcomer's view of the first message's room, tries the rule, and puts it right again. */
static void forge_views(struct trial *trial)
{
        const struct sent *sent = &trial->sent[0];
        const struct id *room = &trial->rooms[sent->room].id;
        struct view *view = &trial->late_views[trial->rooms[sent->room].members[0]];
        uint8_t key[CORE_KEY_SIZE_MAX], other[4096];
        const struct storage_record *record =
                storage_find(&view->storage, slice_of(key, core_key_row(room, sent->seq, key)));
        struct storage_record kept = storage_record_new(storage_key(record), storage_value(record));
        struct slice value = storage_value(&kept);
        struct core_room_info info = {0};
        struct sent first = *sent;
        bool good = core_room_info(view->user->core, room, &info) == ERR_OK;

        drop_row(view, room, sent->seq);
        expect_noticed(trial, "a row that is missing", "no acknowledged message is lost");
        expect_noticed(trial, "a gap", "every log is gapless");
        check(value.size <= sizeof(other));
        memcpy(other, value.data, value.size);
        other[value.size - 1] ^= 1;
        put_row(view, room, sent->seq, slice_of(other, value.size));
        expect_noticed(trial, "a text that differs", "all members and newcomers see the same");
        put_row(view, room, sent->seq, value);
        put_row(view, room, info.head + 1, value);
        expect_noticed(trial, "a message with two numbers", "no message is there twice");
        drop_row(view, room, info.head + 1);
        storage_record_free(&kept);
        trial->sent[0].seq = UINT64_MAX;
        expect_noticed(trial, "messages out of order", "one sender's messages are in his order");
        trial->sent[0].seq = 0;
        expect_noticed(trial, "a message without an answer", "every message is acknowledged in the end");
        trial->sent[0] = first;
        trial->sent_count--;
        expect_noticed(trial, "a message that nobody sent", "no message is there that nobody sent");
        trial->sent_count++;
        for (size_t i = 0; i < rule_count; i++)
                good = good && holds(trial, rules[i].name);
        report(good, "without the forgeries every rule holds again", NULL);
}

static bool all_acknowledged(struct trial *trial)
{
        return trial->acknowledged == trial->sent_count;
}

/* One more message, which nobody reads. */
static void forge_tick(struct trial *trial)
{
        trial->load.reads = false;
        send_somewhere(trial);
        if (!trial_turn_until(trial, &trial->load, all_acknowledged, TRIAL_REST_SECONDS))
                printf("# it was not acknowledged\n");
        expect_noticed(trial, "a tick that is missing", "ticks are right at rest");
}

/* What a server would do that acknowledged before its commit. */
static void forge_database(struct trial *trial)
{
        bool good = process_stop(&trial->process, SIGTERM) == 0;

        trial_end_load(&trial->load, (struct view[USERS]){0}); /* they hold more than the server now, and go on holding it */
        good = copy_database(trial, true) && start(trial) && good;
        trial_end_load(&trial->late, trial->late_views);
        good = trial_begin_load(trial, &trial->late, trial->late_views) && good;
        for (int i = 0; i < 400; i++)
                load_turn(&trial->late, 5);
        if (!good)
                printf("# the database could not be put back\n");
        expect_noticed(trial, "a database put back to an earlier state", "no acknowledged message is lost");
}

static void check_database(struct trial *trial)
{
        char command[700], line[200] = "";
        FILE *out;
        size_t rows = 0;
        unsigned rooms = 0, faults = 1;

        snprintf(command, sizeof(command), "'%s' check --data '%s' --log-level error", trial->process.galkad,
                 trial->process.folder);
        out = popen(command, "r");
        if (!out || !fgets(line, sizeof(line), out) ||
            sscanf(line, "rooms=%u rows=%zu faults=%u", &rooms, &rows, &faults) != 3)
                printf("# galkad check printed: %s\n", line);
        if (out)
                pclose(out);
        line[strcspn(line, "\n")] = '\0';
        report(faults == 0 && rows == trial->sent_count, "galkad check finds every row and no fault", line);
}

static void run(struct trial *trial)
{
        for (unsigned kill = 1; kill <= KILLS; kill++) {
                live_and_die(trial, kill);
                if (kill == SNAPSHOT_AFTER && !copy_database(trial, false))
                        printf("# the database could not be copied\n");
                if (kill % 2 == 0)
                        forget_crash(trial);
                if (!start(trial)) {
                        report(false, "the server starts after a kill", NULL);
                        return;
                }
        }
        for (uint32_t i = 0; i < USERS; i++)
                load_hurry(trial->views[i].user);
        report(trial_turn_until(trial, &trial->load, trial_at_rest, TRIAL_REST_SECONDS), "everything comes to rest", NULL);
        report(trial_fetch_as_newcomers(trial), "newcomers get everything", NULL);
        for (size_t i = 0; i < rule_count; i++) {
                const char *why = rules[i].complain(trial);

                report(!why, rules[i].name, why);
        }
        process_stop(&trial->process, SIGTERM);
        check_database(trial);
        if (any_bad)
                return; /* forgeries would say nothing */
        if (!start(trial))
                printf("# the server did not start again\n");
        forge_views(trial);
        forge_tick(trial);
        forge_database(trial);
}

static bool begin(struct trial *trial, const char *galkad, const char *folder)
{
        trial->sent = memory_new(sizeof(*trial->sent) * SENDS_MAX);
        if (!trial->sent || !process_init(&trial->process, galkad, folder) ||
            !process_import(&trial->process, "kill", USERS, trial->users) || !start(trial))
                return false;
        trial_make_rooms(trial);
        return trial_begin_load(trial, &trial->load, trial->views);
}

int main(int argc, char **argv)
{
        static struct trial trial;
        unsigned seed = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : (unsigned)getpid();

        if (argc < 3 || argc > 4) {
                fprintf(stderr, "usage: kill_load GALKAD FOLDER [SEED]\n");
                return 2;
        }
        signal(SIGPIPE, SIG_IGN);
        srandom(seed);
        printf("1..%zu\n# seed %u\n", KILLS + 2 + rule_count + 1 + 10, seed);
        if (begin(&trial, argv[1], argv[2]))
                run(&trial);
        else
                report(false, "the server starts", NULL);
        printf("# %zu messages sent, %zu acknowledged\n", trial.sent_count, trial.acknowledged);
        trial_end_load(&trial.load, trial.views);
        trial_end_load(&trial.late, trial.late_views);
        process_finish(&trial.process);
        memory_free(trial.sent);
        return any_bad ? 1 : 0;
}
