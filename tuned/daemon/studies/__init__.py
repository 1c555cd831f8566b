"""Studies as people handle them: submit, list, show, change, summarise, export, delete; routes and transactions."""
