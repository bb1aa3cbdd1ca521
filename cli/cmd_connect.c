/* SPDX-License-Identifier: MIT */
/*
 * "websock connect": a client for people at a terminal and for scripts. Here: the options and what
 * they ask of each other. The session is in connect_session.c.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "connect.h"
#include "option_rows.h"

/* ----------------------------------------------------------------------------- options -- */

#define FIELD(member)   OPT_FIELD(connect_settings, member)
#define CLIENT(member)  OPT_FIELD(connect_settings, client.member)
#define CONN(member)    OPT_FIELD(connect_settings, client.conn.member)
#define DEFLATE(member) OPT_FIELD(connect_settings, client.conn.deflate.member)

/* clang-format off */
static const opt_spec specs[] = {
{.group = "Messages",
 .name = "binary", .letter = 'B', .type = OPT_FLAG, FIELD(binary),
 .help = "Send messages as binary. Else they are text, which must be UTF-8."},
{.name = "hex", .letter = 'X', .type = OPT_FLAG, FIELD(hex),
 .help = "Send the octets that pairs of hexadecimal digits say, as binary; show binary that is "
         "received in such digits."},
{.name = "times", .letter = 't', .type = OPT_FLAG, FIELD(times),
 .help = "Show when each message arrived."},
{.name = "sizes", .letter = 'S', .type = OPT_FLAG, FIELD(sizes),
 .help = "Show how many octets it has."},
{.name = "history", .value = "FILE", .type = OPT_STRING, FIELD(history), .preset = "none",
 .help = "Keep what is typed at a terminal in this file."},

{.group = "In scripts (stdin or stdout is no terminal)",
 .name = "null", .letter = '0', .type = OPT_FLAG, FIELD(null),
 .help = "Messages end with a NUL, on stdin and stdout. Else with a newline."},
{.name = "whole", .letter = 'w', .type = OPT_FLAG, FIELD(whole),
 .help = "All of stdin is one message, sent while it is read; on stdout messages follow each other "
         "as they are."},
{.name = "count", .letter = 'n', .value = "N", .type = OPT_UINT, FIELD(count), .min = 1,
 .help = "Leave when N messages were received."},
{.name = "timeout", .letter = 'm', .value = "TIME", .type = OPT_TIME, FIELD(timeout), .min = 1,
 .preset = "never", .help = "Leave after so long, with exit code 3."},
{.name = "wait", .value = "TIME", .type = OPT_TIME, FIELD(wait), .max = UINT32_MAX - 2,
 .preset = "1s; with --count: until then",
 .help = "After the end of stdin, leave when nothing came for so long."},
{.name = "keep-open", .type = OPT_FLAG, FIELD(keep_open),
 .help = "Stay after the end of stdin."},
{.name = "close-code", .value = "N", .type = OPT_UINT, FIELD(close_code), .min = 1000, .max = 4999,
 .preset = "1000", .help = "Leave with this code."},
{.name = "close-reason", .value = "TEXT", .type = OPT_STRING, FIELD(close_reason),
 .help = "And for this reason."},
{.name = "json", .letter = 'j', .type = OPT_FLAG, FIELD(json),
 .help = "Print events as lines of JSON: open, message, ping, pong, close, fail, retry, redirect."},

{.group = "What is told (to stderr)",
 .name = "wirelog", .letter = 'W', .type = OPT_FLAG, FIELD(wirelog),
 .help = "Show each frame that passes, decoded."},
{.name = "verbose", .letter = 'v', .type = OPT_FLAG, FIELD(verbose),
 .help = "Show the heads of the opening handshake, and what goes on."},
{.name = "quiet", .letter = 'q', .type = OPT_FLAG, FIELD(quiet),
 .help = "Say nothing but errors."},

{.group = "The request",
 .name = "header", .letter = 'H', .value = "FIELD", .type = OPT_LIST, FIELD(headers),
 .help = "Send a header field, \"Name: value\", or with @FILE those of a file. Repeat it for "
         "several."},
{.name = "user", .letter = 'u', .value = "USER[:PASSWORD]", .type = OPT_STRING, CLIENT(userinfo),
 .help = "Basic authorization; the password is asked for if it is missing. A URL may hold both, "
         "too."},
{.name = "user-agent", .letter = 'A', .value = "TEXT", .type = OPT_STRING, FIELD(user_agent),
 .preset = "websock/" WSK_VERSION_STRING, .help = "The User-Agent field; \"\" sends none."},
{.name = "cookie", .letter = 'b', .value = "NAME=VALUE", .type = OPT_LIST, FIELD(cookies),
 .help = "Send a cookie. Repeat it for several."},
{.name = "origin", .letter = 'o', .value = "ORIGIN", .type = OPT_STRING, CLIENT(origin),
 .help = "The Origin field, as a browser would send it."},
{.name = "subprotocol", .letter = 's', .value = "NAME", .type = OPT_LIST, FIELD(subprotocols),
 .help = "Offer this subprotocol. Repeat it in order of preference."},
{.name = "location", .letter = 'L', .type = OPT_FLAG, FIELD(location),
 .help = "Follow redirects. Passwords and cookies go to the first host only."},
{.name = "max-redirects", .value = "N", .type = OPT_UINT, FIELD(max_redirects), .min = 1,
 .preset = "10", .help = "But no more in a row."},

{.group = "The way",
 .name = "proxy", .letter = 'x', .value = "URL", .type = OPT_STRING, CLIENT(proxy),
 .preset = "from the environment",
 .help = "Connect by http://[USER:PASSWORD@]HOST:PORT, https:// (TLS to the proxy), socks5:// or "
         "socks5h:// (the proxy looks names up); \"\": by none."},
{.name = "proxy-user", .letter = 'U', .value = "USER[:PASSWORD]", .type = OPT_STRING,
 FIELD(proxy_user), .help = "For the proxy that --proxy names."},
{.name = "noproxy", .value = "LIST", .type = OPT_STRING, CLIENT(no_proxy),
 .help = "But not to these hosts, separated by commas."},
{.name = "proxy-cacert", .value = "FILE", .type = OPT_STRING, FIELD(proxy_ca_file),
 .preset = "the system's", .help = "Trust these authorities (PEM) where the proxy is https."},
{.name = "proxy-insecure", .type = OPT_FLAG, FIELD(proxy_insecure),
 .help = "Take any certificate of the proxy."},
{.name = "resolve", .value = "HOST:PORT:ADDR[,ADDR]...", .type = OPT_LIST, FIELD(resolve),
 .help = "Take these addresses for HOST and PORT, and look nothing up. Repeat it for several."},
{.name = "unix-socket", .value = "PATH", .type = OPT_STRING, FIELD(unix_socket),
 .help = "Connect to this socket; of the URL only scheme and path count."},
{.name = "ipv4", .letter = '4', .type = OPT_FLAG, FIELD(ipv4), .help = "Use IPv4 only."},
{.name = "ipv6", .letter = '6', .type = OPT_FLAG, FIELD(ipv6), .help = "Use IPv6 only."},
ROW_IO,

{.group = "TLS (for wss URLs)",
 .name = "insecure", .letter = 'k', .type = OPT_FLAG, FIELD(insecure),
 .help = "Take any certificate. For trying things out only."},
{.name = "cacert", .value = "FILE", .type = OPT_STRING, FIELD(ca_file), .preset = "the system's",
 .help = "Trust these authorities (PEM)."},
{.name = "cert", .letter = 'E', .value = "FILE", .type = OPT_STRING, FIELD(certificate),
 .help = "Our own certificate (PEM)."},
{.name = "key", .value = "FILE", .type = OPT_STRING, FIELD(key), .preset = "in cert",
 .help = "Its private key (PEM)."},
ROW_TLS13_ONLY,

{.group = "Deadlines",
 .name = "connect-timeout", .value = "TIME", .type = OPT_TIME, CLIENT(connect_timeout), .min = 1,
 .preset = "10s", .help = "How long name, TCP, proxy and TLS may take."},
ROW_OPEN_TIMEOUT,
{.name = "idle-timeout", .value = "TIME", .type = OPT_TIME, CONN(idle_timeout), .min = 1,
 .preset = "never",
 .help = "Close when for so long nothing but pings and pongs came, no part of a message either."},
ROW_PING_INTERVAL,
ROW_PING_TIMEOUT("Give up"),
ROW_MESSAGE_TIMEOUT,
ROW_WRITE_TIMEOUT("Give up when the server took nothing of what waits for so long."),
ROW_CLOSE_TIMEOUT("server"),

{.group = "Connecting again",
 .name = "reconnect", .letter = 'r', .type = OPT_FLAG, FIELD(reconnect),
 .help = "When the connection is lost, closed with 1001 or 1011 to 1014, or cannot be made for a "
         "reason that may pass, try again after a random time that doubles."},
{.name = "reconnect-first", .value = "TIME", .type = OPT_TIME, CLIENT(retry_initial), .min = 1,
 .max = UINT32_MAX - 1, .preset = "1s", .help = "The first wait at most."},
{.name = "reconnect-max", .value = "TIME", .type = OPT_TIME, CLIENT(retry_max), .min = 1,
 .max = UINT32_MAX - 1, .preset = "60s", .help = "Any wait at most."},
{.name = "reconnect-attempts", .value = "N", .type = OPT_UINT, CLIENT(retry_attempts), .min = 1,
 .preset = "without end", .help = "Give up after so many in a row."},

{.group = "Limits",
 .name = "max-message", .value = "SIZE", .type = OPT_SIZE, CONN(max_message), .min = 1,
 .preset = "16M", .help = "The largest message that is received, after inflating."},
ROW_MAX_FRAME,
ROW_MAX_HEAD("response"),
ROW_FRAGMENT_SIZE,

{.group = "Compression (permessage-deflate)",
 .name = "no-compression", .letter = 'C', .type = OPT_CLEAR, DEFLATE(enabled),
 .help = "Do not offer it."},
ROW_COMPRESSION_LEVEL,
ROW_COMPRESSION_MEMORY,
ROW_COMPRESSION_THRESHOLD,
ROW_SERVER_WINDOW_BITS("Ask the server for a window of 2^N octets."),
ROW_CLIENT_WINDOW_BITS("Our window."),
ROW_SERVER_NO_CONTEXT_TAKEOVER("Ask the server to compress each message on its own."),
ROW_CLIENT_NO_CONTEXT_TAKEOVER("Do so ourselves."),

{.group = "To be judged",
 .name = "testee", .type = OPT_FLAG, FIELD(testee),
 .help = "URL is a fuzzing server (\"websock test --serve\", or Autobahn's wstest): run all its "
         "cases and have it write its report."},
{.name = "agent", .value = "NAME", .type = OPT_STRING, FIELD(agent), .preset = "websock",
 .help = "What the report calls us."},
{.name = NULL},
};
/* clang-format on */

