# SPDX-License-Identifier: MIT
"""Imported, it takes from the environment what would change what programs do in a test: proxies,
which lead away from the servers of the tests, and the wish for no colours."""
import os
import re

for _name in list(os.environ):
    if re.fullmatch(r"(?i)(ws|wss|http|https|all|no)_proxy|NO_COLOR", _name):
        del os.environ[_name]
