/* Walking a decoded list: the elements lie in the frame, perhaps with other fields between them. */
#include "base/assert.h"
#include "wire/descriptor.h"
#include "wire/scan.h"

void wire_list_start(struct wire_iterator *iterator, const struct wire_structure *structure, uint32_t tag,
                     const struct wire_list *list)
{
        const struct wire_field *field = wire_field_by_tag(structure, tag);

        check(field && field->kind == WIRE_KIND_LIST);
        check(!list->items);
        *iterator = (struct wire_iterator){.rest = list->raw, .field_tag = tag, .part = field->part};
}

bool wire_list_next(struct wire_iterator *iterator, void *element)
{
        while (iterator->rest.size > 0) {
                struct wire_scanned scanned;

                if (!wire_scan(&iterator->rest, &scanned))
                        unreachable(); /* decoding the list has read all of it */
                if (scanned.tag != iterator->field_tag)
                        continue;
                if (wire_decode(iterator->part, scanned.bytes, element, NULL) != ERR_OK)
                        unreachable();
                return true;
        }
        return false;
}
