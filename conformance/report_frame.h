/* SPDX-License-Identifier: MIT */
/* A wire log entry as one line of text, for terminals and reports. Knows no layout. */
#ifndef CONFORMANCE_REPORT_FRAME_H
#define CONFORMANCE_REPORT_FRAME_H

#include "conformance/report_text.h"
#include "conformance/result.h"

/* "text", "close", "reserved 0xb"; static. */
const char *judge_opcode_name(unsigned opcode);
/*
 * "<- text FIN 11 octets: Hello", "-> close FIN 1002 protocol error", "wait 1 s (A)". Octets that
 * are no printable text are shown in hexadecimal digits: the line may go to a terminal as it is.
 */
void judge_put_log_line(judge_buf *b, const judge_log *l);

#endif
