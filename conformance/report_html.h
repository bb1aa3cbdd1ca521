/* SPDX-License-Identifier: MIT */
/*
 * Reports as pages: an index of all cases and agents, and a page per case. A page needs no
 * network and no other file but the pages that it links; what a peer sent is escaped; the
 * Content-Security-Policy of each page lets only its own style and script run.
 */
#ifndef CONFORMANCE_REPORT_HTML_H
#define CONFORMANCE_REPORT_HTML_H

#include "conformance/case.h"
#include "conformance/report_store.h"

/* Every case of the table is listed, those without a result as missing. */
void judge_html_index(judge_buf *b, const judge_store *s, const judge_table *t, int64_t now_ms);

/* `slug` is the agent's. `c` is the case's row, NULL if there is none. `prev` and `next` are ids
 * of neighbours, or NULL. */
void judge_html_case(judge_buf *b, const judge_result *r, const char *slug, const judge_case *c,
                     const char *prev, const char *next);

#endif
