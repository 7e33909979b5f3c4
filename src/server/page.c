/* See page.h. */
#include "server/page.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"

#define PAGE_SIZE_FIRST 4096

/* False: there is no place for so many more bytes. */
static bool make_room(struct page *page, size_t size)
{
        size_t room = page->room ? page->room : PAGE_SIZE_FIRST;
        char *grown;

        while (room - page->size < size && room <= PAGE_SIZE_MAX)
                room *= 2;
        if (room == page->room)
                return true;
        grown = room > PAGE_SIZE_MAX ? NULL : memory_resize(page->bytes, room);
        if (!grown)
                return false;
        page->bytes = grown;
        page->room = room;
        return true;
}

void page_print(struct page *page, const char *format, ...)
{
        va_list values, again;
        int size;

        va_start(values, format);
        va_copy(again, values);
        size = vsnprintf(NULL, 0, format, values);
        check(size >= 0);
        if (!page->full && make_room(page, (size_t)size + 1)) {
                vsnprintf(page->bytes + page->size, page->room - page->size, format, again);
                page->size += (size_t)size;
        } else {
                page->full = true;
        }
        va_end(again);
        va_end(values);
}

void page_finish(struct page *page)
{
        memory_free(page->bytes);
        *page = (struct page){0};
}
