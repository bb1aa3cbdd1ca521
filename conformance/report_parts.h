/* SPDX-License-Identifier: MIT */
/* What the pages of a report have in common: head and foot, verdicts, numbers. */
#ifndef CONFORMANCE_REPORT_PARTS_H
#define CONFORMANCE_REPORT_PARTS_H

#include "conformance/case.h"
#include "conformance/report_store.h"

typedef enum judge_page_kind {
    JUDGE_PAGE_INDEX,
    JUDGE_PAGE_CASE,
} judge_page_kind;

/* From the doctype to <body>; `title` is text. */
void judge_page_begin(judge_buf *b, judge_page_kind kind, const char *title);
/* The footer, the script, and the end. */
void judge_page_end(judge_buf *b, judge_page_kind kind);

/* "Pass", "Non-Strict", ...; the CSS class "pass", "nonstrict", ... */
const char *judge_verdict_label(judge_behavior behavior);
const char *judge_verdict_class(judge_behavior behavior);

/* "850 µs", "12 ms", "1.25 s" */
void judge_put_duration(judge_buf *b, uint64_t us);
/* "1,042,328" */
void judge_put_number(judge_buf *b, uint64_t n);

/* The charts of round-trip times and compression ratios; nothing if there is no such result. */
void judge_put_charts(judge_buf *b, const judge_store *s, const judge_table *t);
/* The wire log as list items. */
void judge_put_wirelog(judge_buf *b, const judge_result *r);

#endif
