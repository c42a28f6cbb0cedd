"""The vocabulary that every part of Prismlane shares. It decides nothing."""