static const opt_command usage = {
    .name = "connect",
    .usage = "[OPTION]... URL",
    .description =
        "Connects to a WebSocket. At a terminal, lines that are typed are sent and messages\n"
        "are shown; /help lists what else one can do. In scripts, messages go in by stdin\n"
        "and come out by stdout. URL is ws://HOST[:PORT]/PATH, wss://..., or\n"
        "ws+unix:/SOCKET:/PATH; http and https stand for ws and wss, and ws:// may be left\n"
        "out.",
    .specs = specs,
    .epilogue =
        "SIZE is in octets and may end in K, M, G or T. TIME is in seconds or ends in ms,\n"
        "s, m, h or d; \"never\" switches a deadline off.\n"
        "\n"
        "SIGINT closes with 1000 (SIGTERM and SIGHUP with 1001) and leaves; a second one\n"
        "leaves at once.\n"
        "\n"
        "Exit codes: 0 closed with 1000, 1001 or no code, or as asked for; 1 the connection\n"
        "could not be made, or input or output failed; 2 wrong usage; 3 timed out; 4 closed\n"
        "with another code, or lost; 130 interrupted at once.",
    .max_operands = 1,
};

static void settings_init(connect_settings *s)
{
    memset(s, 0, sizeof(*s));
    s->client = (wsk_client_options)WSK_CLIENT_OPTIONS_INIT;
    s->client.conn = (wsk_config_options)WSK_CONFIG_OPTIONS_INIT;
    s->client.conn.deflate.size = sizeof(s->client.conn.deflate);
    s->client.conn.deflate.enabled = true;
    s->loop = (wsk_loop_options)WSK_LOOP_OPTIONS_INIT;
    s->wait = CONNECT_WAIT_PRESET;
}

