"""From files to partitions: formats, type inference, conversion, and what is known of a dataset."""
