"""What the authors of plugins may use and the kernel does not: processes, agents, providers, the network."""
