/* See redis_server.h. */
#include "support/redis_server.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"

#define PROGRAM    "/usr/bin/redis-server"
#define PORT_FIRST 12000
#define PORT_LAST  20000 /* tools/engines has those from here on */
#define STEP_MS    5
#define START_MS   20000
#define TEXT_SIZE  1024
#define REPLY_TIME 10 /* seconds */

/* Free, and below the ports that the kernel gives to outgoing connections: a server that is started again finds it free again. */
static uint16_t free_port(void)
{
        for (;;) {
                struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
                int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                uint16_t number;
                bool good;

                check(fd >= 0 && getrandom(&number, sizeof(number), 0) == sizeof(number));
                number = PORT_FIRST + number % (PORT_LAST - PORT_FIRST);
                address.sin_port = htons(number);
                good = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
                close(fd);
                if (good)
                        return number;
        }
}

void redis_server_init(struct redis_server *server)
{
        *server = (struct redis_server){.folder = "/tmp/galka-redis-XXXXXX", .port = free_port()};
        check(mkdtemp(server->folder) != NULL);
        snprintf(server->socket, sizeof(server->socket), "%s/socket", server->folder);
}

static void run(const struct redis_server *server, const char *const *arguments)
{
        char port[8], log[96];
        const char *words[32 + REDIS_SERVER_ARGS_MAX] = {
                PROGRAM,
                "--port",
                server->tls ? "0" : port,
                "--bind",
                "127.0.0.1",
                "--unixsocket",
                server->socket,
                "--dir",
                server->folder,
                "--save",
                "",
                "--appendonly",
                "no",
                "--daemonize",
                "no",
                "--loglevel",
                "notice",
                "--logfile",
                log,
        };
        size_t count = 0;

        snprintf(port, sizeof(port), "%u", server->port);
        snprintf(log, sizeof(log), "%s/log", server->folder);
        while (words[count])
                count++;
        for (size_t i = 0; arguments && arguments[i]; i++) {
                check(i < REDIS_SERVER_ARGS_MAX);
                words[count++] = arguments[i];
        }
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execv(PROGRAM, (char *const *)words);
        dprintf(STDERR_FILENO, "cannot run " PROGRAM ": make deps-test\n");
        _exit(127);
}

static bool answers(struct redis_server *server)
{
        redisContext *context = redisConnectUnixWithTimeout(server->socket, (struct timeval){.tv_sec = 1});
        redisReply *reply = context && !context->err ? redisCommand(context, "PING") : NULL;
        /* One that wants a password is there too; one that still loads is not. */
        bool yes = reply && (reply->type != REDIS_REPLY_ERROR || strncmp(reply->str, "NOAUTH", 6) == 0);

        freeReplyObject(reply);
        if (context)
                redisFree(context);
        return yes;
}

void redis_server_start(struct redis_server *server, const char *const *arguments)
{
        struct timespec step = {.tv_nsec = STEP_MS * 1000000};

        check(server->pid == 0);
        unlink(server->socket);
        server->pid = fork();
        check(server->pid >= 0);
        if (server->pid == 0)
                run(server, arguments);
        for (unsigned waited = 0; !answers(server); waited += STEP_MS) {
                check(waited < START_MS && waitpid(server->pid, NULL, WNOHANG) == 0);
                nanosleep(&step, NULL);
        }
}

void redis_server_copy(struct redis_server *server, const char *from, const char *to)
{
        char command[256];

        snprintf(command, sizeof(command), "cp %s/%s %s/%s", server->folder, from, server->folder, to);
        check(system(command) == 0);
}

void redis_server_kill(struct redis_server *server)
{
        if (server->pid == 0)
                return;
        check(kill(server->pid, SIGKILL) == 0 && waitpid(server->pid, NULL, 0) == server->pid);
        server->pid = 0;
}

void redis_server_signal(struct redis_server *server, int number)
{
        check(server->pid != 0 && kill(server->pid, number) == 0);
}

void redis_server_finish(struct redis_server *server)
{
        DIR *folder = opendir(server->folder);

        redis_server_kill(server);
        check(folder);
        for (struct dirent *file = readdir(folder); file; file = readdir(folder))
                (void)unlinkat(dirfd(folder), file->d_name, 0); /* "." and ".." stay */
        closedir(folder);
        (void)rmdir(server->folder);
}

static int64_t ask(struct redis_server *server, const char *format, va_list arguments)
{
        redisContext *context = redisConnectUnixWithTimeout(server->socket, (struct timeval){.tv_sec = REPLY_TIME});
        redisReply *reply;
        int64_t number;

        check(context && !context->err && redisSetTimeout(context, (struct timeval){.tv_sec = REPLY_TIME}) == REDIS_OK);
        reply = redisvCommand(context, format, arguments);
        check(reply);
        number = reply->type == REDIS_REPLY_INTEGER ? reply->integer : reply->type == REDIS_REPLY_ERROR ? -1 : 0;
        if (reply->type == REDIS_REPLY_ERROR)
                dprintf(STDERR_FILENO, "redis: %s\n", reply->str);
        freeReplyObject(reply);
        redisFree(context);
        return number;
}

int64_t redis_server_do(struct redis_server *server, const char *format, ...)
{
        va_list arguments;
        int64_t number;

        va_start(arguments, format);
        number = ask(server, format, arguments);
        va_end(arguments);
        return number;
}

void redis_server_advance_ms(struct redis_server *server, uint64_t ms)
{
        static const char script[] = "for _, key in ipairs(redis.call('KEYS', '*')) do "
                                     "  local left = redis.call('PTTL', key) "
                                     "  if left >= 0 then redis.call('PEXPIRE', key, left - ARGV[1]) end "
                                     "end return 1";

        check(redis_server_do(server, "EVAL %s 0 %lu", script, (unsigned long)ms) == 1);
}
