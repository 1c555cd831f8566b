"""The Deep Learning Tuning Playbook as computed judgement: pure functions over arrays, no I/O, no clock."""
