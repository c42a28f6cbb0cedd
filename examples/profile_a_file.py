"""Profile a file on a running server: prismlane up; python examples/profile_a_file.py flights.csv"""

import sys

from prismlane.client import Client

with Client() as client:
    data = client.datasets.add(sys.argv[1])
    job = client.submit("profile", data)
    for event in job.events():
        print(event.seq, event.type)
    for finding in job.result().findings:
        print(f"{finding.severity}: {finding.text}")
    job.report().save("report.html")
