"""Toy batch types that prove the framework without products."""
