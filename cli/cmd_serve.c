/* SPDX-License-Identifier: MIT */
/*
 * "websock serve": a WebSocket server that echoes or broadcasts. Here: the options, what they ask
 * of each other, the signals, the exit code. The serving itself is in serve_worker.c.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "option_rows.h"
#include "serve.h"
#include "serve_banner.h"
#include "serve_drain.h"
#include "serve_worker.h"

#include "http/handshake.h"

enum {
    EXIT_DROPPED = 3, /* connections were left when the server ended */
    MOST_WORKERS = 1024,
    MOST_URLS = 64,
    OTHER_FILES = 64, /* than connections: of the process, and of each worker */
    OTHER_FILES_OF_WORKER = 16,
};

/* ----------------------------------------------------------------------------- options -- */

static const char *const log_levels[] = {"off", "error", "warn", "info", "debug", "trace", NULL};
static const char *const log_formats[] = {"text", "json", NULL};

/* As src/server takes it. */
#define RATE_MAX (UINT64_C(1) << 50)

#define FIELD(member)   OPT_FIELD(serve_settings, member)
#define CONN(member)    OPT_FIELD(serve_settings, server.conn.member)
#define DEFLATE(member) OPT_FIELD(serve_settings, server.conn.deflate.member)

/* clang-format off */
static const opt_spec specs[] = {
{.group = "What it does",
 .name = "echo", .letter = 'e', .type = OPT_CLEAR, FIELD(broadcast),
 .help = "Send each message back to where it came from. This is the default."},
{.name = "broadcast", .letter = 'b', .type = OPT_FLAG, FIELD(broadcast),
 .help = "Send each message to everyone who is connected, the sender too."},
{.name = "no-page", .type = OPT_FLAG, FIELD(no_page),
 .help = "Do not serve the built-in page at GET /."},
{.name = "drain", .value = "TIME", .type = OPT_TIME, FIELD(drain), .max = UINT32_MAX - 1,
 .preset = "5s",
 .help = "How long connections may take to close after SIGTERM or SIGINT."},

{.group = "Handshake",
 .name = "subprotocol", .letter = 's', .value = "NAME", .type = OPT_LIST, FIELD(subprotocols),
 .help = "Speak this subprotocol, if the client offers it. Repeat it in order of preference."},
{.name = "origin", .letter = 'o', .value = "ORIGIN", .type = OPT_LIST, FIELD(origins),
 .preset = "same host",
 .help = "Take browsers' connections from pages of this origin, such as https://example.org; "
         "'*' stands for all. Repeat it for several."},
{.name = "host", .value = "NAME", .type = OPT_LIST, FIELD(hosts), .preset = "any",
 .help = "Serve this host alone: requests whose Host is neither it nor localhost nor an address "
         "get 421. Repeat it for several."},
{.name = "server-name", .value = "TEXT", .type = OPT_STRING, CONN(server_header),
 .preset = "websock/" WSK_VERSION_STRING,
 .help = "Send this as the Server field of responses; '' sends none."},
ROW_OPEN_TIMEOUT,
ROW_MAX_HEAD("request"),
{.name = "max-fields", .value = "N", .type = OPT_UINT, CONN(max_fields), .min = 5, .max = 10000,
 .preset = "100", .help = "The most header fields in it."},

{.group = "Limits",
 .name = "max-message", .letter = 'm', .value = "SIZE", .type = OPT_SIZE, CONN(max_message),
 .min = 1, .preset = "16M", .help = "The largest message, after inflating."},
ROW_MAX_FRAME,
{.name = "max-fragments", .value = "N", .type = OPT_UINT, CONN(max_fragments), .min = 1,
 .preset = "131072", .help = "The most frames of one message."},
{.name = "max-pongs", .value = "N", .type = OPT_UINT, CONN(max_pongs), .min = 1, .preset = "16",
 .help = "The most pongs waiting to be sent; further pings get one answer together."},
{.name = "max-queued", .value = "SIZE", .type = OPT_SIZE, CONN(max_queued), .min = 1,
 .preset = "16M", .help = "Octets waiting to be sent to a client, from which on nothing is added."},
{.name = "high-water", .value = "SIZE", .type = OPT_SIZE, CONN(high_water), .min = 1,
 .preset = "1M", .help = "Octets waiting to be sent, from which on a client is not read from."},
{.name = "low-water", .value = "SIZE", .type = OPT_SIZE, CONN(low_water), .min = 1,
 .preset = "high-water / 4", .help = "Octets waiting, below which it is read from again."},
{.name = "max-ignored", .value = "SIZE", .type = OPT_SIZE, CONN(max_ignored), .min = 1,
 .preset = "1M", .help = "Octets that a client may go on sending after the connection failed."},
{.name = "max-connections", .value = "N", .type = OPT_UINT, FIELD(server.max_connections), .min = 1,
 .preset = "10000000",
 .help = "Connections at a time; more are refused with 503. Shared out among the workers."},
{.name = "max-connections-per-address", .value = "N", .type = OPT_UINT,
 FIELD(server.max_connections_per_address), .min = 1, .preset = "none",
 .help = "Of these from one address; more are refused with 429. Each worker counts for itself."},
{.name = "max-handshake-rate", .value = "N", .type = OPT_UINT, FIELD(server.max_handshake_rate),
 .min = 1, .preset = "none",
 .help = "Connections that one address may begin a second; more are refused with 429. Each worker "
         "counts for itself."},
{.name = "handshake-burst", .value = "N", .type = OPT_UINT, FIELD(server.handshake_burst), .min = 1,
 .preset = "max-handshake-rate", .help = "So many of them at once."},
{.name = "max-message-rate", .value = "N", .type = OPT_UINT, FIELD(server.max_message_rate),
 .min = 1, .preset = "none",
 .help = "Messages, pings and pongs that a client may send a second; then 1008."},
{.name = "message-burst", .value = "N", .type = OPT_UINT, FIELD(server.message_burst), .min = 1,
 .preset = "max-message-rate", .help = "So many of them at once."},
{.name = "max-octet-rate", .value = "SIZE", .type = OPT_SIZE, FIELD(server.max_octet_rate),
 .min = 1, .max = RATE_MAX, .preset = "none",
 .help = "Octets that a client may send a second; then 1008."},
{.name = "octet-burst", .value = "SIZE", .type = OPT_SIZE, FIELD(server.octet_burst), .min = 1,
 .max = RATE_MAX, .preset = "max-octet-rate, but at least 64K",
 .help = "So many of them at once: no less than the largest message."},
ROW_FRAGMENT_SIZE,

{.group = "Deadlines",
 .name = "idle-timeout", .value = "TIME", .type = OPT_TIME, CONN(idle_timeout), .min = 1,
 .preset = "never",
 .help = "Close a connection on which for so long nothing but pings and pongs came, no part of a "
         "message either; see --message-timeout."},
ROW_PING_INTERVAL,
ROW_PING_TIMEOUT("Drop the connection"),
ROW_MESSAGE_TIMEOUT,
ROW_WRITE_TIMEOUT("Drop a connection that took nothing of what waits for so long, or took it slower "
                  "than --queue-timeout asks for."),
{.name = "queue-timeout", .value = "TIME", .type = OPT_TIME, CONN(queue_timeout), .min = 1,
 .preset = "10m",
 .help = "The pace of a client that reads slowly: all that waits for it would have to be taken "
         "within so long."},
ROW_CLOSE_TIMEOUT("client"),
{.name = "linger-timeout", .value = "TIME", .type = OPT_TIME, CONN(linger_timeout), .min = 1,
 .preset = "2s", .help = "How long we wait for the client's end of input after ours."},

{.group = "Compression (permessage-deflate)",
 .name = "no-compression", .letter = 'C', .type = OPT_CLEAR, DEFLATE(enabled),
 .help = "Do not agree to it. Else it is used with every client that offers it."},
ROW_COMPRESSION_LEVEL,
ROW_COMPRESSION_MEMORY,
ROW_COMPRESSION_THRESHOLD,
ROW_SERVER_WINDOW_BITS("Our window, 2^N octets."),
ROW_CLIENT_WINDOW_BITS("The client's window, if it lets us choose."),
ROW_SERVER_NO_CONTEXT_TAKEOVER("Compress each message on its own: less memory, larger messages."),
ROW_CLIENT_NO_CONTEXT_TAKEOVER("Ask the client to do so."),

{.group = "TLS (for wss URLs)",
 .name = "tls-cert", .value = "FILE", .type = OPT_LIST, FIELD(certificates),
 .help = "Certificate chain in PEM, the leaf first. Repeat it, with a --tls-key each, for further "
         "names (SNI); the first is for clients that name no other."},
{.name = "tls-key", .value = "FILE", .type = OPT_LIST, FIELD(keys), .preset = "in tls-cert",
 .help = "Its private key in PEM."},
{.name = "tls-self-signed", .type = OPT_FLAG, FIELD(self_signed),
 .help = "Make a certificate for localhost, in memory, to try things out."},
{.name = "tls-client-ca", .value = "FILE", .type = OPT_STRING, FIELD(client_ca),
 .help = "Ask clients for a certificate that one of these authorities signed."},
{.name = "tls-verify-client", .type = OPT_FLAG, FIELD(verify_client),
 .help = "Refuse clients that have none."},
ROW_TLS13_ONLY,
{.name = "tls-ciphers", .value = "LIST", .type = OPT_STRING, FIELD(ciphers),
 .help = "Ciphers for TLS 1.2, as OpenSSL names them."},

{.group = "Running",
 .name = "workers", .letter = 'w', .value = "N", .type = OPT_UINT, FIELD(workers), .min = 1,
 .max = MOST_WORKERS, .preset = "1", .help = "Threads, each with an event loop of its own."},
ROW_IO,
{.name = "busy-poll", .value = "MICROSECONDS", .type = OPT_UINT, FIELD(loop.busy_poll_us),
 .max = 1000000, .preset = "0",
 .help = "Spin so long before waiting, while there is traffic: less delay, more CPU."},
{.name = "backlog", .value = "N", .type = OPT_UINT, FIELD(server.backlog), .min = 1, .max = INT_MAX,
 .preset = "4096", .help = "Connections that the kernel holds until they are accepted."},
{.name = "receive-buffer", .value = "SIZE", .type = OPT_SIZE, FIELD(loop.recv_buffer), .min = 4096,
 .max = 16 << 20, .preset = "256K", .help = "Octets that are read at a time (epoll)."},

{.group = "Log (to stderr)",
 .name = "log-level", .letter = 'l', .value = "LEVEL", .type = OPT_CHOICE, FIELD(log_level),
 .choices = log_levels, .preset = "info",
 .help = "off, error, warn, info (connections come and go), debug or trace (every frame)."},
{.name = "log-format", .value = "FORMAT", .type = OPT_CHOICE, FIELD(log_format),
 .choices = log_formats, .preset = "text", .help = "text, or json: an object a line."},
{.name = "log-refused", .value = "N", .type = OPT_UINT, FIELD(log_refused), .preset = "100",
 .help = "Lines a second about handshakes that failed; what comes beyond them is told in one "
         "line. 0: a line for each. Each worker counts for itself."},
{.name = "quiet", .letter = 'q', .type = OPT_FLAG, FIELD(quiet),
 .help = "No banner, and only warnings and errors in the log."},
{.name = NULL},
};
/* clang-format on */

