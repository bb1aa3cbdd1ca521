# SPDX-License-Identifier: MIT
"""What becomes of clients behind a case: test_judge_care.py WEBSOCK MUTANT_CLIENT

Those that come back, stay away, or whose process ends.
"""
import json
import os
import subprocess
import sys
import time

import test_judge_serve as base
from test_judge_serve import HOME, LONG, Client, Refused, Server, processes, report, test

del base.tests[:]


def reset_case(server, agent):
    try:
        Client(server.port, f"/runCase?case=1&agent={agent}").close()
    except (Refused, OSError):
        pass


@test
def clients_that_come_back():
    alive = subprocess.Popen(["sleep", "600"])
    processes.append(alive)
    s = Server("--out", "back", "--cases", "15.10.9", "--option", "vitalitySeconds=60",
               "--pid", str(alive.pid))
    reset_case(s, "back")
    status = json.loads(Client(s.port, "/getCaseStatus?case=1&agent=back").answer())
    assert status == {"behavior": "OK"}, status
    # Who asks before there is a result is there already.
    early = Client(s.port, "/getCaseStatus?case=1&agent=early")
    reset_case(s, "early")
    assert json.loads(early.answer()) == {"behavior": "OK"}
    # The process of this one does not get over it.
    reset_case(s, "dead")
    alive.kill()
    alive.wait(LONG)
    status = json.loads(Client(s.port, "/getCaseStatus?case=1&agent=dead").answer())
    assert status == {"behavior": "FAILED"}, status
    # The server's end leaves it open.
    s.stop()
    s = Server("--out", "away", "--cases", "15.10.9", "--option", "vitalitySeconds=60")
    reset_case(s, "left")
    s.stop()
    assert report("away")["left"]["15.10.9"]["behavior"] == "OK"


# A client that opens the connection of a case, and ends at once or behind what it is told to.
ENDING_CLIENT = """
import os, socket, sys
port, number, ends = int(input()), sys.argv[1], sys.argv[2] == "ends"
s = socket.create_connection(("127.0.0.1", port))
s.sendall(f"GET /runCase?case={number}&agent=a HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n"
          "Upgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Version: 13\\r\\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n"
          "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\\r\\n"
          "\\r\\n".encode())
s.recv(4096)
if ends:
    os._exit(1)
s.close()
print("dropped", flush=True)
input()
"""


@test
def processes_that_end_in_a_case():
    """To drop TCP is right in these cases, and a process that ends drops it, too."""
    for ends in (True, False):
        for case in ("15.6.10", "17.5.1", "17.9.3", "19.1.1", "21.3.1"):
            client = subprocess.Popen([sys.executable, "-c", ENDING_CLIENT, "1",
                                       "ends" if ends else "stays"],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            processes.append(client)
            s = Server("--out", "ending", "--cases", case, "--pid", str(client.pid),
                       "--option", "vitalitySeconds=60")
            client.stdin.write(f"{s.port}\n")
            client.stdin.flush()
            if ends:
                client.wait(LONG)
            else:
                client.stdout.readline()
            answer = json.loads(Client(s.port, "/getCaseStatus?case=1&agent=a").answer())
            assert (answer["behavior"] == "FAILED") == ends, (case, ends, answer)
            if not ends:
                client.communicate("\n")
            s.stop()
            with open(os.path.join(HOME, "ending", f"a_case_{case.replace('.', '_')}.json"),
                      encoding="utf-8") as f:
                assert ("The process is gone" in f.read()) == ends


@test
def clients_that_stay_away():
    lines = os.path.join(HOME, "away.jsonl")
    s = Server("--out", "away", "--cases", "15.10.9", "--option", "vitalitySeconds=0.01",
               "--json", lines)
    reset_case(s, "away")
    until = time.monotonic() + LONG
    text = ""
    while not text.endswith("\n") and time.monotonic() < until:
        time.sleep(0.02)
        with open(lines, encoding="utf-8") as f:
            text = f.read()
    line = json.loads(text.splitlines()[0])
    assert line["behavior"] == "NON-STRICT", line
    assert "did not come back" in line["why"], line
    s.stop()


if __name__ == "__main__":
    sys.exit(base.main())
