/* SPDX-License-Identifier: MIT */
/*
 * The reports of a run: takes results as they come and writes every format that was asked for.
 * Files of a case and its line in the journal are written at once, the indexes at the end; of a
 * run that was killed the journal has everything, and judge_report_rebuild() makes the rest
 * of it.
 */
#ifndef CONFORMANCE_REPORT_H
#define CONFORMANCE_REPORT_H

#include <stdio.h>

#include "conformance/case.h"
#include "conformance/report_store.h"
#include "conformance/result.h"

/* Strings, table and streams are borrowed. */
typedef struct judge_report_options {
    const judge_table *table;
    const bool *selected; /* by index into the table; NULL: all */
    const char *outdir;   /* created if need be; NULL: no files at all */
    FILE *tap;            /* NULL: none; the same for the others */
    FILE *lines;          /* a line of JSON for each case */
    bool lines_replace;   /* what `lines` holds is cut off before the first line */
    FILE *annotations;    /* for GitHub Actions */
    const char *junit;    /* name of a file, written at the end */
    bool alone;           /* no other run that says so may have the directory */
    bool strict;          /* what counts as failed in TAP, JUnit and annotations */
    /* Something that the user should know, one line. */
    void (*warn)(void *ud, const char *text);
    void *ud;
} judge_report_options;

typedef struct judge_report judge_report;

/* NULL with errno when the directory cannot be written; EWOULDBLOCK: another run has it. What is in
 * it stays untouched until the first result. */
judge_report *judge_report_open(const judge_report_options *o);
/* Writes what can be written now. False if something could not be; the run may go on. */
bool judge_report_add(judge_report *r, const judge_result *result);
/* Writes indexes, summary and JUnit, if there is a result. May be called again when there are more
 * results. */
bool judge_report_finish(judge_report *r);
/* False if anything of it could not be written, at any time. */
bool judge_report_is_whole(const judge_report *r);
/* The same files for a run that goes on, also when there is no result yet: no plan of TAP, which
 * stands at the end. What somebody has taken away of the directory is written again. */
bool judge_report_update(judge_report *r);
/* False if the directory is no longer as the last update left it. */
bool judge_report_is_there(const judge_report *r);
/* Verdicts so far. */
const judge_store *judge_report_store(const judge_report *r);
void judge_report_close(judge_report *r);

/*
 * A report of what OUTDIR/journal.jsonl holds, for runs that did not come to their end. Lines
 * that cannot be read are left out with a warning, and the report is not whole then. *ret_cases:
 * how many results there were. NULL with errno when there is no journal.
 */
judge_report *judge_report_rebuild(const judge_report_options *o, size_t *ret_cases);

/* Makes a directory and those above it. 0, or -1 (errno). */
int judge_make_directory(const char *path);

#endif
