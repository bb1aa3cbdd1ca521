/* SPDX-License-Identifier: MIT */
/* See torture_far.h. */
#include "torture_far.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define LAST "still here?"

void torture_far_begin(torture_far *far, int file, wsk_role role, torture_tls tls, uint64_t now_ms)
{
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    wsk_request_options request = WSK_REQUEST_OPTIONS_INIT;

    *far = (torture_far){.file = file};
    o.role = role;
    o.ping_interval = WSK_NEVER;
    request.host = TORTURE_HOST;
    if (wsk_config_new(&far->config, &o) < 0 || wsk_conn_new(&far->conn, far->config, now_ms) < 0 ||
        (role == WSK_ROLE_CLIENT && wsk_conn_request(far->conn, &request) < 0))
        abort();
    if (file >= 0)
        torture_end_begin(&far->end, file, role, tls, NULL);
}

static void take_events(torture_far *far)
{
    wsk_event ev;

    while (!far->ended && wsk_conn_next(far->conn, &ev) == WSK_OK && ev.type != WSK_EV_NONE) {
        if (ev.type == WSK_EV_REQUEST && wsk_conn_accept(far->conn, NULL) < 0)
            abort();
        if (ev.type == WSK_EV_OPEN)
            far->open = true;
        if (ev.type == WSK_EV_MESSAGE)
            far->echoed = ev.len == strlen(LAST) && memcmp(ev.data, LAST, ev.len) == 0;
        if (ev.type == WSK_EV_END) {
            far->ended = true;
            far->clean = wsk_conn_was_clean(far->conn) && wsk_conn_code(far->conn) == 1000;
        }
    }
    (void)wsk_conn_unlend(far->conn);
}

bool torture_far_pump(torture_far *far, uint64_t now_ms)
{
    static uint8_t buf[4096];
    struct iovec iov[4];
    bool moved = false;
    long n;

    if (far->file < 0 || far->ended)
        return false;
    while (wsk_conn_output(far->conn, iov, 1) > 0) {
        n = torture_end_write(&far->end, iov[0].iov_base, iov[0].iov_len);
        if (n <= 0)
            break;
        wsk_conn_sent(far->conn, (size_t)n, now_ms);
        moved = true;
    }
    n = torture_end_read(&far->end, buf, sizeof(buf));
    if (n > 0)
        (void)wsk_conn_feed(far->conn, buf, (size_t)n, now_ms);
    else if (n < 0)
        (void)wsk_conn_feed(far->conn, NULL, 0, now_ms);
    take_events(far);
    if (!far->ended && (wsk_conn_wants(far->conn) & (WSK_WANT_SHUTDOWN | WSK_WANT_DROP)) &&
        wsk_conn_queued(far->conn) == 0)
        torture_end_fin(&far->end);
    return moved || n > 0;
}

bool torture_far_asks(torture_far *far)
{
    return wsk_conn_send(far->conn, WSK_OP_TEXT, LAST, strlen(LAST), 0) >= 0 &&
           wsk_conn_close(far->conn, WSK_CLOSE_NORMAL, NULL) >= 0;
}

void torture_far_free(torture_far *far)
{
    torture_end_free(&far->end);
    wsk_conn_free(far->conn);
    wsk_config_unref(far->config);
}
