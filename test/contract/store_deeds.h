/* What the store's contracts of rooms do to a log, beside saying something: each is an operation on it. */
#ifndef GALKA_TEST_CONTRACT_STORE_DEEDS_H
#define GALKA_TEST_CONTRACT_STORE_DEEDS_H

#include "contract/store_stage.h"
#include "rules/role.h"
#include "rules/row.h"

struct store_op row_op(struct stage *stage, const struct account *sender, struct id room, enum row_kind kind,
                       uint64_t target, const char *text);
struct store_result edit(struct stage *stage, const struct account *sender, struct id room, uint64_t target,
                         const char *text);
struct store_result delete (struct stage *stage, const struct account *sender, struct id room, uint64_t target);
struct store_result about(struct stage *stage, const struct account *sender, struct id room, enum row_kind kind,
                          const struct account *subject, enum role role);
struct id group_of(struct stage *stage, const struct account *owner);
struct id talk(struct stage *stage);
struct store_answer changes(struct stage *stage, const struct account *asker, struct id room, uint64_t after);
void bring(struct stage *stage, const struct account *owner, struct id room, const struct account *subject);

#endif
