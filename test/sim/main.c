/*
 * galka-sim: runs seeds. --seed N runs one; --seeds N runs 1 … N in two processes (--inline: in this one); --from N begins elsewhere. The last line is
 * "seeds=… violations=… acked=… faults=… simulated_per_real=… hash=…". A rule that is broken is printed with the command that
 * replays its seed, and the exit code is 1; so it is if some message code and some class of faults never met (met_enough).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "sim/disk.h"
#include "sim/sim.h"

#define PROCESSES_MAX  16
#define PROCESSES      2
#define ALL_MET_SEEDS  5000
#define ALL_SENT_SEEDS 40
#define VIOLATIONS_MAX 5 /* told of one process; then it ends */

struct arguments {
        uint64_t from, count, processes;
        bool single, until_broken, in_process;
        struct sim_options options;
};

static double now_s(void)
{
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Returns whether a rule was broken. */
static bool run_seed(uint64_t seed, const struct arguments *arguments, struct tally *tally)
{
        struct sim *sim = sim_new(seed, &arguments->options, tally);
        bool broken;

        sim_run(sim);
        broken = sim->broken.rule != NULL;
        if (broken) {
                printf("VIOLATION seed=%" PRIu64 " rule=\"%s\": %s\n  replay: make sim SEED=%" PRIu64 "\n", seed,
                       sim->broken.rule, sim->broken.text, seed);
                fflush(stdout);
        }
        tally->seeds++;
        tally->violations += broken;
        tally->short_seeds += !broken && (sim->history.acked < SIM_ACKED_MIN || sim->faults.count < SIM_FAULTS_MIN);
        tally->acked += sim->history.acked;
        tally->refused += sim->history.refused;
        tally->faults += sim->faults.count;
        tally->simulated_us += sim->now_us;
        tally->hash ^= sim->hash * (2 * seed + 1);
        if (arguments->single)
                printf("seed=%" PRIu64 " acked=%u refused=%u faults=%u simulated_s=%.1f steps=%lu users=%u clients=%u\n",
                       seed, sim->history.acked, sim->history.refused, sim->faults.count, (double)sim->now_us / 1e6,
                       sim->steps, sim->clients.user_count, sim->clients.count);
        sim_free(&sim);
        return broken;
}

/* Every so many-th seed. */
static void run_seeds(const struct arguments *arguments, unsigned part, struct tally *tally)
{
        for (uint64_t i = part; i < arguments->count; i += arguments->processes)
                if (run_seed(arguments->from + i, arguments, tally) &&
                    (arguments->until_broken || tally->violations == VIOLATIONS_MAX))
                        break;
        disk_finish();
}

static void child(const struct arguments *arguments, unsigned part, int out)
{
        struct tally *tally = memory_new(sizeof(*tally));
        size_t done = 0;

        check(tally);
        run_seeds(arguments, part, tally);
        while (done < sizeof(*tally)) {
                ssize_t wrote = write(out, (const char *)tally + done, sizeof(*tally) - done);

                if (wrote < 0)
                        _exit(1);
                done += (size_t)wrote;
        }
        fflush(stdout);
        _exit(0);
}

/* False: a process died. */
static bool gather(int in, struct tally *tally)
{
        struct tally *part = memory_new(sizeof(*part));
        size_t done = 0;
        ssize_t got = 1;

        check(part);
        while (done < sizeof(*part) && (got = read(in, (char *)part + done, sizeof(*part) - done)) > 0)
                done += (size_t)got;
        if (done == sizeof(*part))
                tally_add(tally, part);
        memory_free(part);
        close(in);
        return done == sizeof(*tally);
}

static bool run_parts(const struct arguments *arguments, struct tally *tally)
{
        int pipes[PROCESSES_MAX][2];
        bool good = true;

        for (unsigned part = 0; part < arguments->processes; part++) {
                pid_t pid;

                check(pipe(pipes[part]) == 0);
                fflush(stdout);
                pid = fork();
                check(pid >= 0);
                if (pid == 0) {
                        close(pipes[part][0]);
                        child(arguments, part, pipes[part][1]);
                }
                close(pipes[part][1]);
        }
        for (unsigned part = 0; part < arguments->processes; part++)
                good &= gather(pipes[part][0], tally);
        while (wait(NULL) > 0 || errno == EINTR)
                continue;
        if (!good)
                printf("a process of the simulator died\n");
        return good;
}

static bool read_number(const char *text, uint64_t *number)
{
        char *end;

        errno = 0;
        *number = strtoull(text, &end, 10);
        return errno == 0 && end != text && *end == '\0';
}

static int usage(void)
{
        fprintf(stderr, "usage: galka-sim (--seed N | --seeds N [--from N]) [--processes N | --inline] [--calm] [--loud]"
                        " [--until-broken] [--without CLASS,...]\n");
        return 2;
}

/* Names of faults.def, with commas. */
static bool read_classes(const char *text, bool without[FAULT_CLASS_COUNT])
{
        while (*text) {
                size_t size = strcspn(text, ",");
                enum fault_class class = fault_class_named(slice_of(text, size));

                if (class == FAULT_CLASS_COUNT)
                        return false;
                without[class] = true;
                text += size + (text[size] == ',');
        }
        return true;
}

static bool read_arguments(int count, char **texts, struct arguments *arguments)
{
        *arguments = (struct arguments){.from = 1, .processes = PROCESSES};
        for (int i = 1; i < count; i++) {
                const char *text = texts[i];
                bool more = i + 1 < count;

                if (strcmp(text, "--calm") == 0)
                        arguments->options.calm = true;
                else if (strcmp(text, "--loud") == 0)
                        arguments->options.loud = true;
                else if (strcmp(text, "--inline") == 0)
                        arguments->in_process = true;
                else if (strcmp(text, "--until-broken") == 0)
                        arguments->until_broken = true;
                else if (strcmp(text, "--without") == 0 && more && read_classes(texts[++i], arguments->options.without))
                        continue;
                else if (strcmp(text, "--seed") == 0 && more && read_number(texts[++i], &arguments->from))
                        arguments->single = true;
                else if (strcmp(text, "--seeds") == 0 && more && read_number(texts[++i], &arguments->count))
                        arguments->single = false;
                else if (strcmp(text, "--processes") == 0 && more && read_number(texts[++i], &arguments->processes))
                        continue;
                else if (strcmp(text, "--from") != 0 || !more || !read_number(texts[++i], &arguments->from))
                        return false;
        }
        if (arguments->in_process)
                arguments->processes = 1;
        if (arguments->processes < 1 || arguments->processes > PROCESSES_MAX)
                return false;
        return arguments->single || arguments->count > 0;
}

/* Of so many seeds with faults of all classes every message code must have been under way when one of every class struck; of fewer, when
 * any did. */
static bool met_enough(const struct arguments *arguments, const struct tally_met *met)
{
        if (arguments->options.calm || arguments->until_broken)
                return true;
        for (unsigned class = 0; class < FAULT_CLASS_COUNT; class ++)
                if (arguments->options.without[class])
                        return true;
        return (arguments->count < ALL_MET_SEEDS || met->pairs == met->possible) &&
               (arguments->count < ALL_SENT_SEEDS || met->unsent == 0);
}

int main(int count, char **texts)
{
        struct tally *tally = memory_new(sizeof(*tally));
        struct arguments arguments;
        double start_s = now_s(), real_s;
        bool good = true;

        check(tally);
        if (!read_arguments(count, texts, &arguments))
                return usage();
        if (arguments.single)
                run_seed(arguments.from, &arguments, tally);
        else if (arguments.in_process)
                run_seeds(&arguments, 0, tally);
        else
                good = run_parts(&arguments, tally);
        real_s = now_s() - start_s;
        if (!arguments.single) {
                struct tally_met met = tally_print(tally);

                good &= met_enough(&arguments, &met);
        }
        if (tally->short_seeds)
                printf("%" PRIu64 " seeds had fewer than %d acknowledged sends or %d faults\n", tally->short_seeds,
                       SIM_ACKED_MIN, SIM_FAULTS_MIN);
        printf("seeds=%" PRIu64 " violations=%" PRIu64 " acked=%" PRIu64 " faults=%" PRIu64
               " simulated_per_real=%.0f hash=%016" PRIx64 "\n",
               tally->seeds - tally->short_seeds, tally->violations, tally->acked, tally->faults,
               (double)tally->simulated_us / 1e6 / real_s, tally->hash);
        good &= tally->violations == 0;
        memory_free(tally);
        return good ? 0 : 1;
}