static const opt_command usage = {
    .name = "serve",
    .usage = "[OPTION]... [URL]...",
    .description =
        "Serves WebSocket connections at each URL, by default ws://127.0.0.1:8888/ws, and\n"
        "a page to try them from a browser at GET /. URLs are ws://HOST:PORT/PATH,\n"
        "wss://HOST:PORT/PATH, ws+unix:/SOCKET:/PATH or wss+unix:/SOCKET:/PATH. Port 0\n"
        "takes a free one; the path /* stands for all.",
    .specs = specs,
    .epilogue = "SIZE is in octets and may end in K, M, G or T. TIME is in seconds or ends in ms,\n"
                "s, m, h or d; \"never\" switches a deadline off.\n"
                "\n"
                "SIGTERM and SIGINT close all connections with 1001 and end the server when they\n"
                "are gone or the time of --drain is over; a second one ends it at once. SIGHUP\n"
                "reads certificates again.\n"
                "\n"
                "Exit codes: 0 ended in order, 1 something failed, 2 wrong usage, 3 ended while\n"
                "clients were still connected.",
    .max_operands = MOST_URLS,
};

static bool is_wss(const char *url)
{
    return strncmp(url, "wss:", 4) == 0 || strncmp(url, "wss+unix:", 9) == 0;
}

