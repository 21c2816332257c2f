"""The tests of imprint, a file a module."""
