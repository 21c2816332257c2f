"""What `scripts/bench` runs beside imprint, and what it makes, measures and compares with."""