static bool is_any_scheme(const char *url)
{
    return is_wss(url) || strncmp(url, "ws:", 3) == 0 || strncmp(url, "ws+unix:", 8) == 0;
}

/* A burst is of no use without its rate; names and origins are checked here, where the word that is
 * wrong can be said. */
static bool limits_fit(const serve_settings *s)
{
    const wsk_server_options *o = &s->server;
    const char *lonely = o->message_burst != 0 && o->max_message_rate == 0       ? "message"
                         : o->octet_burst != 0 && o->max_octet_rate == 0         ? "octet"
                         : o->handshake_burst != 0 && o->max_handshake_rate == 0 ? "handshake"
                                                                                 : NULL;
    wsk_str port;

    if (lonely != NULL) {
        cli_error("serve", "--%s-burst needs --max-%s-rate", lonely, lonely);
        return false;
    }
    for (size_t i = 0; i < s->origins.n; i++) {
        const char *origin = s->origins.at[i];
        if (strcmp(origin, "*") != 0 && !wsk__is_origin((wsk_str){origin, strlen(origin)})) {
            cli_error("serve",
                      "\"%s\" is no origin as browsers send it: it wants a scheme and no path, as "
                      "https://example.org or http://localhost:3000",
                      origin);
            return false;
        }
    }
    for (size_t i = 0; i < s->hosts.n; i++) {
        const char *host = s->hosts.at[i];
        if (!wsk__is_host((wsk_str){host, strlen(host)}, NULL, &port) || port.ptr != NULL) {
            cli_error("serve",
                      "--host wants a name such as example.org, without a port, not \"%s\"", host);
            return false;
        }
    }
    return true;
}

