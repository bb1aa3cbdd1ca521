/* SPDX-License-Identifier: MIT */
/* What the parts of the fuzzing server share. */
#ifndef CONFORMANCE_FUZZ_INTERNAL_H
#define CONFORMANCE_FUZZ_INTERNAL_H

#include <signal.h>

#include "conformance/fuzz_server.h"
#include "conformance/peer.h"
#include "conformance/peer_request.h"
#include "conformance/report_text.h"
#include "conformance/transport.h"

/* ------ fuzz_query.c: what a URL of the API asks for ------ */

typedef enum fuzz_act {
    FUZZ_COMMANDS, /* any other path */
    FUZZ_COUNT,
    FUZZ_INFO,
    FUZZ_RUN,
    FUZZ_STATUS,
    FUZZ_REPORTS,
    FUZZ_STOP,
} fuzz_act;

/* An agent's name may be as long as this; reports cut it further for file names. */
enum { FUZZ_AGENT_SIZE = 1025 };

typedef struct fuzz_query {
    fuzz_act act;
    const judge_case *test;
    char agent[FUZZ_AGENT_SIZE];
    bool shutdown;
} fuzz_query;

/* False with one line in `why`: the handshake has to fail. */
bool fuzz_query_read(fuzz_query *ret, const judge_request *r, const judge_table *table,
                     const bool *selected, char why[200]);
/* The place of a case among those selected, from 1. */
int fuzz_case_number(const judge_table *table, const bool *selected, const judge_case *c);

/* ------ fuzz_command.c: what direct commands do ------ */

/* One command, a JSON text, that may queue so many octets. False with one line in `why`. */
bool fuzz_command(judge_peer *p, int64_t now, const char *text, size_t len, size_t room,
                  char why[100]);

/* ------ fuzz_web.c: plain HTTP ------ */

typedef struct fuzz_site {
    const char *outdir; /* NULL: no reports */
    unsigned port;      /* of the API; 0: that of the page */
    bool tls;
} fuzz_site;

/* What is still to be sent of a file. */
typedef struct fuzz_file {
    int fd; /* 0: none */
    uint64_t left;
} fuzz_file;

/* The answer to a request that is no handshake; of a report its head, and where the rest is. */
void fuzz_web_answer(judge_buf *out, fuzz_file *file, const fuzz_site *site,
                     const judge_request *r);
/* The next piece of it. False: it has become shorter. */
bool fuzz_web_more(judge_buf *out, fuzz_file *file);
void fuzz_web_done(fuzz_file *file);
/* An answer that says what is wrong. */
void fuzz_web_refuse(judge_buf *out, unsigned status, const char *why, bool head_only);

/* ------ fuzz_listen.c: sockets and TLS ------ */

typedef struct fuzz_place {
    char host[256]; /* "" for all addresses */
    unsigned port;
    bool tls, web; /* web: for the page, whose connections go to the first place */
} fuzz_place;

/* The descriptors of a place, at most n; ports of 0 are replaced by the one that was found.
 * Returns how many, or 0 with a line in `why`. */
size_t fuzz_listen(fuzz_place *place, int *ret, size_t n, char why[256]);
SSL_CTX *fuzz_tls_new(const char *cert, const char *key, char why[256]);

#endif
