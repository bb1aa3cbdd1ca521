/* SPDX-License-Identifier: MIT */
/* The names of verdicts, and the end of a result. Knows nothing of how results come about. */
#include "conformance/result.h"

#include <stdlib.h>
#include <string.h>

const char *judge_behavior_name(judge_behavior b)
{
    switch (b) {
    case JUDGE_FAILED:
        return "FAILED";
    case JUDGE_OK:
        return "OK";
    case JUDGE_NON_STRICT:
        return "NON-STRICT";
    case JUDGE_INFORMATIONAL:
        return "INFORMATIONAL";
    case JUDGE_UNIMPLEMENTED:
        return "UNIMPLEMENTED";
    case JUDGE_WRONG_CODE:
        return "WRONG CODE";
    case JUDGE_UNCLEAN:
        return "UNCLEAN";
    case JUDGE_FAILED_BY_CLIENT:
        return "FAILED BY CLIENT";
    }
    return "FAILED";
}

void judge_result_fail(judge_result *r, const char *why)
{
    r->behavior = JUDGE_FAILED;
    free(r->why);
    r->why = strdup(why);
}

void judge_result_deinit(judge_result *r)
{
    free(r->agent);
    free(r->result);
    free(r->result_close);
    free(r->why);
    free(r->vitality);
    for (size_t i = 0; i < r->n_expected; i++)
        free(r->expected[i].events.at);
    free(r->expected);
    free(r->received.at);
    free(r->not_clean_reason);
    free(r->local_reason);
    free(r->remote_reason);
    free(r->http_request);
    free(r->http_response);
    free(r->rx_octets.at);
    free(r->tx_octets.at);
    free(r->rx_frames.at);
    free(r->tx_frames.at);
    free(r->log);
    *r = (judge_result){0};
}
