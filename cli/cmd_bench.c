/* SPDX-License-Identifier: MIT */
/*
 * "websock bench": a load generator. Here: the options, what they ask of each other, the signals,
 * the exit code. bench.h lists the parts that do the work.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "bench_line.h"
#include "bench_plot.h"
#include "command.h"

enum {
    MOST_CONNECTIONS = 10000000,
    MOST_PIPELINE = 65536,
    PRESET_SIZE = 125,
};

/* ----------------------------------------------------------------------------- options -- */

static const char *const mode_names[] = {"echo", "broadcast", "handshake", "idle", NULL};

static const char *const io_names[] = {"auto", "uring", "epoll", NULL};

#define FIELD(member) OPT_FIELD(bench_settings, member)

/* clang-format off */
static const opt_spec specs[] = {
{.group = "What it does",
 .name = "mode", .letter = 'm', .value = "MODE", .type = OPT_CHOICE, FIELD(mode),
 .choices = mode_names, .preset = "echo",
 .help = "echo: send, and wait for the same to come back. broadcast: one sends, all others receive (one that is alone, its own). "
         "handshake: connect, shake hands, close, again. idle: connect and do nothing."},
{.name = "connections", .letter = 'c', .value = "N", .type = OPT_UINT, FIELD(connections), .min = 1,
 .max = MOST_CONNECTIONS, .preset = "100", .help = "How many at a time."},
{.name = "pipeline", .letter = 'p', .value = "N", .type = OPT_UINT, FIELD(pipeline), .min = 1,
 .max = MOST_PIPELINE, .preset = "1",
 .help = "Messages that are on their way at a time, on each connection."},
{.name = "rate", .letter = 'r', .value = "N", .type = OPT_UINT, FIELD(rate), .min = 1,
 .max = 100000000,
 .help = "Send so many messages per second in all, whether answers come or not; the latency of "
         "each counts from when it should have been sent."},
{.name = "messages", .letter = 'n', .value = "N", .type = OPT_UINT, FIELD(messages), .min = 1,
 .max = 1000000000,
 .help = "Broadcast so many, without any before to warm up, then end, at the latest after "
         "--duration."},
{.name = "duration", .letter = 'd', .value = "TIME", .type = OPT_TIME, FIELD(duration), .min = 1,
 .max = 86400000, .preset = "5s", .help = "How long to measure."},
{.name = "warmup", .letter = 'w', .value = "TIME", .type = OPT_TIME, FIELD(warmup),
 .max = 86400000, .preset = "1s", .help = "How long to send before that."},

{.group = "Messages",
 .name = "size", .letter = 's', .value = "SIZE", .type = OPT_SIZE, FIELD(size),
 .max = 1 << 30, .preset = "125, or the file's", .help = "Octets in each."},
{.name = "text", .letter = 't', .type = OPT_FLAG, FIELD(text),
 .help = "Text: records in JSON, unless --payload says otherwise."},
{.name = "binary", .letter = 'b', .type = OPT_FLAG, FIELD(binary),
 .help = "Binary: random octets; with --deflate, JSON. This is the default."},
{.name = "payload", .value = "FILE", .type = OPT_STRING, FIELD(payload_file),
 .help = "Send what is in this file, cut or repeated to --size."},
{.name = "deflate", .letter = 'z', .type = OPT_FLAG, FIELD(deflate),
 .help = "Ask for permessage-deflate, and send messages compressed (which is done beforehand)."},
{.name = "verify", .value = "N", .type = OPT_UINT, FIELD(verify), .max = 1 << 30,
 .preset = "1; 4 from 64K on; 16 with --deflate",
 .help = "Compare contents on one of N connections, on the others only lengths; 0: on none."},

{.group = "Connections",
 .name = "opening", .value = "N", .type = OPT_UINT, FIELD(opening), .min = 1, .max = 65536,
 .preset = "128", .help = "How many connections may be opening at the same time."},
{.name = "open-timeout", .value = "TIME", .type = OPT_TIME, FIELD(open_timeout), .min = 1,
 .max = 86400000, .preset = "10s", .help = "How long each may take until it is open."},
{.name = "timeout", .value = "TIME", .type = OPT_TIME, FIELD(timeout), .min = 1, .max = 86400000,
 .preset = "5s", .help = "How long to wait in the end for answers that have not come."},
{.name = "source", .value = "ADDRESSES", .type = OPT_STRING, FIELD(source),
 .help = "Connect from these in turn, such as 127.0.0.2,127.0.1.0/24: each has about 28,000 "
         "ports."},
{.name = "wait", .type = OPT_FLAG, FIELD(wait),
 .help = "When all are open, say so on stderr and wait for a line or the end of stdin."},
{.name = "insecure", .letter = 'k', .type = OPT_FLAG, FIELD(insecure),
 .help = "Do not verify the server's certificate."},
{.name = "cacert", .value = "FILE", .type = OPT_STRING, FIELD(ca_file), .preset = "the system's",
 .help = "Authorities to trust, in PEM."},

{.group = "Running",
 .name = "io", .value = "WAY", .type = OPT_CHOICE, FIELD(io), .choices = io_names,
 .preset = "auto",
 .help = "uring, epoll, or auto: io_uring for messages up to 16 KiB without TLS, where the kernel "
         "has it."},
{.name = "spin", .type = OPT_FLAG, FIELD(spin),
 .help = "Ask for events without ever sleeping: more exact latencies, a CPU at 100 %."},

{.group = "Results",
 .name = "json", .letter = 'j', .type = OPT_FLAG, FIELD(json), .help = "Print all figures as JSON."},
{.name = "plot", .value = "FILE", .type = OPT_STRING, FIELD(plot_file),
 .help = "Draw latency and throughput over time, as FILE.svg or FILE.html."},
{.name = "pid", .value = "PID", .type = OPT_UINT, FIELD(pid), .min = 1, .max = 1 << 30,
 .help = "The server's process, here: show the CPU time and the memory that it needs."},
{.name = NULL},
};
/* clang-format on */

