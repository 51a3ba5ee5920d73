"""How well the knowledge base does, measured on files of real input with the right answers."""
