"""unittest.main: finds its tests in __main__ and leaves by sys.exit."""

import unittest


class Case(unittest.TestCase):
    def test_passes(self):
        self.assertEqual(1, 1)

    def test_fails(self):
        self.assertEqual(1, 2)


unittest.main()
