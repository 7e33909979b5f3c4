/* wire-print WHAT MESSAGES.DEF: prints one of the things that come from the tables to standard output. */
#include <stdlib.h>

#include "base/assert.h"
#include "wire/print/print.h"

#define DEFINITIONS_SIZE_MAX (1024 * 1024)

static const struct {
        const char *name;
        void (*print)(FILE *out, struct slice definitions);
} things[] = {
        {"codes", print_codes}, {"structures", print_structures}, {"errors", print_errors},
        {"proto", print_proto}, {"dictionary", print_dictionary}, {"authorisation", print_authorisation},
};

static int usage(void)
{
        fputs("usage: wire-print WHAT MESSAGES.DEF\nWHAT is one of:", stderr);
        for (size_t i = 0; i < countof(things); i++)
                fprintf(stderr, " %s", things[i].name);
        fputc('\n', stderr);
        return 2;
}

static bool read_definitions(const char *path, struct slice *definitions)
{
        static uint8_t text[DEFINITIONS_SIZE_MAX];
        FILE *file = fopen(path, "r");

        if (!file)
                return false;
        *definitions = slice_of(text, fread(text, 1, sizeof(text), file));
        if (ferror(file) || !feof(file))
                definitions->size = 0;
        fclose(file);
        return definitions->size > 0;
}

int main(int argc, char **argv)
{
        struct slice definitions;

        if (argc != 3)
                return usage();
        if (!read_definitions(argv[2], &definitions)) {
                fprintf(stderr, "wire-print: cannot read %s\n", argv[2]);
                return 1;
        }
        for (size_t i = 0; i < countof(things); i++) {
                if (strcmp(things[i].name, argv[1]) != 0)
                        continue;
                things[i].print(stdout, definitions);
                return fflush(stdout) == 0 ? 0 : 1;
        }
        return usage();
}
