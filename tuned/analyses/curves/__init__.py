"""What training curves say, of one trial and of a study."""
