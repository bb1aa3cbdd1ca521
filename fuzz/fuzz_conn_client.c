/* SPDX-License-Identifier: MIT */
/* A client's connection. Its key is known (random numbers are constant), so that a corpus can hold
 * responses that fit and frames behind them. */
#include "fuzz_conn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_conn(WSK_ROLE_CLIENT, data, size);
}
