"""A lesion on one scan: its surface, size, edge and uptake."""
