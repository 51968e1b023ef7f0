"""The store's batch types, one file each."""
