"""Files that nobody would write: whatever is in them, only our own errors, in bounded time and memory.

``python -m tests.fuzz --minutes 10`` goes on from where the tests stop; ``--target workbook --seed 123``
tries one input again.
"""
