"""What tests of several kinds use."""

import pytest


class SilentMonitor:
    """Never cancels; keeps what it was told, and fails a test whose progress is no share."""

    def __init__(self):
        self.told = []

    def check(self):
        pass

    def progress(self, share, phase):
        assert 0 <= share <= 1
        self.told.append((share, phase))


@pytest.fixture
def monitor():
    return SilentMonitor()
