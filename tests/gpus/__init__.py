"""Cards that are not there: a stand-in for NVIDIA's management library, and the folder that describes them."""
