/* SPDX-License-Identifier: MIT */
/*
 * The binary corpora: a grey bitmap that is as hard to compress as a photograph, and a document
 * in the manner of PDF, most of which is image data that does not compress.
 *
 * Sizes when each is compressed whole by zlib at level 6, as a share of the original:
 *   bitmap    target 0.85, measured 0.849
 *   document  target 0.76, measured 0.758
 */
#include <stdio.h>

#include "conformance/corpus_internal.h"

enum { SIDE = 512, GRID = 64 };

static void put_u16(corpus_out *o, unsigned v)
{
    uint8_t b[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
    judge_corpus_put(o, b, 2);
}

static void put_u32(corpus_out *o, uint32_t v)
{
    put_u16(o, v & 0xffff);
    put_u16(o, v >> 16);
}

/* Smooth noise: random heights on a grid, bilinear in between. 0 .. 255. */
static int smooth(const uint8_t *grid, int x, int y, int cell)
{
    int gx = x / cell, gy = y / cell, fx = x % cell, fy = y % cell;
    const uint8_t *g = grid + gy * (GRID + 1) + gx;
    int top = g[0] * (cell - fx) + g[1] * fx;
    int bottom = g[GRID + 1] * (cell - fx) + g[GRID + 2] * fx;
    return (top * (cell - fy) + bottom * fy) / (cell * cell);
}

void judge_corpus_make_bitmap(corpus_out *o)
{
    /* BITMAPFILEHEADER, BITMAPINFOHEADER, a palette of 256 greys. */
    judge_corpus_put(o, "BM", 2);
    put_u32(o, (uint32_t)o->size);
    put_u32(o, 0);
    put_u32(o, 14 + 40 + 1024);
    put_u32(o, 40);
    put_u32(o, SIDE);
    put_u32(o, SIDE);
    put_u16(o, 1);
    put_u16(o, 8);
    put_u32(o, 0);
    put_u32(o, SIDE * SIDE);
    put_u32(o, 2835);
    put_u32(o, 2835);
    put_u32(o, 256);
    put_u32(o, 0);
    for (uint32_t i = 0; i < 256; i++)
        put_u32(o, i * 0x010101u);

    uint8_t coarse[(GRID + 1) * (GRID + 1)], fine[(GRID + 1) * (GRID + 1)];
    for (size_t i = 0; i < sizeof coarse; i++) {
        coarse[i] = (uint8_t)corpus_random(o);
        fine[i] = (uint8_t)corpus_random(o);
    }
    /* Hills under a sky with a disc in it, and the grain of a film over everything. */
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            int horizon = 200 + smooth(coarse, x, 0, 64) / 2;
            int dx = x - 360, dy = y - 400;
            int v = y > horizon ? 120 + (y - horizon) / 4 : 40 + smooth(coarse, x, y, 64) / 3;
            if (dx * dx + dy * dy < 60 * 60)
                v += 60;
            v += (smooth(fine, x, y, 8) - 128) / 6;
            int grain = (int)corpus_pick(o, 64) - 63;
            grain += (int)corpus_pick(o, 64);
            v += grain * 44 / 64;
            uint8_t octet = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
            judge_corpus_put(o, &octet, 1);
        }
    }
}

static const char *const operators[] = {"Tf", "Td", "Tj", "TJ", "Tm", "re", "cm", "l"};

/* Drawing instructions, uncompressed: what of such a document does compress. */
static void put_page(corpus_out *o, size_t octets)
{
    size_t until = o->len + octets;
    judge_corpus_printf(o, "BT /F1 11 Tf 72 720 Td\n");
    while (o->len + 64 < until) {
        static const unsigned bounds[] = {600, 100, 840, 100};
        unsigned v[WSK__COUNT(bounds)];
        char text[3];
        for (size_t i = 0; i < WSK__COUNT(bounds); i++)
            v[i] = corpus_pick(o, bounds[i]);
        const char *op = operators[corpus_pick(o, WSK__COUNT(operators))];
        for (size_t i = 0; i < sizeof text; i++)
            text[i] = (char)('a' + (int)corpus_pick_skewed(o, 26));
        judge_corpus_printf(o, "%u.%u %u.%u %s (%.3s) Tj\n", v[0], v[1], v[2], v[3], op, text);
    }
    judge_corpus_printf(o, "ET");
    judge_corpus_fill(o, ' ', until - 1);
    judge_corpus_put(o, "\n", 1);
}

