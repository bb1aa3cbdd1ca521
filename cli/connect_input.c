/* SPDX-License-Identifier: MIT */
/*
 * What "websock connect" sends: stdin cut into messages, files, and how text, octets and digits
 * become messages. Reads no further than the connection takes, so that input of any length passes
 * through without being held.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "connect.h"
#include "wire/utf8.h"

enum {
    PIECE = 64 * 1024,
    LONGEST_LINE = 64 * 1024 * 1024, /* input without any end of line must not fill the memory */
    SILENCE_PRESET = 1000,
};

bool connect_has_room(const connect_session *s)
{
    /* What is sent may be shown, too. */
    return connect_is_open(s) && wsk_client_queued(s->client) < CONNECT_QUEUE_HIGH &&
           connect_output_queued(s->told) <= CONNECT_OUTPUT_HIGH;
}

/* ------------------------------------------------------------------------ one message -- */

static bool sent(connect_session *s, int r)
{
    s->last_activity = wsk_loop_now(s->loop);
    if (r == WSK_ERR_UTF8)
        connect_complain(s, "this is not valid UTF-8, which text must be (RFC 6455 5.6); "
                            "send it as binary");
    else if (r == WSK_ERR_STATE)
        connect_complain(s, s->file.fd >= 0 ? "a file is still being sent" : "not connected");
    else if (r < 0)
        connect_complain(s, "cannot send: %s", wsk_strerror(r));
    return r == WSK_OK;
}

bool connect_send(connect_session *s, connect_kind kind, const char *text, size_t n)
{
    text_buf octets = {0};
    int carry = -1;

    if (kind != CONNECT_HEX)
        return sent(s,
                    wsk_client_send(s->client, kind == CONNECT_TEXT ? WSK_OP_TEXT : WSK_OP_BINARY,
                                    text, n, 0));
    bool good = text_unhex(&octets, text, n, &carry) && carry < 0;
    if (!good)
        connect_complain(s, "hexadecimal digits come in pairs, such as 0a ff; this is \"%.*s\"",
                         n < 60 ? (int)n : 60, text);
    else if (octets.failed)
        connect_complain(s, "out of memory");
    good = good && !octets.failed &&
           sent(s, wsk_client_send(s->client, WSK_OP_BINARY, octets.at, octets.len, 0));
    text_deinit(&octets);
    return good;
}

/* ---------------------------------------------------------------- a message in parts -- */

static void give_up(connect_session *s)
{
    connect_leave(s, WSK_CLOSE_GOING_AWAY, NULL, CLI_EXIT_FAILURE);
}

static bool is_readable(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};

    return poll(&p, 1, 0) > 0 && p.revents != 0;
}

/* As much as is there, so that what is short goes out in one piece. False: an error. */
static bool read_piece(connect_session *s, int fd, char *piece, size_t *ret_n, bool *ret_ended)
{
    size_t n = 0;

    do {
        ssize_t r = read(fd, piece + n, PIECE - n);
        if (r < 0 && (errno == EINTR || errno == EAGAIN))
            break;
        if (r < 0) {
            connect_complain(s, "cannot read: %s", strerror(errno));
            return false;
        }
        *ret_ended = r == 0;
        n += (size_t)r;
    } while (!*ret_ended && n < PIECE && is_readable(fd));
    *ret_n = n;
    return true;
}

static int send_piece(connect_session *s, const char *piece, size_t n, bool last)
{
    connect_source *f = &s->file;

    if (n == 0 && !last)
        return WSK_OK;
    /* In one call the length is known beforehand, which compression likes. */
    int r = last && !f->begun ? wsk_client_send(s->client, f->op, piece, n, 0)
                              : wsk_client_send_part(s->client, f->op, piece, n, last, 0);
    f->begun = true;
    f->octets += n;
    return r;
}

static bool send_hex_piece(connect_session *s, const char *piece, size_t n, bool last, int *ret)
{
    text_buf octets = {0};
    bool good = text_unhex(&octets, piece, n, &s->file.carry) && !(last && s->file.carry >= 0);

    if (!good)
        connect_complain(s, "the input is not made of pairs of hexadecimal digits");
    else if (octets.failed)
        *ret = WSK_ERR_NOMEM;
    else
        *ret = send_piece(s, octets.at, octets.len, last);
    text_deinit(&octets);
    return good;
}

static void source_ended(connect_session *s)
{
    if (s->file.fd == STDIN_FILENO) {
        s->input_ended = true;
        s->lines++;
        connect_input_silence(s);
    } else {
        connect_note(s, true, "sent %llu octets as %s", (unsigned long long)s->file.octets,
                     s->file.op == WSK_OP_TEXT ? "text" : "binary");
        close(s->file.fd);
    }
    s->file.fd = -1;
}

void connect_file_pump(connect_session *s, bool readable)
{
    char piece[PIECE];
    size_t n = 0;
    bool ended = false, good = true;
    int r = WSK_OK;

    if (s->file.fd < 0 || !readable || !connect_has_room(s) || s->closing)
        return;
    good = read_piece(s, s->file.fd, piece, &n, &ended);
    if (good && s->file.hex)
        good = send_hex_piece(s, piece, n, ended, &r);
    else if (good)
        r = send_piece(s, piece, n, ended);
    if (!good || !sent(s, r)) {
        /* A message that was begun and cannot be finished leaves nothing to do but to close. */
        if (s->file.fd > STDIN_FILENO)
            close(s->file.fd);
        s->file.fd = -1;
        s->input_ended = true;
        give_up(s);
    } else if (ended) {
        source_ended(s);
    }
}