static const opt_command usage = {
    .name = "bench",
    .usage = "[OPTION]... URL",
    .description =
        "Loads the WebSocket server at URL (ws://, wss://, ws+unix:, wss+unix:) and measures\n"
        "throughput and latency. What comes back is compared with what was sent. tcp://HOST:PORT\n"
        "is an echo of octets without any protocol: what the machine allows.",
    .specs = specs,
    .epilogue = "SIZE is in octets and may end in K, M, G or T. TIME is in seconds or ends in ms,\n"
                "s, m, h or d.\n"
                "\n"
                "SIGINT ends the run with the figures so far.\n"
                "\n"
                "Exit codes: 0 all went well, 1 something failed or came back wrong, 2 wrong\n"
                "usage, 3 no connection could be opened.",
    .max_operands = 1,
};

static bool excludes(const char *a, bool given_a, const char *b, bool given_b)
{
    if (given_a && given_b)
        cli_error("bench", "%s and %s exclude each other", a, b);
    return given_a && given_b;
}

/* What is about messages, of which there are none. */
static bool idle_excludes(const bench_settings *s)
{
    bool idle = s->mode == BENCH_IDLE;

    return excludes("--mode idle", idle, "--rate", s->rate > 0) ||
           excludes("--mode idle", idle, "--pipeline", s->pipeline > 1) ||
           excludes("--mode idle", idle, "--size", s->size != UINT64_MAX) ||
           excludes("--mode idle", idle, "--text", s->text) ||
           excludes("--mode idle", idle, "--binary", s->binary) ||
           excludes("--mode idle", idle, "--payload", s->payload_file != NULL) ||
           excludes("--mode idle", idle, "--verify", s->verify != UINT32_MAX);
}

static bool settings_fit(const bench_settings *s, const opt_list *urls)
{
    if (urls->n == 0) {
        cli_error("bench", "which URL? \"websock bench ws://127.0.0.1:8888/ws\", for example");
        return false;
    }
    if (s->plot_file != NULL && !bench_plot_is_name(s->plot_file)) {
        cli_error("bench", "--plot wants a name that ends in .svg or .html, not \"%s\"",
                  s->plot_file);
        return false;
    }
    if (excludes("--text", s->text, "--binary", s->binary) ||
        excludes("--rate", s->rate > 0, "--pipeline", s->pipeline > 1) ||
        excludes("--rate", s->rate > 0, "--messages", s->messages > 0) ||
        excludes("--mode handshake", s->mode == BENCH_HANDSHAKE, "--rate", s->rate > 0) ||
        excludes("--mode handshake", s->mode == BENCH_HANDSHAKE, "--wait", s->wait) ||
        idle_excludes(s))
        return false;
    if (s->messages > 0 && s->mode != BENCH_BROADCAST) {
        cli_error("bench", "--messages goes with --mode broadcast alone");
        return false;
    }
    bool raw = strncmp(urls->at[0], "tcp://", 6) == 0;
    if (excludes("A tcp URL", raw, "--mode broadcast", s->mode == BENCH_BROADCAST) ||
        excludes("A tcp URL", raw, "--mode handshake", s->mode == BENCH_HANDSHAKE) ||
        excludes("A tcp URL", raw, "--deflate", s->deflate))
        return false;
    return s->plot_file == NULL || cli_can_write("bench", s->plot_file);
}

