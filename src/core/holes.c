/* An ordered array of intervals; lists are short, so linear search is the quickest. */
#include "core/holes.h"

#include "base/assert.h"

bool holes_reserve(struct holes *holes, struct recycler *recycler)
{
        uint16_t room = holes->room ? (uint16_t)(holes->room * 2) : 1;
        struct hole *list;

        /* One beyond HOLES_MAX: a change adds first and merges then. */
        if (holes->count < holes->room)
                return true;
        check(holes->count <= HOLES_MAX);
        list = recycler_take(recycler, sizeof(*list) * room);
        if (!list)
                return false;
        if (holes->count)
                memcpy(list, holes->list, sizeof(*list) * holes->count);
        recycler_give(recycler, holes->list, sizeof(*list) * holes->room);
        holes->list = list;
        holes->room = room;
        return true;
}

void holes_finish(struct holes *holes, struct recycler *recycler)
{
        recycler_give(recycler, holes->list, sizeof(*holes->list) * holes->room);
        *holes = (struct holes){0};
}

static void insert(struct holes *holes, uint16_t at, struct hole hole)
{
        check(at <= holes->count && holes->count < holes->room);
        memmove(holes->list + at + 1, holes->list + at, sizeof(hole) * (holes->count - at));
        holes->list[at] = hole;
        holes->count++;
}

static void erase(struct holes *holes, uint16_t from, uint16_t to)
{
        check(from <= to && to <= holes->count);
        memmove(holes->list + from, holes->list + to, sizeof(*holes->list) * (holes->count - to));
        holes->count = (uint16_t)(holes->count - (to - from));
}

static void limit(struct holes *holes)
{
        if (holes->count <= HOLES_MAX)
                return;
        holes->list[1].low = holes->list[0].low;
        erase(holes, 0, 1);
}

void holes_add(struct holes *holes, uint64_t low, uint64_t high)
{
        uint16_t from = 0, to;

        check(low > 0 && low <= high && high < UINT64_MAX);
        while (from < holes->count && holes->list[from].high + 1 < low)
                from++;
        to = from;
        while (to < holes->count && holes->list[to].low <= high + 1) {
                low = min_of(low, holes->list[to].low);
                high = max_of(high, holes->list[to].high);
                to++;
        }
        erase(holes, from, to);
        insert(holes, from, (struct hole){low, high});
        limit(holes);
}

void holes_remove(struct holes *holes, uint64_t low, uint64_t high)
{
        uint16_t i = 0;

        check(low <= high);
        while (i < holes->count) {
                struct hole *hole = &holes->list[i];

                if (hole->high < low || hole->low > high) {
                        i++;
                } else if (hole->low >= low && hole->high <= high) {
                        erase(holes, i, (uint16_t)(i + 1));
                } else if (hole->low < low && hole->high > high) {
                        struct hole upper = {high + 1, hole->high};

                        hole->high = low - 1;
                        insert(holes, (uint16_t)(i + 1), upper);
                        limit(holes);
                        return;
                } else if (hole->low < low) {
                        hole->high = low - 1;
                        i++;
                } else {
                        hole->low = high + 1;
                        i++;
                }
        }
}

bool holes_has(const struct holes *holes, uint64_t number)
{
        for (uint16_t i = 0; i < holes->count; i++)
                if (number >= holes->list[i].low && number <= holes->list[i].high)
                        return true;
        return false;
}

const struct hole *holes_highest(const struct holes *holes)
{
        return holes->count ? &holes->list[holes->count - 1] : NULL;
}

uint64_t holes_top(const struct holes *holes)
{
        const struct hole *hole = holes_highest(holes);

        return hole ? hole->high : 0;
}

uint64_t holes_whole_to(const struct holes *holes, uint64_t floor, uint64_t head)
{
        for (uint16_t i = 0; i < holes->count; i++)
                if (holes->list[i].high > floor)
                        return max_of(holes->list[i].low - 1, floor);
        return head;
}
