"""The tables that come out: their columns, and rows from records."""

from lesionscore.tables.table import Kind, Table, read_table, write_table

__all__ = ["Kind", "Table", "read_table", "write_table"]
