/* SPDX-License-Identifier: MIT */
/* Results for other programs: TAP, JUnit, lines of JSON, annotations for GitHub Actions. */
#ifndef CONFORMANCE_REPORT_FORMATS_H
#define CONFORMANCE_REPORT_FORMATS_H

#include "conformance/case.h"
#include "conformance/report_store.h"

/* `number` counts from 1. `title` is the case's, or NULL. */
void judge_put_tap(judge_buf *b, size_t number, const char *agent, const judge_entry *e,
                   const char *title, bool strict);
/* A line with its newline. */
void judge_put_line(judge_buf *b, const char *agent, const judge_entry *e);
/* Nothing for a case that passed. */
void judge_put_annotation(judge_buf *b, const char *agent, const judge_entry *e, const char *title,
                          bool strict);
/* The whole document. */
void judge_put_junit(judge_buf *b, const judge_store *s, const judge_table *t, bool strict);

#endif
