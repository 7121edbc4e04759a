"""An independent reader of the Apus wire format, driven by the tables of the specification and by nothing else."""
