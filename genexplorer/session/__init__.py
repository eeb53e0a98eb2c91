"""State and actions shared by the front ends, without Qt and Textual."""
