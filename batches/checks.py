"""System checks: each config fault has an id, a message and what to type."""
