"""Ways to move bytes between ranks, behind one protocol: `base.Transport`."""
