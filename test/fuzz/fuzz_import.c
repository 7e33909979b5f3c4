/*
 * What an operator's tools read of people: a file for galkad user import, and a request to the running server (server/user.h). Input: one
 * byte that chooses, and the file or the request.
 *
 * What is checked: what is taken is valid in every field and lies in its line; a file has no more lines than newlines, one that is too long
 * is one that is bad; a request that is taken is written as it was read.
 */
#include <string.h>

#include "base/assert.h"
#include "fuzz.h"
#include "rules/name.h"
#include "server/import_line.h"
#include "server/user.h"

#define INPUT_MAX 8192

static void check_line(const struct import_line *line)
{
        const char *end = line->text + sizeof(line->text);

        check(name_is_user_name(line->name) && name_is_email(line->email) && name_is_display_name(line->display_name));
        check(line->name.size <= USER_NAME_MAX && line->email.size <= EMAIL_MAX &&
              line->display_name.size <= DISPLAY_NAME_MAX);
        check((const char *)line->name.data == line->text);
        check((const char *)line->display_name.data + line->display_name.size < end);
        check(slice_is_text(line->name) && slice_is_text(line->email) && slice_is_text(line->display_name));
}

static void read_file(const uint8_t *data, size_t size)
{
        static struct import_line line;
        enum import_line_result result;
        size_t lines = 0, most = 1;
        FILE *file;

        if (size == 0)
                return;
        file = fmemopen((void *)(uintptr_t)data, size, "r");
        check(file);
        for (size_t i = 0; i < size; i++)
                most += data[i] == '\n';
        while ((result = import_line_next(&line, file)) != IMPORT_LINE_END) {
                check(++lines <= most);
                if (result == IMPORT_LINE_READ)
                        check_line(&line);
        }
        fclose(file);
}

static void read_request(const uint8_t *data, size_t size)
{
        char text[USER_REQUEST_SIZE], again[USER_REQUEST_SIZE];
        struct user_request request;

        size = min_of(size, sizeof(text) - 1);
        memcpy(text, data, size);
        text[size] = '\0';
        if (!user_request_read(text, &request))
                return;
        check(user_request_write(&request, again) == strlen(text));
        check(strcmp(text, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size < 1 || size > INPUT_MAX)
                return 0;
        if (data[0] & 1)
                read_request(data + 1, size - 1);
        else
                read_file(data + 1, size - 1);
        return 0;
}
