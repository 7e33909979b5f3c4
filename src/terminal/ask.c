/* Reads answers byte by byte, so that nothing of what follows a line is lost to a buffer. */
#include "terminal/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static bool read_line(int fd, char *answer, size_t size)
{
        size_t length = 0;
        bool any = false;
        char byte;

        while (read(fd, &byte, 1) == 1) {
                any = true;
                if (byte == '\n')
                        break;
                if (byte != '\r' && length + 1 < size)
                        answer[length++] = byte;
        }
        answer[length] = '\0';
        return any;
}

bool ask_line(const char *question, char *answer, size_t size)
{
        if (isatty(STDIN_FILENO))
                fprintf(stderr, "%s: ", question);
        return read_line(STDIN_FILENO, answer, size);
}

bool ask_password(const char *question, char *answer, size_t size)
{
        struct termios old, silent;
        bool terminal = tcgetattr(STDIN_FILENO, &old) == 0;
        bool read;

        if (terminal) {
                silent = old;
                silent.c_lflag &= ~(tcflag_t)ECHO;
                tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
                fprintf(stderr, "%s: ", question);
        }
        read = read_line(STDIN_FILENO, answer, size);
        if (terminal) {
                tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
                fputc('\n', stderr);
        }
        return read;
}

bool ask_file(const char *path, char *answer, size_t size)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        bool read = fd >= 0 && read_line(fd, answer, size);

        if (!read)
                fprintf(stderr, "galka: cannot read %s: %s\n", path, fd < 0 ? strerror(errno) : "it is empty");
        if (fd >= 0)
                close(fd);
        return read;
}
