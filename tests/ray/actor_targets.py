"""Targets that a child process inside an actor runs."""

import os
import sys


def identity(payload, blobs, monitor):
    return {"pid": os.getpid(), "modules": sorted(sys.modules), "environment": sorted(os.environ)}, blobs


def spin(payload, blobs, monitor):
    monitor.progress(0.0, "spinning")
    while True:
        pass
