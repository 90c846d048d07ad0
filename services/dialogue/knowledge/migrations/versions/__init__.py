"""One module a step. Add a new one; never change one that was released."""
