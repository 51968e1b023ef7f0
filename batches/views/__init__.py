"""Pages of batches, the same for every type."""
