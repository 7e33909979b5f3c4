/* See file.h. The page is one of this machine's: another layout is another magic, and starts empty. */
#include "driver/notes/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"

#define PATH_SIZE     4200
#define PAGE_SIZE     4096
#define SIGNALS_COUNT 6

static const char magic[8] = "GkNotes2";
static const int signals[SIGNALS_COUNT] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};

/* What a role does just now. Its thread alone writes it, and the next process reads it. */
struct slot {
        uint32_t noted, lent, crashed;
        struct id id;
};

/* What is known of a record. */
struct known {
        struct id id;
        uint64_t until_ms; /* wall clock; 0: free */
        uint32_t crashes;
};

struct page {
        char magic[sizeof(magic)];
        uint64_t crash_ms; /* wall clock: the last one */
        uint32_t crashes;  /* within NOTES_FORGET_MS of each other */
        _Atomic uint32_t nobody_crashed;
        struct slot slots[BUS_TOPIC_COUNT];
        struct known known[NOTES_RECORDS_MAX];
};

_Static_assert(sizeof(struct page) <= PAGE_SIZE, "the page holds it");

struct handle {
        struct notes notes;
        struct notes_file *file;
        struct slot *slot;
        bool singly; /* until the file's singly_ms */
        bool out;
        uint64_t tag;
};

struct notes_file {
        struct notes_file_options options;
        struct page *page;
        bool crashed[BUS_TOPIC_COUNT]; /* the last process, by what this role did */
        uint64_t singly_ms, known_ms;  /* monotonic: until when */
        unsigned handles;
};

/* ---- when it crashes ---- */

/* The page of the one file there is, what was to happen at signals without it, and whose thread this is. */
static struct page *_Atomic watched;
static struct sigaction before[SIGNALS_COUNT];
static _Thread_local struct slot *whose;

/* Notes it and lets the signal do what it would have done. A fault comes again by itself when this returns. */
static void on_crash(int number, siginfo_t *info, void *context)
{
        struct page *page = atomic_load(&watched);

        (void)context;
        if (page && info->si_code != SI_USER) {
                if (whose)
                        whose->crashed = 1;
                else
                        atomic_store(&page->nobody_crashed, 1);
        }
        for (size_t i = 0; i < SIGNALS_COUNT; i++)
                if (signals[i] == number)
                        sigaction(number, &before[i], NULL);
        if (info->si_code <= 0) /* sent: by abort, raise or kill */
                raise(number);
}

static void watch(struct notes_file *file)
{
        struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_NODEFER};

        check(!atomic_load(&watched));
        atomic_store(&watched, file->page);
        for (size_t i = 0; i < SIGNALS_COUNT; i++)
                sigaction(signals[i], &action, &before[i]);
}

static void unwatch(void)
{
        for (size_t i = 0; i < SIGNALS_COUNT; i++)
                sigaction(signals[i], &before[i], NULL);
        atomic_store(&watched, NULL);
}

/* ---- what the last process left ---- */

/* Its entry, or the one to be given up for it. */
static struct known *entry_of(struct page *page, const struct id *id)
{
        struct known *oldest = &page->known[0];

        for (size_t i = 0; i < NOTES_RECORDS_MAX; i++) {
                if (id_equal(&page->known[i].id, id) && page->known[i].until_ms)
                        return &page->known[i];
                if (page->known[i].until_ms < oldest->until_ms)
                        oldest = &page->known[i];
        }
        *oldest = (struct known){.id = *id};
        return oldest;
}

static void blame(struct notes_file *file, enum bus_topic topic, uint32_t crashes, uint64_t wall_ms)
{
        struct slot *slot = &file->page->slots[topic];
        struct known *known;

        file->crashed[topic] = true;
        event_note(file->options.events, EVENT_WARNING, "notes.crashed", NULL, {"topic", bus_topic_name(topic)},
                   {"noted", NULL, slot->noted == 1});
        if (slot->noted != 1 || (!slot->crashed && slot->lent != 1))
                return;
        known = entry_of(file->page, &slot->id);
        known->crashes += crashes;
        known->until_ms = wall_ms + NOTES_FORGET_MS;
}

static void forget_old(struct page *page, uint64_t wall_ms)
{
        for (size_t i = 0; i < NOTES_RECORDS_MAX; i++)
                if (page->known[i].until_ms <= wall_ms || page->known[i].until_ms > wall_ms + NOTES_FORGET_MS)
                        page->known[i] = (struct known){0};
        if (page->crash_ms > wall_ms || wall_ms - page->crash_ms > NOTES_FORGET_MS)
                page->crashes = 0;
}

static void take_over(struct notes_file *file)
{
        struct page *page = file->page;
        struct clock *clock = file->options.clock;
        uint64_t wall_ms = clock->wall_ms(clock), now_ms = clock_monotonic_ms(clock), last_ms = 0;
        bool nobody = atomic_load(&page->nobody_crashed), any = false;

        forget_old(page, wall_ms);
        for (int topic = 0; topic < BUS_TOPIC_COUNT; topic++) {
                struct slot *slot = &page->slots[topic];

                if (topic != BUS_FRONTENDS && (slot->crashed || nobody))
                        blame(file, (enum bus_topic)topic, slot->crashed ? NOTES_CRASHES_MAX : 1, wall_ms);
                any |= file->crashed[topic];
                *slot = (struct slot){0};
        }
        atomic_store(&page->nobody_crashed, 0);
        for (size_t i = 0; i < NOTES_RECORDS_MAX; i++)
                last_ms = max_of(last_ms, page->known[i].until_ms);
        file->known_ms = last_ms ? now_ms + (last_ms - wall_ms) : 0;
        if (!any)
                return;
        page->crash_ms = wall_ms;
        file->singly_ms = now_ms + (page->crashes++ ? NOTES_SINGLY_AGAIN_MS : NOTES_SINGLY_MS);
}

