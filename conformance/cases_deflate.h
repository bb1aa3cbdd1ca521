/* SPDX-License-Identifier: MIT */
/*
 * Categories 12 and 13 run the same eighteen rows of sizes: 12 over five corpora, 13 over seven
 * sets of parameters.
 */
#ifndef CONFORMANCE_CASES_DEFLATE_H
#define CONFORMANCE_CASES_DEFLATE_H

#include "conformance/case_rows.h"

/* Adds <category>.<group>.1 to .18. `what` names the corpus or the parameters. */
void judge_add_deflate_rows(judge_builder *b, int category, int group, int corpus,
                            const judge_deflate_row *offers, size_t n_offers, const char *what);

#endif
