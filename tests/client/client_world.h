/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the client share: a loop whose system calls may be replaced, a client that
 * notes what its handlers are told, and servers that follow a script: raw sockets in the same
 * thread, which take what comes and answer what the test says, in pieces of a chosen size.
 */
#ifndef TESTS_CLIENT_WORLD_H
#define TESTS_CLIENT_WORLD_H

#include "support.h"

#include <websock/websock.h>

#include "net/sys.h"
#include "util/attr.h"

/* ---- a loop ---- */

typedef struct script script;

typedef struct world {
    test_alloc alloc;
    wsk__sys sys;
    wsk_loop *loop;
    int fds; /* descriptors before */
    script *scripts;
    char log[2048]; /* lines, each with its newline */
} world;

/* *state: the backend (BOTH); skips where it is not to be had. */
void world_begin(world *w, void **state);
/* Nothing may be left: no memory, no descriptor. */
void world_end(world *w);
void world_turn(world *w, int ms);
/* Two turns at least, the last one behind that time. */
void world_turn_for(world *w, unsigned ms);
uint64_t clock_ms(void);

#define world_until(w, cond)                                                                       \
    do {                                                                                           \
        uint64_t end_ = clock_ms() + 10000 * test_patience();                                      \
        while (!(cond) && clock_ms() < end_)                                                       \
            world_turn(w, 2);                                                                      \
        if (!(cond))                                                                               \
            fail_msg("never came: %s", #cond);                                                     \
    } while (0)

extern wsk_io world_epoll, world_uring;
#define BOTH(f)                                                                                    \
    {#f " (epoll)", f, NULL, NULL, &world_epoll},                                                  \
    {                                                                                              \
#f " (io_uring)", f, NULL, NULL, &world_uring                                              \
    }

/* ---- a client that takes notes ---- */

typedef enum heard_event {
    ON_OPEN,
    ON_MESSAGE,
    ON_DATA,
    ON_PING,
    ON_PONG,
    ON_WRITABLE,
    ON_CLOSE,
    ON_FAIL,
    ON_RETRY,
    ON_REDIRECT,
    ON_EVENTS,
} heard_event;

typedef struct heard {
    wsk_client *c;
    unsigned n[ON_EVENTS];
    wsk_fail kind; /* of the last on_fail */
    unsigned status;
    char text[512];
    char body[1100];
    char header[200]; /* X-Test of the answer */
    char url[600];    /* of the last redirect */
    unsigned code;
    char reason[130], close_text[200];
    uint8_t *data; /* of the last message */
    size_t len;
    wsk_opcode op;
    uint32_t delays[16];
    unsigned attempts[16];
    wsk_stage stage; /* in on_close or on_fail */
    unsigned depth;
    bool gone; /* freed: nothing may come any more */
    /* wire */
    char in[4096], out[4096];
    size_t in_len, out_len;
    void (*then)(struct heard *h, heard_event event);
    int refuse_redirect;
    void *ud;
} heard;

extern const wsk_client_handlers heard_handlers;

/* Makes a client with hooks of w; asserts that it is made. options may be NULL. */
void heard_begin(heard *h, world *w, const wsk_client_options *options);
void heard_free(heard *h);
/* begin, connect. */
void heard_connect(heard *h, world *w, const wsk_client_options *options, const char *url);
/* Turns until the client is open, or idle. */
void heard_until_open(heard *h, world *w);
void heard_until_idle(heard *h, world *w);
/* heard_connect, until it failed with this kind and text (a part of it). */
void heard_fails(world *w, const wsk_client_options *options, const char *url, wsk_fail kind,
                 const char *text);

/* ---- servers that follow a script ---- */

#define SCRIPT_CONNS 16

typedef struct script_conn {
    script *owner;
    int fd; /* -1: closed */
    unsigned number;
    char in[20000];
    size_t in_len, taken;
    uint8_t out[20000];
    size_t out_off, out_len;
    bool eof;  /* the client ended */
    bool end;  /* close when all is out */
    int phase; /* the script's own */
} script_conn;

struct script {
    script *next;
    struct world *world;
    int fd;
    uint16_t port;
    char unix_path[100];
    size_t cut; /* octets sent in a turn; 0: all */
    size_t n;   /* connections so far, SCRIPT_CONNS at most */
    unsigned made;
    script_conn *conns[SCRIPT_CONNS];
    /* Looks at what came (in, in_len) whenever there is more, and once at the begin. */
    void (*play)(script_conn *c);
    const char *answer; /* of script_answer */
    const char *answers[SCRIPT_CONNS];
    script *to; /* of script_forward */
    void *ud;
};

/* Listens on 127.0.0.1, a free port. */
void script_begin(script *s, world *w, void (*play)(script_conn *c));
void script_end(script *s);
void script_say(script_conn *c, const void *data, size_t n);
void script_text(script_conn *c, const char *text);
/* True when the head of a request has come; it is then at in + taken. */
bool script_has_head(const script_conn *c);
/* The value of a field of that request, in one of four buffers; NULL: none. */
const char *script_field(const script_conn *c, const char *name);
/*
 * A play: answers the first request with s->answers[number of the connection], or s->answer, in
 * which "{accept}" is replaced by what fits the key; an answer that begins with '!' is sent at
 * once, one that ends with "{end}" is followed by the end of the connection.
 */
void script_answer(script_conn *c);
/* Says such an answer now. */
void script_play_answer(script_conn *c, const char *answer);
/* "ws://127.0.0.1:PORT" and tail, in one of four buffers. */
const char *script_url(const script *s, const char *tail);
const char *format(const char *fmt, ...) WSK_PRINTF(1, 2);

#define SWITCHED                                                                                   \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Accept: {accept}\r\n"

/* A port on which nobody listens, until the next one is asked for, or a world begins or ends. */
uint16_t closed_port(void);
int count_fds(void);

#endif
