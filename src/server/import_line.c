/* See import_line.h. */
#include "server/import_line.h"

#include <string.h>

#include "rules/limits.h"
#include "rules/name.h"

static bool take_apart(struct import_line *line)
{
        char *end, *email, *display_name;

        line->text[strcspn(line->text, "\r")] = '\0';
        email = strchr(line->text, '\t');
        if (!email)
                return false;
        *email++ = '\0';
        display_name = strchr(email, '\t');
        if (!display_name)
                return false;
        *display_name++ = '\0';
        end = strchr(display_name, '\t');
        if (end)
                return false;
        line->name = slice_text(line->text);
        line->email = slice_text(email);
        line->display_name = slice_text(display_name);
        return name_is_user_name(line->name) && name_is_email(line->email) && name_is_display_name(line->display_name) &&
               line->email.size <= EMAIL_MAX && line->display_name.size <= DISPLAY_NAME_MAX && slice_is_text(line->email) &&
               slice_is_text(line->display_name);
}

/* All of the next line, though no more of it is kept than there is room for. fgets would stop early, and not see a NUL. */
enum import_line_result import_line_next(struct import_line *line, FILE *file)
{
        bool good = true;
        size_t size = 0;
        int sign = getc(file);

        if (sign == EOF)
                return IMPORT_LINE_END;
        for (; sign != EOF && sign != '\n'; sign = getc(file)) {
                good &= sign != '\0' && size < sizeof(line->text) - 1;
                if (good)
                        line->text[size++] = (char)sign;
        }
        line->text[size] = '\0';
        return good && take_apart(line) ? IMPORT_LINE_READ : IMPORT_LINE_BAD;
}
