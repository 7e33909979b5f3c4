/* See json.h. */
#include "server/json.h"

#include <stdint.h>
#include <stdio.h>

void json_put(struct slice text)
{
        putchar('"');
        for (size_t i = 0; i < text.size; i++) {
                uint8_t byte = text.data[i];

                if (byte == '"' || byte == '\\')
                        printf("\\%c", byte);
                else if (byte < 32 || byte == 127)
                        printf("\\u%04x", byte);
                else
                        putchar(byte);
        }
        putchar('"');
}
