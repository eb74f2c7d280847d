"""How Regulars is run: on one machine (local), in containers, on Kubernetes."""