/* What a single row of the table cannot say. */
static bool settings_fit(const serve_settings *s, const opt_list *urls)
{
    bool wss = false;

    for (size_t i = 0; i < urls->n; i++) {
        if (!is_any_scheme(urls->at[i])) {
            cli_error("serve", "\"%s\" is no URL that begins with ws:, wss:, ws+unix: or wss+unix:",
                      urls->at[i]);
            return false;
        }
        if (strchr(urls->at[i], '?') != NULL) {
            cli_error("serve", "\"%s\" has a query, which only requests have", urls->at[i]);
            return false;
        }
        wss = wss || is_wss(urls->at[i]);
    }
    bool has_tls = s->certificates.n > 0 || s->self_signed;
    if (wss && !has_tls) {
        cli_error("serve", "a wss URL needs --tls-cert, or --tls-self-signed to try things out");
        return false;
    }
    if (!wss && (has_tls || s->keys.n > 0 || s->client_ca != NULL || s->verify_client)) {
        cli_error("serve", "certificates are of no use without a wss URL");
        return false;
    }
    if (!wss && (s->tls13_only || s->ciphers != NULL)) {
        cli_error("serve", "--%s is of no use without a wss URL",
                  s->tls13_only ? "tls13-only" : "tls-ciphers");
        return false;
    }
    if (s->self_signed && s->certificates.n > 0) {
        cli_error("serve", "--tls-self-signed and --tls-cert exclude each other");
        return false;
    }
    if (s->keys.n > 0 && s->keys.n != s->certificates.n) {
        cli_error("serve", "there are %zu --tls-cert but %zu --tls-key; each needs its own",
                  s->certificates.n, s->keys.n);
        return false;
    }
    if (s->verify_client && s->client_ca == NULL) {
        cli_error("serve", "--tls-verify-client needs --tls-client-ca");
        return false;
    }
    return limits_fit(s);
}

