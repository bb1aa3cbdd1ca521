/* SPDX-License-Identifier: MIT */
/* The head parser on requests; head_oracle.h says what must hold. */
#include "head_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    oracle_run(WSK__HEAD_REQUEST, data, size);
    return 0;
}
