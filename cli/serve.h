/* SPDX-License-Identifier: MIT */
/* What the parts of "websock serve" share: the settings, and the process as its workers see it. */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

#include <websock/server.h>

#include "options.h"
#include "serve_log.h"

typedef struct serve_settings {
    wsk_server_options server; /* limits, deadlines and compression go straight into it */
    wsk_loop_options loop;
    bool broadcast; /* else echo */
    uint32_t workers;
    uint32_t drain; /* ms */
    opt_list subprotocols;
    opt_list origins;
    opt_list hosts;
    bool no_page;

    opt_list certificates;
    opt_list keys;
    const char *client_ca;
    const char *ciphers;
    bool verify_client;
    bool self_signed;
    bool tls13_only;

    int log_level;        /* index into log_levels */
    int log_format;       /* index into log_formats */
    uint32_t log_refused; /* lines a second; 0: all */
    bool quiet;
} serve_settings;

typedef struct serve_worker serve_worker;

/* Read-only for the workers once they run, but for what serve_worker.h says. */
typedef struct serve {
    const serve_settings *settings;
    serve_log log;
    wsk_tls *tls;
    const char *const *urls; /* as given, until worker 0 listens; then with their real ports */
    size_t n_urls;
    serve_worker *workers;
    size_t n_workers;
    int event_fd; /* workers write 1 to it when they have something to tell */
} serve;

#endif
