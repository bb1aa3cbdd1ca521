/* SPDX-License-Identifier: MIT */
/*
 * Results as Autobahn's JSON: a file per case with its 39 keys, the index, and their layout.
 * Knows no files and no verdicts.
 */
#ifndef CONFORMANCE_REPORT_JSON_H
#define CONFORMANCE_REPORT_JSON_H

#include <jansson.h>

#include "conformance/report_text.h"
#include "conformance/result.h"

/* The 39 keys of a case. NULL when memory is short. */
json_t *judge_json_case(const judge_result *r);
/* What our reports know beyond those keys: why, at which frame, reference, exact times. */
json_t *judge_json_extra(const judge_result *r);

/*
 * Writes a value as Python's json.dumps(sort_keys=True, indent=3, separators=(',', ': ')) does.
 * Objects whose key ends in "Stats" keep the order in which they were filled: theirs is numeric.
 */
void judge_json_dump(judge_buf *b, const json_t *value);
/* The same in one line without blanks. */
void judge_json_dump_line(judge_buf *b, const json_t *value);

/*
 * The way back, for journals: fills *ret from an object with (at least) the 39 keys; `extra` may
 * be NULL. Octets that the report had cut stay cut. `id`, `description`, `expectation` and
 * `reference` point into the two objects, which must outlive *ret. False if a key is missing or
 * of another type, or memory is short; then there is nothing to free.
 */
bool judge_result_read(judge_result *ret, const json_t *object, const json_t *extra);

/* json_string, of octets that may not be UTF-8 (see judge_put_clean); NULL gives null. */
json_t *judge_json_text(const char *s);

#endif
