/* SPDX-License-Identifier: MIT */
/*
 * Many connections at once, which precede a case and are no case of their own: each runs the steps
 * of one of its rows, and only how many went well is kept. Blocks until it is through.
 */
#ifndef CONFORMANCE_CROWD_H
#define CONFORMANCE_CROWD_H

#include <signal.h>

#include "conformance/peer.h"
#include "conformance/transport.h"
#include "conformance/vitality.h"

/* `setup` is that of the case, whose crowd it is; `tls` is for targets with TLS; `process` is
 * looked at meanwhile. Until one of the addresses is there, each connection tries them in turn;
 * ret_address is left as it is unless one was. False without memory or descriptors. */
bool judge_crowd_go(const judge_peer_setup *setup, const judge_target *target,
                    const judge_address *addresses, size_t n_addresses, SSL_CTX *tls, bool verify,
                    volatile sig_atomic_t *cancelled, judge_vitality *process,
                    judge_crowd_tally *ret, unsigned *ret_address);

#endif
