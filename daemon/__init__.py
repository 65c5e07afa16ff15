"""duban 督办: decides what is due, and sees it through."""
