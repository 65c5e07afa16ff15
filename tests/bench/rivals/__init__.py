"""The same messages, sent as people write it with other queues, or with dramatiq and no records at all."""
