/* SPDX-License-Identifier: MIT */
/*
 * What this processor, and the operating system that saves its registers, can do. From any
 * thread. Each answer is a load and a test.
 */
#ifndef WSK_UTIL_CPU_H
#define WSK_UTIL_CPU_H

#include <stdbool.h>

/* SSE2 is part of x86-64 and NEON of AArch64: nobody needs to ask for those. */
bool wsk__cpu_has_sse41(void); /* with SSSE3 */
bool wsk__cpu_has_avx2(void);
/* F, BW and VL; and VBMI, for the processors without it lower their clock for wide vectors. */
bool wsk__cpu_has_avx512(void);

#endif
