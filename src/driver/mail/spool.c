/* See spool.h. A letter is written as .NAME.tmp, synced, renamed to NAME.eml, and the folder is synced. */
#include "driver/mail/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/mail/letter.h"
#include "rules/limits.h"

#define NAME_SIZE 64

struct spool {
        struct mail mail;
        struct mail_spool_options options;
        char from[MAIL_ADDRESS_SIZE_MAX + 1];
        int folder, fd;
        uint32_t letters; /* files in the folder when last counted, and those written since */
        struct completion completions[SPOOL_SUBMITS_MAX];
        size_t completion_first, completion_count;
        char bytes[MAIL_LETTER_SIZE_MAX];
};

static struct spool *spool_of(struct mail *mail)
{
        return container_of(mail, struct spool, mail);
}

static bool ends_in(const char *name, const char *end)
{
        size_t size = strlen(name), end_size = strlen(end);

        return size >= end_size && strcmp(name + size - end_size, end) == 0;
}

/* Counts the letters; removes what a crash left half-written. */
static enum error spool_count(struct spool *spool, bool clean)
{
        int fd = openat(spool->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
        const struct dirent *entry;

        if (!folder) {
                if (fd >= 0)
                        close(fd);
                return ERR_SYSTEM;
        }
        spool->letters = 0;
        while ((entry = readdir(folder)) && spool->letters < spool->options.letters_max) {
                if (ends_in(entry->d_name, ".eml"))
                        spool->letters++;
                else if (clean && entry->d_name[0] == '.' && ends_in(entry->d_name, ".tmp"))
                        unlinkat(spool->folder, entry->d_name, 0);
        }
        closedir(folder);
        return ERR_OK;
}

/* ---- one letter ---- */

static bool write_all(int fd, const char *bytes, size_t size)
{
        while (size) {
                ssize_t written = write(fd, bytes, size);

                if (written < 0 && errno == EINTR)
                        continue;
                if (written <= 0)
                        return false;
                bytes += written;
                size -= (size_t)written;
        }
        return true;
}

static bool file_write(struct spool *spool, const char *name, size_t size)
{
        int fd = openat(spool->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        bool good;

        if (fd < 0)
                return false;
        good = write_all(fd, spool->bytes, size) && fsync(fd) == 0;
        return close(fd) == 0 && good;
}

static enum outcome letter_write(struct spool *spool, const struct mail_letter *letter)
{
        struct mail_headers headers = {.from = spool->from,
                                       .time_ms = spool->options.clock->wall_ms(spool->options.clock),
                                       .number = random_u64(spool->options.random)};
        size_t size = mail_letter_format(letter, &headers, spool->bytes);
        char name[NAME_SIZE], draft[NAME_SIZE];

        snprintf(name, sizeof(name), "%013llu-%016llx.eml", (unsigned long long)headers.time_ms,
                 (unsigned long long)headers.number);
        snprintf(draft, sizeof(draft), ".%013llu-%016llx.tmp", (unsigned long long)headers.time_ms,
                 (unsigned long long)headers.number);
        if (!file_write(spool, draft, size) || renameat(spool->folder, draft, spool->folder, name)) {
                unlinkat(spool->folder, draft, 0);
                return OUTCOME_FAILED;
        }
        spool->letters++;
        return fsync(spool->folder) ? OUTCOME_UNCERTAIN : OUTCOME_OK;
}

/* ---- the seam ---- */

static enum error spool_submit(struct mail *mail, const struct mail_letter *letter, uint64_t tag)
{
        struct spool *spool = spool_of(mail);
        struct completion completion = {.tag = tag};
        enum error error = mail_letter_check(letter);
        uint64_t one = 1;

        if (error)
                return error;
        if (spool->completion_count == SPOOL_SUBMITS_MAX)
                return ERR_FULL;
        if (spool->letters >= spool->options.letters_max) {
                error = spool_count(spool, false);
                if (error || spool->letters >= spool->options.letters_max)
                        return error ? error : ERR_FULL;
        }
        completion.outcome = letter_write(spool, letter);
        if (completion.outcome == OUTCOME_OK && spool->options.written)
                spool->options.written(spool->options.owner, letter, mail_letter_code(letter, CODE_DIGITS));
        spool->completions[(spool->completion_first + spool->completion_count) % SPOOL_SUBMITS_MAX] = completion;
        if (spool->completion_count++ == 0)
                check(write(spool->fd, &one, sizeof(one)) == sizeof(one));
        return ERR_OK;
}

static size_t spool_poll(struct mail *mail, struct completion *completions, size_t max)
{
        struct spool *spool = spool_of(mail);
        size_t count = 0;
        uint64_t ignored;

        while (count < max && spool->completion_count) {
                completions[count++] = spool->completions[spool->completion_first];
                spool->completion_first = (spool->completion_first + 1) % SPOOL_SUBMITS_MAX;
                spool->completion_count--;
        }
        if (count && spool->completion_count == 0)
                check(read(spool->fd, &ignored, sizeof(ignored)) == sizeof(ignored));
        return count;
}

static int spool_fd(struct mail *mail)
{
        return spool_of(mail)->fd;
}

static void spool_free(struct mail **mail)
{
        struct spool *spool;

        if (!*mail)
                return;
        spool = spool_of(*mail);
        *mail = NULL;
        if (spool->folder >= 0)
                close(spool->folder);
        if (spool->fd >= 0)
                close(spool->fd);
        memory_free(spool);
}

static const struct mail_ops spool_ops = {.free = spool_free, .fd = spool_fd, .submit = spool_submit, .poll = spool_poll};

static enum error spool_open(struct spool *spool)
{
        const char *path = spool->options.folder;

        if (mkdir(path, 0700) && errno != EEXIST)
                return ERR_SYSTEM;
        spool->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (spool->folder < 0 || faccessat(spool->folder, ".", W_OK | X_OK, 0))
                return ERR_SYSTEM;
        spool->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (spool->fd < 0)
                return ERR_SYSTEM;
        return spool_count(spool, true);
}

enum error mail_spool_new(const struct mail_spool_options *options, struct mail **mail_out)
{
        struct slice from = slice_text(options->from);
        struct mail *mail;
        struct spool *spool;
        enum error error;

        check(options->folder && options->clock && options->random);
        if (!mail_address_is_sound(from))
                return ERR_CONFIG;
        spool = memory_new(sizeof(*spool));
        if (!spool)
                return ERR_NO_MEMORY;
        mail = &spool->mail;
        mail->ops = &spool_ops;
        spool->options = *options;
        if (!spool->options.letters_max)
                spool->options.letters_max = SPOOL_LETTERS_MAX;
        memcpy(spool->from, from.data, from.size);
        spool->folder = spool->fd = -1;
        error = spool_open(spool);
        spool->options.folder = spool->options.from = NULL; /* the caller's; not used again */
        if (error) {
                int cause = errno;

                spool_free(&mail);
                errno = cause;
                return error;
        }
        *mail_out = mail;
        return ERR_OK;
}
