/* A text that grows as it is written, up to a bound. What finds no place in it any more is left out, and `full` says so. */
#ifndef GALKA_SERVER_PAGE_H
#define GALKA_SERVER_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE_MAX (8u << 20)

struct page {
        char *bytes;
        size_t size, room;
        bool full;
};

__attribute__((format(printf, 2, 3))) void page_print(struct page *page, const char *format, ...);

void page_finish(struct page *page);

#endif
