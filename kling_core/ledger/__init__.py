"""The durable record of every request, task and output, and what keeps it true."""
