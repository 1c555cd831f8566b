"""Not Python after all."""
print("never")
def broken(:
    pass
