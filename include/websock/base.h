/* SPDX-License-Identifier: MIT */
/*
 * What every other header of websock needs: errors, hooks, opcodes, close codes.
 *
 * Conventions that hold for the whole library:
 *  - Sizes and lengths are in octets, times in milliseconds, unless a name says otherwise.
 *  - Functions that return int give WSK_OK (0) or a negative enum wsk_error. Outputs are named
 *    ret or ret_x, come first (constructors) or last, and stay untouched when a function fails.
 *  - Option structs begin with `size`. Initialise them with the matching WSK_..._INIT macro, set
 *    what you want; every field that is left 0 or NULL means its default. The library reads no
 *    further than `size`, so a program that was built against an older header goes on working
 *    when fields were added at the end. One without its size is WSK_ERR_INVAL. A struct inside
 * another one (`conn` in the options of a server) cannot grow like that: then the soname changes,
 * as it does for every minor version while the major one is 0.
 *  - Strings that you pass in are copied unless the comment says that they are borrowed.
 *  - No object may be used by two threads at the same time. Different objects may. The few calls
 *    that may come from any thread say so.
 *  - Whatever the library calls (handlers, hooks, functions of timers, what was posted) has to
 *    return: behind an exception or a longjmp(3) out of it the loop can only be left alone.
 *  - Nothing is global: allocator, random source and log belong to the object that they are
 *    given to.
 */
#ifndef WEBSOCK_BASE_H
#define WEBSOCK_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <websock/version.h>

/* The value of every WSK_..._INIT macro: `size` is set, all else is 0 or NULL. Written so that a
 * program may warn of missing initialisers, in C as in C++. */
#ifdef __cplusplus
extern "C++" {
template <class wsk_type> inline wsk_type wsk_init_value_()
{
    wsk_type value = wsk_type();
    value.size = sizeof(wsk_type);
    return value;
}
}
#define WSK_INIT_(type) wsk_init_value_<type>()
#else
#define WSK_INIT_(type)                                                                            \
    {                                                                                              \
        .size = sizeof(type)                                                                       \
    }
#endif

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WSK_API               __attribute__((visibility("default")))
#define WSK_WARN_UNUSED       __attribute__((warn_unused_result))
#define WSK_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define WSK_API
#define WSK_WARN_UNUSED
#define WSK_PRINTF(fmt, args)
#endif

/* ------------------------------------------------------------------------------- errors -- */

/*
 * The one table of error codes: name, value, text. Failures of the *peer* are no errors of this
 * kind: they arrive as WSK_EV_FAIL events (conn.h) or on_close callbacks (server.h).
 */
#define WSK_ERROR_MAP(X)                                                                           \
    X(NOMEM, -1, "out of memory")                                                                  \
    X(INVAL, -2, "invalid argument")                                                               \
    X(STATE, -3, "not allowed in this state of the connection")                                    \
    X(FULL, -4, "the output queue is at its limit; wait until it drains")                          \
    X(FAILED, -5, "the connection has failed; its last event says why")                            \
    X(SYS, -6, "a system call failed; errno says which error")                                     \
    X(LIMIT, -7, "a configured limit was exceeded")                                                \
    X(URL, -8, "not a valid WebSocket URL")                                                        \
    X(TLS, -9, "TLS failed; the log says why")                                                     \
    X(UTF8, -10, "text is not valid UTF-8")                                                        \
    X(NOTSUP, -11, "not supported by this build or this kernel")                                   \
    X(RESOLVE, -12, "the host name could not be resolved")                                         \
    X(TIMEOUT, -13, "timed out")                                                                   \
    X(INTERRUPTED, -14, "interrupted by the program")

typedef enum wsk_error {
    WSK_OK = 0,
#define WSK_ERROR_ENUM_(name, value, text) WSK_ERR_##name = value,
    WSK_ERROR_MAP(WSK_ERROR_ENUM_)
#undef WSK_ERROR_ENUM_
} wsk_error;

/* The text of an error code, in English, static; "unknown error" for a number not in the table. */
WSK_API const char *wsk_strerror(int err);

/* WSK_VERSION_NUM of the library that is linked, which may be newer than the header's. */
WSK_API unsigned wsk_version(void);
/* The same as text, "0.1.0". Static. */
WSK_API const char *wsk_version_string(void);

/* ---------------------------------------------------------------------------------- log -- */

typedef enum wsk_log_level {
    WSK_LOG_OFF = 0,
    WSK_LOG_ERROR = 1, /* the program should do something about it */
    WSK_LOG_WARN = 2,  /* odd, but handled */
    WSK_LOG_INFO = 3,  /* connections come and go */
    WSK_LOG_DEBUG = 4, /* decisions of the protocol */
    WSK_LOG_TRACE = 5, /* every frame, but for those of prepared messages */
} wsk_log_level;

/* -------------------------------------------------------------------------------- hooks -- */

