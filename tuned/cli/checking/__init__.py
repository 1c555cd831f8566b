"""What `tunectl check` finds: in a study file before anything runs, and in what a trial of it did."""
