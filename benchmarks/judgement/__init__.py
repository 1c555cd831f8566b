"""How often the judgement on a study is right: made-up studies with a known truth, asked as the verbs ask."""