static void settings_init(serve_settings *s)
{
    memset(s, 0, sizeof(*s));
    s->server = (wsk_server_options)WSK_SERVER_OPTIONS_INIT;
    s->server.conn = (wsk_config_options)WSK_CONFIG_OPTIONS_INIT;
    s->server.conn.role = WSK_ROLE_SERVER;
    s->server.conn.deflate.size = sizeof(s->server.conn.deflate);
    s->server.conn.deflate.enabled = true;
    s->loop = (wsk_loop_options)WSK_LOOP_OPTIONS_INIT;
    s->workers = 1;
    s->drain = 5000;
    s->log_level = WSK_LOG_INFO;
    s->log_refused = 100;
}

static void settings_deinit(serve_settings *s)
{
    opt_list_deinit(&s->subprotocols);
    opt_list_deinit(&s->origins);
    opt_list_deinit(&s->hosts);
    opt_list_deinit(&s->certificates);
    opt_list_deinit(&s->keys);
}

/* What follows from the options. */
static void settings_finish(serve_settings *s, const serve_log *log)
{
    wsk_config_options *conn = &s->server.conn;

    /* Reports and people want to know what they talk to; who does not say so leaves it empty. */
    if (conn->server_header == NULL)
        conn->server_header = "websock/" WSK_VERSION_STRING;
    else if (*conn->server_header == 0)
        conn->server_header = NULL;
    conn->hooks = &log->hooks;
    conn->subprotocols = s->subprotocols.at;
    if (s->origins.n > 0) {
        conn->origin_policy = WSK_ORIGIN_LIST;
        conn->origins = s->origins.at;
    }
    for (size_t i = 0; i < s->origins.n; i++) {
        if (strcmp(s->origins.at[i], "*") == 0) {
            conn->origin_policy = WSK_ORIGIN_ANY;
            conn->origins = NULL;
        }
    }
    s->server.hosts = s->hosts.at;
    s->server.reuse_port = s->workers > 1;
}

/* The library checks the options by the rules that hold for every program; here it is done once,
 * ahead of all workers, so that it counts as wrong usage. */
static bool config_is_valid(const serve_settings *s, const serve_log *log)
{
    wsk_config *config;
    int r = wsk_config_new(&config, &s->server.conn);

    if (r < 0) {
        char why[256];
        opt_put_names(&usage, log->held[0] != 0 ? log->held : wsk_strerror(r), why, sizeof(why));
        cli_error("serve", "the options do not fit together: %s", why);
        return false;
    }
    wsk_config_unref(config);
    return true;
}

/* --------------------------------------------------------------------------------- tls -- */

static bool tls_new(serve *s)
{
    const serve_settings *set = s->settings;
    wsk_tls_options options = WSK_TLS_OPTIONS_INIT;
    const char *why = NULL;

    options.role = WSK_ROLE_SERVER;
    options.hooks = &s->log.hooks;
    options.certificate_file = set->certificates.n > 0 ? set->certificates.at[0] : NULL;
    options.key_file = set->keys.n > 0 ? set->keys.at[0] : NULL;
    options.self_signed = set->self_signed;
    options.ca_file = set->client_ca;
    options.verify = set->verify_client;
    options.tls13_only = set->tls13_only;
    options.ciphers = set->ciphers;
    int r = wsk_tls_new(&s->tls, &options, &why);
    for (size_t i = 1; r == WSK_OK && i < set->certificates.n; i++)
        r = wsk_tls_add_certificate(s->tls, set->certificates.at[i],
                                    set->keys.n > 0 ? set->keys.at[i] : NULL, &why);
    if (r < 0)
        cli_error("serve", "%s", why != NULL ? why : wsk_strerror(r));
    return r == WSK_OK;
}

static void tls_reload(serve *s)
{
    const char *why = NULL;

    if (s->tls == NULL) {
        serve_log_line(&s->log, WSK_LOG_WARN, "SIGHUP: there are no certificates to read again");
        return;
    }
    int r = wsk_tls_reload(s->tls, &why);
    if (r < 0)
        serve_log_line(&s->log, WSK_LOG_ERROR, "SIGHUP: the old certificates stay in use: %s",
                       why != NULL ? why : wsk_strerror(r));
    else
        serve_log_line(&s->log, WSK_LOG_INFO, "SIGHUP: certificates were read again");
}

/* ----------------------------------------------------------------------------- signals -- */

