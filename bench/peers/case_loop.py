# SPDX-License-Identifier: MIT
"""What every client in python does with "websock test --serve"."""


async def all_cases(visit, agent):
    """visit(PATH, echo=False): the last message that came, once the connection has ended."""
    count = int(await visit("/getCaseCount"))
    for n in range(1, count + 1):
        await visit(f"/runCase?case={n}&agent={agent}", echo=True)
    await visit(f"/updateReports?agent={agent}")
