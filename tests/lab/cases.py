"""The packet tables: what each option promises, as configurations and rows.

Every option is named by at least one case; a test holds that.
"""

from __future__ import annotations

from lab.cases_dns import DNS
from lab.cases_inbound import INBOUND
from lab.cases_neighbours import NEIGHBOURS
from lab.cases_outbound import OUTBOUND
from lab.cases_running import RUNNING

CASES = (*INBOUND, *OUTBOUND, *DNS, *NEIGHBOURS, *RUNNING)