void judge_corpus_make_pdf(corpus_out *o)
{
    enum { PAGES = 24, WIDTH = 96, TEXT = 20500, TAIL = 2400 };
    size_t offset[2 + 3 * PAGES + 1];
    unsigned n = 0;
    judge_corpus_printf(o, "%%PDF-1.4\n%%\xe2\xe3\xcf\xd3\n");
    offset[n++] = o->len;
    judge_corpus_printf(o, "1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n");
    offset[n++] = o->len;
    judge_corpus_printf(o, "2 0 obj\n<< /Type /Pages /Count %d /Kids [", PAGES);
    for (int i = 0; i < PAGES; i++)
        judge_corpus_printf(o, " %d 0 R", 3 + 3 * i);
    judge_corpus_printf(o, " ] >>\nendobj\n");
    for (int i = 0; i < PAGES; i++) {
        int id = 3 + 3 * i;
        offset[n++] = o->len;
        judge_corpus_printf(
            o,
            "%d 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            "/Contents %d 0 R /Resources << /XObject << /I%d %d 0 R >> /Font << /F1 "
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>\n"
            "endobj\n",
            id, id + 1, i, id + 2);
        offset[n++] = o->len;
        judge_corpus_printf(o, "%d 0 obj\n<< /Length %d >>\nstream\n", id + 1, TEXT);
        put_page(o, TEXT);
        judge_corpus_printf(o, "endstream\nendobj\n");
        /* An image of noise, the larger the more room this page has. */
        size_t room = (o->size - TAIL - o->len) / (size_t)(PAGES - i);
        size_t used = i < PAGES - 1 ? TEXT + 700 : 300;
        size_t height = room > used ? (room - used) / WIDTH : 1;
        offset[n++] = o->len;
        judge_corpus_printf(o,
                            "%d 0 obj\n<< /Type /XObject /Subtype /Image /Width %d /Height %zu "
                            "/ColorSpace /DeviceGray /BitsPerComponent 8 /Length %zu >>\nstream\n",
                            id + 2, WIDTH, height, WIDTH * height);
        for (size_t k = 0; k < WIDTH * height; k++) {
            uint8_t octet = (uint8_t)corpus_random(o);
            judge_corpus_put(o, &octet, 1);
        }
        judge_corpus_printf(o, "\nendstream\nendobj\n");
    }
    /* A comment makes the length exact; the end is found from the back, so it comes last. */
    static const char head[] = "xref\n0 %u\n0000000000 65535 f \n";
    static const char entry[] = "%010zu 00000 n \n";
    static const char trailer[] = "trailer\n<< /Size %u /Root 1 0 R >>\nstartxref\n%zu\n%%%%EOF\n";
    size_t end = (size_t)(snprintf(NULL, 0, head, n + 1) +
                          (int)n * snprintf(NULL, 0, entry, o->len) +
                          snprintf(NULL, 0, trailer, n + 1, o->size - 1));
    size_t xref = o->size - end;
    judge_corpus_printf(o, "%%");
    judge_corpus_fill(o, ' ', xref - 1);
    judge_corpus_printf(o, "\n");
    judge_corpus_printf(o, head, n + 1);
    for (unsigned i = 0; i < n; i++)
        judge_corpus_printf(o, entry, offset[i]);
    judge_corpus_printf(o, trailer, n + 1, xref);
}
