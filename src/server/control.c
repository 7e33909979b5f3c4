/* One connection after the other: a request, an answer, its end. See control.h. */
#include "server/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"

#define NAME        "control"
#define BACKLOG     4
#define LOOK_MS     300 /* at the stop flag */
#define PATIENCE_S  2   /* for a request that does not come */
#define ANSWER_S    30
#define ANSWER_SIZE 4096

struct control {
        struct tool tool;
        int folder, socket;
        pthread_t thread;
        bool runs;
        atomic_bool stop;
};

/* A path in a folder may be longer than a socket's can be; by the folder's descriptor it is short. */
static struct sockaddr_un address_in(int folder)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" NAME, folder);
        return address;
}

static void set_patience(int socket, int seconds)
{
        const struct timeval time = {.tv_sec = seconds};

        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

/* Up to the end of the stream, or of the room. Returns how much, with a NUL after it. */
static size_t read_all(int socket, char *text, size_t room)
{
        size_t size = 0;
        ssize_t got;

        while (size < room - 1 && (got = read(socket, text + size, room - 1 - size)) > 0)
                size += (size_t)got;
        text[size] = '\0';
        return size;
}

static void serve(struct control *control, int socket)
{
        char text[USER_REQUEST_SIZE];
        struct user_request request;
        struct page page = {0};
        char code = '0' + SERVER_FAILED;

        set_patience(socket, PATIENCE_S);
        read_all(socket, text, sizeof(text));
        if (user_request_read(text, &request))
                code = (char)('0' + user_do(&control->tool, &request, &page));
        else
                page_print(&page, "the server that runs is of another version: start it again\n");
        if (send(socket, &code, 1, MSG_NOSIGNAL) == 1 && page.size)
                (void)!send(socket, page.bytes, page.size, MSG_NOSIGNAL);
        page_finish(&page);
        crypto_wipe(text, sizeof(text));
        crypto_wipe(&request, sizeof(request));
}

static void *control_thread(void *context)
{
        struct control *control = context;
        struct pollfd fd = {.fd = control->socket, .events = POLLIN};

        while (!atomic_load(&control->stop)) {
                int socket = poll(&fd, 1, LOOK_MS) == 1 ? accept4(control->socket, NULL, NULL, SOCK_CLOEXEC) : -1;

                if (socket < 0)
                        continue;
                serve(control, socket);
                close(socket);
        }
        return NULL;
}

/* Whoever holds the folder's lock may take away a socket that was left there. */
static bool listen_in(struct control *control, const char *folder)
{
        struct sockaddr_un address;

        control->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (control->folder < 0)
                return false;
        address = address_in(control->folder);
        unlinkat(control->folder, NAME, 0);
        control->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        return control->socket >= 0 && fchmod(control->socket, 0600) == 0 &&
               bind(control->socket, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
               fchmodat(control->folder, NAME, 0600, 0) == 0 && listen(control->socket, BACKLOG) == 0;
}

enum error control_new(struct server *server, struct store *store, struct bus *bus, struct control **control_p,
                       char text[static SERVER_ERROR_SIZE])
{
        struct control *control = memory_new(sizeof(*control));

        *control_p = control;
        if (!control) {
                store->ops->free(&store);
                bus->ops->free(&bus);
                return ERR_NO_MEMORY;
        }
        control->folder = control->socket = -1;
        control->tool.server.options = server->options;
        control->tool.server.clock = server->clock;
        control->tool.server.random = server->random;
        control->tool.server.log = server->log;
        control->tool.store = store;
        control->tool.bus = bus;
        if (listen_in(control, server->options->data))
                control->runs = pthread_create(&control->thread, NULL, control_thread, control) == 0;
        if (control->runs)
                return ERR_OK;
        snprintf(text, SERVER_ERROR_SIZE, "cannot listen on %.300s/" NAME ": %s", server->options->data, strerror(errno));
        control_free(control_p);
        return ERR_SYSTEM;
}

void control_free(struct control **control_p)
{
        struct control *control = *control_p;

        if (!control)
                return;
        *control_p = NULL;
        if (control->runs) {
                atomic_store(&control->stop, true);
                pthread_join(control->thread, NULL);
                unlinkat(control->folder, NAME, 0);
        }
        if (control->socket >= 0)
                close(control->socket);
        if (control->folder >= 0)
                close(control->folder);
        tool_close(&control->tool);
        memory_free(control);
}

int control_ask(const char *folder, const struct user_request *request, struct page *page)
{
        char text[ANSWER_SIZE];
        int place = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), code = -1;
        int link = place < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        size_t size;

        if (link >= 0) {
                const struct sockaddr_un address = address_in(place);

                if (connect(link, (const struct sockaddr *)&address, sizeof(address)) == 0) {
                        set_patience(link, ANSWER_S);
                        size = user_request_write(request, text);
                        code = SERVER_FAILED;
                        if (send(link, text, size, MSG_NOSIGNAL) == (ssize_t)size && shutdown(link, SHUT_WR) == 0 &&
                            read_all(link, text, sizeof(text)) > 1) {
                                code = text[0] - '0';
                                page_print(page, "%s", text + 1);
                        } else {
                                page_print(page, "the server that runs on %.300s does not answer\n", folder);
                        }
                }
                close(link);
        }
        if (place >= 0)
                close(place);
        return code;
}
