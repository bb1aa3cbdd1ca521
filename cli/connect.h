/* SPDX-License-Identifier: MIT */
/* What the parts of "websock connect" share: the settings and the session. */
#ifndef CLI_CONNECT_H
#define CLI_CONNECT_H

#include <websock/client.h>

#include "connect_output.h"
#include "connect_text.h"
#include "options.h"

/* Exit codes beside those of command.h. */
enum {
    CONNECT_EXIT_TIMEOUT = 3,
    CONNECT_EXIT_CLOSED = 4,        /* by a code that is not good news */
    CONNECT_EXIT_INTERRUPTED = 130, /* at once, by a second signal */
};

/* Octets waiting to be sent from which on no more input is read. */
#define CONNECT_QUEUE_HIGH ((size_t)256 * 1024)

/* For readers of stdout and stderr, when nothing else is waited for. */
#define CONNECT_LAST_WORDS_MS 1000

typedef enum connect_kind {
    CONNECT_TEXT,
    CONNECT_BINARY,
    CONNECT_HEX, /* typed as hexadecimal digits, sent as binary */
} connect_kind;

/* How stdin is cut into messages, and what stands behind each on stdout. */
typedef enum connect_framing {
    CONNECT_LINES,
    CONNECT_NULLS,
    CONNECT_WHOLE,
} connect_framing;

typedef struct connect_settings {
    wsk_client_options client; /* limits, deadlines, compression, proxy go straight into it */
    wsk_loop_options loop;

    bool binary, hex; /* connect_kind, as options */
    bool null, whole; /* connect_framing, as options */
    uint32_t count;   /* 0: no limit */
    uint32_t timeout;
    uint32_t wait; /* silence after the end of input; CONNECT_WAIT_PRESET: not given */
    bool keep_open;
    uint32_t close_code;
    const char *close_reason;

    bool json, times, sizes, wirelog, verbose, quiet;
    const char *history;

    opt_list headers, cookies, subprotocols, resolve;
    const char *user_agent, *unix_socket;
    bool insecure, tls13_only;
    const char *ca_file, *certificate, *key;
    bool proxy_insecure;
    const char *proxy_ca_file, *proxy_user;
    bool ipv4, ipv6;
    bool location, reconnect;
    uint32_t max_redirects;

    bool testee;
    const char *agent;

    char **secrets; /* strings from elsewhere that fields point to */
    size_t n_secrets;
} connect_settings;

#define CONNECT_WAIT_PRESET (UINT32_MAX - 1)

typedef struct connect_term connect_term;
typedef struct connect_wirelog connect_wirelog;

/* A message that is sent in parts while it is read. */
typedef struct connect_source {
    int fd; /* -1: none */
    wsk_opcode op;
    bool hex, begun;
    int carry; /* of text_unhex() */
    uint64_t octets;
} connect_source;

typedef struct connect_session {
    const connect_settings *set;
    const char *url; /* as given, made safe */
    wsk_loop *loop;
    wsk_client *client;
    wsk_timer *deadline; /* --timeout */
    wsk_timer *silence;  /* --wait */
    int signal_fd;
    bool interactive; /* a person at a terminal */
    bool to_terminal; /* stdout is one */
    bool colours;     /* on stdout */
    bool greeted;     /* the person was told of /help */
    connect_term *term;
    connect_wirelog *wirelog;
    connect_output out;   /* stdout */
    connect_output err;   /* stderr */
    connect_output *told; /* what takes the place of stderr: out, where that is the same terminal */
    bool paused;          /* the client is, because one of them does not keep up */

    connect_kind kind; /* what lines are sent as */
    bool times, sizes;

    /* Input. */
    text_buf input; /* read and not yet sent */
    size_t scanned; /* of it: known to hold no end of message */
    bool input_ended;
    uint64_t lines;      /* sent so far */
    connect_source file; /* /file, or all of stdin with --whole */

    /* Output. */
    text_buf message; /* that arrives */
    uint64_t received;
    uint64_t last_activity; /* loop time: something was sent or received */
    char ping[126];         /* payload of the last /ping, "" if none is awaited */
    uint64_t ping_at_us;
    bool ping_waits;
    uint64_t opened_at; /* loop time */

    /* The end. */
    bool closing;      /* by us */
    unsigned own_code; /* that we closed with */
    int forced;        /* exit code that holds whatever the close code is; -1: none */
    unsigned signals;
    bool over;      /* no connection, and none will be */
    bool hard_stop; /* leave at once */
    int exit_code;
} connect_session;

/* ------ connect_session.c ------ */

int connect_session_run(const connect_settings *settings, const char *url);
/* Blocks those that end us, of_terminal: those of a terminal, too, and returns a signalfd for them,
 * or -1. */
int connect_take_signals(bool of_terminal);
/* One round of the loop, which waits until something happens. True if want_stdin and there is
 * something to read. */
