"""`nika graph`: a workflow's graph as a drawing."""