static void settings_deinit(connect_settings *s)
{
    opt_list_deinit(&s->headers);
    opt_list_deinit(&s->cookies);
    opt_list_deinit(&s->subprotocols);
    opt_list_deinit(&s->resolve);
    connect_secrets_deinit(s);
}

static void settings_finish(connect_settings *s)
{
    if (s->location && s->max_redirects == 0)
        s->max_redirects = 10;
    if (s->reconnect && s->client.retry_initial == 0)
        s->client.retry_initial = 1000;
}

static int run(int argc, char **argv)
{
    connect_settings settings;
    opt_list urls;
    int code = CLI_EXIT_USAGE;

    settings_init(&settings);
    opt_result parsed = opt_parse(&usage, argc, argv, &settings, &urls);
    if (parsed == OPT_HELP) {
        code = EXIT_SUCCESS;
    } else if (parsed == OPT_RUN && urls.n == 0) {
        cli_error("connect", "to where? A URL is missing, such as ws://127.0.0.1:8888/ws");
    } else if (parsed == OPT_RUN && connect_settings_are_valid(&settings) &&
               (code = connect_secrets_get(&settings, urls.at[0])) == 0) {
        settings_finish(&settings);
        code = settings.testee ? connect_testee_run(&settings, urls.at[0])
                               : connect_session_run(&settings, urls.at[0]);
    }
    opt_list_deinit(&urls);
    settings_deinit(&settings);
    return code;
}

const cli_command cmd_connect = {
    .name = "connect",
    .summary = "Connect to a WebSocket, at a terminal or in a script",
    .run = run,
};