/* Blocks them for all threads to come: they arrive at the signalfd. Returns it, or -1. */
static int take_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool any_broken(const serve *s)
{
    for (size_t i = 0; i < s->n_workers; i++) {
        if (atomic_load(&s->workers[i].broken))
            return true;
    }
    return false;
}

static bool start_drain(serve *s, const char *signal_name)
{
    serve_log_line(&s->log, WSK_LOG_INFO, "%s: closing all connections, for at most %u.%03u s",
                   signal_name, s->settings->drain / 1000, s->settings->drain % 1000);
    for (size_t i = 0; i < s->n_workers; i++) {
        if (!serve_worker_drain(&s->workers[i])) {
            serve_log_line(&s->log, WSK_LOG_ERROR, "cannot drain: out of memory");
            return false;
        }
    }
    return true;
}

/* Until the workers may end; returns the exit code. */
static int watch(serve *s, int signal_fd)
{
    bool draining = false;
    uint64_t began = 0;

    for (;;) {
        struct pollfd fds[] = {{signal_fd, POLLIN, 0}, {s->event_fd, POLLIN, 0}};
        struct signalfd_siginfo info;
        uint64_t ignored;
        int timeout = -1;

        if (any_broken(s))
            return CLI_EXIT_FAILURE;
        if (draining) {
            switch (serve_drain_look(s->workers, s->n_workers, s->settings->drain, now_ms() - began,
                                     &timeout)) {
            case SERVE_DRAIN_GOES_ON:
                break;
            case SERVE_DRAIN_IN_TIME:
                return EXIT_SUCCESS;
            case SERVE_DRAIN_LATE:
                serve_log_line(&s->log, WSK_LOG_WARN, "the time to close is over");
                return EXIT_DROPPED;
            }
        }
        if (poll(fds, 2, timeout) < 0 && errno != EINTR) {
            serve_log_line(&s->log, WSK_LOG_ERROR, "poll: %s", strerror(errno));
            return CLI_EXIT_FAILURE;
        }
        if (read(s->event_fd, &ignored, sizeof(ignored)) > 0)
            continue;
        if (read(signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
            continue;
        if (info.ssi_signo == SIGHUP) {
            tls_reload(s);
            continue;
        }
        const char *name = info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM";
        if (draining) {
            serve_log_line(&s->log, WSK_LOG_WARN, "%s again: ending at once", name);
            return EXIT_DROPPED;
        }
        draining = true;
        began = now_ms();
        if (!start_drain(s, name))
            return EXIT_DROPPED;
    }
}

/* ----------------------------------------------------------------------------- running -- */

/* Each connection is a file descriptor; the soft limit is often 1,024. */
static void raise_open_files(const serve *s)
{
    struct rlimit limit, more;
    rlim_t asked = s->settings->server.max_connections;
    rlim_t wanted = asked > 0 ? asked + OTHER_FILES + OTHER_FILES_OF_WORKER * s->n_workers : 0;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    /* Who asks for so many connections wants them; the hard limit is root's to raise. */
    more.rlim_cur = more.rlim_max = limit.rlim_max < wanted ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &more) == 0)
        return;
    more.rlim_cur = more.rlim_max = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &more) != 0) {
        serve_log_line(&s->log, WSK_LOG_WARN, "cannot raise the limit of open files, %llu: %s",
                       (unsigned long long)limit.rlim_cur, strerror(errno));
        return;
    }
    if (limit.rlim_max < wanted)
        serve_log_line(&s->log, WSK_LOG_WARN,
                       "%llu connections need %llu open files; the limit is %llu (ulimit -Hn)",
                       (unsigned long long)asked, (unsigned long long)wanted,
                       (unsigned long long)limit.rlim_max);
}

