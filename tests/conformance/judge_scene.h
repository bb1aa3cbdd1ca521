/* SPDX-License-Identifier: MIT */
/* A case of the suite against a peer that is a few lines of a test: what it says, the test says. */
#ifndef TESTS_CONFORMANCE_JUDGE_SCENE_H
#define TESTS_CONFORMANCE_JUDGE_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/case.h"
#include "conformance/peer.h"

#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define STATUS "HTTP/1.1 101 Switching Protocols\r\n"
#define OPEN   STATUS "Upgrade: websocket\r\nConnection: Upgrade\r\n" ACCEPT
#define SECOND INT64_C(1000000)
/* The key of the judge as client, to which ACCEPT belongs. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

typedef struct scene {
    judge_options options;
    judge_peer *p;
    judge_result r;
    int64_t now;
    size_t taken; /* octets of the judge */
} scene;

int scene_setup(void **state);
int scene_teardown(void **state);

/* From here on messages of the peer have this limit, which the judge knows; 0: none. */
void scene_limit(uint64_t limit);

/* From here on a crowd precedes the case, whose ordinary connections took so many seconds at the
 * most, on a machine that was so many times slower than on its own; 0: none. */
void scene_crowd(double slowest, double slowdown);

/* From here on at most so many octets of the judge go out at a time; SIZE_MAX: all. */
void scene_pace(size_t most);
const judge_case *scene_case(const char *id);

/* The judge's octets go out, and are lost. */
void take(scene *s);
void feed(scene *s, const void *data, size_t n);
void say(scene *s, const char *text);
/* A frame of the peer: unmasked of a server, with a key of zeros of a client. */
void frame(scene *s, uint8_t first, const char *payload, size_t n);

#define TEXT(s, text)   frame(s, 0x81, text, strlen(text))
#define PONG(s, text)   frame(s, 0x8a, text, strlen(text))
#define CLOSES(s, code) frame(s, 0x88, code, 2)

/* `pings`: seconds between those of the judge's own; 0: none. */
void begin_as(scene *s, const char *id, judge_role role, bool compat, double pings);
void begin(scene *s, const char *id, judge_role role);
/* The judge as client, and the first message of each ending has so many octets. The case is there
 * until the next call. */
void begin_shorter(scene *s, const char *id, uint64_t total);
void open_with(scene *s, const char *id, const char *answer);
void pass(scene *s, int64_t us);
/* TCP ends, if it has not; the verdict. */
judge_behavior end(scene *s);
/* A clean end from here on. */
judge_behavior closes(scene *s);
/* The judge has waited for something else until it closed itself. */
judge_behavior closes_late(scene *s);

#endif
