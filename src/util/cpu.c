/* SPDX-License-Identifier: MIT */
/*
 * Processor features, as the compiler's runtime finds them. It looks once, in a constructor of
 * its own that runs before any of this library can, and asks whether the operating system saves
 * the wide registers, too.
 */
#include "util/cpu.h"

#if defined(__x86_64__) && defined(__GNUC__)

bool wsk__cpu_has_sse41(void)
{
    return __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1");
}

bool wsk__cpu_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") != 0;
}

bool wsk__cpu_has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi");
}

#else

bool wsk__cpu_has_sse41(void)
{
    return false;
}

bool wsk__cpu_has_avx2(void)
{
    return false;
}

bool wsk__cpu_has_avx512(void)
{
    return false;
}

#endif
