"""The contract between services: one file per arrow, frozen, additive only.

A field may be added with a default and is ignored by a service of the previous release; none is ever renamed, removed or
given another meaning. Unknown fields and unknown kinds are ignored by every reader.
"""
