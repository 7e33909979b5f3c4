/* One row a line in the JSON file, so that rows of other workloads can be kept when one is measured again. */
#include "report.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

#define KEPT_MAX  256
#define LINE_SIZE 512

void report_add(struct report *report, const char *name, double value, const char *unit, double limit, const char *limit_of)
{
        struct report_row *row = &report->rows[report->count++];

        check(report->count <= REPORT_ROWS_MAX);
        snprintf(row->name, sizeof(row->name), "%s%s", report->prefix ? report->prefix : "", name);
        snprintf(row->unit, sizeof(row->unit), "%s", unit);
        snprintf(row->limit_of, sizeof(row->limit_of), "%s", limit_of);
        row->value = value;
        row->limit = limit;
        row->ratio = limit > 0 ? value / limit : 0;
}

void report_print(const struct report *report)
{
        printf("%-48s %14s %-10s %14s %8s  %s\n", "figure", "value", "unit", "limit", "ratio", "limit of");
        for (unsigned i = 0; i < report->count; i++) {
                const struct report_row *row = &report->rows[i];

                printf("%-48s %14.2f %-10s ", row->name, row->value, row->unit);
                if (row->limit > 0)
                        printf("%14.2f %8.3f  %s\n", row->limit, row->ratio, row->limit_of);
                else
                        printf("%14s %8s  %s\n", "-", "-", row->limit_of);
        }
}

static bool is_ours(const struct report *report, const char *line)
{
        char name[64];

        if (sscanf(line, " {\"name\": \"%63[^\"]\"", name) != 1)
                return true; /* no row at all */
        for (unsigned i = 0; i < report->count; i++)
                if (strcmp(report->rows[i].name, name) == 0)
                        return true;
        return false;
}

/* Rows of other workloads from an earlier run, without their commas. */
static unsigned read_kept(const struct report *report, const char *path, char kept[KEPT_MAX][LINE_SIZE])
{
        FILE *file = fopen(path, "r");
        unsigned count = 0;

        while (file && count < KEPT_MAX && fgets(kept[count], LINE_SIZE, file)) {
                kept[count][strcspn(kept[count], "\n")] = '\0';
                if (is_ours(report, kept[count]))
                        continue;
                if (kept[count][strlen(kept[count]) - 1] == ',')
                        kept[count][strlen(kept[count]) - 1] = '\0';
                count++;
        }
        if (file)
                fclose(file);
        return count;
}

bool report_write(const struct report *report, const char *path)
{
        static char kept[KEPT_MAX][LINE_SIZE];
        unsigned kept_count = read_kept(report, path, kept);
        FILE *file = fopen(path, "w");

        if (!file)
                return false;
        fprintf(file, "{\"rows\": [\n");
        for (unsigned i = 0; i < kept_count; i++)
                fprintf(file, "%s%s\n", kept[i], i + 1 < kept_count || report->count ? "," : "");
        for (unsigned i = 0; i < report->count; i++) {
                const struct report_row *row = &report->rows[i];

                fprintf(file,
                        " {\"name\": \"%s\", \"value\": %.3f, \"unit\": \"%s\", \"limit\": %.3f, \"limit_of\": \"%s\", "
                        "\"ratio\": %.4f}%s\n",
                        row->name, row->value, row->unit, row->limit, row->limit_of, row->ratio,
                        i + 1 < report->count ? "," : "");
        }
        fprintf(file, "]}\n");
        return fclose(file) == 0;
}
