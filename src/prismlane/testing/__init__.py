"""What tests of Prismlane, and of plug-ins, are built with: ports in memory, a fake clock, laws of analyses."""
