"""Mergeable summaries that analyses build their states from. Merging them is exact or says by how much it is not."""
