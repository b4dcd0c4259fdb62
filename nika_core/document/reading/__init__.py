"""From the nodes of a file to the model: workflows, project files, inputs."""
