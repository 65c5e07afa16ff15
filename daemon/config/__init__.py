"""The office's files: read with positions, checked whole, frozen into one rule set, compiled."""
