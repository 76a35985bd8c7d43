"""The oracle with machine-learned forces: its settings, its start from classical boxes, its budget."""
