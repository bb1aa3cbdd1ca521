/* SPDX-License-Identifier: MIT */
/*
 * The payloads of the compression cases: five files of the sizes that the 12.* and 13.* rows
 * name, made by generators so that they are the same everywhere. Knows nothing of cases.
 */
#ifndef CONFORMANCE_CORPUS_H
#define CONFORMANCE_CORPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JUDGE_CORPUS_JSON = 1, /* text, ASCII */
    JUDGE_CORPUS_BITMAP,
    JUDGE_CORPUS_PROSE, /* UTF-8, but sent as binary */
    JUDGE_CORPUS_HTML,  /* text, not all ASCII */
    JUDGE_CORPUS_PDF,
};

/*
 * The octets of a corpus, generated at the first call, from any thread; they stay for the
 * life of the process. NULL if `which` is none or memory is short. `ret_is_text`: sent as text
 * messages, and then cut in characters, not in octets.
 */
const uint8_t *judge_corpus(int which, size_t *ret_len, bool *ret_is_text);

#endif
