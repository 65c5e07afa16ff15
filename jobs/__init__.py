"""Hands ids from the database to worker threads, over Redis. A message is a hint, never the truth."""
