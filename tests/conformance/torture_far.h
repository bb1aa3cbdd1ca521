/* SPDX-License-Identifier: MIT */
/*
 * The other end of a connection that rests while another is the subject, and is asked for its echo
 * afterwards: the library's own wsk_conn, with none of the faults.
 */
#ifndef TESTS_CONFORMANCE_TORTURE_FAR_H
#define TESTS_CONFORMANCE_TORTURE_FAR_H

#include <websock/conn.h>

#include "torture_end.h"

#define TORTURE_HOST "127.0.0.1:9001"

typedef struct torture_far {
    wsk_config *config;
    wsk_conn *conn;
    torture_end end;
    int file; /* -1: not yet */
    bool open, echoed, ended, clean;
} torture_far;

void torture_far_begin(torture_far *far, int file, wsk_role role, torture_tls tls, uint64_t now_ms);
/* True if an octet moved. */
bool torture_far_pump(torture_far *far, uint64_t now_ms);
/* Sends a message, and closes. False if it cannot. */
bool torture_far_asks(torture_far *far);
void torture_far_free(torture_far *far);

#endif
