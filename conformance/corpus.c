/* SPDX-License-Identifier: MIT */
/*
 * Owns the five corpora: makes each once and hands it out. Their content is in corpus_text.c and
 * corpus_binary.c. The only state of the judge that lives as long as the process; it is written
 * once, behind pthread_once(3).
 */
#include "conformance/corpus.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/corpus_internal.h"

void judge_corpus_put(corpus_out *o, const void *data, size_t n)
{
    if (n > o->size - o->len)
        n = o->size - o->len;
    memcpy(o->at + o->len, data, n);
    o->len += n;
}

void judge_corpus_printf(corpus_out *o, const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (n > 0)
        judge_corpus_put(o, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

void judge_corpus_fill(corpus_out *o, char c, size_t until)
{
    while (o->len < until && o->len < o->size)
        judge_corpus_put(o, &c, 1);
}

static struct {
    const size_t size;
    const bool is_text;
    void (*const make)(corpus_out *o);
    pthread_once_t once;
    uint8_t *data;
} corpora[] = {
    {194056, true, judge_corpus_make_json, PTHREAD_ONCE_INIT, NULL},
    {263222, false, judge_corpus_make_bitmap, PTHREAD_ONCE_INIT, NULL},
    {222218, false, judge_corpus_make_prose, PTHREAD_ONCE_INIT, NULL},
    {263647, true, judge_corpus_make_html, PTHREAD_ONCE_INIT, NULL},
    {1042328, false, judge_corpus_make_pdf, PTHREAD_ONCE_INIT, NULL},
};

static void make(int i)
{
    corpus_out o = {malloc(corpora[i].size), 0, corpora[i].size, (uint64_t)i + 1};
    if (!o.at)
        return;
    corpora[i].make(&o);
    judge_corpus_fill(&o, '\n', o.size);
    corpora[i].data = o.at;
}

/* pthread_once(3) hands no argument on. */
static void make_0(void)
{
    make(0);
}

static void make_1(void)
{
    make(1);
}

static void make_2(void)
{
    make(2);
}

static void make_3(void)
{
    make(3);
}

static void make_4(void)
{
    make(4);
}

const uint8_t *judge_corpus(int which, size_t *ret_len, bool *ret_is_text)
{
    static void (*const makers[])(void) = {make_0, make_1, make_2, make_3, make_4};
    if (which < JUDGE_CORPUS_JSON || which > JUDGE_CORPUS_PDF)
        return NULL;
    int i = which - JUDGE_CORPUS_JSON;
    pthread_once(&corpora[i].once, makers[i]);
    if (!corpora[i].data)
        return NULL;
    *ret_len = corpora[i].size;
    *ret_is_text = corpora[i].is_text;
    return corpora[i].data;
}
