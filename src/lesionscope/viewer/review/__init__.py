"""Reviewing mined and predicted labels: state, actions and keys; the dock draws them."""
