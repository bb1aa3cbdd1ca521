/* SPDX-License-Identifier: MIT */
/* See serve_banner.h. */
#include "serve_banner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve_worker.h"

static const char *io_name(const serve *s)
{
    return wsk_loop_io_name(s->workers[0].loop);
}

static void log_banner(const serve *s)
{
    for (char **url = s->workers[0].real_urls; *url != NULL; url++) {
        const serve_field fields[] = {
            {.key = "url", .type = SERVE_FIELD_TEXT, .text = {*url, strlen(*url)}},
            {.key = "io", .type = SERVE_FIELD_TEXT, .text = {io_name(s), strlen(io_name(s))}},
            {.key = "workers", .type = SERVE_FIELD_NUMBER, .number = s->n_workers},
            {.key = "compression",
             .type = SERVE_FIELD_YES,
             .number = s->settings->server.conn.deflate.enabled},
        };
        serve_log_event(&s->log, WSK_LOG_INFO, "listen", fields,
                        sizeof(fields) / sizeof(fields[0]));
    }
}

/*
 * The URL of a TCP listener as a client on this machine would write it, split where curl and
 * browsers need it: "127.0.0.1:8888", "/ws". Wildcard addresses become localhost.
 */
typedef struct reach {
    bool is_tls;
    char authority[300];
    const char *path;
} reach;

static bool reach_of(const char *url, reach *ret)
{
    bool tls = strncmp(url, "wss://", 6) == 0;
    const char *at = url + (tls ? 6 : 5);

    if (!tls && strncmp(url, "ws://", 5) != 0)
        return false;
    size_t len = strcspn(at, "/");
    const char *host = NULL, *port = at;
    if (strncmp(at, "0.0.0.0", 7) == 0) {
        host = "127.0.0.1";
        port = at + 7;
    } else if (strncmp(at, "[::]", 4) == 0) {
        host = "[::1]";
        port = at + 4;
    }
    ret->is_tls = tls;
    ret->path = at[len] == '/' && strcmp(at + len, "/*") != 0 ? at + len : "/";
    snprintf(ret->authority, sizeof(ret->authority), "%s%.*s", host != NULL ? host : "",
             (int)(len - (size_t)(port - at)), port);
    return true;
}

static void print_tries(const serve *s)
{
    bool insecure = s->settings->self_signed;
    reach r;

    for (char **url = s->workers[0].real_urls; *url != NULL; url++) {
        if (!reach_of(*url, &r))
            continue;
        const char *scheme = r.is_tls ? "https" : "http";
        const char *label = "try";
        if (!s->settings->broadcast) {
            printf("  %-12s websock test %s://%s%s%s\n", label, r.is_tls ? "wss" : "ws",
                   r.authority, r.path, insecure && r.is_tls ? " --insecure" : "");
            label = "";
        }
        if (!s->settings->no_page) {
            printf("  %-12s open %s://%s/ in a browser\n", label, scheme, r.authority);
            label = "";
        }
        printf("  %-12s curl %s-i -N --http1.1 -H 'Connection: Upgrade' \\\n"
               "                 -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \\\n"
               "                 -H 'Sec-WebSocket-Key: d2Vic29jayB0ZXN0IGtleQ==' %s://%s%s\n",
               label, insecure && r.is_tls ? "-k " : "", scheme, r.authority, r.path);
        return;
    }
}

void serve_banner(const serve *s)
{
    const serve_settings *set = s->settings;

    if (set->log_format == 1) {
        log_banner(s);
        return;
    }
    if (set->quiet)
        return;
    printf("websock %s, %s server\n", wsk_version_string(), set->broadcast ? "broadcast" : "echo");
    for (char **url = s->workers[0].real_urls; *url != NULL; url++)
        printf("  listens on   %s\n", *url);
    printf("  with         %s, %zu worker%s, %s compression%s\n", io_name(s), s->n_workers,
           s->n_workers == 1 ? "" : "s",
           set->server.conn.deflate.enabled ? "permessage-deflate" : "no",
           s->tls == NULL     ? ""
           : set->self_signed ? ", TLS with a certificate for localhost made just now"
           : set->tls13_only  ? ", TLS 1.3"
                              : ", TLS 1.2 and 1.3");
    print_tries(s);
    printf("  ends by      Ctrl-C or SIGTERM%s\n",
           s->tls != NULL && !set->self_signed ? "; SIGHUP reads the certificates again" : "");
    fflush(stdout);
}
