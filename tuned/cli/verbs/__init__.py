"""The verbs of `tunectl`, one file a noun. `tuned.cli.root` lists them; each is imported when it is used."""