bool connect_turn(connect_session *s, bool want_stdin);
/* Begins to leave: the closing handshake, or the end of the attempt. forced as in the session. */
void connect_leave(connect_session *s, unsigned code, const char *reason, int forced);
bool connect_is_open(const connect_session *s);
/* The loop of the settings. False after a message. In connect_setup.c. */
bool connect_loop_new(wsk_loop **ret, const connect_settings *settings);
/* Options of the client that follow from the settings: in connect_setup.c. */
bool connect_client_new(wsk_client **ret, wsk_loop *loop, const connect_settings *settings,
                        const wsk_client_handlers *handlers, unsigned flags, void *ud);
/* In connect_secrets.c: header fields "@FILE" become those of the file, and passwords that are
 * missing are asked for. 0, or the exit code after a message. */
int connect_secrets_get(connect_settings *settings, const char *url);
void connect_secrets_deinit(connect_settings *settings);
/* Why the text of --header is no field that may be sent, in words that do not repeat it; or NULL.
 * In connect_setup.c. */
const char *connect_field_fault(const char *text);
/* Whether a client can be made of the settings for the URL, but for passwords that are missing.
 * False after a message. In connect_setup.c. */
bool connect_is_possible(const connect_settings *settings, const char *url);
/* Checks all that can be checked without a connection. */
bool connect_settings_are_valid(const connect_settings *settings);
/* ws for http, wss for https, "ws://" if there is no scheme, the socket of --unix-socket. */
void connect_put_url(text_buf *b, const connect_settings *settings, const char *url);

/* ------ connect_input.c: messages from stdin and from files ------ */

/* Whether more may be sent now. */
bool connect_has_room(const connect_session *s);
/* What is read goes out as far as the queue has room. readable: fd 0 has something. */
void connect_input_pump(connect_session *s, bool readable);
/* True if stdin should be polled. */
bool connect_input_wanted(const connect_session *s);
/* /file: starts it. False after a message to the person. */
bool connect_file_start(connect_session *s, const char *path);
void connect_file_pump(connect_session *s, bool readable);
/* The connection has ended: what is left of a file is no message for the next one. */
void connect_file_abandon(connect_session *s);
/* Sends one message as the kind says; shows why if that is not possible. */
bool connect_send(connect_session *s, connect_kind kind, const char *text, size_t n);
/* After the end of input: leave when it has been silent for long enough. */
void connect_input_silence(connect_session *s);

/* ------ connect_commands.c: what a person types ------ */

void connect_command_line(connect_session *s, const char *line, size_t n);

/* ------ connect_show.c: what is shown ------ */

/* A line about what goes on, for people: not in scripts unless `always`. */
void connect_note(connect_session *s, bool always, const char *fmt, ...) WSK_PRINTF(3, 4);
/* Something went wrong: "websock connect: ..." on stderr, or a line on the terminal. */
void connect_complain(connect_session *s, const char *fmt, ...) WSK_PRINTF(2, 3);
/* Text that is ready for the terminal, or for stderr where it waits for its reader; with its
 * newline. */
void connect_say(connect_session *s, int fd, const text_buf *text);
void connect_show_open(connect_session *s);
void connect_show_message(connect_session *s, wsk_opcode op, const uint8_t *data, size_t n);
void connect_show_control(connect_session *s, wsk_opcode op, const uint8_t *data, size_t n);
void connect_show_close(connect_session *s, unsigned code, const char *reason, const char *text,
                        bool bad);
void connect_show_fail(connect_session *s, wsk_fail kind, unsigned status, const char *text,
                       bool last);
/* Why it could not be opened, in words, with the status line of an answer that refuses; safe. */
void connect_put_failure(text_buf *b, const wsk_client *c, wsk_fail kind, const char *text);
void connect_show_retry(connect_session *s, unsigned attempt, uint32_t delay_ms);
void connect_show_redirect(connect_session *s, unsigned status, const char *url);
void connect_show_stats(connect_session *s);

/* ------ connect_wirelog.c: frames as they pass ------ */

connect_wirelog *connect_wirelog_new(connect_session *s);
void connect_wirelog_free(connect_wirelog *w);
/* Another connection begins. */
void connect_wirelog_reset(connect_wirelog *w);
void connect_wirelog_octets(connect_wirelog *w, bool sent, const uint8_t *data, size_t n);

/* ------ connect_term_edit.c or connect_term_plain.c: the terminal ------ */

/* NULL: out of memory. */
connect_term *connect_term_new(connect_session *s);
void connect_term_free(connect_term *t);
/* Reads lines and hands them to connect_command_line() until the session is over. */
void connect_term_run(connect_term *t);
/* Takes the edit line away before something is printed; the next round shows it again. */
void connect_term_hide(connect_term *t);
void connect_term_show(connect_term *t);
void connect_term_resize(connect_term *t);
/* Gives the terminal back while the program is stopped. */
void connect_term_suspend(connect_term *t, bool suspended);

/* ------ connect_testee.c ------ */

int connect_testee_run(const connect_settings *settings, const char *url);

#endif