void connect_file_abandon(connect_session *s)
{
    if (s->file.fd <= STDIN_FILENO)
        return;
    close(s->file.fd);
    s->file.fd = -1;
    connect_complain(s, "the file was not sent: at most %llu octets of it went out",
                     (unsigned long long)s->file.octets);
}

/* Text that turns out in the middle to be none could not be taken back. */
static bool file_is_text(int fd)
{
    uint8_t piece[PIECE];
    wsk__utf8_state state = WSK__UTF8_START;
    ssize_t n;

    while ((n = read(fd, piece, sizeof(piece))) > 0) {
        if (wsk__utf8_check(&state, piece, (size_t)n) != (size_t)n)
            return false;
    }
    return n == 0 && state == WSK__UTF8_START && lseek(fd, 0, SEEK_SET) == 0;
}

bool connect_file_start(connect_session *s, const char *path)
{
    struct stat st;

    if (s->file.fd >= 0) {
        connect_complain(s, "a file is still being sent");
        return false;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0) {
        connect_complain(s, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode)) {
        connect_complain(s, "%s is not a file", path);
    } else if (s->kind == CONNECT_TEXT && S_ISREG(st.st_mode) && !file_is_text(fd)) {
        connect_complain(s, "%s is not valid UTF-8; say /binary first to send it as it is", path);
    } else {
        s->file = (connect_source){.fd = fd, .carry = -1};
        s->file.op = s->kind == CONNECT_TEXT ? WSK_OP_TEXT : WSK_OP_BINARY;
        return true;
    }
    if (fd >= 0)
        close(fd);
    return false;
}

/* ------------------------------------------------------------------------------- lines -- */

bool connect_input_wanted(const connect_session *s)
{
    return !s->input_ended && !s->closing && connect_has_room(s);
}

static bool send_line(connect_session *s, size_t begin, size_t end)
{
    s->lines++;
    if (connect_send(s, s->kind, s->input.at + begin, end - begin))
        return true;
    connect_complain(s, "so message %llu of the input was not sent", (unsigned long long)s->lines);
    give_up(s);
    return false;
}

/* Sends the messages that are complete, as far as there is room. */
static void send_lines(connect_session *s)
{
    char separator = s->set->null ? 0 : '\n';
    size_t begin = 0;

    while (connect_has_room(s) && !s->closing && s->scanned < s->input.len) {
        const char *at = memchr(s->input.at + s->scanned, separator, s->input.len - s->scanned);
        if (at == NULL) {
            s->scanned = s->input.len;
            break;
        }
        size_t end = (size_t)(at - s->input.at);
        s->scanned = end + 1;
        if (!send_line(s, begin, end))
            return;
        begin = s->scanned;
    }
    text_drop(&s->input, begin);
    s->scanned -= begin;
}

static void read_lines(connect_session *s)
{
    char piece[PIECE];
    ssize_t n = read(STDIN_FILENO, piece, sizeof(piece));

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n < 0 && errno != EIO && errno != EBADF) { /* EIO: the terminal went; EBADF: no stdin */
        connect_complain(s, "cannot read stdin: %s", strerror(errno));
        give_up(s);
        return;
    }
    if (n <= 0) {
        s->input_ended = true;
        return;
    }
    text_put_n(&s->input, piece, (size_t)n);
    if (s->input.failed || s->input.len > LONGEST_LINE) {
        connect_complain(s,
                         "a message of the input is longer than %d octets; --whole sends stdin "
                         "in parts",
                         LONGEST_LINE);
        give_up(s);
    }
}

void connect_input_pump(connect_session *s, bool readable)
{
    if (s->closing || s->over)
        return;
    if (s->set->whole) {
        if (!s->input_ended && s->file.fd < 0) {
            s->file.fd = STDIN_FILENO;
            s->file.op = s->kind == CONNECT_TEXT ? WSK_OP_TEXT : WSK_OP_BINARY;
            s->file.hex = s->kind == CONNECT_HEX;
        }
        connect_file_pump(s, readable);
        return;
    }
    bool was_ended = s->input_ended;
    if (readable)
        read_lines(s);
    send_lines(s);
    if (!s->input_ended || s->closing || s->scanned < s->input.len || !connect_has_room(s))
        return;
    if (s->input.len > 0) { /* the last one, without an end of line */
        bool good = send_line(s, 0, s->input.len);
        text_clear(&s->input);
        s->scanned = 0;
        if (!good)
            return;
        was_ended = false;
    }
    if (!was_ended)
        connect_input_silence(s);
}

/* ----------------------------------------------------------------------------- silence -- */

void connect_input_silence(connect_session *s)
{
    const connect_settings *set = s->set;
    uint64_t now = wsk_loop_now(s->loop);
    uint32_t wait = set->wait;

    if (s->closing || s->over)
        return;
    if (wait == CONNECT_WAIT_PRESET)
        wait = set->count > 0 ? WSK_NEVER : SILENCE_PRESET;
    if (set->keep_open || wait == WSK_NEVER)
        return;
    if (!connect_is_open(s) || (wait > 0 && wsk_client_queued(s->client) > 0))
        s->last_activity = now;
    if (now - s->last_activity >= wait)
        connect_leave(s, set->close_code != 0 ? set->close_code : WSK_CLOSE_NORMAL,
                      set->close_reason, -1);
    else
        wsk_timer_set(s->silence, s->last_activity + wait - now);
}
