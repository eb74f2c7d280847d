"""HTTP in: one module for each kind of question."""