/* ---- the handle ---- */

static struct handle *handle_of(struct notes *notes)
{
        return container_of(notes, struct handle, notes);
}

static void notes_free(struct notes **notes_p)
{
        struct handle *handle = *notes_p ? handle_of(*notes_p) : NULL;

        if (!handle)
                return;
        *notes_p = NULL;
        check(handle->file->handles > 0);
        handle->file->handles--;
        memory_free(handle);
}

static int notes_fd(struct notes *notes)
{
        (void)notes;
        return -1;
}

static void notes_enter(struct notes *notes)
{
        whose = handle_of(notes)->slot;
}

static enum notes_care notes_care(struct notes *notes)
{
        const struct handle *handle = handle_of(notes);
        const struct notes_file *file = handle->file;
        uint64_t now_ms;

        if (!file->singly_ms && !file->known_ms)
                return NOTES_CARELESS;
        now_ms = clock_monotonic_ms(file->options.clock);
        if (handle->singly && now_ms < file->singly_ms)
                return NOTES_SINGLY;
        return now_ms < file->known_ms ? NOTES_KNOWN : NOTES_CARELESS;
}

/* What is known does not change while this process lives, so that every thread may look. */
static unsigned notes_crashes(struct notes *notes, const struct noted *record)
{
        const struct page *page = handle_of(notes)->file->page;

        for (size_t i = 0; i < NOTES_RECORDS_MAX; i++)
                if (page->known[i].until_ms && id_equal(&page->known[i].id, &record->id))
                        return page->known[i].crashes;
        return 0;
}

static enum error notes_note(struct notes *notes, const struct noted *record, uint64_t tag)
{
        struct handle *handle = handle_of(notes);

        if (handle->out)
                return ERR_FULL;
        handle->slot->noted = handle->slot->lent = 0;
        handle->slot->id = record->id;
        handle->slot->noted = 1;
        /* The compiler must not leave it for later: what comes next may be the crash. */
        atomic_signal_fence(memory_order_seq_cst);
        handle->out = true;
        handle->tag = tag;
        return ERR_OK;
}

static void notes_lend(struct notes *notes)
{
        handle_of(notes)->slot->lent = 1;
        atomic_signal_fence(memory_order_seq_cst);
}

static void notes_done(struct notes *notes)
{
        handle_of(notes)->slot->noted = 0;
}

static size_t notes_poll(struct notes *notes, struct completion *completions, size_t max)
{
        struct handle *handle = handle_of(notes);

        if (!handle->out || max == 0)
                return 0;
        handle->out = false;
        completions[0] = (struct completion){.tag = handle->tag, .outcome = OUTCOME_OK};
        return 1;
}

enum error notes_file_open(struct notes_file *file, enum bus_topic topic, struct notes **notes)
{
        static const struct notes_ops ops = {.free = notes_free,
                                             .fd = notes_fd,
                                             .enter = notes_enter,
                                             .care = notes_care,
                                             .crashes = notes_crashes,
                                             .note = notes_note,
                                             .lend = notes_lend,
                                             .done = notes_done,
                                             .poll = notes_poll};
        struct handle *handle = memory_new(sizeof(*handle));

        check(topic < BUS_TOPIC_COUNT);
        *notes = NULL;
        if (!handle)
                return ERR_NO_MEMORY;
        *handle = (struct handle){
                .notes.ops = &ops, .file = file, .slot = &file->page->slots[topic], .singly = file->crashed[topic]};
        file->handles++;
        *notes = &handle->notes;
        return ERR_OK;
}

/* ---- life ---- */

/* Space for the page is taken at once: a page that the disk has no room for would be a crash of its own. */
static struct page *map(const char *path)
{
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        struct page *page = MAP_FAILED;
        int error = fd < 0 ? errno : posix_fallocate(fd, 0, PAGE_SIZE);

        if (error == 0) {
                page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
                error = errno;
        }
        if (fd >= 0)
                close(fd);
        errno = error;
        if (page != MAP_FAILED && memcmp(page->magic, magic, sizeof(magic)) != 0) {
                memset(page, 0, PAGE_SIZE);
                memcpy(page->magic, magic, sizeof(magic));
        }
        return page == MAP_FAILED ? NULL : page;
}

enum error notes_file_new(const struct notes_file_options *options, struct notes_file **file_p,
                          char text[static NOTES_ERROR_SIZE])
{
        struct notes_file *file = memory_new(sizeof(*file));
        char path[PATH_SIZE];

        *file_p = NULL;
        text[0] = '\0';
        if (!file)
                return ERR_NO_MEMORY;
        file->options = *options;
        snprintf(path, sizeof(path), "%.4096s/notes", options->folder);
        file->page = map(path);
        if (!file->page) {
                snprintf(text, NOTES_ERROR_SIZE, "cannot use %.300s: %s", path, strerror(errno));
                memory_free(file);
                return ERR_SYSTEM;
        }
        take_over(file);
        watch(file);
        *file_p = file;
        return ERR_OK;
}

void notes_file_free(struct notes_file **file_p)
{
        struct notes_file *file = *file_p;

        if (!file)
                return;
        *file_p = NULL;
        check(file->handles == 0);
        unwatch();
        memset(file->page->slots, 0, sizeof(file->page->slots));
        munmap(file->page, PAGE_SIZE);
        memory_free(file);
}