/* ----------------------------------------------------------------------------- signals -- */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

bool bench_is_interrupted(void)
{
    return interrupted != 0;
}

/* The first one ends the run in order, the second at once. */
static void take_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* ----------------------------------------------------------------------------- running -- */

static void print_errors(const bench_errors *e)
{
    for (uint32_t i = 0; i < e->n_reasons; i++) {
        if (e->reasons[i].n > 1)
            cli_error("bench", "%s (%llu times)", e->reasons[i].text,
                      (unsigned long long)e->reasons[i].n);
        else
            cli_error("bench", "%s", e->reasons[i].text);
    }
}

static int bench_url(const bench_settings *set)
{
    bench b = {.set = set, .epoll_fd = -1};
    const bench_target_options target = {.url = set->url,
                                         .source = set->source,
                                         .ca_file = set->ca_file,
                                         .insecure = set->insecure,
                                         .deflate = set->deflate};
    const bench_plan_options plan = {.size = set->size,
                                     .file = set->payload_file,
                                     .pipeline = set->pipeline,
                                     .read_max = 256 * 1024,
                                     .text = set->text,
                                     .json = set->text || set->deflate,
                                     .deflate = set->deflate,
                                     .raw = strncmp(set->url, "tcp://", 6) == 0};
    int code = bench_target_init(&b.target, &target);

    if (code == 0 && !bench_plan_init(&b.plan, &plan))
        code = set->payload_file != NULL ? CLI_EXIT_USAGE : BENCH_EXIT_NOTHING;
    if (code == 0) {
        take_signals();
        code = bench_load_run(&b);
        bench_line_end(&b);
        print_errors(&b.errors);
        if (b.begin.time != 0 && set->plot_file != NULL && !bench_plot_write(&b, set->plot_file))
            code = CLI_EXIT_FAILURE;
    }
    /* Who reads JSON gets an object, whatever became of the run. */
    if (set->json ? code != CLI_EXIT_USAGE : b.begin.time != 0) {
        if (!(set->json ? bench_report_json(&b) : bench_report_text(&b))) {
            cli_error("bench", "cannot write the results");
            code = CLI_EXIT_FAILURE;
        }
    }
    bench_load_deinit(&b);
    bench_plan_deinit(&b.plan);
    bench_target_deinit(&b.target);
    return code;
}

/* So that this costs less than the server: comparing needs a copy of all. */
static uint32_t preset_verify(const bench_settings *s)
{
    if (s->deflate)
        return 16;
    return s->size >= BENCH_LARGE && s->size != UINT64_MAX ? 4 : 1;
}

static int run(int argc, char **argv)
{
    bench_settings set = {.connections = 100,
                          .pipeline = 1,
                          .size = UINT64_MAX,
                          .duration = 5000,
                          .warmup = 1000,
                          .timeout = 5000,
                          .open_timeout = 10000,
                          .opening = 128,
                          .verify = UINT32_MAX};
    opt_list urls;
    int code = CLI_EXIT_USAGE;
    opt_result parsed = opt_parse(&usage, argc, argv, &set, &urls);

    if (parsed == OPT_HELP) {
        code = EXIT_SUCCESS;
    } else if (parsed == OPT_RUN && settings_fit(&set, &urls)) {
        set.url = urls.at[0];
        if (set.size == UINT64_MAX && set.payload_file == NULL)
            set.size = PRESET_SIZE;
        if (set.verify == UINT32_MAX)
            set.verify = preset_verify(&set);
        code = bench_url(&set);
    }
    opt_list_deinit(&urls);
    return code;
}

const cli_command cmd_bench = {
    .name = "bench",
    .summary = "Load a server, and measure throughput and latency",
    .run = run,
};
