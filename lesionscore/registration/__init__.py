"""Rigid alignment of each lesion's own bone between two scans."""
