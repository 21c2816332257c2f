"""The rooms: each a function from a batch of records and plain arguments to a batch."""
