"""Commands for scripts and schedulers."""
