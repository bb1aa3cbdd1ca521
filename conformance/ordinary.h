/* SPDX-License-Identifier: MIT */
/* What an ordinary connection does, beside and behind attacks: no case of the suite. */
#ifndef WSK_CONFORMANCE_ORDINARY_H
#define WSK_CONFORMANCE_ORDINARY_H

#include "conformance/case.h"

enum { JUDGE_ORDINARY_STEPS = 3 };

/* A text, its echo, and a close after so many seconds at the latest, as any client has them. The
 * steps stay with the case. clean: the other end of TCP is waited for, too. */
judge_case judge_ordinary(judge_step steps[JUDGE_ORDINARY_STEPS], double seconds, bool clean);

#endif
