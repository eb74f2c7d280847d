"""What messaging reaches over the network: the other services, and mail servers."""
