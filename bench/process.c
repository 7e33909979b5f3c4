/* Starts programs by fork and exec; nothing of them outlives process_finish. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define TMPFS_TYPE    0x01021994
#define ARGUMENTS_MAX 32

bool process_init(struct process *process, const char *galkad, const char *parent)
{
        struct statfs system;

        *process = (struct process){.galkad = galkad};
        if (statfs(parent, &system) != 0 || (unsigned long)system.f_type == TMPFS_TYPE) {
                fprintf(stderr, "%s cannot be measured on: it is missing or a tmpfs\n", parent);
                return false;
        }
        snprintf(process->folder, sizeof(process->folder), "%s/galka-XXXXXX", parent);
        if (!mkdtemp(process->folder)) {
                fprintf(stderr, "cannot make a folder in %s: %s\n", parent, strerror(errno));
                return false;
        }
        return true;
}

/* Runs galkad with its standard output as a stream to read. */
static FILE *spawn(struct process *process, const char *const *arguments)
{
        int pipes[2];

        if (pipe2(pipes, O_CLOEXEC) != 0)
                return NULL;
        process->pid = fork();
        if (process->pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                dup2(pipes[1], STDOUT_FILENO);
                execv(process->galkad, (char *const *)arguments);
                _exit(127);
        }
        close(pipes[1]);
        if (process->pid < 0) {
                close(pipes[0]);
                return NULL;
        }
        return fdopen(pipes[0], "r");
}

static bool parse_token(const char *hex, uint8_t token[40])
{
        for (int i = 0; i < 40; i++) {
                unsigned byte;

                if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
                        return false;
                token[i] = (uint8_t)byte;
        }
        return true;
}

/* Which database is worked on. */
static const char *database_option(const struct process *process)
{
        return process->config ? "--config" : "--data";
}

static const char *database_of(const struct process *process)
{
        return process->config ? process->config : process->folder;
}

uint32_t process_read_users(FILE *in, struct process_user *users, uint32_t count)
{
        uint32_t got = 0;
        char name[64], token[81];

        while (got < count &&
               fscanf(in, "%63s\t%" SCNu64 "\t%" SCNu64 "\t%80s", name, &users[got].user, &users[got].device, token) == 4)
                if (parse_token(token, users[got].token))
                        got++;
        return got;
}

bool process_import(struct process *process, const char *prefix, uint32_t count, struct process_user *users)
{
        char path[300];
        const char *arguments[] = {process->galkad,      "user",        "import",  path, database_option(process),
                                   database_of(process), "--log-level", "warning", NULL};
        FILE *file;
        uint32_t got = 0;

        snprintf(path, sizeof(path), "%s/users.tsv", process->folder);
        file = fopen(path, "w");
        if (!file)
                return false;
        for (uint32_t i = 0; i < count; i++)
                fprintf(file, "%s%u\t%s%u@example.org\tUser %u\n", prefix, i, prefix, i, i);
        fclose(file);
        file = spawn(process, arguments);
        if (file) {
                got = process_read_users(file, users, count);
                fclose(file);
                process_stop(process, 0);
        }
        if (got < count)
                fprintf(stderr, "only %u of %u users were imported\n", got, count);
        return got == count;
}

bool process_start(struct process *process, const char *addresses, const char *const *arguments)
{
        char port[16];
        const char *all[ARGUMENTS_MAX] = {process->galkad, "all",    "--data", process->folder, "--listen",
                                          addresses,       "--port", port,     "--log-level",   "warning"};
        unsigned count = 10, listening = 0;
        char line[512];
        FILE *out;

        snprintf(port, sizeof(port), "%u", process->port);
        for (; *arguments && count < ARGUMENTS_MAX - 1; arguments++)
                all[count++] = *arguments;
        out = spawn(process, all);
        while (out && !listening && fgets(line, sizeof(line), out)) {
                const char *at = strstr(line, "listening on ");
                const char *colon = at ? strrchr(at, ':') : NULL;

                if (colon)
                        listening = (unsigned)strtoul(colon + 1, NULL, 10);
        }
        /* The stream is left open: a closed one would end the server's prints with SIGPIPE. */
        if (!listening) {
                fprintf(stderr, "galkad did not start\n");
                if (out)
                        fclose(out);
                process_stop(process, SIGKILL);
                return false;
        }
        process->port = (uint16_t)listening;
        return true;
}

int process_stop(struct process *process, int signal)
{
        int status = -1;

        if (process->pid <= 0)
                return -1;
        if (signal)
                kill(process->pid, signal);
        if (waitpid(process->pid, &status, 0) != process->pid)
                status = -1;
        process->pid = 0;
        return status;
}

bool process_check(struct process *process, uint64_t *rows)
{
        const char *const arguments[] = {
                process->galkad, "check", database_option(process), database_of(process), "--log-level", "warning", NULL};
        FILE *out = spawn(process, arguments);
        uint64_t faults = 1;
        bool read = out && fscanf(out, "rooms=%*u rows=%" SCNu64 " faults=%" SCNu64, rows, &faults) == 2;

        if (out)
                fclose(out);
        return process_stop(process, 0) == 0 && read && faults == 0;
}

uint64_t process_private_dirty(const struct process *process)
{
        char path[64], line[256];
        uint64_t kib = 0, sum = 0;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", process->pid);
        file = fopen(path, "r");
        while (file && fgets(line, sizeof(line), file))
                if (sscanf(line, "Private_Dirty: %" SCNu64, &kib) == 1)
                        sum += kib * 1024;
        if (file)
                fclose(file);
        return sum;
}

double process_cpu_s(const struct process *process)
{
        char path[64];
        unsigned long user = 0, system = 0;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/stat", process->pid);
        file = fopen(path, "r");
        if (!file)
                return 0;
        if (fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
                user = system = 0;
        fclose(file);
        return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
        (void)status, (void)type, (void)walk;
        return remove(path);
}

void process_finish(struct process *process)
{
        process_stop(process, SIGKILL);
        if (process->folder[0])
                nftw(process->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        process->folder[0] = '\0';
}
