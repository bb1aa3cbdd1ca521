/* SPDX-License-Identifier: MIT */
/*
 * Direct commands: a client tells the judge what to send, frame by frame, as JSON. Knows no
 * sockets.
 */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "conformance/fuzz_internal.h"

#define MOST_OCTETS ((int64_t)16 << 20)
#define MOST_FRAMES 10000
/* Each write takes a turn of the loop. */
#define MOST_WRITES 65536

static bool complain(char why[100], const char *text)
{
    snprintf(why, 100, "%s", text);
    return false;
}

/* A number of an object from 0 to `most`; -1: there is none, -2: it is something else. */
static int64_t number_at(const json_t *object, const char *key, int64_t most)
{
    const json_t *v = json_object_get(object, key);
    if (!v || json_is_null(v))
        return -1;
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > most)
        return -2;
    return json_integer_value(v);
}

/* A string of four octets, as characters up to U+00FF, is the key; true asks for a random one. */
static bool read_mask(judge_step *s, const json_t *v)
{
    const char *text = json_string_value(v);
    size_t n = json_string_length(v), at = 0, found = 0;
    if (json_is_true(v))
        s->mask = JUDGE_MASK_RANDOM;
    if (!text)
        return !v || json_is_null(v) || json_is_boolean(v);
    while (at < n) {
        uint32_t code;
        size_t len = judge_utf8_next(text + at, n - at, &code);
        if (len == 0 || code > 0xff || found == sizeof s->key)
            return false;
        s->key[found++] = (uint8_t)code;
        at += len;
    }
    s->mask = found ? JUDGE_MASK_KEY : JUDGE_MASK_BY_ROLE;
    return found == 0 || found == sizeof s->key;
}

static bool send_frame(judge_peer *p, int64_t now, const json_t *o, int opcode, size_t room,
                       char why[100])
{
    const json_t *payload = json_object_get(o, "payload"), *fin = json_object_get(o, "fin");
    int64_t asked = number_at(o, "opcode", 15), rsv = number_at(o, "rsv", 7);
    int64_t len = number_at(o, "payload_len", MOST_OCTETS);
    int64_t chop = number_at(o, "chopsize", INT32_MAX);
    if (!json_is_object(o) || (payload && !json_is_string(payload)))
        return complain(why, "a frame is an object, its payload a string");
    if (asked == -1)
        asked = opcode;
    if (asked < 0 || rsv == -2 || len == -2 || chop == -2)
        return complain(why, "a number of a frame is missing or out of its range");
    const size_t n = json_string_length(payload);
    judge_step s = {
        .op = JUDGE_STEP_FRAME,
        .first = (uint8_t)((fin && json_is_false(fin) ? 0 : 0x80) | (rsv > 0 ? rsv << 4 : 0) |
                           asked),
        .sync = json_is_true(json_object_get(o, "sync")),
        .chop = chop > 0 ? (uint32_t)chop : 0,
        .repeat = len >= 0,
        /* Nothing cannot be repeated. */
        .blob = {n ? json_string_value(payload) : "", n, n == 0 || len < 0 ? n : (uint64_t)len},
    };
    if (s.chop > 0 && s.blob.total / s.chop > MOST_WRITES)
        return complain(why, "the frame would go out in too many writes");
    if (!read_mask(&s, json_object_get(o, "mask")))
        return complain(why, "a mask is a string of four octets, or true");
    if (judge_peer_queued(p) + s.blob.total > room)
        return complain(why, "more is to be sent than is taken");
    judge_peer_do(p, now, &s);
    return true;
}

static bool send_close(judge_peer *p, int64_t now, const json_t *o, char why[100])
{
    const json_t *reason = json_object_get(o, "reason");
    int64_t code = number_at(o, "code", 65535);
    if (code == -2 || (reason && !json_is_string(reason) && !json_is_null(reason)))
        return complain(why, "a close has a number and a text");
    const size_t n = json_string_length(reason);
    if (n > 254)
        return complain(why, "the reason is too long");
    const judge_step s = {
        .op = JUDGE_STEP_CLOSE,
        .code = (int)code,
        .blob = {n ? json_string_value(reason) : "", n, n},
    };
    judge_peer_do(p, now, &s);
    return true;
}

static bool do_command(judge_peer *p, int64_t now, const json_t *command, size_t room,
                       char why[100])
{
    const char *name = json_string_value(json_array_get(command, 0));
    const json_t *what = json_array_get(command, 1);
    if (!name)
        return complain(why, "a command is an array that begins with its name");
    if (strcmp(name, "sendframe") == 0)
        return send_frame(p, now, what, -2, room, why);
    if (strcmp(name, "echo") == 0)
        return send_frame(p, now, what, 1, room, why);
    if (strcmp(name, "close") == 0)
        return send_close(p, now, what, why);
    if (strcmp(name, "sendframes") != 0)
        return complain(why, "there is no such command");
    if (!json_is_array(what) || json_array_size(what) > MOST_FRAMES)
        return complain(why, "sendframes takes an array of frames");
    for (size_t i = 0; i < json_array_size(what); i++)
        if (!send_frame(p, now, json_array_get(what, i), -2, room, why))
            return false;
    return true;
}

bool fuzz_command(judge_peer *p, int64_t now, const char *text, size_t len, size_t room,
                  char why[100])
{
    json_t *command = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
    bool ok = command ? do_command(p, now, command, room, why)
                      : complain(why, "the command is no JSON text");
    json_decref(command);
    return ok;
}
