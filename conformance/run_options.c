/* SPDX-License-Identifier: MIT */
/* Autobahn's protocol options by their names, and what they are where nobody sets them. */
#include <stddef.h>
#include <string.h>

#include "conformance/run.h"

void judge_options_init(judge_options *o)
{
    *o = (judge_options){
        .open_handshake_timeout = 5,
        .close_handshake_timeout = 1,
        .server_connection_drop_timeout = 1,
        .auto_ping_size = 4,
        .version = 18,
        .utf8_validate_incoming = true,
        .apply_mask = true,
        .tcp_no_delay = true,
        .mask_client_frames = true,
        .require_masked_client_frames = true,
        .vitality_seconds = 1,
        .web_status = true,
        .patience = 3,
        .stall_seconds = -1,
        .crowd = 1,
    };
}

/* Timers count whole microseconds: what is none would be due again and again, and 1e300, which is
 * meant as never, would be over before it began. */
#define SHORTEST 1e-3
#define LONGEST  1e9
#define LARGEST  1e15

/* 0, which is off, stays so. */
static double within(double value, double least, double most)
{
    if (!(value > 0))
        return 0;
    return value < least ? least : value > most ? most : value;
}

int judge_options_set(judge_options *o, const char *name, double value)
{
    static const char *const ignored[] = {
        "allowHixie76", "serveFlashSocketPolicy", "flashSocketPolicy", "allowedOrigins",
        "versions",     "trustXForwardedFor",
    };
    const struct {
        const char *name;
        double *seconds;
        uint64_t *size;
        bool *flag;
    } known[] = {
        {"openHandshakeTimeout", &o->open_handshake_timeout, NULL, NULL},
        {"closeHandshakeTimeout", &o->close_handshake_timeout, NULL, NULL},
        {"serverConnectionDropTimeout", &o->server_connection_drop_timeout, NULL, NULL},
        {"autoPingInterval", &o->auto_ping_interval, NULL, NULL},
        {"autoPingTimeout", &o->auto_ping_timeout, NULL, NULL},
        {"vitalitySeconds", &o->vitality_seconds, NULL, NULL},
        {"patience", &o->patience, NULL, NULL},
        {"stallSeconds", &o->stall_seconds, NULL, NULL},
        {"crowd", &o->crowd, NULL, NULL},
        {"autoPingSize", NULL, &o->auto_ping_size, NULL},
        {"maxFramePayloadSize", NULL, &o->max_frame_payload_size, NULL},
        {"maxMessagePayloadSize", NULL, &o->max_message_payload_size, NULL},
        {"autoFragmentSize", NULL, &o->auto_fragment_size, NULL},
        {"maxConnections", NULL, &o->max_connections, NULL},
        {"webStatus", NULL, NULL, &o->web_status},
        {"utf8validateIncoming", NULL, NULL, &o->utf8_validate_incoming},
        {"applyMask", NULL, NULL, &o->apply_mask},
        {"checksOrigin", NULL, NULL, &o->checks_origin},
        {"failByDrop", NULL, NULL, &o->fail_by_drop},
        {"echoCloseCodeReason", NULL, NULL, &o->echo_close_code_reason},
        {"tcpNoDelay", NULL, NULL, &o->tcp_no_delay},
        {"maskClientFrames", NULL, NULL, &o->mask_client_frames},
        {"acceptMaskedServerFrames", NULL, NULL, &o->accept_masked_server_frames},
        {"maskServerFrames", NULL, NULL, &o->mask_server_frames},
        {"requireMaskedClientFrames", NULL, NULL, &o->require_masked_client_frames},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, known[i].name) != 0)
            continue;
        if (known[i].seconds != NULL)
            *known[i].seconds = within(value, known[i].seconds == &o->crowd ? 0 : SHORTEST,
                                       LONGEST);
        else if (known[i].size != NULL)
            *known[i].size = (uint64_t)within(value, 0, LARGEST);
        else
            *known[i].flag = value != 0;
        return 0;
    }
    if (strcmp(name, "version") == 0) {
        o->version = (int)value;
        /* 10 to 18 are drafts from 8 on and RFC 6455; older ones cannot be spoken here. */
        return value >= 10 && value <= 18 ? 0 : 1;
    }
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        if (strcmp(name, ignored[i]) == 0)
            return 1;
    }
    return -1;
}
