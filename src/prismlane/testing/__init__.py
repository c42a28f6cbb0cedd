"""What tests of Prismlane, and of plug-ins, are built with: ports in memory, a fake clock, laws of analyses."""

from prismlane.testing.fake_clock import FakeClock
from prismlane.testing.memory_blobs import MemoryBlobs
from prismlane.testing.memory_store import MemoryStore

__all__ = ["FakeClock", "MemoryBlobs", "MemoryStore"]
