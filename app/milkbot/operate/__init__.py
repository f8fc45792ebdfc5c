"""The operator's page: what the platform does and holds, and the acts. It comes by a Unix socket, over ssh alone."""
