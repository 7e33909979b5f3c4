/* See file.h. Lines: a state, then up to NOTES_MAX of "REQUEST COUNT". */
#include "driver/notes/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"

#define LINE_SIZE 48
#define FILE_SIZE ((NOTES_MAX + 1) * LINE_SIZE)

static const char running[] = "running", ended[] = "ended";

struct line {
        struct id request;
        unsigned crashes; /* of earlier runs */
        bool begun;       /* in this one */
};

struct notes_file {
        struct notes notes;
        int fd;
        bool crashed;
        size_t count;
        struct line lines[NOTES_MAX]; /* the oldest first */
};

static struct notes_file *file_of(struct notes *notes)
{
        return container_of(notes, struct notes_file, notes);
}

/* Always the same size: what is shorter than before leaves nothing of before behind. */
static void save(const struct notes_file *file, const char *state)
{
        char bytes[FILE_SIZE];

        memset(bytes, ' ', sizeof(bytes));
        memcpy(bytes, state, strlen(state));
        bytes[LINE_SIZE - 1] = '\n';
        for (size_t i = 0; i < file->count; i++) {
                const struct line *line = &file->lines[i];
                char *at = bytes + (i + 1) * LINE_SIZE;
                int size;

                id_format(&line->request, at);
                size = ID_TEXT_SIZE - 1;
                size += snprintf(at + size, (size_t)(LINE_SIZE - size), " %u", line->crashes + line->begun);
                at[size] = ' ';
                at[LINE_SIZE - 1] = '\n';
        }
        /* A note that cannot be written costs one more crash at most: the work goes on. */
        if (pwrite(file->fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
                return;
}

static void load(struct notes_file *file)
{
        char bytes[FILE_SIZE + 1] = {0};
        ssize_t size = pread(file->fd, bytes, FILE_SIZE, 0);

        if (size <= 0)
                return; /* new */
        file->crashed = strncmp(bytes, ended, strlen(ended)) != 0;
        for (size_t i = 1; file->crashed && i <= NOTES_MAX && (ssize_t)(i * LINE_SIZE) < size; i++) {
                struct line line = {0};
                const char *at = bytes + i * LINE_SIZE;

                if (!id_parse(slice_of(at, ID_TEXT_SIZE - 1), &line.request) ||
                    sscanf(at + ID_TEXT_SIZE - 1, " %u", &line.crashes) != 1)
                        break;
                file->lines[file->count++] = line;
        }
}

static struct line *line_of(struct notes_file *file, const struct id *request)
{
        for (size_t i = 0; i < file->count; i++)
                if (id_equal(&file->lines[i].request, request))
                        return &file->lines[i];
        return NULL;
}

static void drop(struct notes_file *file, struct line *line)
{
        size_t place = (size_t)(line - file->lines);

        file->count--;
        memmove(line, line + 1, sizeof(*line) * (file->count - place));
}

static bool file_crashed(struct notes *notes)
{
        return file_of(notes)->crashed;
}

static unsigned file_begin(struct notes *notes, const struct id *request)
{
        struct notes_file *file = file_of(notes);
        struct line *line = line_of(file, request);

        if (!line) {
                if (file->count == NOTES_MAX)
                        drop(file, &file->lines[0]);
                line = &file->lines[file->count++];
                *line = (struct line){.request = *request};
        }
        line->begun = true;
        save(file, running);
        return line->crashes;
}

static void file_end(struct notes *notes, const struct id *request)
{
        struct notes_file *file = file_of(notes);
        struct line *line = line_of(file, request);

        if (!line)
                return;
        drop(file, line);
        save(file, running);
}

static void file_free(struct notes **notes)
{
        struct notes_file *file = *notes ? file_of(*notes) : NULL;

        if (!file)
                return;
        *notes = NULL;
        if (file->fd >= 0) {
                file->count = 0;
                save(file, ended);
                close(file->fd);
        }
        memory_free(file);
}

enum error notes_file_new(const char *path, struct notes **notes)
{
        static const struct notes_ops ops = {file_free, file_crashed, file_begin, file_end};
        struct notes_file *file = memory_new(sizeof(*file));

        *notes = NULL;
        if (!file)
                return ERR_NO_MEMORY;
        file->notes.ops = &ops;
        file->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (file->fd < 0) {
                memory_free(file);
                return ERR_SYSTEM;
        }
        load(file);
        save(file, running);
        *notes = &file->notes;
        return ERR_OK;
}
