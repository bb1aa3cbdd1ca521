/* SPDX-License-Identifier: MIT */
/* See mask_check.h. */
#include "conformance/mask_check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Standard deviations that chance reaches once in 10^13 times. */
#define FAR 7.5

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static uint32_t key_value(const uint8_t key[4], bool little)
{
    return little
               ? (uint32_t)key[3] << 24 | (uint32_t)key[2] << 16 | (uint32_t)key[1] << 8 | key[0]
               : (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 | key[3];
}

/* How many values occur again; sorts them. */
static size_t repeats(uint32_t *values, size_t n)
{
    size_t count = 0;

    qsort(values, n, sizeof(*values), compare);
    for (size_t i = 1; i < n; i++)
        count += values[i] == values[i - 1];
    return count;
}

/* As many repeats among n values of 32 bits come by chance less than once in 10^9 times. */
static size_t repeats_allowed(size_t n)
{
    const double expected = (double)n * (double)n / 8589934592.0;
    double tail = 1;
    size_t k = 0;

    /* expected^k / k! is above the probability of k repeats or more. */
    do {
        k++;
        tail *= expected / (double)k;
    } while (tail > 1e-9);
    return k - 1;
}

static bool far_from_half(size_t ones, size_t n)
{
    return fabs((double)ones - (double)n / 2) > FAR * sqrt((double)n) / 2;
}

/* Bits that are mostly the same, or mostly equal to another one. */
static bool bits_are_balanced(const uint32_t *values, size_t n, const char *of, char why[160])
{
    for (unsigned a = 0; a < 32; a++) {
        for (unsigned b = a; b < 32; b++) {
            size_t ones = 0;

            for (size_t i = 0; i < n; i++)
                ones += a == b ? values[i] >> a & 1 : (values[i] >> a ^ values[i] >> b) & 1;
            if (!far_from_half(ones, n))
                continue;
            if (a == b)
                snprintf(why, 160, "bit %u of %s is set in %zu of %zu", 31 - a, of, ones, n);
            else
                snprintf(why, 160, "bits %u and %u of %s differ in %zu of %zu", 31 - b, 31 - a, of,
                         ones, n);
            return false;
        }
    }
    return true;
}

static bool octets_are_spread(const uint8_t (*keys)[4], size_t n, char why[160])
{
    double chi = 0;
    size_t counts[256] = {0};
    const double expected = (double)n * 4 / 256;

    /* Fewer than five of a kind are too few for the test. */
    if (expected < 5)
        return true;
    for (size_t i = 0; i < n; i++) {
        for (unsigned k = 0; k < 4; k++)
            counts[keys[i][k]]++;
    }
    for (unsigned v = 0; v < 256; v++)
        chi += ((double)counts[v] - expected) * ((double)counts[v] - expected) / expected;
    /* Wilson and Hilferty: the cube root of chi^2 / 255 is nearly normal. */
    if ((cbrt(chi / 255) - (1 - 2.0 / (9 * 255))) / sqrt(2.0 / (9 * 255)) <= FAR)
        return true;
    snprintf(why, 160, "the octets of the masks are spread unevenly (chi squared %.0f, not 255)",
             chi);
    return false;
}

/* a is odd. */
static uint32_t inverse(uint32_t a)
{
    uint32_t x = a;

    /* Each round doubles the bits that are right, and a is right in three. */
    for (int i = 0; i < 4; i++)
        x *= 2 - a * x;
    return x;
}

/* A linear congruential generator gives itself away by three differences. */
static bool is_predictable(const uint32_t *values, size_t n)
{
    size_t hits = 0;

    for (size_t i = 3; i < n; i++) {
        const uint32_t d0 = values[i - 2] - values[i - 3], d1 = values[i - 1] - values[i - 2];

        hits += (d0 & 1) != 0 && values[i] - values[i - 1] == d1 * inverse(d0) * d1;
    }
    return hits > 3 + n / 100000;
}

typedef struct derived {
    uint32_t *values, *scratch;
    size_t n;
} derived;

static bool repeats_are_few(derived *d, size_t n, const char *what, char why[160])
{
    const size_t found = repeats(d->scratch, n);

    if (found <= repeats_allowed(n))
        return true;
    snprintf(why, 160, "%zu of %zu %s occurred before", found, n, what);
    return false;
}

static bool check(derived *d, const uint8_t (*keys)[4], char why[160])
{
    const size_t n = d->n;

    for (size_t i = 0; i < n; i++)
        d->scratch[i] = key_value(keys[i], false);
    if (!repeats_are_few(d, n, "masks", why))
        return false;
    for (unsigned little = 0; little < 2; little++) {
        for (size_t i = 0; i < n; i++)
            d->values[i] = key_value(keys[i], little);
        for (size_t i = 1; i < n; i++)
            d->scratch[i - 1] = d->values[i] - d->values[i - 1];
        if (!repeats_are_few(d, n - 1, "differences between a mask and the one before", why))
            return false;
        if (is_predictable(d->values, n)) {
            snprintf(why, 160, "each mask follows from those before by a linear congruence");
            return false;
        }
    }
    for (size_t i = 0; i < n; i++)
        d->values[i] = key_value(keys[i], false);
    if (!bits_are_balanced(d->values, n, "the masks", why))
        return false;
    for (size_t i = 1; i < n; i++)
        d->scratch[i - 1] = d->values[i] ^ d->values[i - 1];
    if (!bits_are_balanced(d->scratch, n - 1, "a mask and the one before, XORed,", why) ||
        !repeats_are_few(d, n - 1, "masks, XORed with the one before,", why))
        return false;
    return octets_are_spread(keys, n, why);
}

bool judge_masks_look_random(const uint8_t (*keys)[4], size_t n, char why[160])
{
    derived d = {NULL, NULL, n};
    bool good;

    if (n < 16)
        return true;
    d.values = malloc(n * sizeof(*d.values));
    d.scratch = malloc(n * sizeof(*d.scratch));
    if (d.values == NULL || d.scratch == NULL) {
        snprintf(why, 160, "the judge ran out of memory");
        good = false;
    } else {
        good = check(&d, keys, why);
    }
    free(d.values);
    free(d.scratch);
    return good;
}
