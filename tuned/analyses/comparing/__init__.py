"""Which of two is better, and how sure that is: repetitions, folds, studies side by side."""