/*
 * Replaces what the library takes from its surroundings. Every field may be NULL (0).
 * A struct of hooks is borrowed: it must outlive the objects that it was given to, and what was
 * made of them and is still in use (a prepared message in the queue of a connection).
 * Hooks are called on the thread that uses the object.
 */
typedef struct wsk_hooks {
    size_t size; /* = sizeof(wsk_hooks); WSK_HOOKS_INIT sets it. Hooks without it are
                    WSK_ERR_INVAL to whatever they are given to */
    void *ud;    /* handed to each hook */
    /*
     * All memory of the object but OpenSSL's and what other threads may take, the calls that are
     * posted to a loop and names that are looked up: p NULL allocates, n == 0 frees (and returns
     * NULL). Must behave as realloc(3) otherwise. NULL: the C library's. May fail by returning
     * NULL; every caller inside the library survives that.
     */
    void *(*realloc)(void *ud, void *p, size_t n);
    /*
     * Fills n octets at buf with random numbers that an attacker cannot predict (masks of a
     * client, RFC 6455 section 10.3; handshake keys). NULL: OpenSSL's RAND_bytes(3). Returns 0,
     * or a negative number when there are none to be had: the connection then fails, or the
     * request is not made, rather than use a weak mask or key.
     */
    int (*random)(void *ud, void *buf, size_t n);
    /* One line of text, without newline, valid during the call. NULL: nothing is logged. */
    void (*log)(void *ud, wsk_log_level level, const char *line);
    /* Lines above this level are not even formatted. 0: WSK_LOG_OFF. */
    wsk_log_level log_level;
} wsk_hooks;

#define WSK_HOOKS_INIT WSK_INIT_(wsk_hooks)

/* -------------------------------------------------------------------------------- types -- */

/* A piece of text that need not end in NUL. ptr may be NULL when len is 0. */
typedef struct wsk_str {
    const char *ptr;
    size_t len;
} wsk_str;

/* A header field for a handshake: both strings end in NUL. */
typedef struct wsk_header {
    const char *name;
    const char *value;
} wsk_header;

/* Which side of the connection an object is (RFC 6455 section 1.2). */
typedef enum wsk_role {
    WSK_ROLE_SERVER = 1,
    WSK_ROLE_CLIENT = 2,
} wsk_role;

/* RFC 6455 section 5.2. */
typedef enum wsk_opcode {
    WSK_OP_CONTINUATION = 0x0,
    WSK_OP_TEXT = 0x1,
    WSK_OP_BINARY = 0x2,
    WSK_OP_CLOSE = 0x8,
    WSK_OP_PING = 0x9,
    WSK_OP_PONG = 0xA,
} wsk_opcode;

/*
 * Status codes of a close frame (RFC 6455 section 7.4 and the IANA registry): name, number,
 * whether it may stand in a close frame, text. 3000 to 4999 may too: 3000 to 3999 are for
 * registered libraries, 4000 to 4999 for private use.
 */
#define WSK_CLOSE_MAP(X)                                                                           \
    X(NORMAL, 1000, 1, "normal closure")                                                           \
    X(GOING_AWAY, 1001, 1, "going away")                                                           \
    X(PROTOCOL_ERROR, 1002, 1, "protocol error")                                                   \
    X(UNSUPPORTED_DATA, 1003, 1, "unsupported data")                                               \
    X(RESERVED_1004, 1004, 0, "reserved")                                                          \
    X(NO_STATUS, 1005, 0, "no status code in the close frame")                                     \
    X(ABNORMAL, 1006, 0, "connection lost without a close frame")                                  \
    X(INVALID_PAYLOAD, 1007, 1, "invalid payload data")                                            \
    X(POLICY_VIOLATION, 1008, 1, "policy violation")                                               \
    X(MESSAGE_TOO_BIG, 1009, 1, "message too big")                                                 \
    X(MANDATORY_EXTENSION, 1010, 1, "mandatory extension missing")                                 \
    X(INTERNAL_ERROR, 1011, 1, "internal error")                                                   \
    X(SERVICE_RESTART, 1012, 1, "service restart")                                                 \
    X(TRY_AGAIN_LATER, 1013, 1, "try again later")                                                 \
    X(BAD_GATEWAY, 1014, 1, "bad gateway")                                                         \
    X(TLS_HANDSHAKE, 1015, 0, "TLS handshake failed")

typedef enum wsk_close_code {
#define WSK_CLOSE_ENUM_(name, code, wire, text) WSK_CLOSE_##name = code,
    WSK_CLOSE_MAP(WSK_CLOSE_ENUM_)
#undef WSK_CLOSE_ENUM_
} wsk_close_code;

/* True if the code may stand in a close frame that is sent or received. */
WSK_API bool wsk_close_code_is_valid(unsigned code);
/* A short English text for a code, static. */
WSK_API const char *wsk_close_code_text(unsigned code);

#ifdef __cplusplus
}
#endif

#endif
