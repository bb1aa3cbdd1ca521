/* SPDX-License-Identifier: MIT */
/*
 * Every rule that we enforce on a peer's frames, in one table: name, close code, the RFC's
 * section, the sentence for events and logs. A rule is added here and nowhere else.
 */
#ifndef WSK_WIRE_RULES_H
#define WSK_WIRE_RULES_H

#define WSK__RULE_MAP(X)                                                                           \
    X(RSV, 1002, "RFC 6455 5.2", "a reserved bit is set that no extension has claimed")            \
    X(RSV_CONTROL, 1002, "RFC 6455 5.2", "a reserved bit is set in a control frame")               \
    X(RSV_CONTINUATION, 1002, "RFC 7692 6.1", "a reserved bit is set in a continuation frame")     \
    X(OPCODE_DATA, 1002, "RFC 6455 5.2", "reserved opcode of a data frame")                        \
    X(OPCODE_CONTROL, 1002, "RFC 6455 5.2", "reserved opcode of a control frame")                  \
    X(CONTROL_FRAGMENTED, 1002, "RFC 6455 5.5", "fragmented control frame")                        \
    X(CONTROL_TOO_LONG, 1002, "RFC 6455 5.5", "control frame with more than 125 octets")           \
    X(NO_MESSAGE, 1002, "RFC 6455 5.4", "continuation frame without a message to continue")        \
    X(IN_MESSAGE, 1002, "RFC 6455 5.4", "new data frame before the last message was finished")     \
    X(UNMASKED, 1002, "RFC 6455 5.1", "frame from a client is not masked")                         \
    X(MASKED, 1002, "RFC 6455 5.1", "frame from a server is masked")                               \
    X(LENGTH_NOT_MINIMAL, 1002, "RFC 6455 5.2", "length is not encoded in the minimal form")       \
    X(LENGTH_TOP_BIT, 1002, "RFC 6455 5.2", "most significant bit of a 64-bit length is set")      \
    X(FRAME_TOO_BIG, 1009, "RFC 6455 10.4", "frame is longer than the limit")                      \
    X(MESSAGE_TOO_BIG, 1009, "RFC 6455 10.4", "message is longer than the limit")                  \
    X(TOO_MANY_FRAGMENTS, 1008, "RFC 6455 10.4", "message has more frames than the limit")         \
    X(MESSAGE_TOO_SLOW, 1008, "RFC 6455 10.4", "message took longer than the limit")               \
    X(MESSAGE_RATE, 1008, "RFC 6455 10.4", "messages come faster than the limit")                  \
    X(OCTET_RATE, 1008, "RFC 6455 10.4", "octets come faster than the limit")                      \
    X(UTF8, 1007, "RFC 6455 8.1", "text is not valid UTF-8")                                       \
    X(CLOSE_LENGTH, 1002, "RFC 6455 5.5.1", "close frame with one octet of payload")               \
    X(CLOSE_CODE, 1002, "RFC 6455 7.4", "close frame with a code that may not be sent")            \
    X(CLOSE_UTF8, 1007, "RFC 6455 5.5.1", "reason of a close frame is not valid UTF-8")            \
    X(EXTENSION, 1002, "RFC 6455 9", "frame breaks the rules of an extension")                     \
    X(EXTENSION_DATA, 1007, "RFC 7692 6.2", "payload cannot be decoded by the extension")          \
    X(NOMEM, 1011, "RFC 6455 7.4.1", "out of memory")                                              \
    X(RANDOM, 1011, "RFC 6455 10.3", "no random numbers to be had")                                \
    X(INTERNAL, 1011, "RFC 6455 7.4.1", "an extension failed")

typedef enum wsk__rule {
    WSK__RULE_NONE = 0,
#define WSK__RULE_ENUM_(name, code, rfc, text) WSK__RULE_##name,
    WSK__RULE_MAP(WSK__RULE_ENUM_)
#undef WSK__RULE_ENUM_
        WSK__RULE_COUNT
} wsk__rule;

/* The close code of a rule, its sentence, its place in the RFCs. */
unsigned wsk__rule_code(wsk__rule rule);
const char *wsk__rule_text(wsk__rule rule);
const char *wsk__rule_rfc(wsk__rule rule);

#endif
