"""What joins the parts of the kernel: projects are opened, workflows checked, planned, run and resumed."""
