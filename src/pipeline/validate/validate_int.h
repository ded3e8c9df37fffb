/* SPDX-License-Identifier: Apache-2.0 */
/* Shared inside validate/. */
#ifndef WEIR_PIPELINE_VALIDATE_VALIDATE_INT_H
#define WEIR_PIPELINE_VALIDATE_VALIDATE_INT_H

#include "lib/schema/schema.h"
#include "pipeline/contract.h"
#include "pipeline/request.h"
#include "pipeline/worker.h"

/* stage.c */
/* What a text of so many bytes may cost to check. Linear in it, whatever its schema does. */
struct schema_work validate_work(struct request *request, size_t text_bytes);
/* schema_check, or schema_adapt where the schema has edits to make; those are listed in `edits` unless it is NULL. */
enum schema_outcome validate_run(struct request *request, const struct schema *schema, yyjson_val *root,
                                 size_t text_bytes, struct schema_edits *edits);
/* What is wrong, after SCHEMA_INVALID: up to `max` errors in the arena. */
enum schema_outcome validate_explain(struct request *request, const struct schema *schema, yyjson_val *root,
                                     size_t text_bytes, uint32_t max, struct schema_errors *ret_errors);
/* How many errors an answer tells. */
uint32_t validate_errors_max(const struct contract *contract, const struct contract_schema *schema);
/* The first thing that is wrong, for the log: "body /age: minimum". */
void validate_note(struct request *request, struct slice what, struct slice pointer, struct slice keyword);
/* Where a schema says something, as clients see it: from the folder of schemas on. Where that lies on this machine is not
 * their affair, so that of a file elsewhere only the name is told. */
struct slice validate_place(const struct request *request, struct slice location);
/* Counts an event of the route. */
void validate_count(struct request *request, enum contract_event event);
/* The answer to SCHEMA_OVER_LIMIT of an enforced schema. `what` is "body" or "query parameter limit". */
enum verdict validate_fail_over_limit(struct request *request, struct slice what);

/* parameters.c: all of the contract. FAIL with 400 where one is wrong that is enforced. */
enum verdict validate_parameters(struct request *request, const struct contract *contract);

/* body.c: FAIL with 422, or 415 or 400 for what is no JSON, where the schema is enforced. */
enum verdict validate_body(struct request *request, const struct contract *contract);

#endif
