/* SPDX-License-Identifier: MIT */
/* Which library codes which message, by what measured best (bench/bench_deflate.c). */
#include "deflate/coder.h"

/*
 * zlib's levels 2 to 9 are denser than anything that ISA-L does; its level 1 is not, and takes
 * two to four times as long. Fixed codes spare the header with the codes, which small messages
 * do not earn back; with a history to refer to a message is as good as smaller.
 */
#define FIXED_UP_TO          256
#define FIXED_UP_TO_TAKEOVER 1280
/* To change for a large message costs the loading of a history, a few microseconds. */
#define INSIST_FROM 4096

/* ISA-L takes longer to begin with, and three times less per octet. It takes sets of Huffman codes
 * that are not complete, which zlib refuses (codes that are not in the set neither takes): then how
 * much of a message came at once decides whether it is broken. No compressor makes such sets. */
#define INFLATE_ISAL_FROM   400
#define INFLATE_INSIST_FROM 2048

const wsk__codec *wsk__codec_for_deflate(wsk__codec_choice choice, unsigned level, bool takeover,
                                         uint64_t len, bool *ret_insist)
{
    *ret_insist = false;
#ifdef WSK_HAVE_ISAL
    if (choice == WSK__CODEC_ISAL_FIXED && level == 1)
        return &wsk__isal_deflate_fixed;
    if (choice == WSK__CODEC_ISAL && level == 1)
        return &wsk__isal_deflate;
    if (choice == WSK__CODEC_BEST && level == 1) {
        *ret_insist = len >= INSIST_FROM;
        return len <= (takeover ? FIXED_UP_TO_TAKEOVER : FIXED_UP_TO) ? &wsk__isal_deflate_fixed
                                                                      : &wsk__isal_deflate;
    }
#else
    (void)choice;
    (void)level;
    (void)takeover;
    (void)len;
#endif
    return &wsk__zlib_deflate;
}

const wsk__codec *wsk__codec_for_inflate(wsk__codec_choice choice, unsigned window_bits, size_t len,
                                         bool *ret_insist)
{
    *ret_insist = false;
#ifdef WSK_HAVE_ISAL
    /* It does not hold fixed blocks to a window below the largest. */
    if (window_bits == 15 && choice != WSK__CODEC_ZLIB) {
        *ret_insist = len >= INFLATE_INSIST_FROM;
        if (choice != WSK__CODEC_BEST || len >= INFLATE_ISAL_FROM)
            return &wsk__isal_inflate;
    }
#else
    (void)choice;
    (void)window_bits;
    (void)len;
#endif
    return &wsk__zlib_inflate;
}
