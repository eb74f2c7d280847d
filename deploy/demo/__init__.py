"""`make demo`: a shop's real purchase history goes through the public API, and one looks at what comes out."""
