"""The database. Here stand the unique keys, the version guard and the conditional updates of design.md §2."""
