"""What a model scores and costs: quality, size, MACs, latency."""
