"""Admin pages of the registered batch types."""


def register_types() -> None:
    """Register an admin page for each batch type that has none."""