/* Returns how many connections were left. */
static uint32_t log_end(const serve *s)
{
    wsk_server_stats sum = {0};
    uint64_t skipped = 0, missed = 0;

    for (size_t i = 0; i < s->n_workers; i++) {
        const wsk_server_stats *e = &s->workers[i].end;
        sum.opened += e->opened;
        sum.refused += e->refused;
        sum.limited += e->limited;
        sum.connections += e->connections;
        skipped += s->workers[i].skipped;
        missed += s->workers[i].missed;
    }
    const serve_field fields[] = {
        {.key = "opened", .type = SERVE_FIELD_NUMBER, .number = sum.opened},
        {.key = "refused", .type = SERVE_FIELD_NUMBER, .number = sum.refused},
        {.key = "dropped", .type = SERVE_FIELD_NUMBER, .number = sum.connections},
        {.key = "limited", .type = SERVE_FIELD_NUMBER, .number = sum.limited},
        {.key = "skipped", .type = SERVE_FIELD_NUMBER, .number = skipped},
        {.key = "missed", .type = SERVE_FIELD_NUMBER, .number = missed},
    };
    serve_log_event(&s->log, WSK_LOG_INFO, "end", fields,
                    sizeof(fields) / sizeof(fields[0]) - (s->settings->broadcast ? 0 : 2));
    return sum.connections;
}

static int run_workers(serve *s, int signal_fd)
{
    size_t started = 0;
    int code = EXIT_SUCCESS;

    while (started < s->n_workers && serve_worker_start(&s->workers[started], s, started))
        started++;
    if (started < s->n_workers) {
        cli_error("serve", "%s", s->workers[started].error);
        code = s->workers[started].wrong_url ? CLI_EXIT_USAGE : CLI_EXIT_FAILURE;
    } else {
        s->log.holding = false;
        serve_banner(s);
        serve_workers_go(s->workers, s->n_workers);
        code = watch(s, signal_fd);
    }
    /* From here on a signal has its usual effect, should ending ever take long. */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    serve_workers_end(s->workers, started, started == s->n_workers);
    bool late = false;
    for (size_t i = 0; i < started; i++)
        late = late || s->workers[i].late;
    /* They may have gone in time and nobody had looked. */
    if (started == s->n_workers && log_end(s) == 0 && code == EXIT_DROPPED && !late)
        code = EXIT_SUCCESS;
    return code;
}

static int serve_urls(serve_settings *settings, const opt_list *urls)
{
    static const char *const preset_urls[] = {"ws://127.0.0.1:8888/ws"};
    serve s = {.settings = settings, .event_fd = -1};
    int code = CLI_EXIT_FAILURE, signal_fd = -1;

    s.urls = urls->n > 0 ? urls->at : preset_urls;
    s.n_urls = urls->n > 0 ? urls->n : 1;
    s.n_workers = settings->workers;
    if (settings->quiet && settings->log_level > WSK_LOG_WARN)
        settings->log_level = WSK_LOG_WARN;
    serve_log_init(&s.log, (wsk_log_level)settings->log_level, settings->log_format == 1);
    settings_finish(settings, &s.log);
    if (!config_is_valid(settings, &s.log)) {
        serve_log_deinit();
        return CLI_EXIT_USAGE;
    }
    raise_open_files(&s);
    if ((settings->certificates.n > 0 || settings->self_signed) && !tls_new(&s))
        goto out;
    s.workers = calloc(s.n_workers, sizeof(*s.workers));
    s.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    signal_fd = take_signals();
    if (s.workers == NULL || s.event_fd < 0 || signal_fd < 0) {
        cli_error("serve", "cannot start: %s", strerror(errno));
        goto out;
    }
    code = run_workers(&s, signal_fd);
out:
    if (signal_fd >= 0)
        close(signal_fd);
    if (s.event_fd >= 0)
        close(s.event_fd);
    free(s.workers);
    wsk_tls_unref(s.tls);
    serve_log_deinit();
    return code;
}

static int run(int argc, char **argv)
{
    serve_settings settings;
    opt_list urls;
    int code = CLI_EXIT_USAGE;

    settings_init(&settings);
    opt_result parsed = opt_parse(&usage, argc, argv, &settings, &urls);
    if (parsed == OPT_HELP)
        code = EXIT_SUCCESS;
    else if (parsed == OPT_RUN && settings_fit(&settings, &urls))
        code = serve_urls(&settings, &urls);
    opt_list_deinit(&urls);
    settings_deinit(&settings);
    return code;
}

const cli_command cmd_serve = {
    .name = "serve",
    .summary = "Serve an echo or a broadcast, and a page to try it from a browser",
    .run = run,
};
