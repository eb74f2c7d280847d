"""All SQL of the segments service, a file for each table it is about. Functions return frozen values, never rows."""
